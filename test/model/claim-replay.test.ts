import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../lib/superstore/random.ts';
import { type Engines, startEngines } from '../runtime/engines.ts';
import { seeded } from '../runtime/seed.ts';
import { PROTOCOL } from './claim-table.ts';
import { type World, worldOf } from './claim-world.ts';
import { exploreWorld, SKEWED, WEAKNESSES } from './claim-worlds.ts';
import { replay, type Stage } from './replay.ts';
import { describeTrace } from './trace.ts';
import { finished, follow, isOver, isWithinLooks, type Run, randomRun } from './walk.ts';

let engines: Engines;
let stage: Stage;
let ids = 0;

beforeAll(async () => {
  engines = await startEngines();
  const [table, rows] = await Promise.all([engines.createTable(), engines.createTable()]);
  stage = { engines, table, rows, startMs: Math.floor(Date.now() / 1_000) * 1_000 };
});
afterAll(async () => {
  await engines.stop();
});

/** Replays a run; what differs is shown with the whole run. */
async function perform(run: Run, world: World): Promise<void> {
  try {
    await replay(run, { world, id: `event-${++ids}`, stage });
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${describeTrace(run)}`, { cause: error });
  }
}

/** What the replays are drawn from: everything at once, because nothing is explored here. */
const TROUBLE = { ...SKEWED, pauses: true };
const DRAWN: Readonly<Record<string, World>> = {
  'leases, with crashes, lost answers and late calls': worldOf({
    ...TROUBLE,
    owners: ['lease', 'lease', 'lease'],
    budget: { crashes: 1, losses: 2, delays: 2 },
  }),
  'leases, with lost answers and second copies': worldOf({
    ...TROUBLE,
    owners: ['lease', 'lease', 'lease'],
    budget: { losses: 2, copies: 2 },
  }),
  'transactions, with crashes, lost answers and late calls': worldOf({
    ...TROUBLE,
    owners: ['transaction', 'transaction', 'transaction'],
    budget: { crashes: 1, losses: 2, delays: 2 },
  }),
  'transactions under leases, with lost answers and late calls': worldOf({
    ...TROUBLE,
    owners: ['leasedTransaction', 'leasedTransaction', 'leasedTransaction'],
    budget: { losses: 2, delays: 1 },
  }),
  'all modes at once': worldOf({
    ...TROUBLE,
    owners: ['lease', 'leasedTransaction', 'transaction'],
    budget: { crashes: 1, losses: 2, delays: 1 },
  }),
};
const RUNS = 30;

describe('the runtime does on the engine what the model does, in random runs of', () => {
  test.each(Object.entries(DRAWN))('%s', async (_, world) => {
    const random = seededRandom(seeded().seed!);
    for (let count = 0; count < RUNS; ) {
      const run = finished(randomRun(world, random), world);
      expect(isOver(run)).toBe(true);
      if (!isWithinLooks(run)) continue;
      await perform(run, world);
      count++;
    }
  });
});

describe('the runtime withstands what breaks a weaker protocol:', () => {
  const attacks = Object.entries(WEAKNESSES).filter(([, { world }]) => world.ttl === Number.POSITIVE_INFINITY);
  test.each(attacks)('%s', async (_, { world }) => {
    const { violation } = exploreWorld(world);
    const strong = { ...world, rules: PROTOCOL };
    const run = follow(violation!.trace, strong);
    // up to the step at which the protocols part, at least
    expect(run.length).toBeGreaterThanOrEqual(2);
    await perform(finished(run, strong), strong);
    await perform(finished(run, strong, 'fail'), strong);
  });
});
