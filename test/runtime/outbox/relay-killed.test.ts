import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Envelope } from '../../../lib/contracts/index.ts';
import type { Clients } from '../../../lib/runtime/aws/clients.ts';
import { createOutbox } from '../../../lib/runtime/outbox/outbox-entry.ts';
import { relayShard } from '../../../lib/runtime/outbox/relay.ts';
import { type Engines, startEngines } from '../engines.ts';
import { seeded } from '../seed.ts';
import {
  arrived,
  byKey,
  commit,
  event,
  mortal,
  type OutboxUnderTest,
  outboxUnderTest,
  pending,
} from './outbox-fixture.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});

afterAll(async () => {
  await engines.stop();
});

const relay = (under: OutboxUnderTest, clients: Clients = engines.clients) =>
  relayShard({
    dynamodb: clients.dynamodb,
    publisher: under.publisher(clients),
    table: under.table,
    shard: 0,
    // several pages, so that sending, reading on and deleting overlap
    pageSize: 3,
    random: () => 0,
  });

/** A relay until it dies, or is done. */
async function relayUntilDeath(under: OutboxUnderTest, clients: Clients): Promise<void> {
  await relay(under, clients).catch((error: Error) => {
    if (!/killed/.test(error.message)) throw error;
  });
}

const COMMITS = [
  [event('a', 1), event('a', 2), event('b', 1)],
  [event('c', 1)],
  [event('b', 2)],
  [event('a', 3), event('d', 1)],
  [event('a', 4)],
  [event('e', 1), event('f', 1), event('c', 2)],
];
const IN_ORDER = byKey(COMMITS.flat().map(({ id }) => id));

async function filled(): Promise<OutboxUnderTest> {
  const under = await outboxUnderTest(engines);
  for (const events of COMMITS) await commit(engines.clients, under.outbox, events);
  return under;
}

describe.each(['before', 'after'] as const)('a relay that is killed %s a call was carried out', (when) => {
  it('loses and reorders nothing, whichever call it is', async () => {
    let kills = 0;
    for (let diesAt = 1; ; diesAt++) {
      const under = await filled();
      const victim = mortal(engines.clients, diesAt, when);
      await relayUntilDeath(under, victim.clients);
      if (!victim.died()) break;
      kills++;
      await relay(under);
      expect(byKey(arrived(engines, under)), `killed at call ${diesAt}`).toEqual(IN_ORDER);
      expect(await pending(engines, under), `killed at call ${diesAt}`).toEqual([]);
    }
    // looks, pages and deletes were all among them
    expect(kills).toBeGreaterThan(10);
  });
});

describe('a producer that is killed', () => {
  it.each(['before', 'after'] as const)(
    '%s its commit was carried out publishes all of it or nothing',
    async (when) => {
      const under = await outboxUnderTest(engines);
      const { clients } = mortal(engines.clients, 1, when);
      await expect(commit(clients, under.outbox, [event('a', 1), event('b', 1)])).rejects.toThrow('killed');
      await relay(under);
      expect(byKey(arrived(engines, under))).toEqual(when === 'after' ? { a: ['a-1'], b: ['b-1'] } : {});
    },
  );
});

describe('relays that run at once', () => {
  it('keep the order of first occurrences, and empty the outbox', async () => {
    const under = await filled();
    await Promise.all([relay(under), relay(under), relay(under)]);
    await relay(under);
    expect(byKey(arrived(engines, under))).toEqual(IN_ORDER);
    expect(await pending(engines, under)).toEqual([]);
  });
});

describe('commits with skewed clocks, relays and kills, interleaved in any way', () => {
  /** Every call waits for its turn, which the scheduler gives. */
  const scheduled = (scheduler: fc.Scheduler, label: string, clients: Clients): Clients => {
    const wrap = <Client extends { call: unknown }>(client: Client) =>
      ({
        async call(operation: string, input: object) {
          await scheduler.schedule(Promise.resolve(), `${label} ${operation}`);
          return await (client.call as (operation: string, input: object) => Promise<object>)(operation, input);
        },
      }) as unknown as Client;
    return { dynamodb: wrap(clients.dynamodb), sns: wrap(clients.sns), sqs: clients.sqs };
  };

  const writer = fc.record({
    skew: fc.integer({ min: -600_000, max: 600_000 }),
    keys: fc.array(fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
  });
  const killing = fc.record({
    diesAt: fc.integer({ min: 1, max: 12 }),
    when: fc.constantFrom('before' as const, 'after' as const),
  });

  it('publish each key in commit order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(writer, { minLength: 1, maxLength: 3 }),
        fc.array(killing, { minLength: 1, maxLength: 3 }),
        fc.scheduler(),
        async (writers, kills, scheduler) => {
          const under = await outboxUnderTest(engines);
          const committed: Envelope[] = [];
          let turn: Promise<unknown> = Promise.resolve();
          const write = async ({ skew, keys }: (typeof writers)[number], name: number) => {
            const outbox = createOutbox({
              table: under.table,
              shards: 1,
              fenced: true,
              clock: () => Date.now() + skew,
            });
            const { call } = scheduled(scheduler, `writer ${name}`, engines.clients).dynamodb;
            for (const [position, each] of keys.entries()) {
              const events = each.map((key, n) => event(key, Number(`${name}${position}${n}`)));
              await commit(
                {
                  dynamodb: {
                    // one commit at a time, so that the order of the answers is the order of the commits
                    call(operation, input) {
                      const mine = turn.then(async () => {
                        const answer = await call(operation, input);
                        committed.push(...events);
                        return answer;
                      });
                      turn = mine.catch(() => undefined);
                      return mine;
                    },
                  },
                },
                outbox,
                events,
              );
            }
          };
          const relayAgain = async ({ diesAt, when }: (typeof kills)[number], name: number) => {
            const victim = mortal(engines.clients, diesAt, when);
            await relayUntilDeath(under, scheduled(scheduler, `relay ${name}`, victim.clients));
            await relay(under, scheduled(scheduler, `relay ${name} again`, engines.clients));
          };
          await scheduler.waitFor(Promise.all([...writers.map(write), ...kills.map(relayAgain)]));
          await relay(under);
          expect(byKey(arrived(engines, under))).toEqual(byKey(committed.map(({ id }) => id)));
          expect(await pending(engines, under)).toEqual([]);
        },
      ),
      seeded({ numRuns: 40 }),
    );
  });
});
