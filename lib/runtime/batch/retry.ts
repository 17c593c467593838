import { ContractError } from '../../contracts/errors.ts';
import { RetryAfterError, RuntimeError } from '../errors.ts';

/** A source of randomness: at least 0, less than 1. */
export type Random = () => number;

/**
 * SQS counts 12 hours of invisibility from the receive on. A batching window (5 minutes) and a function's longest run
 * (15 minutes) may have passed by then, so this much less is always accepted.
 * Source: ChangeMessageVisibility, Amazon SQS API reference.
 */
export const LONGEST_DELAY_SECONDS = 12 * 3600 - 20 * 60;

/** How delays grow. The unit is the caller's. */
export interface Backoff {
  /** The longest delay before the second attempt. */
  base: number;
  /** The longest delay of all. */
  cap: number;
}

/**
 * Exponential backoff with full jitter: anything between nothing and `base * 2^(attempt - 1)`, at most `cap`.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
 * @param attempt the attempt that failed, counted from 1
 */
export function backoff(attempt: number, { base, cap }: Backoff, random: Random): number {
  // 2 ** 1024 is infinite, and infinity times zero is no number
  const ceiling = Math.min(cap, base * 2 ** Math.min(attempt - 1, 60));
  return random() * ceiling;
}

/** What to do with a record that failed. */
export type Verdict = { kind: 'retry'; delaySeconds: number } | { kind: 'deadLetter' };

/** The rules of a consumer. */
export interface RetryPolicy {
  /** Receives after which a failing record is dead-lettered. */
  maxAttempts: number;
  /** In seconds. */
  backoff: Backoff;
}

/**
 * Decides between another attempt and the DLQ.
 * An error that says it is permanent, and data that breaks its contract, are never tried again.
 */
export function judge(error: unknown, attempt: number, policy: RetryPolicy, random: Random): Verdict {
  if (isPermanent(error) || attempt >= policy.maxAttempts) return { kind: 'deadLetter' };
  const seconds = error instanceof RetryAfterError ? error.seconds : backoff(attempt, policy.backoff, random);
  return { kind: 'retry', delaySeconds: wholeSeconds(seconds) };
}

/** Seconds as SQS takes them: whole, not negative, within what it allows. */
export function wholeSeconds(seconds: number): number {
  return Number.isNaN(seconds) ? 0 : Math.min(Math.max(Math.ceil(seconds), 0), LONGEST_DELAY_SECONDS);
}

function isPermanent(error: unknown): boolean {
  return error instanceof ContractError || (error instanceof RuntimeError && error.permanent);
}
