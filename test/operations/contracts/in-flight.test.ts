import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { inFlight } from '../../../lib/operations/contracts/in-flight.ts';
import { openReaders } from '../../../lib/operations/contracts/readers.ts';
import { BILLING, consumerOf, envelopeOf } from './bundles.ts';
import { bodiesOf, createBench, createWorld, look, numbered, readerFor, receiveAll, send } from './in-flight-bench.ts';

const bench = createBench();

describe('messages in flight', () => {
  it('are judged by the code about to be deployed, by consumer, queue, type and version', async () => {
    const { queue, dlq, consumer } = createWorld(bench);
    const environment = { BATON_CLAIM_CHECK_BUCKET: 'bucket' };
    const [reader] = await openReaders([consumerOf(BILLING, { ...consumer, environment })]);
    const order = { orderId: 'O-1', total: 5, currency: 'EUR' };
    await send(bench, queue, [
      envelopeOf('order.placed', 2, order),
      envelopeOf('order.placed', 1, { orderId: 'O-2', total: 5 }),
      envelopeOf('order.placed', 1, { orderId: 'O-3', total: 5 }),
      envelopeOf('order.placed', 1, { orderId: 'O-4', total: -5 }),
      envelopeOf('order.placed', 3, order),
      envelopeOf('order.placed', 2, undefined, { dataref: 's3://bucket/key', datahash: `sha256:${'0'.repeat(64)}` }),
    ]);
    await send(bench, dlq, [
      'poison',
      envelopeOf('order.lost', 1, order),
      envelopeOf('order.placed', 2, { ...order, total: '5' }),
    ]);
    const found = await inFlight({ sqs: bench.sqs, consumers: [consumer], readers: [reader!], sample: 100 });
    const of = { consumer: 'billing', owner: 'payments' };
    const examples = (verdict: string, message: RegExp) => [
      { messageId: expect.stringMatching(/./), verdict, message: expect.stringMatching(message) },
    ];
    const placed = { type: 'order.placed' };
    expect(found.rows).toEqual([
      {
        ...of,
        ...placed,
        queue: 'queue',
        version: 1,
        sampled: 3,
        unreadable: 1,
        unjudged: 0,
        verdicts: { readable: 2, upcastFailed: 1 },
        examples: examples('upcastFailed', /from version 1 to 2 returned what does not fit/),
      },
      {
        ...of,
        ...placed,
        queue: 'queue',
        version: 2,
        sampled: 2,
        unreadable: 0,
        unjudged: 1,
        verdicts: { readable: 1, unjudged: 1 },
        examples: examples('unjudged', /in S3/),
      },
      {
        ...of,
        ...placed,
        queue: 'queue',
        version: 3,
        sampled: 1,
        unreadable: 1,
        unjudged: 0,
        verdicts: { unknownVersion: 1 },
        examples: examples('unknownVersion', /urn:baton:order.placed:3/),
      },
      {
        ...of,
        queue: 'dlq',
        type: 'order.lost',
        version: 1,
        sampled: 1,
        unreadable: 1,
        unjudged: 0,
        verdicts: { unknownType: 1 },
        examples: examples('unknownType', /order.lost/),
      },
      {
        ...of,
        ...placed,
        queue: 'dlq',
        version: 2,
        sampled: 1,
        unreadable: 1,
        unjudged: 0,
        verdicts: { invalidData: 1 },
        examples: examples('invalidData', /data.total/),
      },
      {
        ...of,
        queue: 'dlq',
        sampled: 1,
        unreadable: 1,
        unjudged: 0,
        verdicts: { malformed: 1 },
        examples: examples('malformed', /not JSON/),
      },
    ]);
    expect(found).toMatchObject({ sampled: 9, unreadable: 5, unjudged: 1, notGivenBack: 0 });
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

  it('have an example of each verdict but readable, the first one', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, ['unjudged 1', 'malformed 1', 'readable 1', 'malformed 2']);
    const said: string[] = [];
    const { rows } = await look(bench, world, { say: (line) => said.push(line) });
    expect(rows).toMatchObject([{ verdicts: { unjudged: 1, malformed: 2, readable: 1 }, unreadable: 2, unjudged: 1 }]);
    expect(rows[0]!.examples.map(({ verdict, message }) => [verdict, message]).sort()).toEqual([
      ['malformed', 'It is malformed.'],
      ['unjudged', 'It is unjudged.'],
    ]);
    expect(said).toEqual(['billing: judging 4 messages ...']);
  });

  it('can all be received at once after it, unchanged, and none is deleted', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(25));
    await send(bench, world.dlq, numbered(3, 'malformed'));
    await look(bench, world);
    const [queued, dead] = [await receiveAll(bench, world.queue), await receiveAll(bench, world.dlq)];
    expect(bodiesOf(queued).sort()).toEqual(numbered(25).sort());
    expect(bodiesOf(dead).sort()).toEqual(numbered(3, 'malformed').sort());
    for (const message of [...queued, ...dead]) {
      expect(message.MessageAttributes).toMatchObject({ version: { DataType: 'String', StringValue: '1' } });
      // the sample's, and this one
      expect(message.Attributes!.ApproximateReceiveCount).toBe('2');
    }
    expect(new Set(bench.sent)).toEqual(
      new Set(['GetQueueUrl', 'GetQueueAttributes', 'ReceiveMessage', 'ChangeMessageVisibilityBatch']),
    );
  });

  it('keep their order on a FIFO queue', async () => {
    const world = createWorld(bench, { fifo: true });
    for (const group of ['a', 'b', 'c']) await send(bench, world.queue, numbered(14, `readable ${group}`), group);
    const { queues } = await look(bench, world);
    expect(queues[0]!.sampled).toBeGreaterThanOrEqual(3);
    const messages = await receiveAll(bench, world.queue);
    expect(messages).toHaveLength(42);
    for (const group of ['a', 'b', 'c']) {
      const ofGroup = messages.filter(({ Attributes }) => Attributes!.MessageGroupId === group);
      expect(bodiesOf(ofGroup)).toEqual(numbered(14, `readable ${group}`));
    }
  });

  it('of one group are given back the later ones first, so that none is overtaken', async () => {
    const world = createWorld(bench, { fifo: true });
    // AWS answers with up to ten messages of a group at once; the engine here with one
    const batches = [numbered(1), numbered(10), numbered(2, 'readable other')].map((bodies) =>
      bodies.map((Body) => ({ MessageId: Body, ReceiptHandle: Body, Body, Attributes: {} })),
    );
    const givenBack: string[] = [];
    bench.answer = async (command, input, next) => {
      const { QueueUrl = '', Entries = [] } = input as { QueueUrl?: string; Entries?: { ReceiptHandle: string }[] };
      if (command === 'ChangeMessageVisibilityBatch') givenBack.push(...Entries.map((entry) => entry.ReceiptHandle));
      else if (command !== 'ReceiveMessage' || !QueueUrl.endsWith(world.queue.name)) return await next();
      return command === 'ReceiveMessage' ? { Messages: batches.shift() } : {};
    };
    expect((await look(bench, world)).queues[0]!.sampled).toBe(12);
    // the first one before there are others, then all of them
    expect(givenBack).toEqual(['readable 0', ...[...numbered(10), ...numbered(2, 'readable other')].reverse()]);
  });

  it('are sampled up to the number asked for', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(25));
    const asked: number[] = [];
    bench.answer = async (command, input, next) => {
      const { QueueUrl = '', MaxNumberOfMessages = 0 } = input as { QueueUrl?: string; MaxNumberOfMessages?: number };
      if (command === 'ReceiveMessage' && QueueUrl.endsWith(world.queue.name)) asked.push(MaxNumberOfMessages);
      return await next();
    };
    const { queues } = await look(bench, world, { sample: 13 });
    expect(queues[0]).toMatchObject({ visible: 25, sampled: 13 });
    expect(asked).toEqual([1, 10, 2]);
    expect(await receiveAll(bench, world.queue)).toHaveLength(25);
  });

  it('are not given up at the first empty answer, which says little of a standard queue', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(2));
    let receives = 0;
    bench.answer = async (command, input, next) => {
      const hit = command === 'ReceiveMessage' && (input as { QueueUrl: string }).QueueUrl.endsWith(world.queue.name);
      if (hit && ++receives < 5) return {};
      return await next();
    };
    const { queues } = await look(bench, world);
    expect(queues[0]!.sampled).toBe(2);
    // four empty ones, two for the messages, and five more empty ones
    expect(receives).toBe(11);
  });

  it('are counted once when SQS gives one twice', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, ['readable 1']);
    const given: object[] = [];
    bench.answer = async (command, input, next) => {
      const hit = command === 'ReceiveMessage' && (input as { QueueUrl: string }).QueueUrl.endsWith(world.queue.name);
      if (!hit || given.length > 1) return await next();
      given.push(given[0] ?? (await next()));
      return given[0]!;
    };
    const { queues, rows } = await look(bench, world);
    expect(given).toHaveLength(2);
    expect([queues[0]!.sampled, rows[0]!.sampled]).toEqual([1, 1]);
    expect(await receiveAll(bench, world.queue)).toHaveLength(1);
  });

  it('are given back before long, whatever is left', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(25));
    let now = 0;
    bench.answer = async (command, _, next) => {
      if (command === 'ReceiveMessage') now += 20_000;
      return await next();
    };
    const { queues } = await look(bench, world, { clock: () => now });
    expect(queues[0]!.sampled).toBeLessThan(25);
    expect(queues[0]!.note).toBe('The sample ended after 15 seconds.');
  });
});

describe('a queue that cannot be looked into', () => {
  it('is missing', async () => {
    const world = createWorld(bench);
    const consumer = { ...world.consumer, queue: 'no-such-queue', deadLetterQueue: 'no-such-queue-either' };
    const said: string[] = [];
    const { queues, rows } = await look(bench, { ...world, consumer }, { say: (line) => said.push(line) });
    expect(rows).toEqual([]);
    expect(queues).toMatchObject([
      { name: 'no-such-queue', status: 'missing', sampled: 0 },
      { name: 'no-such-queue-either', status: 'missing', sampled: 0 },
    ]);
    // the table says that
    expect(said).toEqual([]);
  });

  it('is counted, not sampled, when nobody knows what its consumer reads', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(2));
    const reader = { ...readerFor(world.consumer), state: 'foreign' as const, problems: ['billing: it is odd.'] };
    const { queues, rows } = await look(bench, world, { readers: [reader] });
    expect(rows).toEqual([]);
    expect(queues[0]).toMatchObject({ status: 'counted', visible: 2, sampled: 0, note: 'billing: it is odd.' });
    expect((await look(bench, world, { readers: [] })).queues[0]).toMatchObject({
      status: 'counted',
      note: 'billing: it has no reader.',
    });
    expect(bench.sent).not.toContain('ReceiveMessage');
  });

  it('still says how many messages are delayed, or held by somebody else', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(3));
    await bench.engines.receive(world.queue, 1);
    await bench.engines.sqs.send(
      new SendMessageCommand({ QueueUrl: world.queue.url, MessageBody: 'readable later', DelaySeconds: 600 }),
    );
    expect((await look(bench, world)).queues[0]).toMatchObject({ visible: 2, notVisible: 1, delayed: 1, sampled: 2 });
  });
});
