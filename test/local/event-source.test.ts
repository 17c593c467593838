import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type EventSource,
  type EventSourceOptions,
  startEventSource,
} from '../../lib/local/event-sources/event-source.ts';
import type { InvokeResult } from '../../lib/local/functions/invocation.ts';
import { createFunction } from '../../lib/local/functions/lambda-function.ts';
import type { EventSourceResource } from '../../lib/local/resources.ts';

const eventually = { timeout: 10_000, interval: 10 };

let engine: FauxqsServer;
let sqs: SQSClient;
let queueNumber = 0;
let name: string;
let url: string;
const sources: EventSource[] = [];
const stops: Promise<void>[] = [];

beforeAll(async () => {
  engine = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
  sqs = new SQSClient({
    endpoint: `http://127.0.0.1:${engine.port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
});

afterAll(async () => {
  await Promise.all(stops);
  sqs.destroy();
  await engine.stop();
});

beforeEach(() => createQueue());

// Every test has a queue of its own, so none needs to wait for the last poll of the one before.
afterEach(() => {
  stops.push(...sources.splice(0).map((source) => source.stop()));
});

async function createQueue(attributes: Record<string, string> = {}): Promise<void> {
  queueNumber += 1;
  name = `orders-${queueNumber}${attributes.FifoQueue === 'true' ? '.fifo' : ''}`;
  url = `http://127.0.0.1:${engine.port}/000000000000/${name}`;
  await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: { VisibilityTimeout: '30', ...attributes } }));
}

type Answer = SQSBatchResponse | null | undefined | unknown;

/** A function in this thread: what it returns is its response, what it throws is a function error. */
function functionOf(handler: (records: SQSRecord[]) => Answer | Promise<Answer>) {
  return {
    async invoke(payload: unknown): Promise<InvokeResult> {
      const base = { requestId: 'r', durationMs: 0 };
      try {
        return { ...base, status: 'succeeded', payload: await handler((payload as SQSEvent).Records) };
      } catch (error) {
        const reported = { errorType: 'Error', errorMessage: String(error), trace: [] };
        return { ...base, status: 'failed', kind: 'Unhandled', error: reported };
      }
    },
  };
}

function start(
  fn: EventSourceOptions['fn'],
  overrides: Partial<EventSourceResource> = {},
  options: Partial<EventSourceOptions> = {},
): EventSource {
  const resource: EventSourceResource = {
    stack: 'orders',
    logicalId: 'Mapping',
    path: 'orders/Mapping',
    uuid: 'c8a1f4d0',
    queueArn: `arn:aws:sqs:eu-central-1:000000000000:${name}`,
    queueUrl: url,
    functionName: 'inventory',
    batchSize: 10,
    windowSeconds: 0,
    reportBatchItemFailures: true,
    filters: [],
    enabled: true,
    fifo: name.endsWith('.fifo'),
    ...overrides,
  };
  const source = startEventSource(resource, { sqs, fn, ...options });
  sources.push(source);
  return source;
}

async function send(bodies: string[], group?: (body: string) => string): Promise<void> {
  for (let at = 0; at < bodies.length; at += 10) {
    const Entries = bodies.slice(at, at + 10).map((MessageBody, index) => ({
      Id: String(index),
      MessageBody,
      ...(group === undefined ? {} : { MessageGroupId: group(MessageBody), MessageDeduplicationId: MessageBody }),
    }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
  }
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `order-${index}`);

function left(queue = name): { ready: string[]; inflight: string[] } {
  const { ready, inflight } = engine.inspectQueue(queue)!.messages;
  return { ready: ready.map(({ body }) => body), inflight: inflight.map(({ message }) => message.body) };
}

/** Long enough for a receive to come and go. */
const waitOneRound = (): Promise<void> => delay(20);

const empty = { ready: [], inflight: [] };

/** Nothing is in the queue, and no mapping is still about to count what it deleted there. */
async function untilEmpty(): Promise<void> {
  await vi.waitFor(() => {
    expect(left()).toEqual(empty);
    for (const source of sources) expect(source.stats()).toMatchObject({ running: 0, buffered: 0 });
  }, eventually);
}

describe('a batch', () => {
  test('comes as the event that Lambda sends', async () => {
    let event: SQSRecord[] = [];
    const MessageAttributes = {
      type: { DataType: 'String', StringValue: 'order.placed' },
      blob: { DataType: 'Binary', BinaryValue: new Uint8Array([1, 2, 3]) },
    };
    const sent = await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '{"a":1}', MessageAttributes }));
    start(
      functionOf((records) => {
        event = records;
      }),
    );
    await untilEmpty();
    expect(event).toEqual([
      {
        messageId: sent.MessageId,
        receiptHandle: expect.any(String),
        body: '{"a":1}',
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: expect.stringMatching(/^\d{13}$/),
          SenderId: expect.any(String),
          ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
        },
        messageAttributes: {
          type: { stringValue: 'order.placed', stringListValues: [], binaryListValues: [], dataType: 'String' },
          blob: { binaryValue: 'AQID', stringListValues: [], binaryListValues: [], dataType: 'Binary' },
        },
        md5OfBody: sent.MD5OfMessageBody,
        md5OfMessageAttributes: sent.MD5OfMessageAttributes,
        eventSource: 'aws:sqs',
        eventSourceARN: `arn:aws:sqs:eu-central-1:000000000000:${name}`,
        awsRegion: 'eu-central-1',
      },
    ]);
  });

  test('is no larger than the batch size, and deleted once handled', async () => {
    const sizes: number[] = [];
    await send(numbered(25));
    const source = start(
      functionOf((records) => {
        sizes.push(records.length);
      }),
      { batchSize: 4 },
    );
    await untilEmpty();
    expect(Math.max(...sizes)).toBe(4);
    expect(source.stats()).toMatchObject({ received: 25, delivered: 25, deleted: 25, left: 0, failures: 0 });
  });

  test('is filled by several receives when it may be larger than 10', async () => {
    const sizes: number[] = [];
    await send(numbered(35));
    start(
      functionOf((records) => {
        sizes.push(records.length);
      }),
      { batchSize: 25, windowSeconds: 1 },
    );
    await untilEmpty();
    expect(sizes).toEqual([25, 10]);
  });

  test('waits for its window', async () => {
    const batches: string[][] = [];
    start(
      functionOf((records) => {
        batches.push(records.map(({ body }) => body));
      }),
      { windowSeconds: 1 },
    );
    await send(['a']);
    await vi.waitFor(() => expect(left().inflight).toEqual(['a']), eventually);
    await send(['b']);
    await untilEmpty();
    expect(batches).toEqual([['a', 'b']]);
  });

  test('runs beside others, up to the maximum concurrency', async () => {
    let running = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    await send(numbered(40));
    start(
      functionOf(async () => {
        running += 1;
        most = Math.max(most, running);
        if (running === 3) gate.resolve();
        await gate.promise;
        running -= 1;
      }),
      { batchSize: 5, maximumConcurrency: 3 },
    );
    await untilEmpty();
    expect(most).toBe(3);
  });
});

describe('what a function answers', () => {
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['an empty object', {}],
    ['an empty list', { batchItemFailures: [] }],
    ['no list', { batchItemFailures: null }],
  ])('%s: the whole batch is deleted', async (_what, answer) => {
    await send(numbered(3));
    start(functionOf(() => answer));
    await untilEmpty();
  });

  test.each([
    [
      'an unknown identifier',
      (ids: string[]) => ({ batchItemFailures: [{ itemIdentifier: ids[0] }, { itemIdentifier: 'x' }] }),
    ],
    ['an empty identifier', () => ({ batchItemFailures: [{ itemIdentifier: '' }] })],
    ['no identifier', () => ({ batchItemFailures: [{ itemIdentifier: null }] })],
    ['another key', (ids: string[]) => ({ batchItemFailures: [{ messageId: ids[0] }] })],
    ['not a list', () => ({ batchItemFailures: 'all' })],
    ['not an object', () => 'done'],
  ])('%s: nothing is deleted', async (_what, answer) => {
    const errors: Error[] = [];
    await send(numbered(3));
    const source = start(
      functionOf((records) => answer(records.map(({ messageId }) => messageId))),
      {},
      { onError: (error) => errors.push(error) },
    );
    await vi.waitFor(
      () => expect(source.stats()).toMatchObject({ left: 3, failures: source.stats().invocations, running: 0 }),
      eventually,
    );
    expect(left().inflight).toHaveLength(3);
    expect(errors[0]?.message).toContain('The response of inventory fails its whole batch');
  });

  test('some failures: the others are deleted, and those keep the visibility that the handler gave them', async () => {
    await send(numbered(4));
    const source = start(
      functionOf(async (records) => {
        const failing = records.find(({ body }) => body === 'order-2');
        if (failing === undefined) return undefined;
        const { receiptHandle: ReceiptHandle, messageId: itemIdentifier } = failing;
        await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout: 600 }));
        return { batchItemFailures: [{ itemIdentifier }] };
      }),
    );
    await vi.waitFor(() => expect(source.stats()).toMatchObject({ deleted: 3, left: 1, running: 0 }), eventually);
    const [message, ...others] = engine.inspectQueue(name)!.messages.inflight;
    expect(others).toEqual([]);
    expect(message!.visibilityDeadline - Date.now()).toBeGreaterThan(500_000);
  });

  test('failures where partial responses are off: they are not read', async () => {
    await send(numbered(2));
    start(
      functionOf(([first]) => ({ batchItemFailures: [{ itemIdentifier: first?.messageId }] })),
      { reportBatchItemFailures: false },
    );
    await untilEmpty();
  });

  test('an error: the batch comes back after the visibility timeout, counted as received again', async () => {
    await createQueue({ VisibilityTimeout: '1' });
    await send(numbered(3));
    const counts: string[] = [];
    const startedAt = Date.now();
    start(
      functionOf((records) => {
        counts.push(...records.map(({ attributes }) => attributes.ApproximateReceiveCount));
        if (counts.length <= 3) throw new Error('not yet');
      }),
      { reportBatchItemFailures: false },
    );
    await untilEmpty();
    expect(counts).toEqual(['1', '1', '1', '2', '2', '2']);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1_000);
  });

  test('a throttle: the same batch is tried again, without another receive', async () => {
    await send(['order']);
    const counts: string[] = [];
    const source = start({
      async invoke(payload) {
        const [record] = (payload as SQSEvent).Records;
        counts.push(record!.attributes.ApproximateReceiveCount);
        if (counts.length < 3) return { status: 'throttled', requestId: 'r', reason: 'busy' };
        return { status: 'succeeded', requestId: 'r', payload: null, durationMs: 1 };
      },
    });
    await untilEmpty();
    expect(counts).toEqual(['1', '1', '1']);
    expect(source.stats()).toMatchObject({ received: 1, throttles: 2 });
  });
});

describe('function errors', () => {
  test.each([
    ['reduce the concurrency', false, 1],
    ['do not reduce the concurrency under partial responses', true, 4],
  ])('%s', async (_what, reportBatchItemFailures, expected) => {
    let running = 0;
    let most = 0;
    let invocations = 0;
    const gate = Promise.withResolvers<void>();
    await send(numbered(24));
    start(
      functionOf(async () => {
        running += 1;
        invocations += 1;
        if (running === 4) gate.resolve();
        await gate.promise;
        if (invocations > 4) most = Math.max(most, running);
        await waitOneRound();
        running -= 1;
        throw new Error('down');
      }),
      { batchSize: 1, reportBatchItemFailures },
      { concurrency: 4 },
    );
    await vi.waitFor(() => expect(invocations).toBe(24), eventually);
    expect(most).toBe(expected);
  });
});

describe('a FIFO queue', () => {
  const group = (body: string): string => body.split(':')[0]!;
  const fifo = { FifoQueue: 'true', VisibilityTimeout: '1' };
  const bodies = ['a:1', 'b:1', 'c:1', 'a:2', 'b:2', 'c:2', 'a:3', 'b:3', 'c:3'];

  test('keeps the order of each group and never runs a group twice at a time, with groups side by side', async () => {
    await createQueue(fifo);
    await send(bodies, group);
    const seen: string[] = [];
    const running = new Set<string>();
    let overlaps = 0;
    let most = 0;
    start(
      functionOf(async (records) => {
        const groups = new Set(records.map(({ attributes }) => attributes.MessageGroupId!));
        for (const one of groups) if (running.has(one)) overlaps += 1;
        for (const one of groups) running.add(one);
        most = Math.max(most, running.size);
        await waitOneRound();
        for (const one of groups) running.delete(one);
        seen.push(...records.map(({ body }) => body));
      }),
      { batchSize: 2 },
      { pollers: 2 },
    );
    await untilEmpty();
    expect(overlaps).toBe(0);
    expect(most).toBeGreaterThan(1);
    for (const one of ['a', 'b', 'c'])
      expect(seen.filter((body) => group(body) === one)).toEqual([`${one}:1`, `${one}:2`, `${one}:3`]);
  });

  test.each([
    ['a function error', false],
    ['a partial failure', true],
  ])('%s holds up its group, and only that', async (_what, partial) => {
    await createQueue(fifo);
    await send(bodies, group);
    const seen: string[] = [];
    let failures = 0;
    start(
      functionOf((records) => {
        const failing = records.find(({ body }) => body === 'a:2' && failures < 1);
        if (failing === undefined || partial)
          seen.push(...records.filter((record) => record !== failing).map(({ body }) => body));
        if (failing === undefined) return undefined;
        failures += 1;
        if (!partial) throw new Error('not yet');
        return { batchItemFailures: [{ itemIdentifier: failing.messageId }] };
      }),
      { batchSize: 1, reportBatchItemFailures: partial },
    );
    await untilEmpty();
    expect(failures).toBe(1);
    expect(seen.filter((body) => group(body) === 'a')).toEqual(['a:1', 'a:2', 'a:3']);
    expect(seen.slice(-2)).toEqual(['a:2', 'a:3']);
  });
});

describe('filter criteria', () => {
  test('keep what does not match away from the function, and delete it', async () => {
    const delivered: string[] = [];
    await send(['{"total": 5}', '{"total": 500}', 'not JSON']);
    const source = start(
      functionOf((records) => {
        delivered.push(...records.map(({ body }) => body));
      }),
      { filters: ['{"body": {"total": [{"numeric": [">", 100]}]}}'] },
    );
    await untilEmpty();
    expect(delivered).toEqual(['{"total": 500}']);
    const expected = { received: 3, filtered: 2, delivered: 1, deleted: 3 };
    await vi.waitFor(() => expect(source.stats()).toMatchObject(expected), eventually);
  });
});

describe('injected duplicates', () => {
  test('deliver a handled record exactly once more, and say how many', async () => {
    const deliveries = new Map<string, number>();
    let seed = 7;
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    await send(numbered(100));
    const source = start(
      functionOf((records) => {
        for (const { body } of records) deliveries.set(body, (deliveries.get(body) ?? 0) + 1);
      }),
      {},
      { duplicateRate: 0.2, random },
    );
    await untilEmpty();
    const twice = [...deliveries.values()].filter((count) => count === 2).length;
    expect(twice).toBeGreaterThan(5);
    expect(source.stats()).toMatchObject({ duplicatesInjected: twice, received: 100 + twice, deleted: 100 });
    expect(Math.max(...deliveries.values())).toBe(2);
    expect(deliveries.size).toBe(100);
  });

  test('spare a record that needed a retry, so that it cannot run out of receives', async () => {
    await createQueue({ VisibilityTimeout: '1' });
    await send(['order']);
    const counts: string[] = [];
    const source = start(
      functionOf(([record]) => {
        counts.push(record!.attributes.ApproximateReceiveCount);
        if (counts.length === 1) throw new Error('not yet');
      }),
      {},
      { duplicateRate: 1, random: () => 0 },
    );
    await untilEmpty();
    expect(counts).toEqual(['1', '2']);
    expect(source.stats().duplicatesInjected).toBe(0);
  });

  test('never touch a record that failed', async () => {
    await send(numbered(3));
    const source = start(
      functionOf((records) => ({ batchItemFailures: records.map(({ messageId }) => ({ itemIdentifier: messageId })) })),
      {},
      { duplicateRate: 1, random: () => 0 },
    );
    await vi.waitFor(() => expect(source.stats()).toMatchObject({ left: 3, running: 0 }), eventually);
    expect(source.stats().duplicatesInjected).toBe(0);
    expect(left().inflight).toHaveLength(3);
  });
});

describe('pausing and stopping', () => {
  test('a paused mapping leaves messages where they are until it is resumed', async () => {
    const source = start(functionOf(() => undefined));
    source.pause();
    await vi.waitFor(() => expect(source.stats().running).toBe(0), eventually);
    await send(numbered(5));
    await vi.waitFor(() => expect(left().ready).toHaveLength(5), eventually);
    expect(source.stats().delivered).toBe(0);
    source.resume();
    await untilEmpty();
  });

  test('a disabled mapping starts paused', async () => {
    const source = start(
      functionOf(() => undefined),
      { enabled: false },
    );
    await send(numbered(5));
    expect(left().ready).toHaveLength(5);
    source.resume();
    await untilEmpty();
  });

  test('stopping waits for running invocations', async () => {
    const gate = Promise.withResolvers<void>();
    await send(numbered(3));
    // With no place for another invocation it does not poll, so that only the invocation can hold up the stop.
    const source = start(
      functionOf(() => gate.promise),
      {},
      { concurrency: 1 },
    );
    await vi.waitFor(() => expect(source.stats().running).toBe(1), eventually);
    const stopped = source.stop();
    expect(await Promise.race([stopped.then(() => 'stopped'), waitOneRound().then(() => 'running')])).toBe('running');
    gate.resolve();
    await stopped;
    expect(left()).toEqual(empty);
  });

  test.each([
    ['stopping', (source: EventSource) => source.stop()],
    ['pausing', (source: EventSource) => source.pause()],
  ])('%s gives back what waits for its window', async (_what, end) => {
    await send(['early', 'late']);
    const source = start(
      functionOf(() => undefined),
      { batchSize: 100, windowSeconds: 300 },
    );
    await vi.waitFor(() => expect(source.stats().buffered).toBe(2), eventually);
    void end(source);
    await vi.waitFor(
      () => expect(left()).toEqual({ ready: expect.arrayContaining(['early', 'late']), inflight: [] }),
      eventually,
    );
    expect(source.stats().delivered).toBe(0);
  });

  test('an engine that does not answer is reported, and polled again', async () => {
    const errors: Error[] = [];
    const lone = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
    const client = new SQSClient({
      endpoint: `http://127.0.0.1:${lone.port}`,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
    });
    start(
      functionOf(() => undefined),
      { queueUrl: `http://127.0.0.1:${lone.port}/000000000000/late` },
      { sqs: client, onError: (error) => errors.push(error) },
    );
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0), eventually);
    await client.send(new CreateQueueCommand({ QueueName: 'late' }));
    await client.send(
      new SendMessageCommand({ QueueUrl: `http://127.0.0.1:${lone.port}/000000000000/late`, MessageBody: 'x' }),
    );
    await vi.waitFor(
      () => expect(lone.inspectQueue('late')?.messages).toEqual({ ready: [], delayed: [], inflight: [] }),
      eventually,
    );
    await Promise.all(sources.splice(0).map((source) => source.stop()));
    client.destroy();
    await lone.stop();
  });
});

describe('with function workers', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'baton-event-source-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  test('a worker killed in the middle of a batch loses no message', async () => {
    await createQueue({ VisibilityTimeout: '1' });
    const journal = join(folder, 'journal');
    const fn = createFunction(
      {
        stack: 'orders',
        logicalId: 'Inventory',
        path: 'orders/Inventory',
        name: 'inventory',
        arn: 'arn:aws:lambda:eu-central-1:000000000000:function:inventory',
        codeDirectory: join(import.meta.dirname, 'fixtures/functions'),
        handler: 'batch-handler.handler',
        timeoutSeconds: 5,
        memoryMb: 128,
        environment: { JOURNAL: journal, MS_PER_RECORD: '2' },
      },
      { concurrency: 2 },
    );
    await send(numbered(200));
    const source = start(fn, { reportBatchItemFailures: false });
    const done = (): string[] => readFileSync(journal, 'utf8').trim().split('\n');
    for (const atLeast of [20, 60, 100]) {
      await vi.waitFor(() => expect(done().length).toBeGreaterThan(atLeast), eventually);
      await vi.waitFor(async () => expect(await fn.killOne()).toBe(true), eventually);
    }
    await untilEmpty();
    expect(new Set(done())).toEqual(new Set(numbered(200)));
    expect(source.stats()).toMatchObject({ failures: 3, deleted: 200 });
    await source.stop();
    await fn.stop();
  });
});
