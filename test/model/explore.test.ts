import { describe, expect, test } from 'vitest';
import { type Exploration, explore } from './explore.ts';

/** Two that each take two locks, in their own order. */
type Locks = readonly [first: string, second: string];

function philosophers(orders: readonly Locks[]): Exploration<readonly number[], string> {
  const holder = (state: readonly number[], lock: string) =>
    state.findIndex((taken, who) => taken < 3 && orders[who]!.slice(0, taken).includes(lock));
  return {
    initial: orders.map(() => 0),
    keyOf: (state) => state.join(),
    judge: () => undefined,
    isEnd: (state) => state.every((taken) => taken === 3),
    *steps(state) {
      for (const [who, taken] of state.entries()) {
        const lock = orders[who]![taken];
        if (taken === 3 || (lock !== undefined && holder(state, lock) !== -1)) continue;
        yield [`${who}`, state.map((one, at) => (at === who ? one + 1 : one))];
      }
    },
  };
}

describe('exploring', () => {
  test('visits every state once', () => {
    const { states, transitions, depth, violation } = explore(
      philosophers([
        ['a', 'b'],
        ['c', 'd'],
      ]),
    );
    expect({ states, transitions, depth, violation }).toEqual({
      states: 16,
      transitions: 24,
      depth: 6,
      violation: undefined,
    });
  });

  test('finds the run that cannot end', () => {
    expect(
      explore(
        philosophers([
          ['a', 'b'],
          ['a', 'b'],
        ]),
      ).violation,
    ).toBeUndefined();
    const { violation } = explore(
      philosophers([
        ['a', 'b'],
        ['b', 'a'],
      ]),
    );
    expect(violation?.message).toBe('this run can no longer come to an end');
    expect(violation?.trace.at(-1)?.[1]).toEqual([1, 1]);
  });

  test('shows the shortest run that breaks a promise', () => {
    const { violation } = explore({
      ...philosophers([
        ['a', 'b'],
        ['c', 'd'],
      ]),
      judge: (_before, _step, after) => (after[1] === 2 ? 'the second one has both' : undefined),
    });
    expect(violation).toEqual({
      message: 'the second one has both',
      trace: [
        ['1', [0, 1]],
        ['1', [0, 2]],
      ],
    });
  });

  test('stops at its limit instead of eating the machine', () => {
    const endless: Exploration<number, string> = {
      initial: 0,
      keyOf: String,
      judge: () => undefined,
      steps: (state) => [['more', state + 1]],
      limit: 1_000,
    };
    expect(() => explore(endless)).toThrow(/More than 1000 states/);
  });
});
