import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryShares, type MemoryShare } from '../../../lib/runtime/claim-check/memory-share.ts';
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
    const enter = createMemoryShares(100, 2);
    const shares = [enter(), enter(), enter(), enter()];
    expect(await readyOf(shares)).toEqual([true, true, false, false]);
    shares[1]!.fetched(10);
    expect(await readyOf(shares)).toEqual([true, true, true, false]);
    shares[0]!.release();
    expect(await readyOf(shares)).toEqual([true, true, true, true]);
  });

  test('let nobody fetch while those that have fetched hold too much', async () => {
    const enter = createMemoryShares(100, 2);
    const shares = [enter(), enter(), enter()];
    shares[0]!.fetched(60);
    shares[1]!.fetched(60);
    shares[2]!.release();
    const late = enter();
    expect(await readyOf([late])).toEqual([false]);
    shares[1]!.release();
    shares[1]!.release();
    expect(await readyOf([late])).toEqual([true]);
  });

  test('take even what is larger than all of it', async () => {
    const enter = createMemoryShares(100, 2);
    enter().fetched(1_000);
    const second = enter();
    expect(await readyOf([second])).toEqual([false]);
  });

  test('go to everybody in the end, whoever gives up where', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ bytes: fc.nat(300), gives: fc.constantFrom('waiting', 'fetching', 'never') }), {
          maxLength: 30,
        }),
        fc.integer({ min: 1, max: 4 }),
        async (records, fetches) => {
          const enter = createMemoryShares(200, fetches);
          let fetching = 0;
          await Promise.all(
            records.map(async ({ bytes, gives }) => {
              const share = enter();
              if (gives === 'waiting') return share.release();
              await share.ready;
              expect(++fetching).toBeLessThanOrEqual(fetches);
              await turn();
              fetching--;
              if (gives === 'never') share.fetched(bytes);
              await turn();
              share.release();
            }),
          );
          expect(await readyOf(Array.from({ length: fetches }, enter))).not.toContain(false);
        },
      ),
      seeded({ numRuns: 100 }),
    );
  });
});
