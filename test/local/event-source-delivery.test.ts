import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { startFauxqs } from 'fauxqs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { EventSource } from '../../lib/local/event-sources/event-source.ts';
import { networkCalls } from '../../lib/local/event-sources/source-queue.ts';
import { createFunction } from '../../lib/local/functions/lambda-function.ts';
import {
  createQueue,
  empty,
  eventually,
  functionOf,
  left,
  numbered,
  send,
  sources,
  start,
  untilEmpty,
  useQueues,
  waitOneRound,
} from './fixtures/queue-under-test.ts';

useQueues();

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
    expect((await left()).inflight).toHaveLength(3);
  });
});

describe('pausing and stopping', () => {
  test('a paused mapping leaves messages where they are until it is resumed', async () => {
    const source = start(functionOf(() => undefined));
    source.pause();
    await vi.waitFor(() => expect(source.stats().running).toBe(0), eventually);
    await send(numbered(5));
    await vi.waitFor(async () => expect((await left()).ready).toHaveLength(5), eventually);
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
    expect((await left()).ready).toHaveLength(5);
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
    expect(await left()).toEqual(empty);
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
      async () => expect(await left()).toEqual({ ready: expect.arrayContaining(['early', 'late']), inflight: [] }),
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
      {
        queue: networkCalls(client, `http://127.0.0.1:${lone.port}/000000000000/late`),
        onError: (error) => errors.push(error),
      },
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
