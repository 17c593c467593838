import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ContractError } from '../../../lib/contracts/index.ts';
import {
  backoff,
  checkRetryOptions,
  judge,
  LONGEST_DELAY_SECONDS,
  latestAttempt,
  type RetryPolicy,
} from '../../../lib/runtime/batch/retry.ts';
import { ConfigurationError, PermanentError, PublishError, RetryAfterError } from '../../../lib/runtime/errors.ts';
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

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('a ceiling', () => {
  test('never falls from one attempt to the next', () => {
    const seconds = fc.double({ min: 1e-3, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), seconds, seconds, (attempt, base, cap) => {
        const [one, next] = [attempt, attempt + 1].map((each) => backoff(each, { base, cap }, () => 1));
        expect(next).toBeGreaterThanOrEqual(one!);
      }),
      seeded(),
    );
  });
});

describe('a failure', () => {
  const random = () => 0.5;

  test('is retried until its last attempt', () => {
    const kinds = [1, 4, 5, 6].map((attempt) => judge(new Error(), { attempt }, policy, random).kind);
    expect(kinds).toEqual(['retry', 'retry', 'deadLetter', 'deadLetter']);
  });

  test.each([new PermanentError('no'), new ContractError('no'), new PublishError('no', { permanent: true })])(
    'by a %s is never retried',
    (error) => {
      expect(judge(error, { attempt: 1 }, policy, random)).toEqual({ kind: 'deadLetter' });
    },
  );

  test('by a RetryAfterError waits as it says, within what SQS takes', () => {
    const delays = [90, 0.2, -1, Number.NaN, Number.POSITIVE_INFINITY].map((seconds) =>
      judge(new RetryAfterError(seconds), { attempt: 1 }, policy, random),
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
          const verdict = judge(error, { attempt }, { ...policy, backoff: { base: 1e9, cap: 1e9 } }, () => chance);
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

describe('a failure of a class with rules of its own', () => {
  class ProviderError extends Error {}
  class ThrottledError extends ProviderError {
    override name = 'ThrottledError';
  }
  const random = () => 0.999_999;
  const verdictOn = (error: unknown, attempt: number, classes: RetryPolicy['classes']) =>
    judge(error, { attempt }, { ...policy, classes }, random);

  test('has its own attempts and delays; what is left out is as for all', () => {
    const classes = { ThrottledError: { maxAttempts: 20, backoff: { base: 5 } } };
    expect(verdictOn(new ThrottledError(), 1, classes)).toEqual({ kind: 'retry', delaySeconds: 5 });
    expect(verdictOn(new ThrottledError(), 19, classes)).toEqual({ kind: 'retry', delaySeconds: 60 });
    expect(verdictOn(new ThrottledError(), 20, classes)).toEqual({ kind: 'deadLetter' });
    expect(verdictOn(new Error(), 5, classes)).toEqual({ kind: 'deadLetter' });
  });

  test('is found by its name, then by its class, then by the classes above', () => {
    const named = Object.assign(new ThrottledError(), { name: 'TooManyRequests' });
    const retried = (classes: RetryPolicy['classes']) => verdictOn(named, 9, classes).kind === 'retry';
    const often = { maxAttempts: 10 };
    for (const name of ['TooManyRequests', 'ThrottledError', 'ProviderError', 'Error']) {
      expect(retried({ [name]: often })).toBe(true);
    }
    expect(retried({ Error: often, TooManyRequests: {} })).toBe(false);
    expect(retried({ RangeError: often, toString: often })).toBe(false);
  });

  test('may be permanent, or be tried again although it says that it is', () => {
    expect(verdictOn(new ThrottledError(), 1, { ProviderError: { permanent: true } })).toEqual({ kind: 'deadLetter' });
    expect(verdictOn(new PermanentError('no'), 1, { PermanentError: { permanent: false } }).kind).toBe('retry');
    expect(verdictOn(new PermanentError('no'), 1, { PermanentError: {} })).toEqual({ kind: 'deadLetter' });
  });

  test('waits as its RetryAfterError says', () => {
    class Busy extends RetryAfterError {}
    const classes = { Busy: { maxAttempts: 9, backoff: { base: 1, cap: 1 } } };
    expect(verdictOn(new Busy(77), 8, classes)).toEqual({ kind: 'retry', delaySeconds: 77 });
  });

  test('is no class when no error was thrown', () => {
    expect(verdictOn('a text', 1, { String: { permanent: true } }).kind).toBe('retry');
  });
});

describe('rules', () => {
  test('that can be followed are taken as they are', () => {
    const classes = {
      ThrottledError: { maxAttempts: 20, backoff: { base: 5, cap: 600 } },
      Broken: { permanent: true },
    };
    expect(checkRetryOptions({ classes })).toEqual({ classes });
    expect(checkRetryOptions({})).toEqual({ classes: {} });
  });

  test.each([
    [{ A: { maxAttempts: 0 } }, "retry.classes['A'].maxAttempts is 0: use a whole number of 1 or more"],
    [{ A: { maxAttempts: 2.5 } }, 'maxAttempts is 2.5'],
    [{ A: { maxAttempts: Number.POSITIVE_INFINITY } }, 'maxAttempts is Infinity'],
    [{ A: { backoff: { base: -1 } } }, 'backoff.base is -1: use seconds above 0'],
    [{ A: { backoff: { cap: Number.NaN } } }, 'backoff.cap is NaN'],
    [{ A: { backoff: { base: 10, cap: 5 } } }, 'a base of 10 above its cap of 5'],
    [{ A: { backoff: { max: 5 } } }, 'backoff.max is unknown: use base or cap'],
    [{ A: { attempts: 5 } }, "retry.classes['A'].attempts is unknown: use maxAttempts, backoff or permanent"],
    [{ A: { permanent: 'yes' } }, 'permanent is yes: use true or false'],
    [{ A: { permanent: true, maxAttempts: 3 } }, 'is permanent, and has rules for further attempts'],
    [{ '': { permanent: true } }, "retry.classes[''] names no error class"],
    [{ A: 3 }, "retry.classes['A'] is 3, not an object of rules"],
  ])('%j is refused', (classes, says) => {
    const check = () => checkRetryOptions({ classes: classes as unknown as NonNullable<RetryPolicy['classes']> });
    expect(check).toThrow(ConfigurationError);
    expect(check).toThrow(says);
  });

  test('are all checked before anything is said', () => {
    const check = () => checkRetryOptions({ classes: { A: { maxAttempts: 0 }, B: { maxAttempts: -1 } } });
    expect(check).toThrow(/'A'.*'B'/);
  });
});

describe('retention', () => {
  const HOUR = 3_600;
  const retention = { seconds: 4 * 24 * HOUR, visibilitySeconds: 180 };
  const long = { maxAttempts: 1_000, backoff: { base: 12 * HOUR, cap: 12 * HOUR }, retention };
  const failedAfter = (seconds: number, rules: RetryPolicy = long, error: unknown = new Error()) =>
    judge(error, { attempt: 1, sentAtMs: 1_000_000, now: 1_000_000 + seconds * 1_000 }, rules, () => 0.5);

  test('has a margin: the visibility timeout and a minute, and 5 percent at least', () => {
    expect(latestAttempt({ seconds: 1_000, visibilitySeconds: 180 })).toBe(760);
    expect(latestAttempt({ seconds: 1_000 })).toBe(940);
    expect(latestAttempt({ seconds: 100_000, visibilitySeconds: 180 })).toBe(95_000);
  });

  test('shortens the last delay to what is left, and then dead-letters before the message expires', () => {
    const latest = latestAttempt(retention);
    expect(failedAfter(0)).toEqual({ kind: 'retry', delaySeconds: 6 * HOUR });
    expect(failedAfter(latest - 90.5)).toEqual({ kind: 'retry', delaySeconds: 90 });
    expect(failedAfter(latest - 0.5)).toEqual({ kind: 'deadLetter', reason: 'retention' });
    expect(failedAfter(latest + HOUR)).toEqual({ kind: 'deadLetter', reason: 'retention' });
  });

  test('holds for RetryAfterError too, and does not hide that an error is permanent', () => {
    expect(failedAfter(latestAttempt(retention) - 30, long, new RetryAfterError(600))).toEqual({
      kind: 'retry',
      delaySeconds: 30,
    });
    expect(failedAfter(1e9, long, new PermanentError('no'))).toEqual({ kind: 'deadLetter' });
  });

  test('is not known when nobody said when the message was sent', () => {
    for (const sentAtMs of [undefined, 0, Number.NaN]) {
      expect(judge(new Error(), { attempt: 1, sentAtMs, now: 1e15 }, long, () => 0.5).kind).toBe('retry');
    }
  });

  test('is never exceeded by an attempt, whatever the rules', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 60, max: 14 * 24 * HOUR }),
        fc.integer({ min: 0, max: 12 * HOUR }),
        fc.double({ min: 0, max: 14 * 24 * HOUR, noNaN: true }),
        fc.double({ min: 0.1, max: 1e6, noNaN: true }),
        fc.oneof(
          fc.constant(new Error()),
          fc.double({ noNaN: true }).map((wait) => new RetryAfterError(wait)),
        ),
        chance,
        (seconds, visibilitySeconds, age, base, error, random) => {
          const kept = { seconds, visibilitySeconds };
          const verdict = judge(
            error,
            { attempt: 1, sentAtMs: 1, now: 1 + age * 1_000 },
            { maxAttempts: 5, backoff: { base, cap: base }, retention: kept },
            () => random,
          );
          if (verdict.kind === 'deadLetter') {
            expect(verdict.reason).toBe('retention');
            expect(latestAttempt(kept) - age).toBeLessThan(1 + 1e-6);
            return;
          }
          expect(Number.isInteger(verdict.delaySeconds)).toBe(true);
          expect(age + verdict.delaySeconds).toBeLessThanOrEqual(latestAttempt(kept) + 1e-6);
        },
      ),
      seeded(),
    );
  });
});

test('what SQS would move to the DLQ itself is dead-lettered before, with its context', () => {
  const rules = { ...policy, classes: { Error: { maxAttempts: 100 } }, maxReceives: 8 };
  expect(judge(new Error(), { attempt: 7 }, rules, () => 0.5).kind).toBe('retry');
  expect(judge(new Error(), { attempt: 8 }, rules, () => 0.5)).toEqual({ kind: 'deadLetter', reason: 'receives' });
  expect(judge(new Error(), { attempt: 2, receives: 8 }, rules, () => 0.5).kind).toBe('deadLetter');
});
