import { ScanCommand } from '@aws-sdk/client-dynamodb';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { releaseKey } from '../../lib/operations/release-key.ts';
import { type ConsumeOptions, consume, type Handler, type Outcome, PermanentError } from '../../lib/runtime/index.ts';
import { batchOf, type Engines, lambdaContext, recordOf, startEngines } from './engines.ts';
import { failedIds, OrderPlaced, orderPlaced, type Surroundings, send, surround } from './pipeline.ts';

vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');

let engines: Engines;
let around: Surroundings;
let outcomes: Outcome[];

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(() => {
  outcomes = [];
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  return () => vi.restoreAllMocks();
});

function consumer(handler: Handler<typeof OrderPlaced>, options: ConsumeOptions = {}) {
  return consume(OrderPlaced, handler, {
    environment: around.environment,
    clients: engines.clients,
    random: () => 0.5,
    onSettled: (_, outcome) => outcomes.push(outcome),
    ...options,
  });
}

/** A record of a FIFO queue, as a batch may hold several of one group. */
function inGroup(id: string): SQSRecord {
  const attributes = { MessageGroupId: id[0], ApproximateReceiveCount: '1' } as unknown as SQSRecord['attributes'];
  return recordOf(around.queue, { messageId: id, body: JSON.stringify(orderPlaced(id, { id })), attributes });
}

const kinds = () => outcomes.map(({ kind }) => kind);

describe.each(['lease', 'transaction'] as const)('under strict order (%s)', (guard) => {
  const poisoned = new Set<string>();
  const handled: string[] = [];
  let handler: ReturnType<typeof consumer>;

  beforeEach(async () => {
    around = await surround(engines, { fifo: true, environment: { BATON_ORDERING: 'strict' } });
    poisoned.clear();
    handled.length = 0;
    handler = consumer(
      ({ id }) => {
        if (poisoned.has(id)) throw new PermanentError(`${id} is poison`);
        handled.push(id);
      },
      { guard },
    );
  });

  const deadLetters = () =>
    engines.fauxqs.inspectQueue(around.deadLetters.name)!.messages.ready.map(({ body, messageAttributes }) => ({
      id: JSON.parse(body).id as string,
      parkedBehind: messageAttributes.parkedBehind?.StringValue,
    }));

  test('what comes after a dead letter of its key follows it, in order; other keys go on', async () => {
    poisoned.add('a2');
    const batch = { Records: ['a1', 'a2', 'b1', 'a3', 'a4'].map(inGroup) };
    expect(failedIds(await handler(batch, lambdaContext()))).toEqual([]);
    expect(handled.sort()).toEqual(['a1', 'b1']);
    expect(kinds()).toEqual(expect.arrayContaining(['handled', 'deadLettered', 'parked', 'parked', 'handled']));
    expect(deadLetters()).toEqual([
      { id: 'a2', parkedBehind: undefined },
      { id: 'a3', parkedBehind: 'a2' },
      { id: 'a4', parkedBehind: 'a2' },
    ]);
    await handler({ Records: [inGroup('a5')] }, lambdaContext());
    expect(deadLetters().map(({ id }) => id)).toEqual(['a2', 'a3', 'a4', 'a5']);
  });

  test('a release brings them back in their order, each handled once', async () => {
    poisoned.add('a1');
    await handler({ Records: ['a1', 'a2'].map(inGroup) }, lambdaContext());
    poisoned.clear();
    let released = false;
    const consuming = (async () => {
      while (!released) {
        const messages = await engines.receive(around.queue);
        if (messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
        else await handle(batchOf(around.queue, messages));
      }
    })();
    const result = await releaseKey({
      dynamodb: engines.dynamodb,
      sqs: engines.sqs,
      table: around.table,
      consumer: 'inventory',
      key: 'a',
      queueUrl: around.queue.url,
      deadLetterQueueUrl: around.deadLetters.url,
    });
    released = true;
    await consuming;
    expect(result).toMatchObject({ status: 'released', redriven: 2 });
    expect(handled).toEqual(['a1', 'a2']);
    expect(kinds()).toContain('control');
    const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: around.table }));
    expect(Items.filter(({ id }) => id?.S?.startsWith('parked#'))).toEqual([]);
  });

  async function handle(batch: SQSEvent) {
    const failed = new Set(failedIds(await handler(batch, lambdaContext())));
    for (const { messageId, receiptHandle } of batch.Records) {
      if (!failed.has(messageId)) await engines.remove(around.queue, receiptHandle);
    }
  }
});

describe('without strict order', () => {
  test('a dead letter of a FIFO queue is overtaken, and a metric says so', async () => {
    around = await surround(engines, { fifo: true });
    const lines: string[] = [];
    vi.mocked(process.stdout.write).mockImplementation((line) => lines.push(String(line)) > 0);
    const handler = consumer(({ id }) => {
      if (id === 'a1') throw new PermanentError('poison');
    });
    await handler({ Records: ['a1', 'a2'].map(inGroup) }, lambdaContext());
    expect(kinds().sort()).toEqual(['deadLettered', 'handled']);
    expect(lines.map((line) => JSON.parse(line)).find(({ _aws }) => _aws)).toMatchObject({ OutOfOrder: 1 });
  });
});

describe('rules by error class', () => {
  class Busy extends Error {
    override name = 'Busy';
  }

  beforeEach(async () => {
    around = await surround(engines);
  });

  async function attempt(error: Error, retry: ConsumeOptions['retry']): Promise<Outcome> {
    await send(engines, around.queue, [orderPlaced(String(Math.random()))]);
    const batch = batchOf(around.queue, await engines.receive(around.queue));
    const handler = consumer(() => Promise.reject(error), retry && { retry });
    await handler(batch, lambdaContext());
    return outcomes.at(-1)!;
  }

  test('decide about delays and attempts', async () => {
    expect(await attempt(new Busy(), { classes: { Busy: { backoff: { base: 600 } } } })).toMatchObject({
      kind: 'retry',
      delaySeconds: 300,
    });
    expect(await attempt(new Busy(), { classes: { Busy: { maxAttempts: 1 } } })).toMatchObject({
      kind: 'deadLettered',
    });
    expect(await attempt(new Busy(), undefined)).toMatchObject({ kind: 'retry', delaySeconds: 2 });
  });

  test('that make no sense are refused at the first batch', async () => {
    await expect(attempt(new Busy(), { classes: { Busy: { maxAttempts: 0 } } })).rejects.toThrow(/Busy.*maxAttempts/);
  });

  test('do not outlast retention: what would expire unseen is dead-lettered with the reason', async () => {
    const environment = { ...around.environment, BATON_RETENTION_SECONDS: '3600' };
    const hourAgo = String(Date.now() - 3_600_000);
    const record = recordOf(around.queue, { body: JSON.stringify(orderPlaced('1')) });
    record.attributes.SentTimestamp = hourAgo;
    await consumer(() => Promise.reject(new Busy('busy')), { environment })({ Records: [record] }, lambdaContext());
    const [letter] = await engines.receive(around.deadLetters);
    expect(letter?.MessageAttributes).toMatchObject({
      errorClass: { StringValue: 'Busy' },
      reason: { StringValue: 'retention' },
    });
  });
});

describe('a dependency', () => {
  beforeEach(async () => {
    const BATON_DEPENDENCIES = JSON.stringify({ payments: { minimumCalls: 3, failureRate: 50 } });
    around = await surround(engines, { environment: { BATON_DEPENDENCIES } });
  });

  test.each(['lease', 'transaction'] as const)(
    'that is ill opens its circuit: what follows goes back unharmed (%s)',
    async (guard) => {
      let calls = 0;
      const handler = consumer(
        (_, context) =>
          context.dependency('payments').call(() => {
            calls++;
            throw new Error('down');
          }),
        { guard, concurrency: 1 },
      );
      await send(
        engines,
        around.queue,
        Array.from({ length: 8 }, (_, n) => orderPlaced(String(n))),
      );
      const batch = batchOf(around.queue, await engines.receive(around.queue));
      expect(failedIds(await handler(batch, lambdaContext()))).toHaveLength(8);
      // what was under way when it opened may still have called
      expect(calls).toBeGreaterThanOrEqual(3);
      expect(calls).toBeLessThan(8);
      expect(kinds()).toEqual([...Array(calls).fill('retry'), ...Array(8 - calls).fill('returned')]);
      expect(outcomes.at(-1)).toMatchObject({ reason: 'circuit-open', delaySeconds: expect.any(Number) });
      const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: around.table }));
      // only what was tried has a failure to its name
      expect(Items.filter(({ status }) => status?.S === 'RELEASED#1')).toHaveLength(calls);
    },
  );

  test('that nobody declared is an error that names those that there are', async () => {
    const handler = consumer((_, context) => context.dependency('mail').call(() => undefined));
    await send(engines, around.queue, [orderPlaced('1')]);
    await handler(batchOf(around.queue, await engines.receive(around.queue)), lambdaContext());
    expect(String((outcomes[0] as { error: unknown }).error)).toMatch(/'mail' is no dependency.*there are: payments/);
  });
});
