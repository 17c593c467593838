import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PermanentError } from '../../../lib/runtime/errors.ts';
import { type Engines, startEngines } from '../engines.ts';
import { seeded } from '../seed.ts';
import { createWorld, ill, well } from './circuits.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});

const settings = {
  windowSeconds: 20,
  minimumCalls: 4,
  failureRate: 50,
  openSeconds: 6,
  longestOpenSeconds: 20,
  probes: 2,
  probeIntervalSeconds: 4,
};

type Answer = 'well' | 'ill' | 'refuses';
type Step = { do: 'pass'; seconds: number } | { do: 'keep' } | { do: 'call'; worker: number; answer: Answer };

const answers: Record<Answer, () => Promise<unknown>> = {
  well,
  ill,
  // a dependency that says no is well
  refuses: () => Promise.reject(new PermanentError('No such card.')),
};

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.integer({ min: 1, max: 25 }) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'keep' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      worker: fc.nat(2),
      answer: fc.constantFrom<Answer>('well', 'ill', 'ill', 'refuses'),
    }),
  },
);

/** One circuit with one owner that remembers every call: what all the workers together ought to look like. */
class Model {
  state: 'closed' | 'open' | 'half-open' = 'closed';
  round = 0;
  until = 0;
  readonly hasKeeper: boolean;
  #calls: { at: number; failed: boolean }[] = [];
  #probes: number[] = [];
  #successes = 0;

  constructor(hasKeeper: boolean) {
    this.hasKeeper = hasKeeper;
  }

  keep(now: number): void {
    if (this.hasKeeper) this.#probeWhenDue(now);
  }

  /** @returns whether the call was let through */
  call(now: number, failed: boolean): boolean {
    if (!this.hasKeeper) this.#probeWhenDue(now);
    if (this.state === 'open') return false;
    if (this.state === 'closed') {
      this.#calls.push({ at: now, failed });
      const half = (at: number) => Math.floor(at / (settings.windowSeconds * 500));
      const counted = this.#calls.filter(({ at }) => half(at) >= half(now) - 1);
      const rate = (100 * counted.filter((each) => each.failed).length) / counted.length;
      if (counted.length >= settings.minimumCalls && rate >= settings.failureRate) this.#open(now, 0);
      return true;
    }
    const interval = (at: number) => Math.floor(at / (settings.probeIntervalSeconds * 1_000));
    if (this.#probes.filter((at) => interval(at) === interval(now)).length >= settings.probes) return false;
    this.#probes.push(now);
    if (failed) this.#open(now, this.round + 1);
    else if (++this.#successes === settings.probes) this.state = 'closed';
    return true;
  }

  #probeWhenDue(now: number): void {
    if (this.state !== 'open' || now < this.until) return;
    this.state = 'half-open';
    this.#probes = [];
    this.#successes = 0;
  }

  #open(now: number, round: number): void {
    this.state = 'open';
    this.round = round;
    this.#calls = [];
    this.until = now + 1_000 * Math.min(settings.openSeconds * 2 ** round, settings.longestOpenSeconds);
  }
}

test.each([
  ['with a keeper', true],
  ['without one', false],
])(
  'three workers are as one circuit, %s',
  async (_, hasKeeper) => {
    const visited = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const world = await createWorld(engines, { settings });
        const workers = [0, 1, 2].map(() => world.worker({ keeper: hasKeeper }));
        const keeper = world.keeper();
        const model = new Model(hasKeeper);
        for (const each of steps) {
          // a worker's view of the circuit may be a second old
          world.now += 1_000;
          if (each.do === 'pass') world.now += each.seconds * 1_000;
          if (each.do === 'keep') {
            const { generation } = await world.circuit();
            const wakeUp = {
              ...JSON.parse(world.sent[0]?.body ?? '{"consumer":"","dependency":"payments"}'),
              generation,
            };
            await keeper.wake(wakeUp, true);
            if (generation > 0) model.keep(world.now);
          }
          if (each.do === 'call') {
            const let_through = model.call(world.now, each.answer === 'ill');
            const [result] = await world.invoke(workers[each.worker]!, [answers[each.answer]]);
            expect(result !== 'refused').toBe(let_through);
          }
          const { state, until } = await world.circuit();
          expect({ state, ...(state === 'open' && { until }) }).toEqual({
            state: model.state,
            ...(model.state === 'open' && { until: model.until }),
          });
          visited.add(`${model.state} ${model.round}`);
        }
      }),
      seeded({ numRuns: 40 }),
    );
    // a property that never gets anywhere says nothing
    for (const place of ['closed 0', 'open 0', 'half-open 0', 'open 1']) expect([...visited]).toContain(place);
  },
  60_000,
);
