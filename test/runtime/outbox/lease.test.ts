import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLease } from '../../../lib/runtime/outbox/lease.ts';
import { answering, type Engines, startEngines } from '../engines.ts';
import { items, outboxUnderTest } from './outbox-fixture.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});

afterAll(async () => {
  await engines.stop();
});

describe('the lease of an outbox', () => {
  it('has one owner at a time, who may renew it, until it ends or is given up', async () => {
    const under = await outboxUnderTest(engines);
    let now = 0;
    const leaseOf = (owner: string) =>
      createLease({
        dynamodb: engines.clients.dynamodb,
        table: under.table,
        owner,
        duration: 1_000,
        clock: () => now,
      });
    const [first, second] = [leaseOf('first'), leaseOf('second')];
    expect([await first.acquire(), await second.acquire()]).toEqual([true, false]);
    now = 900;
    expect(await first.acquire()).toBe(true);
    now = 1_800;
    expect(await second.acquire()).toBe(false);
    now = 2_000;
    expect([await second.acquire(), await first.acquire()]).toEqual([true, false]);

    // no longer his to give up
    await first.release();
    expect(await first.acquire()).toBe(false);
    await second.release();
    expect(await items(engines, under)).toEqual([]);
    expect(await first.acquire()).toBe(true);
  });

  it('is not taken for refused when the table cannot be written', async () => {
    const dynamodb = answering<Engines['clients']['dynamodb']>(() => {
      throw new Error('no such table');
    });
    const lease = createLease({ dynamodb, table: 'outbox', owner: 'me', duration: 1_000, clock: () => 0 });
    await expect(lease.acquire()).rejects.toThrow('no such table');
  });
});
