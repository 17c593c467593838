import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Envelope } from '../../../lib/contracts/index.ts';
import type { DynamoDb } from '../../../lib/runtime/aws/clients.ts';
import { PublishError } from '../../../lib/runtime/errors.ts';
import { createOutbox } from '../../../lib/runtime/outbox/outbox-entry.ts';
import { createRefusals } from '../../../lib/runtime/outbox/refusals.ts';
import { type RelayProps, relayShard } from '../../../lib/runtime/outbox/relay.ts';
import { answering, type Engines, startEngines } from '../engines.ts';
import {
  arrived,
  byKey,
  commit,
  discard,
  event,
  type OutboxUnderTest,
  outboxUnderTest,
  pending,
  watching,
} from './outbox-fixture.ts';

let engines: Engines;
let under: OutboxUnderTest;

beforeAll(async () => {
  engines = await startEngines();
});

afterAll(async () => {
  await engines.stop();
});

async function world(commits: readonly (readonly Envelope[])[], options?: { fifo?: boolean }): Promise<void> {
  under = await outboxUnderTest(engines, options);
  for (const events of commits) await commit(engines.clients, under.outbox, events);
}

const relay = (props: Partial<RelayProps> = {}) =>
  relayShard({
    dynamodb: engines.clients.dynamodb,
    publisher: under.publisher(),
    table: under.table,
    shard: 0,
    random: () => 0,
    ...props,
  });

/** A publisher whose topic refuses some events. */
function refusing(isRefused: (event: Envelope) => boolean, { senderFault = true } = {}) {
  const sent: string[] = [];
  const publisher = under.publisher();
  return {
    sent,
    publisher: {
      async send(event: Envelope) {
        sent.push(event.id);
        if (isRefused(event)) throw new PublishError('Refused.', { eventId: event.id, senderFault });
        await publisher.send(event);
      },
    },
  };
}

describe('a relay', () => {
  it('publishes what is committed, in order per key, and takes it out', async () => {
    await world([[event('a', 1), event('a', 2)], [event('b', 1)], [event('a', 3), event('b', 2)]]);
    expect(await relay()).toEqual({ relayed: 5, failed: 0, drained: true, waiting: new Set() });
    expect(byKey(arrived(engines, under))).toEqual({ a: ['a-1', 'a-2', 'a-3'], b: ['b-1', 'b-2'] });
    expect(await pending(engines, under)).toEqual([]);
  });

  it('publishes the very envelope that was committed', async () => {
    await world([[event('a', 1)]]);
    await relay();
    const [message] = engines.fauxqs.inspectQueue(under.queue.name)!.messages.ready;
    expect(JSON.parse(message!.body)).toEqual(
      (event('a', 1) satisfies Envelope) ? JSON.parse(message!.body) : undefined,
    );
  });

  it('asks an empty shard once, and does nothing', async () => {
    await world([]);
    engines.calls.length = 0;
    expect(await relay()).toMatchObject({ relayed: 0, drained: true });
    expect(engines.calls.map(({ operation }) => operation)).toEqual(['Query']);
  });

  it('sends full batches, and deletes 25 at a time', async () => {
    await world(
      Array.from({ length: 9 }, (_, page) => Array.from({ length: 30 }, (_, n) => event(`k${page}x${n}`, 1))),
    );
    engines.calls.length = 0;
    expect(await relay()).toMatchObject({ relayed: 270, drained: true });
    expect(new Set(arrived(engines, under)).size).toBe(270);
    expect(await pending(engines, under)).toEqual([]);
    expect(engines.count('PublishBatch')).toBe(27);
    expect(engines.count('Publish')).toBe(0);
    expect(engines.count('BatchWriteItem')).toBe(4 + 4 + 3);
    expect(engines.count('Query')).toBeLessThan(9);
  });

  it('reads on behind pages of keys that are held back', async () => {
    await world([...Array.from({ length: 12 }, (_, n) => [event('bad', n + 1)]), [event('good', 1)]]);
    const { publisher } = refusing(({ id }) => id === 'bad-1');
    expect(await relay({ publisher, pageSize: 2 })).toMatchObject({ relayed: 1, failed: 1, drained: true });
    expect(arrived(engines, under)).toEqual(['good-1']);
  });

  it('ends after what is under way when it is told to', async () => {
    await world([[event('a', 1)], [event('a', 2)], [event('b', 1)]]);
    const ending = new AbortController();
    const publisher = {
      async send(event: Envelope) {
        ending.abort();
        await under.publisher().send(event);
      },
    };
    const { relayed, drained } = await relay({ publisher, signal: ending.signal });
    expect(drained).toBe(false);
    expect(relayed).toBeLessThan(3);
    expect(await pending(engines, under)).toHaveLength(3 - relayed);
    expect(arrived(engines, under)).not.toContain('a-2');
  });

  it('tells the age of the oldest pending entry, of one that is held back as well', async () => {
    await world([]);
    const at = (now: number) => createOutbox({ table: under.table, shards: 1, fenced: true, clock: () => now });
    await commit(engines.clients, at(10_000), [event('bad', 1)]);
    await commit(engines.clients, at(50_000), [event('good', 1)]);
    const clock = () => 60_000;
    const refusals = createRefusals(clock);
    const { publisher } = refusing(({ subject }) => subject === 'bad');
    for (const relayed of [1, 0]) {
      const { seen, watch } = watching();
      expect(await relay({ publisher, refusals, watch, clock })).toMatchObject({ relayed });
      expect(Math.max(...seen.lags)).toBe(50_000);
    }
    await discard(engines, under, (await pending(engines, under))[0]!);
    const { seen, watch } = watching();
    await relay({ publisher, refusals, watch, clock });
    expect(seen.lags).toEqual([0]);
  });
});

describe('an entry that one look missed', () => {
  it('is not overtaken by a later one of its key that the look showed', async () => {
    await world([[event('a', 1)], [event('a', 2)]]);
    const [older] = await pending(engines, under);
    // a Query is no snapshot: it has passed the place of the older entry when both are committed, and finds the younger
    let looks = 0;
    const torn: DynamoDb = {
      async call(operation, input) {
        const answer = await engines.clients.dynamodb.call(operation, input);
        if (operation === 'Query' && ++looks === 1) {
          const found = answer as { Items: { sk: { S: string } }[] };
          found.Items = found.Items.filter(({ sk }) => sk.S !== older);
        }
        return answer;
      },
    };
    expect(await relay({ dynamodb: torn })).toMatchObject({ relayed: 2, drained: true });
    expect(arrived(engines, under)).toEqual(['a-1', 'a-2']);
  });
});

describe('an event that the topic refuses for good', () => {
  it('stays, holds back the later ones of its key, and no others', async () => {
    await world([[event('a', 1)], [event('a', 2)], [event('b', 1)], [event('a', 3), event('b', 2)]]);
    const { publisher } = refusing(({ id }) => id === 'a-2');
    const { seen, watch } = watching();
    const result = await relay({ publisher, watch });
    // not waiting for something that may pass: the stream need not bring it again
    expect(result).toEqual({ relayed: 3, failed: 1, drained: true, waiting: new Set() });
    expect(seen).toMatchObject({ relayed: 3, failed: ['Refused.'] });
    expect(byKey(arrived(engines, under))).toEqual({ a: ['a-1'], b: ['b-1', 'b-2'] });
    expect(await pending(engines, under)).toHaveLength(2);
  });

  it('goes out in its place when the topic takes it after all', async () => {
    await world([[event('a', 1)], [event('a', 2)]]);
    await relay(refusing(({ id }) => id === 'a-1'));
    await relay();
    expect(arrived(engines, under)).toEqual(['a-1', 'a-2']);
  });

  it('is tried again after a second, two, four, not in every run', async () => {
    await world([[event('a', 1)], [event('a', 2)]]);
    const { publisher, sent } = refusing(() => true);
    let now = 0;
    const refusals = createRefusals(() => now);
    const tries: number[] = [];
    for (; now <= 16_000; now += 500) {
      const before = sent.length;
      await relay({ publisher, refusals, clock: () => now });
      if (sent.length > before) tries.push(now);
    }
    expect(tries).toEqual([0, 1_000, 3_000, 7_000, 15_000]);
    expect(new Set(sent)).toEqual(new Set(['a-1']));
  });

  it('does not make the ones before it in its entry go out again and again', async () => {
    await world([[event('a', 1), event('a', 2), event('a', 3)]]);
    let now = 0;
    const refusals = createRefusals(() => now);
    const { publisher, sent } = refusing(({ id }) => id === 'a-2' && now < 9_000);
    for (; now < 20_000; now += 3_000) await relay({ publisher, refusals, clock: () => now });
    expect(sent.filter((id) => id === 'a-1')).toHaveLength(1);
    expect(arrived(engines, under)).toEqual(['a-1', 'a-2', 'a-3']);
    expect(await pending(engines, under)).toEqual([]);
  });

  it('is as well one that cannot even be read', async () => {
    await world([[event('a', 1)], [event('b', 1)]]);
    for (const [sk, events] of [
      ['0#x', { L: [{ S: 'no envelope' }] }],
      ['0#y', { L: [] }],
    ] as const) {
      const Item = { pk: { S: 'shard#0' }, sk: { S: sk }, key: { S: 'a' }, events, committedAt: { N: '0' } };
      await engines.dynamodb.send(
        new PutItemCommand({ TableName: under.table, Item: { ...Item, events: { L: [...events.L] } } }),
      );
    }
    const { seen, watch } = watching();
    expect(await relay({ watch })).toMatchObject({ relayed: 1, failed: 1 });
    expect(seen.failed).toEqual([expect.stringMatching(/^The outbox entry 0#x cannot be read: .*not JSON/)]);
    expect(arrived(engines, under)).toEqual(['b-1']);
  });
});

describe('a failure that may pass', () => {
  it('leaves everything in its place when the topic is down, and gives up after one page', async () => {
    await world(Array.from({ length: 40 }, (_, n) => [event(`k${n}`, 1)]));
    const { publisher, sent } = refusing(() => true, { senderFault: false });
    const result = await relay({ publisher, pageSize: 10 });
    expect(result).toMatchObject({ relayed: 0, failed: 10, drained: false });
    expect(sent).toHaveLength(10);
    expect(await pending(engines, under)).toHaveLength(40);
    expect(await relay()).toMatchObject({ relayed: 40, drained: true });
  });

  it('names the entries that have to be come back to', async () => {
    await world([[event('a', 1)], [event('a', 2)], [event('b', 1)]]);
    const [first, second] = await pending(engines, under);
    const { waiting } = await relay(refusing(({ subject }) => subject === 'a', { senderFault: false }));
    expect(waiting).toEqual(new Set([first, second]));
  });
});

describe('taking out what was delivered', () => {
  it('insists when DynamoDB leaves some of it', async () => {
    await world(Array.from({ length: 5 }, (_, n) => [event(`k${n}`, 1)]));
    let throttled = 3;
    const dynamodb: DynamoDb = {
      async call(operation, input) {
        if (operation !== 'BatchWriteItem' || throttled === 0)
          return await engines.clients.dynamodb.call(operation, input);
        throttled--;
        const { RequestItems } = input as { RequestItems: Record<string, object[]> };
        const [first, ...rest] = RequestItems[under.table]!;
        await engines.clients.dynamodb.call('BatchWriteItem', { RequestItems: { [under.table]: [first!] } });
        return { UnprocessedItems: { [under.table]: rest } } as never;
      },
    };
    expect(await relay({ dynamodb })).toMatchObject({ relayed: 5, drained: true });
    expect(await pending(engines, under)).toEqual([]);
  });

  it('fails loudly when DynamoDB leaves it for good; then the same events come again', async () => {
    await world([[event('a', 1)]]);
    const stubborn = answering<DynamoDb>((operation, input) =>
      operation === 'BatchWriteItem'
        ? { UnprocessedItems: input.RequestItems }
        : (engines.clients.dynamodb.call(operation as 'Query', input) as object),
    );
    await expect(relay({ dynamodb: stubborn })).rejects.toMatchObject({
      name: 'RetirementError',
      message: expect.stringMatching(/^1 delivered entries are still in outbox-\d+ after 8 attempts/),
    });
    expect(await relay()).toMatchObject({ relayed: 1, drained: true });
    expect(arrived(engines, under)).toEqual(['a-1']);
  });
});
