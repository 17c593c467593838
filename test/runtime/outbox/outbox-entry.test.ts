import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Envelope } from '../../../lib/contracts/index.ts';
import { PublishError } from '../../../lib/runtime/errors.ts';
import { createOutbox, type OutboxEntries, readEntry, shardOf } from '../../../lib/runtime/outbox/outbox-entry.ts';
import { type Engines, startEngines } from '../engines.ts';
import { commit, event, items, type OutboxUnderTest, outboxUnderTest, pending } from './outbox-fixture.ts';

let engines: Engines;
let under: OutboxUnderTest;

beforeAll(async () => {
  engines = await startEngines();
});

afterAll(async () => {
  await engines.stop();
});

describe('the entries of a commit', () => {
  it('are one for each key, with its events in order, as they will be published', async () => {
    under = await outboxUnderTest(engines);
    const events = [event('a', 1), event('b', 1), event('a', 2)];
    await commit(engines.clients, under.outbox, events);
    const entries = (await items(engines, under)).filter(({ pk }) => shardOf(pk!.S!) !== undefined).map(readEntry);
    expect(Object.fromEntries(entries.map(({ key, events }) => [key, events.map((text) => JSON.parse(text))]))).toEqual(
      {
        a: [events[0], events[2]],
        b: [events[1]],
      },
    );
  });

  it('are none for no events', () => {
    expect(createOutbox({ table: 'outbox', shards: 2, fenced: true }).entriesFor([]).items).toEqual([]);
  });

  it('are spread over the shards by key, each key always on the same', () => {
    const outbox = createOutbox({ table: 'outbox', shards: 4, fenced: false });
    const shardsOf = (n: number) =>
      Array.from({ length: 200 }, (_, key) => outbox.entriesFor([event(`key-${key}`, n)]).items[0]!.Put!.Item!.pk!.S!);
    expect(new Set(shardsOf(1)).size).toBe(4);
    expect(shardsOf(2)).toEqual(shardsOf(1));
  });

  it('have no fence unless it is asked for, and only fences expire', () => {
    const itemsOf = (fenced: boolean) =>
      createOutbox({ table: 'outbox', shards: 1, fenced, clock: () => 1_000_000 }).entriesFor([event('a', 1)]).items;
    expect(itemsOf(false)).toHaveLength(1);
    const [entry, fence] = itemsOf(true);
    expect(entry!.Put!.Item).not.toHaveProperty('expiration');
    expect(fence!.Update!.ExpressionAttributeValues![':expiration']).toEqual({ N: String(1_000 + 86_400) });
  });

  it('fit into their keys, however long ids and keys are', async () => {
    under = await outboxUnderTest(engines);
    const long = 'ä'.repeat(3_000);
    await commit(engines.clients, under.outbox, [{ ...event(long, 1), id: long }]);
    expect(await pending(engines, under)).toHaveLength(1);
  });
});

describe('what could never be relayed', () => {
  const outbox = createOutbox({ table: 'outbox', shards: 1, fenced: true });
  const large = (key: string, bytes: number) => ({ ...event(key, 1), data: 'x'.repeat(bytes) });

  it('is not committed: an event larger than a topic takes', () => {
    expect(() => outbox.entriesFor([large('a', 262_000)])).toThrow(PublishError);
    expect(() => outbox.entriesFor([large('a', 261_000)])).not.toThrow();
  });

  it('is not committed: more of one key than an item takes', () => {
    expect(() => outbox.entriesFor([large('a', 250_000), large('b', 250_000)])).not.toThrow();
    expect(() => outbox.entriesFor([large('a', 250_000), large('a', 250_000)])).toThrow(/an outbox takes 405504/);
  });
});

describe('the stamps of a key', () => {
  it('are of the time of the commit, also when large data was put before', async () => {
    let now = 1_000_000;
    const claimCheck = {
      checkIn: (envelope: Envelope) => ({
        envelope: { ...envelope, data: undefined, dataref: 's3://claims/k' },
        store: async () => {
          now += 5_000;
        },
      }),
    };
    const outbox = () => createOutbox({ table: 't', shards: 1, fenced: false, clock: () => now, claimCheck });
    const skOf = ({ items }: OutboxEntries) => items[0]!.Put!.Item!.sk!.S!;
    const large = outbox().entriesFor([{ ...event('a', 1), data: { text: 'x'.repeat(1_000_000) } }]);
    expect(skOf(large)).toBeDefined();
    now += 1_000;
    const small = skOf(outbox().entriesFor([event('a', 2)]));
    await large.store!();
    expect([skOf(large), small].sort()).toEqual([small, skOf(large)]);
  });

  const outboxAt = (now: number) => createOutbox({ table: under.table, shards: 1, fenced: true, clock: () => now });

  it('grow in commit order, also when the writer is an hour behind the one before', async () => {
    under = await outboxUnderTest(engines);
    const now = Date.now();
    const [ahead, behind] = [outboxAt(now), outboxAt(now - 3_600_000)];
    expect(await commit(engines.clients, ahead, [event('a', 1)])).toBe(1);
    expect(await commit(engines.clients, behind, [event('a', 2)])).toBe(2);
    // it has learned
    expect(await commit(engines.clients, behind, [event('a', 3)])).toBe(1);
    expect(await commit(engines.clients, ahead, [event('a', 4)])).toBe(2);
    const order = (await pending(engines, under)).map((sk) => sk.split('#')[1]);
    expect(order).toEqual(['a-1', 'a-2', 'a-3', 'a-4']);
  });

  it('grow within a process though its clock stands still', async () => {
    under = await outboxUnderTest(engines);
    const outbox = outboxAt(5_000);
    for (let n = 1; n <= 12; n++) expect(await commit(engines.clients, outbox, [event('a', n)])).toBe(1);
    const order = (await pending(engines, under)).map((sk) => sk.split('#')[1]);
    expect(order).toEqual(Array.from({ length: 12 }, (_, n) => `a-${n + 1}`));
  });

  it('are adjusted for the key that was refused, and no other', async () => {
    under = await outboxUnderTest(engines);
    await commit(engines.clients, outboxAt(Date.now()), [event('b', 1)]);
    const entries = outboxAt(1_000).entriesFor([event('a', 2), event('b', 2)]);
    const before = entries.items;
    expect(entries.adjust(0, { Code: 'ConditionalCheckFailed' })).toBe(false);
    expect(entries.adjust(1, { Code: 'None' })).toBe(false);
    expect(entries.adjust(3, { Code: 'TransactionConflict' })).toBe(false);
    expect(entries.adjust(3, { Code: 'ConditionalCheckFailed', Item: { last: { N: '7000000' } } })).toBe(true);
    expect(entries.items.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(entries.items[2]!.Put!.Item!.sk!.S).toBe('0000000007000001#b-2');
    expect(entries.items[3]!.Update!.ExpressionAttributeValues![':stamp']).toEqual({ N: '7000001' });
  });
});
