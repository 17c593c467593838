import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGuardTable } from '../../bench/guard.ts';
import type { Side } from '../../bench/peer/bundles.ts';
import { type Contest, type Contestant, openContest } from '../../bench/peer/contest.ts';
import { totalCents } from '../../events/order.ts';
import { type Engines, startEngines } from '../../lib/local/engines.ts';
import { readOrders } from '../../lib/superstore/orders.ts';

const SIDES = ['peer', 'baton'] as const;

describe('the peer and Baton', () => {
  let engines: Engines;
  let contest: Contest;
  const contestants = {} as Record<Side, Contestant>;

  beforeAll(async () => {
    engines = await startEngines({ region: 'us-east-1' });
    contest = await openContest();
    for (const side of SIDES) {
      await createGuardTable(engines.clients.dynamodb, `guards-${side}`);
      const dynamodb = { endpoint: engines.endpoints.dynamodb, table: `guards-${side}` };
      contestants[side] = await contest.start(side, { dynamodb });
    }
  });

  afterAll(async () => {
    await Promise.all(Object.values(contestants).map((contestant) => contestant.stop()));
    contest?.close();
    await engines?.stop();
  });

  it.each(SIDES)('%s records every sale once, however often its event comes', async (side) => {
    const revenue = revenueOf(20);
    await contestants[side].run(0, 2);
    expect(await contestants[side].sales()).toEqual(revenue);
    await contestants[side].run(0, 2);
    expect(await contestants[side].sales()).toEqual(revenue);
    const { Items = [] } = await engines.clients.dynamodb.send(new ScanCommand({ TableName: `guards-${side}` }));
    expect(Items.map(({ status }) => status?.S)).toEqual(Array(20).fill('COMPLETED'));
  });

  it.each(SIDES)('%s does the same with answers from memory', async (side) => {
    const alone = await contest.start(side);
    try {
      await alone.run(0, 2);
      expect(await alone.sales()).toEqual(revenueOf(20));
    } finally {
      await alone.stop();
    }
  });

  it('finds the SDK in the bundle of the peer only', () => {
    const sdk = (side: Side) =>
      contest.bundles[side].bytesByPackage.filter(([name]) => /^@(aws-sdk|smithy)/.test(name));
    expect(sdk('peer').length).toBeGreaterThan(0);
    expect(sdk('baton')).toEqual([]);
  });

  it('says what a process said that did not survive its start', async () => {
    await expect(contest.start('peer', { nodeOptions: ['--no-such-option'] })).rejects.toThrow(/no-such-option/);
  });
});

function revenueOf(count: number): Record<string, number> {
  const revenue: Record<string, number> = {};
  for (const order of readOrders(count)) revenue[order.region] = (revenue[order.region] ?? 0) + totalCents(order);
  return revenue;
}
