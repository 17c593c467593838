import {
  type Message,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type InFlightProps, inFlight } from '../../../lib/operations/contracts/in-flight.ts';
import type { Judgement } from '../../../lib/operations/contracts/judgement.ts';
import type { DeployedConsumer } from '../../../lib/operations/contracts/pipeline.ts';
import { openReaders } from '../../../lib/operations/contracts/readers.ts';
import { type Engines, startEngines, type TestQueue } from '../../runtime/engines.ts';
import { BILLING, consumerOf, envelopeOf } from './bundles.ts';

let engines: Engines;
/** As inFlight uses it: what it sends is recorded, and a test may answer in place of SQS. */
let sqs: SQSClient;
let sent: string[] = [];
type Answer = (command: string, input: unknown, next: () => Promise<object>) => Promise<object>;
let answer: Answer;

beforeAll(async () => {
  engines = await startEngines();
  sqs = new SQSClient({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    endpoint: engines.endpoints.AWS_ENDPOINT_URL,
    maxAttempts: 1,
  });
  sqs.middlewareStack.add(
    (next, context) => async (args) => {
      const command = String(context.commandName).replace(/Command$/, '');
      sent.push(command);
      let result: Awaited<ReturnType<typeof next>> | undefined;
      const output = await answer(command, args.input, async () => {
        result = await next(args);
        return result.output;
      });
      return { ...(result ?? { response: {} }), output: output as never };
    },
    { step: 'initialize' },
  );
});

beforeEach(() => {
  sent = [];
  answer = (_, __, next) => next();
});

afterAll(async () => {
  sqs.destroy();
  await engines.stop();
});

interface World {
  queue: TestQueue;
  dlq: TestQueue;
  consumer: DeployedConsumer;
}

function createWorld({ fifo = false, name = 'billing' } = {}): World {
  const queue = engines.createQueue({ fifo });
  const dlq = engines.createQueue({ fifo });
  const facts = { name, queue: queue.name, deadLetterQueue: dlq.name, ordered: fifo };
  return { queue, dlq, consumer: consumerOf(undefined, facts) };
}

async function grantReceives({ queue, dlq }: World, maxReceiveCount: number): Promise<void> {
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dlq.arn, maxReceiveCount });
  await engines.sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: { RedrivePolicy } }));
}

let ids = 0;
async function send(queue: TestQueue, bodies: readonly string[], group?: string): Promise<void> {
  for (let start = 0; start < bodies.length; start += 10) {
    const Entries = bodies.slice(start, start + 10).map((MessageBody, n) => ({
      Id: String(n),
      MessageBody,
      MessageAttributes: { version: { DataType: 'String', StringValue: '1' } },
      ...(group !== undefined && { MessageGroupId: group, MessageDeduplicationId: `dedup-${++ids}` }),
    }));
    await engines.sqs.send(new SendMessageBatchCommand({ QueueUrl: queue.url, Entries }));
  }
}

/** Everything that a consumer could receive now. */
async function receiveAll(queue: TestQueue): Promise<Message[]> {
  const all: Message[] = [];
  for (;;) {
    const messages = await engines.receive(queue);
    if (messages.length === 0) return all;
    all.push(...messages);
    if (queue.name.endsWith('.fifo')) for (const one of messages) await engines.remove(queue, one.ReceiptHandle!);
  }
}

const bodiesOf = (messages: readonly Message[]) => messages.map(({ Body }) => Body!);
const numbered = (count: number, prefix = 'readable') => Array.from({ length: count }, (_, n) => `${prefix} ${n}`);

/** Judges by the first word of a body. */
function readerFor(consumer: DeployedConsumer, judge?: (bodies: readonly string[]) => Promise<Judgement[]>) {
  const byWord = async (bodies: readonly string[]) =>
    bodies.map((body): Judgement => {
      const verdict = body.split(' ')[0] as Judgement['verdict'];
      const said = { type: 'order.placed', version: 2 };
      return verdict === 'readable' ? { verdict, ...said } : { verdict, ...said, message: `It is ${verdict}.` };
    });
  return { consumer, state: 'open' as const, problems: [], judge: judge ?? byWord };
}

function look(world: World, more: Partial<InFlightProps> = {}) {
  const { consumer } = world;
  return inFlight({
    sqs,
    consumers: [consumer],
    readers: [readerFor(consumer)],
    sample: 100,
    sleep: async () => {},
    ...more,
  });
}

describe('messages in flight', () => {
  it('are judged by the code about to be deployed, by consumer, queue, type and version', async () => {
    const { queue, dlq, consumer } = createWorld();
    const environment = { BATON_CLAIM_CHECK_BUCKET: 'bucket' };
    const [reader] = await openReaders([consumerOf(BILLING, { ...consumer, environment })]);
    const order = { orderId: 'O-1', total: 5, currency: 'EUR' };
    await send(queue, [
      envelopeOf('order.placed', 2, order),
      envelopeOf('order.placed', 1, { orderId: 'O-2', total: 5 }),
      envelopeOf('order.placed', 1, { orderId: 'O-3', total: 5 }),
      envelopeOf('order.placed', 1, { orderId: 'O-4', total: -5 }),
      envelopeOf('order.placed', 3, order),
      envelopeOf('order.placed', 2, undefined, { dataref: 's3://bucket/key', datahash: `sha256:${'0'.repeat(64)}` }),
    ]);
    await send(dlq, [
      'poison',
      envelopeOf('order.lost', 1, order),
      envelopeOf('order.placed', 2, { ...order, total: '5' }),
    ]);
    const found = await inFlight({ sqs, consumers: [consumer], readers: [reader!], sample: 100 });
    const of = { consumer: 'billing', owner: 'payments' };
    const example = (verdict: string, message: RegExp) => ({
      messageId: expect.stringMatching(/./),
      verdict,
      message: expect.stringMatching(message),
    });
    const placed = { type: 'order.placed' };
    expect(found.rows).toEqual([
      {
        ...of,
        ...placed,
        queue: 'queue',
        version: 1,
        sampled: 3,
        unreadable: 1,
        verdicts: { readable: 2, upcastFailed: 1 },
        example: example('upcastFailed', /from version 1 to 2 returned what does not fit/),
      },
      {
        ...of,
        ...placed,
        queue: 'queue',
        version: 2,
        sampled: 2,
        unreadable: 0,
        verdicts: { readable: 1, notLookedAt: 1 },
        example: example('notLookedAt', /in S3/),
      },
      {
        ...of,
        ...placed,
        queue: 'queue',
        version: 3,
        sampled: 1,
        unreadable: 1,
        verdicts: { unknownVersion: 1 },
        example: example('unknownVersion', /urn:baton:order.placed:3/),
      },
      {
        ...of,
        queue: 'dlq',
        type: 'order.lost',
        version: 1,
        sampled: 1,
        unreadable: 1,
        verdicts: { unknownType: 1 },
        example: example('unknownType', /order.lost/),
      },
      {
        ...of,
        ...placed,
        queue: 'dlq',
        version: 2,
        sampled: 1,
        unreadable: 1,
        verdicts: { invalidData: 1 },
        example: example('invalidData', /data.total/),
      },
      {
        ...of,
        queue: 'dlq',
        sampled: 1,
        unreadable: 1,
        verdicts: { malformed: 1 },
        example: example('malformed', /not JSON/),
      },
    ]);
    expect(found).toMatchObject({ sampled: 9, unreadable: 5 });
    expect(found.queues).toEqual([
      {
        ...of,
        queue: 'queue',
        name: queue.name,
        status: 'sampled',
        visible: 6,
        notVisible: 0,
        delayed: 0,
        sampled: 6,
        notGivenBack: 0,
      },
      expect.objectContaining({ queue: 'dlq', name: dlq.name, status: 'sampled', visible: 3, sampled: 3 }),
    ]);
  });

  it('can all be received at once after it, unchanged, and none is deleted', async () => {
    const world = createWorld();
    await send(world.queue, numbered(25));
    await send(world.dlq, numbered(3, 'malformed'));
    await look(world);
    const [queued, dead] = [await receiveAll(world.queue), await receiveAll(world.dlq)];
    expect(bodiesOf(queued).sort()).toEqual(numbered(25).sort());
    expect(bodiesOf(dead).sort()).toEqual(numbered(3, 'malformed').sort());
    for (const message of [...queued, ...dead]) {
      expect(message.MessageAttributes).toMatchObject({ version: { DataType: 'String', StringValue: '1' } });
      // the sample's, and this one
      expect(message.Attributes!.ApproximateReceiveCount).toBe('2');
    }
    expect(new Set(sent)).toEqual(
      new Set(['GetQueueUrl', 'GetQueueAttributes', 'ReceiveMessage', 'ChangeMessageVisibilityBatch']),
    );
  });

  it('keep their order on a FIFO queue', async () => {
    const world = createWorld({ fifo: true });
    for (const group of ['a', 'b', 'c']) await send(world.queue, numbered(14, `readable ${group}`), group);
    const { queues } = await look(world);
    expect(queues[0]!.sampled).toBeGreaterThanOrEqual(3);
    const messages = await receiveAll(world.queue);
    expect(messages).toHaveLength(42);
    for (const group of ['a', 'b', 'c']) {
      const ofGroup = messages.filter(({ Attributes }) => Attributes!.MessageGroupId === group);
      expect(bodiesOf(ofGroup)).toEqual(numbered(14, `readable ${group}`));
    }
  });

  it('of one group are given back the later ones first, so that none is overtaken', async () => {
    const world = createWorld({ fifo: true });
    // AWS answers with up to ten messages of a group at once; the engine here with one
    const batches = [numbered(10), numbered(2, 'readable other')].map((bodies) =>
      bodies.map((Body) => ({ MessageId: Body, ReceiptHandle: Body, Body, Attributes: {} })),
    );
    const givenBack: string[] = [];
    answer = async (command, input, next) => {
      const { QueueUrl = '', Entries = [] } = input as { QueueUrl?: string; Entries?: { ReceiptHandle: string }[] };
      if (command === 'ChangeMessageVisibilityBatch') givenBack.push(...Entries.map((entry) => entry.ReceiptHandle));
      else if (command !== 'ReceiveMessage' || !QueueUrl.endsWith(world.queue.name)) return await next();
      return command === 'ReceiveMessage' ? { Messages: batches.shift() } : {};
    };
    expect((await look(world)).queues[0]!.sampled).toBe(12);
    expect(givenBack).toEqual([...numbered(10), ...numbered(2, 'readable other')].reverse());
  });

  it('are sampled up to the number asked for', async () => {
    const world = createWorld();
    await send(world.queue, numbered(25));
    const asked: number[] = [];
    answer = async (command, input, next) => {
      if (command === 'ReceiveMessage') asked.push((input as { MaxNumberOfMessages: number }).MaxNumberOfMessages);
      return await next();
    };
    const { queues } = await look(world, { sample: 13 });
    expect(queues[0]).toMatchObject({ visible: 25, sampled: 13 });
    expect(asked.filter((max) => max < 10)).toContain(3);
    expect(await receiveAll(world.queue)).toHaveLength(25);
  });

  it('are not given up at the first empty answer, which says little of a standard queue', async () => {
    const world = createWorld();
    await send(world.queue, numbered(2));
    let receives = 0;
    answer = async (command, input, next) => {
      const hit = command === 'ReceiveMessage' && (input as { QueueUrl: string }).QueueUrl.endsWith(world.queue.name);
      if (hit && ++receives < 5) return {};
      return await next();
    };
    const { queues } = await look(world);
    expect(queues[0]!.sampled).toBe(2);
    // four empty ones, the messages, and five more empty ones
    expect(receives).toBe(10);
  });

  it('are counted once when SQS gives one twice', async () => {
    const world = createWorld();
    await send(world.queue, ['readable 1']);
    const given: object[] = [];
    answer = async (command, input, next) => {
      const hit = command === 'ReceiveMessage' && (input as { QueueUrl: string }).QueueUrl.endsWith(world.queue.name);
      if (!hit || given.length > 1) return await next();
      given.push(given[0] ?? (await next()));
      return given[0]!;
    };
    const { queues, rows } = await look(world);
    expect(given).toHaveLength(2);
    expect([queues[0]!.sampled, rows[0]!.sampled]).toEqual([1, 1]);
    expect(await receiveAll(world.queue)).toHaveLength(1);
  });

  it('are given back before long, whatever is left', async () => {
    const world = createWorld();
    await send(world.queue, numbered(25));
    let now = 0;
    answer = async (command, _, next) => {
      if (command === 'ReceiveMessage') now += 20_000;
      return await next();
    };
    const { queues } = await look(world, { clock: () => now });
    expect(queues[0]!.sampled).toBeLessThan(25);
    expect(queues[0]!.note).toBe('The sample ended after 30 seconds.');
  });
});

describe('what a look costs', () => {
  it('is too much where a message is received a few times only', async () => {
    const world = createWorld();
    await grantReceives(world, 3);
    await send(world.queue, numbered(2));
    const { queues } = await look(world);
    expect(queues[0]).toMatchObject({
      status: 'spared',
      visible: 2,
      sampled: 0,
      note: expect.stringContaining('3 times'),
    });
    expect((await receiveAll(world.queue))[0]!.Attributes!.ApproximateReceiveCount).toBe('1');
  });

  it('ends the sample at messages that few receives are left of', async () => {
    const world = createWorld();
    await grantReceives(world, 5);
    await send(world.queue, numbered(30));
    await look(world);
    const { queues } = await look(world);
    expect(queues[0]!.sampled).toBe(30);
    const third = await look(world);
    expect(third.queues[0]).toMatchObject({ sampled: 10, note: expect.stringContaining('few receives are left') });
    expect(await receiveAll(world.dlq)).toEqual([]);
    expect(await receiveAll(world.queue)).toHaveLength(30);
  });

  it('does not end the sample of a DLQ, which counts nothing', async () => {
    const world = createWorld();
    await grantReceives(world, 5);
    await send(world.dlq, numbered(12, 'malformed'));
    for (let time = 0; time < 6; time++) await look(world);
    expect((await look(world)).queues[1]).toMatchObject({ status: 'sampled', sampled: 12 });
  });
});

describe('everything is given back', () => {
  it('when the sampling is called off in the middle', async () => {
    const world = createWorld();
    await send(world.queue, numbered(25));
    await send(world.dlq, numbered(5));
    const controller = new AbortController();
    answer = async (command, _, next) => {
      const output = await next();
      if (command === 'ReceiveMessage') controller.abort(new Error('enough'));
      return output;
    };
    let judged = false;
    const judge = async () => {
      judged = true;
      return [];
    };
    const looking = look(world, { signal: controller.signal, readers: [readerFor(world.consumer, judge)] });
    await expect(looking).rejects.toThrow('enough');
    expect(judged).toBe(false);
    expect(sent).toContain('ChangeMessageVisibilityBatch');
    expect(await receiveAll(world.queue)).toHaveLength(25);
    expect(await receiveAll(world.dlq)).toHaveLength(5);
  });

  it('and nothing is taken when it is called off before', async () => {
    const world = createWorld();
    await send(world.queue, numbered(1));
    await expect(look(world, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    expect(sent).toEqual([]);
  });

  it('before anything is judged, so that a judge that fails or takes its time holds up nothing', async () => {
    const world = createWorld();
    await send(world.queue, numbered(12));
    const seen: number[] = [];
    const judge = async () => {
      seen.push((await receiveAll(world.queue)).length);
      throw new Error('no judgement today');
    };
    const { rows, unreadable } = await look(world, { readers: [readerFor(world.consumer, judge)] });
    expect(seen).toEqual([12]);
    expect(unreadable).toBe(0);
    expect(rows).toMatchObject([
      {
        sampled: 12,
        verdicts: { notLookedAt: 12 },
        example: { message: 'It could not be judged: no judgement today' },
      },
    ]);
  });

  it('when SQS stops answering in the middle; the queue is then reported, and the others are not held up by it', async () => {
    const [world, other] = [createWorld(), createWorld({ name: 'analytics' })];
    await send(world.queue, numbered(25));
    await send(other.queue, numbered(2));
    let receives = 0;
    answer = async (command, input, next) => {
      const hit = command === 'ReceiveMessage' && (input as { QueueUrl: string }).QueueUrl.endsWith(world.queue.name);
      if (hit && ++receives === 2) throw Object.assign(new Error('not now'), { name: 'ServiceUnavailable' });
      return await next();
    };
    const consumers = [world.consumer, other.consumer];
    const { queues } = await look(world, { consumers, readers: consumers.map((one) => readerFor(one)) });
    expect(queues.map(({ consumer, queue, status, sampled }) => [consumer, queue, status, sampled])).toEqual([
      ['billing', 'queue', 'failed', 0],
      ['billing', 'dlq', 'sampled', 0],
      ['analytics', 'queue', 'sampled', 2],
      ['analytics', 'dlq', 'sampled', 0],
    ]);
    expect(queues[0]!.note).toBe('ServiceUnavailable: not now');
    expect(await receiveAll(world.queue)).toHaveLength(25);
  });

  it('by asking again when SQS does not take some of it', async () => {
    const world = createWorld();
    await send(world.queue, numbered(10));
    const tries: number[] = [];
    const waits: number[] = [];
    answer = async (command, input, next) => {
      if (command !== 'ChangeMessageVisibilityBatch') return await next();
      const { Entries } = input as { Entries: { Id: string }[] };
      tries.push(Entries.length);
      if (tries.length === 1) throw new Error('connection reset');
      if (tries.length > 2) return await next();
      const kept = Entries.splice(3);
      await next();
      return { Failed: kept.map(({ Id }) => ({ Id, Code: 'InternalError', SenderFault: false })) };
    };
    const sleep = async (ms: number) => void waits.push(ms);
    const { queues } = await look(world, { sleep });
    expect(tries).toEqual([10, 10, 7]);
    expect(waits).toEqual([400, 800]);
    expect(queues[0]!.notGivenBack).toBe(0);
    expect(await receiveAll(world.queue)).toHaveLength(10);
  });

  it('or it is said how many come back by themselves', async () => {
    const world = createWorld();
    await send(world.queue, numbered(12));
    const leases: unknown[] = [];
    answer = async (command, input, next) => {
      if (command === 'ReceiveMessage') leases.push((input as { VisibilityTimeout: number }).VisibilityTimeout);
      if (command !== 'ChangeMessageVisibilityBatch') return await next();
      throw new Error('connection reset');
    };
    const said: string[] = [];
    const { queues, rows } = await look(world, { say: (line) => said.push(line) });
    expect(queues[0]).toMatchObject({ sampled: 12, notGivenBack: 12 });
    expect(rows[0]!.sampled).toBe(12);
    expect(new Set(leases)).toEqual(new Set([60]));
    expect(said[0]).toContain('(12 of them come back within a minute)');
  });

  it('apart from what somebody has taken over meanwhile', async () => {
    const world = createWorld();
    await send(world.queue, numbered(2));
    answer = async (command, input, next) => {
      if (command !== 'ChangeMessageVisibilityBatch') return await next();
      const { Entries } = input as { Entries: { Id: string }[] };
      const Code = 'AWS.SimpleQueueService.MessageNotInflight';
      return { Failed: Entries.map(({ Id }) => ({ Id, Code, SenderFault: true })) };
    };
    const { queues } = await look(world);
    expect(queues[0]!.notGivenBack).toBe(0);
    expect(sent.filter((command) => command === 'ChangeMessageVisibilityBatch')).toHaveLength(1);
  });
});

describe('a queue that cannot be looked into', () => {
  it('is not there yet', async () => {
    const world = createWorld();
    const consumer = { ...world.consumer, queue: 'no-such-queue', deadLetterQueue: 'no-such-queue-either' };
    const said: string[] = [];
    const { queues, rows } = await look({ ...world, consumer }, { say: (line) => said.push(line) });
    expect(rows).toEqual([]);
    expect(queues).toMatchObject([
      { name: 'no-such-queue', status: 'notThere', sampled: 0 },
      { name: 'no-such-queue-either', status: 'notThere', sampled: 0 },
    ]);
    expect(said).toEqual(['billing: no-such-queue: not there.', 'billing: no-such-queue-either: not there.']);
  });

  it('is counted, not sampled, when nobody knows what its consumer reads', async () => {
    const world = createWorld();
    await send(world.queue, numbered(2));
    const reader = { ...readerFor(world.consumer), state: 'foreign' as const, problems: ['billing: it is odd.'] };
    const { queues, rows } = await look(world, { readers: [reader] });
    expect(rows).toEqual([]);
    expect(queues[0]).toMatchObject({ status: 'noReader', visible: 2, sampled: 0, note: 'billing: it is odd.' });
    expect((await look(world, { readers: [] })).queues[0]).toMatchObject({
      status: 'noReader',
      note: 'billing: it has no reader.',
    });
    expect(sent).not.toContain('ReceiveMessage');
  });

  it('still says how many messages are delayed, or held by somebody else', async () => {
    const world = createWorld();
    await send(world.queue, numbered(3));
    await engines.receive(world.queue, 1);
    await engines.sqs.send(
      new SendMessageCommand({ QueueUrl: world.queue.url, MessageBody: 'readable later', DelaySeconds: 600 }),
    );
    expect((await look(world)).queues[0]).toMatchObject({ visible: 2, notVisible: 1, delayed: 1, sampled: 2 });
  });
});
