import { DeleteMessageCommand, SendMessageCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ReleaseBusyError, WrongQueueError } from '../../lib/operations/errors.ts';
import { createMarkerLease } from '../../lib/operations/marker-lease.ts';
import { listParkedKeys } from '../../lib/operations/parked-keys.ts';
import { type ReleaseKeyProps, releaseKey } from '../../lib/operations/release-key.ts';
import { baton } from '../cli/baton.ts';
import { type Engines, startEngines, type TestQueue } from '../runtime/engines.ts';
import { createStrictConsumer, toRecord } from '../runtime/parking/strict-consumer.ts';
import { orderPlaced } from '../runtime/pipeline.ts';

let engines: Engines;
let queue: TestQueue;
let deadLetters: TestQueue;
let table: string;
/** Event ids that fail for good. */
let poison: Set<string>;
let consumer: ReturnType<typeof createStrictConsumer>;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  queue = engines.createQueue({ fifo: true });
  deadLetters = engines.createQueue({ fifo: true });
  table = await engines.createTable();
  poison = new Set();
  consumer = createStrictConsumer({
    clients: engines.clients,
    queue,
    deadLetterQueueUrl: deadLetters.url,
    table,
    consumer: 'inventory',
    handle: (id) => (poison.has(id) ? 'failed' : 'done'),
  });
});

async function sendEvents(...ids: string[]): Promise<void> {
  for (const id of ids) {
    const key = id.split('-')[0]!;
    await engines.sqs.send(
      new SendMessageCommand({
        QueueUrl: queue.url,
        MessageBody: JSON.stringify(orderPlaced(key, { id })),
        MessageGroupId: key,
        MessageDeduplicationId: id,
      }),
    );
  }
}

/** Lets the consumer handle what there is. */
async function poll(): Promise<void> {
  for (;;) {
    const messages = await engines.receive(queue);
    if (messages.length === 0) return;
    const acknowledged = await consumer.invoke(messages.map((message) => toRecord(queue, message)));
    for (const { receiptHandle: ReceiptHandle } of acknowledged) {
      await engines.sqs.send(new DeleteMessageCommand({ QueueUrl: queue.url, ReceiptHandle }));
    }
  }
}

function release(props: Partial<ReleaseKeyProps> = {}) {
  return releaseKey({
    dynamodb: engines.dynamodb,
    sqs: engines.sqs,
    table,
    consumer: 'inventory',
    key: 'a',
    queueUrl: queue.url,
    deadLetterQueueUrl: deadLetters.url,
    waitSeconds: 0,
    sleep: poll,
    ...props,
  });
}

const parkedKeys = () => listParkedKeys({ dynamodb: engines.dynamodb, table });
const lettersIn = ({ name }: TestQueue) => engines.fauxqs.inspectQueue(name)!.messages.ready.map(({ body }) => body);

describe('a key', () => {
  test('is parked behind a dead letter, and handled in order once it is released; other keys go on', async () => {
    poison.add('a-2');
    await sendEvents('a-1', 'a-2', 'b-1', 'a-3', 'a-4', 'b-2');
    await poll();
    expect(consumer.handled.toSorted()).toEqual(['a-1', 'b-1', 'b-2']);
    expect(lettersIn(deadLetters).map((body) => JSON.parse(body).id)).toEqual(['a-2', 'a-3', 'a-4']);
    expect(await parkedKeys()).toEqual([
      { consumer: 'inventory', key: 'a', headEvent: 'a-2', parkedAt: expect.any(String), count: 3 },
    ]);

    poison.clear();
    const progress: number[] = [];
    const released = await release({ onProgress: ({ redriven }) => progress.push(redriven) });
    expect(released).toEqual({ status: 'released', redriven: 3, redriveId: expect.stringMatching(/^redrive-/) });
    expect(progress).toEqual([1, 2, 3, 3]);
    expect(consumer.handled.filter((id) => id.startsWith('a'))).toEqual(['a-1', 'a-2', 'a-3', 'a-4']);
    expect(lettersIn(deadLetters)).toEqual([]);
    expect(await parkedKeys()).toEqual([]);
    await sendEvents('a-5');
    await poll();
    expect(consumer.handled.at(-1)).toBe('a-5');
  });

  test('that fails again is parked again, in the same order, with what arrived meanwhile behind it', async () => {
    poison.add('a-1').add('a-2');
    await sendEvents('a-1', 'a-2', 'a-3');
    await poll();
    poison.delete('a-1');
    await sendEvents('a-4');
    expect(await release()).toMatchObject({ status: 'failed-again', headEvent: 'a-2' });
    expect(consumer.handled).toEqual(['a-1']);
    expect(await parkedKeys()).toMatchObject([{ key: 'a', headEvent: 'a-2' }]);
    poison.clear();
    await sendEvents('a-5');
    expect(await release()).toMatchObject({ status: 'released' });
    expect(consumer.handled).toEqual(['a-1', 'a-2', 'a-3', 'a-4', 'a-5']);
  });

  test('leaves the dead letters of others where they are', async () => {
    poison.add('b-1').add('a-1').add('c-1');
    await sendEvents('b-1', 'c-1', 'a-1', 'b-2');
    await poll();
    poison.clear();
    expect(await release()).toMatchObject({ status: 'released', redriven: 1 });
    expect(
      lettersIn(deadLetters)
        .map((body) => JSON.parse(body).id)
        .toSorted(),
    ).toEqual(['b-1', 'b-2', 'c-1']);
    expect((await parkedKeys()).map(({ key }) => key).toSorted()).toEqual(['b', 'c']);
  });

  test('that is not parked needs no release', async () => {
    expect(await release()).toEqual({ status: 'not-parked', redriven: 0 });
  });

  test('whose letters were discarded is freed all the same', async () => {
    poison.add('a-1');
    await sendEvents('a-1', 'a-2');
    await poll();
    for (let letters = await engines.receive(deadLetters); letters.length > 0; ) {
      for (const { ReceiptHandle } of letters) {
        await engines.sqs.send(new DeleteMessageCommand({ QueueUrl: deadLetters.url, ReceiptHandle }));
      }
      letters = await engines.receive(deadLetters);
    }
    expect(await release()).toMatchObject({ status: 'released', redriven: 0 });
  });
});

describe('a release', () => {
  beforeEach(async () => {
    poison.add('a-1');
    await sendEvents('a-1', 'a-2');
    await poll();
    poison.clear();
  });

  test('stops when its consumer does nothing, and goes on with the same redrive when it is called again', async () => {
    let now = Date.now();
    const sleep = async (ms: number) => {
      now += ms;
    };
    const first = await release({ sleep, clock: () => now, patienceMs: 5_000 });
    expect(first).toMatchObject({ status: 'waiting', redriven: 2 });
    expect(await parkedKeys()).toMatchObject([{ redrive: first.redriveId }]);
    expect(await release()).toEqual({ status: 'released', redriven: 0, redriveId: first.redriveId });
    expect(consumer.handled).toEqual(['a-1', 'a-2']);
  });

  test('waits for letters that somebody else holds', async () => {
    const held = await engines.receive(deadLetters);
    expect(held).toHaveLength(1);
    let now = Date.now();
    const sleep = async (ms: number) => {
      now += ms;
    };
    expect(await release({ sleep, clock: () => now, patienceMs: 5_000 })).toMatchObject({
      status: 'waiting',
      redriven: 0,
    });
  });

  test('is for one operator at a time', async () => {
    const other = createMarkerLease({
      dynamodb: engines.dynamodb,
      table,
      consumer: 'inventory',
      key: 'a',
      operator: 'somebody',
      clock: Date.now,
    });
    await other.touch();
    await expect(release()).rejects.toThrow(ReleaseBusyError);
    await other.end();
    expect(await release()).toMatchObject({ status: 'released' });
  });

  test('takes over from an operator who has gone', async () => {
    const gone = { dynamodb: engines.dynamodb, table, consumer: 'inventory', key: 'a', operator: 'somebody' };
    await createMarkerLease({ ...gone, clock: () => Date.now() - 61_000 }).touch();
    expect(await release()).toMatchObject({ status: 'released' });
  });

  test('moves nothing between queues that do not belong together', async () => {
    const other = engines.createQueue({ fifo: true });
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: 9 });
    await engines.sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: { RedrivePolicy } }));
    await expect(release({ deadLetterQueueUrl: other.url })).rejects.toThrow(`is not the DLQ of ${queue.url}`);
    await expect(release({ deadLetterQueueUrl: queue.url })).rejects.toThrow(WrongQueueError);
    await expect(release({ queueUrl: engines.createQueue().url })).rejects.toThrow('is no FIFO queue');
    expect(lettersIn(deadLetters)).toHaveLength(2);
    expect(await release()).toMatchObject({ status: 'released' });
  });

  test("touches no other consumer's letters", async () => {
    await engines.sqs.send(
      new SendMessageCommand({
        QueueUrl: deadLetters.url,
        MessageBody: 'x',
        MessageGroupId: 'a',
        MessageDeduplicationId: 'x',
        MessageAttributes: { consumer: { DataType: 'String', StringValue: 'billing' } },
      }),
    );
    poison.add('a-3');
    await sendEvents('a-3');
    await poll();
    await expect(release()).rejects.toThrow('is a dead letter of billing, not of inventory');
  });
});

describe('baton parked', () => {
  const env = () => ({
    ...engines.endpoints,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
  const target = () => [
    ...['--table', table, '--consumer', 'inventory', '--queue-url', queue.url],
    ...['--dead-letter-queue-url', deadLetters.url],
  ];

  test('lists and releases', async () => {
    expect((await baton(['parked', 'list', '--table', table], { env: env() })).stdout).toBe('No key is parked.\n');
    poison.add('a-1');
    await sendEvents('a-1', 'a-2');
    await poll();
    poison.clear();
    const list = await baton(['parked', 'list', '--table', table, '--consumer', 'inventory'], { env: env() });
    expect(list).toMatchObject({ code: 0, stderr: '' });
    expect(list.stdout).toMatch(/^\S+Z {2}inventory {2}a {2}behind a-1, 2 parked\n$/);
    const json = await baton(['parked', 'list', '--table', table, '--json'], { env: env() });
    expect(JSON.parse(json.stdout)).toMatchObject([{ consumer: 'inventory', key: 'a', headEvent: 'a-1', count: 2 }]);

    let over = false;
    const releasing = baton(['parked', 'release', ...target(), '--key', 'a'], { env: env() }).finally(() => {
      over = true;
    });
    while (!over) {
      await poll();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await releasing).toEqual({
      code: 0,
      stderr: '',
      stdout: "The key 'a' of inventory is free: 2 sent back and handled, in order.\n",
    });
    const again = await baton(['parked', 'release', ...target(), '--key', 'a'], { env: env() });
    expect(again).toMatchObject({ code: 0, stdout: "The key 'a' of inventory is not parked.\n" });
  });

  test.each([
    ['a table that is not there', { table: 'nope' }, /^.+ There is no such table here\. Check --table/],
    ['a queue that is not there', { queue: 'nope.fifo' }, /^.+ There is no such queue here\. Check the queue URLs/],
    ['a queue that is none of a strict consumer', { queue: 'nope' }, /nope is no FIFO queue/],
    ['an endpoint where nobody answers', { endpoint: 'http://127.0.0.1:9' }, /ECONNREFUSED.* Check AWS_ENDPOINT_URL/],
  ])('says in one line what is wrong with %s', async (_, wrong: Record<string, string>, message) => {
    const args = ['parked', 'release', ...target(), '--key', 'a'];
    if (wrong.table) args[args.indexOf('--table') + 1] = wrong.table;
    if (wrong.queue) args[args.indexOf('--queue-url') + 1] = queue.url.replace(queue.name, wrong.queue);
    const endpoint = wrong.endpoint && { AWS_ENDPOINT_URL: wrong.endpoint, AWS_ENDPOINT_URL_DYNAMODB: wrong.endpoint };
    const { code, stdout, stderr } = await baton(args, { env: { ...env(), ...(endpoint || {}) } });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  test('says which option is missing', async () => {
    const { code, stderr } = await baton(['parked', 'release', '--table', 'x']);
    expect(stderr).toContain("required option '--consumer <name>' not specified");
    expect(code).toBe(2);
  });
});
