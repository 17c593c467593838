import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { processBatch } from '../../../lib/runtime/batch/batch.ts';
import type { Outcome } from '../../../lib/runtime/batch/outcome.ts';
import { consume, PermanentError } from '../../../lib/runtime/index.ts';
import { batchMetrics } from '../../../lib/runtime/telemetry/batch-metrics.ts';
import { type Engines, lambdaContext, recordOf, startEngines } from '../engines.ts';
import { failedIds, OrderPlaced, orderPlaced, surround } from '../pipeline.ts';
import { seeded } from '../seed.ts';

vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');

let engines: Engines;
let runs = 0;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(() => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  return () => vi.restoreAllMocks();
});

type Fate = 'succeeds' | 'fails' | 'fails for good' | 'poison';
const fate = fc.constantFrom<Fate>('succeeds', 'succeeds', 'fails', 'fails for good', 'poison');
const groups = ['a', 'b', 'c'] as const;
const batch = fc.array(fc.record({ fate, group: fc.constantFrom(...groups) }), { minLength: 1, maxLength: 12 });

/** Runs a batch whose records end as their fates say; they take different times, so that they finish out of order. */
async function run(fifo: boolean, fates: { fate: Fate; group: (typeof groups)[number] }[]) {
  const around = fifo ? fifoQueue : standardQueue;
  const round = ++runs;
  const started: string[] = [];
  const handler = consume(
    OrderPlaced,
    async ({ id, data }) => {
      started.push(id);
      await new Promise((resolve) => setTimeout(resolve, data.total));
      const { fate } = fates[Number(id.split('.')[1])]!;
      if (fate === 'fails') throw new Error('fails');
      if (fate === 'fails for good') throw new PermanentError('fails for good');
    },
    { environment: around.environment, clients: engines.clients },
  );
  const Records = fates.map(({ fate, group }, n) => {
    const id = `${round}.${n}`;
    const body = fate === 'poison' ? 'poison' : JSON.stringify(orderPlaced(group, { id, total: (n * 7) % 4 }));
    return recordOf(around.queue, { messageId: id, body, attributes: { MessageGroupId: group } as never });
  });
  const failed = failedIds(await handler({ Records }, lambdaContext())).map((id) => Number(id.split('.')[1]));
  return { failed: failed.sort((a, b) => a - b), started: started.map((id) => Number(id.split('.')[1])) };
}

let standardQueue: Awaited<ReturnType<typeof surround>>;
let fifoQueue: Awaited<ReturnType<typeof surround>>;
beforeAll(async () => {
  [standardQueue, fifoQueue] = await Promise.all([surround(engines), surround(engines, { fifo: true })]);
});

test('a batch of ten thousand has no more records under way than its concurrency, started in order', async () => {
  const Records = Array.from({ length: 10_000 }, (_, n) =>
    recordOf(standardQueue.queue, { messageId: String(n), body: '' }),
  );
  const started: number[] = [];
  let running = 0;
  let most = 0;
  const { outcomes } = await processBatch(
    { Records },
    async ({ messageId }) => {
      started.push(Number(messageId));
      most = Math.max(most, ++running);
      await null;
      running--;
      return { kind: 'handled' };
    },
    10,
  );
  expect(most).toBe(10);
  expect(started).toEqual(Records.map((_, n) => n));
  expect(outcomes.size).toBe(10_000);
});

test('a response names exactly the records that were retried or returned, whatever the others came to', async () => {
  const outcome = fc.constantFrom<Outcome>(
    { kind: 'handled' },
    { kind: 'duplicate' },
    { kind: 'retry', delaySeconds: 1, error: new Error() },
    { kind: 'deadLettered', error: new Error() },
    { kind: 'returned', delaySeconds: 0, reason: 'deadline' },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(outcome), async (outcomes) => {
      const Records = outcomes.map((_, n) => recordOf(standardQueue.queue, { messageId: String(n), body: '' }));
      const { response } = await processBatch({ Records }, async ({ messageId }) => outcomes[Number(messageId)]!, 3);
      const back = outcomes.flatMap(({ kind }, n) => (kind === 'retry' || kind === 'returned' ? [String(n)] : []));
      expect(failedIds(response)).toEqual(back);
      const settlements = outcomes.map((outcome) => ({ outcome, type: undefined }));
      const [line] = batchMetrics('inventory', settlements);
      expect(line === undefined).toBe(outcomes.length === 0);
      if (line === undefined) return;
      const counts = Object.fromEntries(Object.entries(line.metrics).map(([name, { value }]) => [name, Number(value)]));
      expect(counts.Delivered).toBe(outcomes.length);
      expect(counts.Retried! + counts.Returned!).toBe(back.length);
      expect(counts.Failed).toBe(counts.Retried! + counts.DeadLettered!);
    }),
    seeded(),
  );
});

test('on a standard queue exactly the records that failed, not for good, go back', async () => {
  await fc.assert(
    fc.asyncProperty(batch, async (fates) => {
      const { failed } = await run(false, fates);
      expect(failed).toEqual(fates.flatMap(({ fate }, n) => (fate === 'fails' ? [n] : [])));
    }),
    seeded({ numRuns: 40 }),
  );
});

test('on a FIFO queue a group runs in order, and goes back from its first failure on', async () => {
  await fc.assert(
    fc.asyncProperty(batch, async (fates) => {
      const { failed, started } = await run(true, fates);
      const stopped = new Set<string>();
      const back: number[] = [];
      const runs: Record<'a' | 'b' | 'c', number[]> = { a: [], b: [], c: [] };
      fates.forEach(({ fate, group }, n) => {
        if (!stopped.has(group) && fate !== 'poison') runs[group].push(n);
        if (fate === 'fails') stopped.add(group);
        if (stopped.has(group)) back.push(n);
      });
      expect(failed).toEqual(back);
      for (const group of groups) {
        expect(started.filter((n) => fates[n]!.group === group)).toEqual(runs[group]);
      }
    }),
    seeded({ numRuns: 40 }),
  );
});
