import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedSales } from '../../lib/superstore/effects.ts';
import { lostEffects, subscriptions } from '../../lib/superstore/invariants.ts';
import { readOrders } from '../../lib/superstore/orders.ts';
import { seededRandom } from '../../lib/superstore/random.ts';
import { openShop, type Shop, shortenTimeouts } from '../e2e/shop.ts';

const SEED = 7;
const orders = readOrders(200);
/** How often a worker of each consumer is killed, at most. */
const KILLS = 4;
/** Longest wait before the next attempt to kill, in ms: less than a batch takes, and long enough to hit any part of it. */
const BETWEEN_KILLS = 25;

describe(`workers that are killed in the middle of batches (seed ${SEED})`, () => {
  let shop: Shop;

  beforeAll(async () => {
    process.stderr.write(`worker-killed seed ${SEED}\n`);
    shop = await openShop({ duplicateRate: 0.02, paymentFailures: 0.05, seed: SEED });
    await shortenTimeouts(shop.cloud, 4);
  });
  afterAll(() => shop.close());

  it('lose nothing, and repeat no effect', async () => {
    const { cloud, provider } = shop;
    const random = seededRandom(SEED);
    let over = false;
    const running = shop
      .place(orders, { rate: 30 })
      .then(() => cloud.untilIdle())
      .finally(() => {
        over = true;
      });
    // A busy worker holds a batch: one that is killed is in the middle of it.
    const kill = async (name: string): Promise<number> => {
      let kills = 0;
      while (kills < KILLS && !over) {
        await sleep(random() * BETWEEN_KILLS);
        while (!over && !(await cloud.killWorker(name))) await sleep(1);
        if (!over) kills++;
      }
      return kills;
    };
    const kills = await Promise.all(Object.keys(subscriptions).map(kill));
    await running;

    // Each lost a worker; how many more depends on how fast this machine is.
    expect(Math.min(...kills)).toBeGreaterThan(0);
    const effects = await shop.effects();
    expect(await shop.deadLetters()).toEqual([]);
    for (const [name, owed] of Object.entries(subscriptions)) {
      expect(lostEffects(name, orders, effects), name).toEqual([]);
      expect(effects.byConsumer.get(name)!.size, name).toBe(orders.length * owed.effects.length);
    }
    // Sums and charges cannot be written twice and look the same.
    expect(effects.sales).toEqual(expectedSales(orders));
    const charged = [...provider.ledger.values()].map(({ orderId }) => orderId);
    expect(charged.sort()).toEqual(orders.map(({ orderId }) => orderId).sort());
    expect(cloud.outOfOrder()).toBe(0);
    // A killed worker takes its last counts with it; what is counted as handled was handled once.
    for (const { name, handled } of cloud.consumers().filter(({ name }) => Object.hasOwn(subscriptions, name))) {
      expect(handled, name).toBeGreaterThan(0);
      expect(handled, name).toBeLessThanOrEqual(orders.length * subscriptions[name]!.deliveries);
    }
  }, 150_000);
});
