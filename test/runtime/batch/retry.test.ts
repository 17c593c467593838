import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ContractError } from '../../../lib/contracts/index.ts';
import { backoff, judge, LONGEST_DELAY_SECONDS } from '../../../lib/runtime/batch/retry.ts';
import { PermanentError, PublishError, RetryAfterError } from '../../../lib/runtime/errors.ts';
import { seeded } from '../seed.ts';

const policy = { maxAttempts: 5, backoff: { base: 2, cap: 60 } };

describe('backoff', () => {
  test('doubles its ceiling with each attempt, up to the cap', () => {
    const ceilings = [1, 2, 3, 4, 5, 6, 7].map((attempt) => backoff(attempt, { base: 2, cap: 60 }, () => 1));
    expect(ceilings).toEqual([2, 4, 8, 16, 32, 60, 60]);
  });

  test('is anything between nothing and its ceiling, whatever the attempt', () => {
    const positive = fc.double({ min: 1e-3, max: 1e6, noNaN: true });
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), positive, positive, chance, (attempt, base, cap, random) => {
        const delay = backoff(attempt, { base, cap }, () => random);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(cap);
        if (attempt === 1) expect(delay).toBeLessThanOrEqual(base);
      }),
      seeded(),
    );
  });
});

describe('a failure', () => {
  const random = () => 0.5;

  test('is retried until its last attempt', () => {
    const kinds = [1, 4, 5, 6].map((attempt) => judge(new Error(), attempt, policy, random).kind);
    expect(kinds).toEqual(['retry', 'retry', 'deadLetter', 'deadLetter']);
  });

  test.each([new PermanentError('no'), new ContractError('no'), new PublishError('no', { permanent: true })])(
    'by a %s is never retried',
    (error) => {
      expect(judge(error, 1, policy, random)).toEqual({ kind: 'deadLetter' });
    },
  );

  test('by a RetryAfterError waits as it says, within what SQS takes', () => {
    const delays = [90, 0.2, -1, Number.NaN, Number.POSITIVE_INFINITY].map((seconds) =>
      judge(new RetryAfterError(seconds), 1, policy, random),
    );
    expect(delays.map((verdict) => verdict.kind === 'retry' && verdict.delaySeconds)).toEqual([
      90,
      1,
      0,
      0,
      LONGEST_DELAY_SECONDS,
    ]);
  });

  test('always waits a whole number of seconds that SQS takes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constant(new Error()),
          fc.double().map((seconds) => new RetryAfterError(seconds)),
        ),
        fc.integer({ min: 1, max: 4 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (error, attempt, chance) => {
          const verdict = judge(error, attempt, { ...policy, backoff: { base: 1e9, cap: 1e9 } }, () => chance);
          if (verdict.kind !== 'retry') throw new Error('gave up early');
          expect(Number.isInteger(verdict.delaySeconds)).toBe(true);
          expect(verdict.delaySeconds).toBeGreaterThanOrEqual(0);
          expect(verdict.delaySeconds).toBeLessThanOrEqual(LONGEST_DELAY_SECONDS);
        },
      ),
      seeded(),
    );
  });
});
