import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Envelope } from '../../../lib/contracts/index.ts';
import { createClaimCheck } from '../../../lib/runtime/claim-check/claim-check.ts';
import { consume, type HandlerContext, outgoing, PublishError } from '../../../lib/runtime/index.ts';
import { createOutbox, readEntry } from '../../../lib/runtime/outbox/outbox-entry.ts';
import { relayShard } from '../../../lib/runtime/outbox/relay.ts';
import { answering, batchOf, type Engines, lambdaContext, startEngines } from '../engines.ts';
import { type OutboxUnderTest, outboxUnderTest, pending } from '../outbox/outbox-fixture.ts';
import { OrderPlaced, orderPlaced, type Surroundings, send, surround } from '../pipeline.ts';
import { DocumentSigned, documentOf, documentSigned } from './documents.ts';

vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');

let engines: Engines;
let around: Surroundings;
let under: OutboxUnderTest;
let bucket: string;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  bucket = await engines.createBucket();
  under = await outboxUnderTest(engines);
  const { BATON_OUTBOX_TABLE, BATON_OUTBOX_SHARDS } = under.environment as Record<string, string>;
  around = await surround(engines, {
    environment: {
      BATON_CLAIM_CHECK_BUCKET: bucket,
      BATON_OUTBOX_TABLE: BATON_OUTBOX_TABLE!,
      BATON_OUTBOX_SHARDS: BATON_OUTBOX_SHARDS!,
    },
  });
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  return () => vi.restoreAllMocks();
});

async function run(
  guard: 'lease' | 'transaction',
  work: (context: HandlerContext) => Promise<unknown>,
  environment: Record<string, string> = around.environment,
) {
  const errors: unknown[] = [];
  const outcomes: string[] = [];
  const fn = consume(
    OrderPlaced,
    async (_, context) => {
      try {
        await work(context);
      } catch (error) {
        errors.push(error);
        throw error;
      }
    },
    { guard, environment, clients: engines.clients, onSettled: (_, { kind }) => outcomes.push(kind) },
  );
  await send(engines, around.queue, [orderPlaced('1')]);
  const batch = batchOf(around.queue, await engines.receive(around.queue));
  engines.calls.length = 0;
  await fn(batch, lambdaContext());
  return { errors, outcomes, operations: engines.calls.map(({ operation }) => operation) };
}

async function relayed(): Promise<Envelope[]> {
  await relayShard({
    dynamodb: engines.clients.dynamodb,
    publisher: under.publisher(),
    table: under.table,
    shard: 0,
    random: () => 0,
  });
  const { ready } = engines.fauxqs.inspectQueue(under.queue.name)!.messages;
  return ready.map(({ body }) => JSON.parse(body) as Envelope);
}

describe.each(['lease', 'transaction'] as const)('a commit under a %s', (guard) => {
  test('puts the data of a large event before it is written, and the relay needs nothing of it', async () => {
    const { operations, outcomes } = await run(guard, ({ commit }) =>
      commit({
        publish: [
          outgoing(DocumentSigned, documentOf('d1', 300_000)),
          outgoing(DocumentSigned, documentOf('d1', 10)),
          outgoing(DocumentSigned, documentOf('d2', 300_000)),
        ],
      }),
    );
    expect(outcomes).toEqual(['handled']);
    expect(operations.filter((one) => one !== 'BatchExecuteStatement')).toEqual([
      'PutObject',
      'PutObject',
      'TransactWriteItems',
    ]);
    const events = await relayed();
    expect(events.map(({ subject, dataref }) => [subject, typeof dataref])).toEqual([
      ['d1', 'string'],
      ['d1', 'undefined'],
      ['d2', 'string'],
    ]);
    expect(await pending(engines, under)).toEqual([]);
  });

  test('writes nothing when its data cannot be put, and is tried again', async () => {
    const { errors, outcomes, operations } = await run(
      guard,
      ({ commit }) => commit({ publish: [outgoing(DocumentSigned, documentOf('d1', 300_000))] }),
      { ...around.environment, BATON_CLAIM_CHECK_BUCKET: 'nowhere' },
    );
    expect(errors).toEqual([expect.any(PublishError)]);
    expect(outcomes).toEqual(['retry']);
    expect(operations).not.toContain('TransactWriteItems');
    expect(await pending(engines, under)).toEqual([]);
  });
});

describe('what an outbox keeps', () => {
  const limits = { table: 'outbox', shards: 1, fenced: false };
  const withClaimCheck = () =>
    createOutbox({ ...limits, claimCheck: createClaimCheck({ bucket, client: answering(() => ({})) }) });
  const entriesOf = (events: readonly Envelope[]) => {
    const entries = withClaimCheck().entriesFor(events);
    return {
      store: entries.store,
      kept: entries.items.map(({ Put }) => readEntry(Put!.Item!).events.map((text) => JSON.parse(text) as Envelope)),
    };
  };
  const large = (key: string, n: number, bytes: number) => ({ ...documentSigned(key, bytes), id: `${key}-${n}` });
  const references = (events: readonly Envelope[]) => events.filter(({ dataref }) => dataref).map(({ id }) => id);

  test('is as it was while it fits', () => {
    const events = [large('a', 1, 200_000), large('a', 2, 190_000), large('b', 1, 250_000)];
    const { kept, store } = entriesOf(events);
    expect(kept).toEqual([[events[0], events[1]], [events[2]]]);
    expect(store).toBeUndefined();
  });

  test('has the largest events of a key as references when they do not fit into one item', () => {
    const events = [large('a', 1, 150_000), large('a', 2, 200_000), large('a', 3, 150_000), large('b', 1, 200_000)];
    const { kept, store } = entriesOf(events);
    expect(kept.flat().map(({ id }) => id)).toEqual(['a-1', 'a-2', 'a-3', 'b-1']);
    expect(references(kept.flat())).toEqual(['a-2']);
    expect(store).toBeTypeOf('function');
    expect(() => createOutbox(limits).entriesFor(events)).toThrow(/with the events of 'a' before it/);
  });

  test('has the largest events of all keys as references when they do not fit into one transaction', () => {
    const events = Array.from({ length: 20 }, (_, n) => large(`k${n}`, 1, 200_000 + n * 5));
    const { kept } = entriesOf(events);
    const bytes = Buffer.byteLength(JSON.stringify(kept));
    expect(bytes).toBeLessThan(3.2 * 1_024 * 1_024);
    expect(references(kept.flat())).toEqual(['k15-1', 'k16-1', 'k17-1', 'k18-1', 'k19-1']);
  });

  test('is refused when references are no help: thousands of small events of one key', () => {
    const events = Array.from({ length: 2_000 }, (_, n) => large('a', n, 5));
    expect(() => entriesOf(events)).toThrow(/Publish less at once/);
    expect(() => entriesOf(events.slice(0, 900))).not.toThrow();
  });
});
