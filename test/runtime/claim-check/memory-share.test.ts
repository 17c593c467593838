import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryShares, type MemoryShare, memoryBudget } from '../../../lib/runtime/claim-check/memory-share.ts';
import { seeded } from '../seed.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function readyOf(shares: readonly MemoryShare[]): Promise<boolean[]> {
  const ready = shares.map(() => false);
  shares.forEach((share, position) => {
    void share.ready.then(() => {
      ready[position] = true;
    });
  });
  await turn();
  return ready;
}

describe('shares of memory', () => {
  test('let so many fetch at once, in their order', async () => {
    const enter = createMemoryShares({ budget: 100, fetches: 2 });
    const shares = [enter(10), enter(10), enter(10), enter(10)];
    expect(await readyOf(shares)).toEqual([true, true, false, false]);
    shares[1]!.fetched();
    expect(await readyOf(shares)).toEqual([true, true, true, false]);
    shares[0]!.release();
    expect(await readyOf(shares)).toEqual([true, true, true, true]);
  });

  test('let nobody fetch what would be too much together with what is held', async () => {
    const enter = createMemoryShares({ budget: 100 });
    const shares = [enter(60), enter(60), enter(10)];
    shares[0]!.fetched();
    // the small one keeps its place in the line
    expect(await readyOf(shares)).toEqual([true, false, false]);
    shares[0]!.release();
    shares[0]!.release();
    expect(await readyOf(shares)).toEqual([true, true, true]);
  });

  test('take a part of the budget when their size is not known', async () => {
    const enter = createMemoryShares({ budget: 100, fetches: 4 });
    const shares = [enter(60), enter(), enter()];
    for (const share of shares) share.fetched();
    expect(await readyOf(shares)).toEqual([true, true, false]);
  });

  test('take even what is larger than all of it, alone', async () => {
    const enter = createMemoryShares({ budget: 100 });
    const large = enter(1_000);
    const second = enter(1);
    expect(await readyOf([large, second])).toEqual([true, false]);
    large.release();
    expect(await readyOf([second])).toEqual([true]);
  });

  test('go to everybody in the end, whoever gives up where, and never to too many', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ bytes: fc.nat(300), gives: fc.constantFrom('waiting', 'fetching', 'never') }), {
          maxLength: 30,
        }),
        fc.integer({ min: 1, max: 4 }),
        async (records, fetches) => {
          const enter = createMemoryShares({ budget: 200, fetches });
          let fetching = 0;
          let held = 0;
          await Promise.all(
            records.map(async ({ bytes, gives }) => {
              const share = enter(bytes);
              if (gives === 'waiting') return share.release();
              await share.ready;
              held += bytes;
              expect(++fetching).toBeLessThanOrEqual(fetches);
              expect(held).toBeLessThanOrEqual(Math.max(200, bytes));
              await turn();
              fetching--;
              if (gives === 'never') share.fetched();
              await turn();
              held -= bytes;
              share.release();
            }),
          );
          const last = Array.from({ length: fetches }, () => enter(1));
          expect(await readyOf(last)).not.toContain(false);
        },
      ),
      seeded({ numRuns: 100 }),
    );
  });
});

test.each([
  ['128', 4],
  ['512', 38.4],
  ['1024', 89.6],
  ['10240', 1011.2],
  ['', 4],
])('a function of %s MB holds %d MiB of data as JSON', (memory, mebibytes) => {
  expect(memoryBudget(memory) / 2 ** 20).toBeCloseTo(mebibytes);
});
