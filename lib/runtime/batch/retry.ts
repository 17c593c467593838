import { ContractError } from '../../contracts/errors.ts';
import { ConfigurationError, RetryAfterError, RuntimeError } from '../errors.ts';

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
export type Verdict = { kind: 'retry'; delaySeconds: number } | { kind: 'deadLetter'; reason?: EarlyReason };

/** Why a record is dead-lettered although its rules would have allowed another attempt. */
export type EarlyReason =
  /** By the time of the next attempt, the queue might have deleted it. */
  | 'retention'
  /** SQS would not deliver it again, but move it to the DLQ itself, without its failure context. */
  | 'receives';

/** What is known about a record when it failed. */
export interface Facts {
  /** The attempt that failed, counted from 1. */
  attempt: number;
  /** How often SQS has delivered it. @default attempt */
  receives?: number;
  /** When its queue got it, in milliseconds since the epoch; retention counts from then. @default unknown: no retention */
  sentAtMs?: number;
  /** Milliseconds since the epoch. */
  now?: number;
}

/** The rules of a consumer. */
export interface RetryPolicy {
  /** Attempts after which a failing record is dead-lettered. */
  maxAttempts: number;
  /** In seconds. */
  backoff: Backoff;
  /** What is different for some errors. @default nothing */
  classes?: Readonly<Record<string, ClassPolicy>>;
  /** How long the queue keeps a message. @default unknown: a delay is as long as SQS allows */
  retention?: Retention;
  /** Receives after which SQS moves a message to the DLQ itself. @default unknown */
  maxReceives?: number;
}

/** The rules for errors of one class; what is left out is as it is for all others. */
export interface ClassPolicy {
  /** Attempts after which a record that fails like this is dead-lettered. A whole number of 1 or more. */
  maxAttempts?: number;
  /** In seconds. */
  backoff?: Partial<Backoff>;
  /** True: never tried again. False: tried again, although the error says that it is permanent. */
  permanent?: boolean;
}

/** How long a queue keeps a message, and how long it hides one that was received. In seconds. */
export interface Retention {
  seconds: number;
  /** The queue's visibility timeout: an attempt may take that long. @default 0 */
  visibilitySeconds?: number;
}

/** What a consumer may say about retries. */
export interface RetryOptions {
  /**
   * Rules by error class: `{ ThrottledError: { maxAttempts: 20, backoff: { base: 5, cap: 600 } } }`. The error's `name` is
   * looked up first, then the names of its class and of the classes above it; the first entry found holds alone.
   * @default none
   */
  classes?: Readonly<Record<string, ClassPolicy>>;
}

/** Kept free at the end of retention: a minute beyond the visibility timeout, and a share of it for clocks and queues that lag. */
const MARGIN_SECONDS = 60;
const MARGIN_SHARE = 0.05;

/**
 * Decides between another attempt and the DLQ.
 * An error that says it is permanent, and data that breaks its contract, are never tried again, unless the policy of
 * their class says otherwise. A delay ends before the queue's retention does: what has no time left is dead-lettered now,
 * because a message that expires is seen by nobody.
 */
export function judge(error: unknown, facts: Facts, policy: RetryPolicy, random: Random): Verdict {
  const { attempt, receives = attempt } = facts;
  const own = classPolicyOf(error, policy.classes);
  if (own?.permanent ?? isPermanent(error)) return { kind: 'deadLetter' };
  if (attempt >= (own?.maxAttempts ?? policy.maxAttempts)) return { kind: 'deadLetter' };
  if (policy.maxReceives !== undefined && receives >= policy.maxReceives) {
    return { kind: 'deadLetter', reason: 'receives' };
  }
  const wanted =
    error instanceof RetryAfterError ? error.seconds : backoff(attempt, { ...policy.backoff, ...own?.backoff }, random);
  const delaySeconds = wholeSeconds(wanted);
  const left = secondsLeft(facts, policy.retention);
  if (delaySeconds <= left) return { kind: 'retry', delaySeconds };
  return left >= 1 ? { kind: 'retry', delaySeconds: Math.floor(left) } : { kind: 'deadLetter', reason: 'retention' };
}

/** Seconds as SQS takes them: whole, not negative, within what it allows. */
export function wholeSeconds(seconds: number): number {
  return Number.isNaN(seconds) ? 0 : Math.min(Math.max(Math.ceil(seconds), 0), LONGEST_DELAY_SECONDS);
}

/**
 * The latest time for an attempt, in seconds after the message was sent: retention without its margin. Negative when the
 * queue keeps messages for less than the margin.
 */
export function latestAttempt({ seconds, visibilitySeconds = 0 }: Retention): number {
  return seconds - Math.max(visibilitySeconds + MARGIN_SECONDS, seconds * MARGIN_SHARE);
}

/**
 * Checks what a consumer says about retries.
 * @throws ConfigurationError that lists everything that is wrong with it
 */
export function checkRetryOptions({ classes = {} }: RetryOptions): RetryOptions {
  const wrong = Object.entries(classes).flatMap(([name, rules]) => [...objections(name, rules)]);
  if (wrong.length > 0) throw new ConfigurationError(`The retry rules cannot be followed: ${wrong.join('; ')}.`);
  return { classes };
}

function* objections(name: string, rules: ClassPolicy): Generator<string> {
  const place = `retry.classes['${name}']`;
  if (name.trim() === '') yield `${place} names no error class`;
  if (typeof rules !== 'object' || rules === null) return yield `${place} is ${String(rules)}, not an object of rules`;
  for (const rule of Object.keys(rules)) {
    if (!['maxAttempts', 'backoff', 'permanent'].includes(rule)) {
      yield `${place}.${rule} is unknown: use maxAttempts, backoff or permanent`;
    }
  }
  const { maxAttempts, backoff: delays, permanent } = rules;
  if (permanent !== undefined && typeof permanent !== 'boolean') {
    yield `${place}.permanent is ${String(permanent)}: use true or false`;
  }
  if (permanent === true && (maxAttempts !== undefined || delays !== undefined)) {
    yield `${place} is permanent, and has rules for further attempts: leave out one or the other`;
  }
  if (maxAttempts !== undefined && !(Number.isSafeInteger(maxAttempts) && maxAttempts >= 1)) {
    yield `${place}.maxAttempts is ${String(maxAttempts)}: use a whole number of 1 or more`;
  }
  for (const [bound, seconds] of Object.entries(delays ?? {})) {
    if (bound !== 'base' && bound !== 'cap') yield `${place}.backoff.${bound} is unknown: use base or cap`;
    else if (!(Number.isFinite(seconds) && seconds > 0)) {
      yield `${place}.backoff.${bound} is ${String(seconds)}: use seconds above 0`;
    }
  }
  if (delays?.base !== undefined && delays.cap !== undefined && delays.base > delays.cap) {
    yield `${place}.backoff has a base of ${delays.base} above its cap of ${delays.cap}`;
  }
}

/** Seconds until the latest attempt; unlimited when nobody knows. */
export function secondsLeft({ sentAtMs, now }: Facts, retention: Retention | undefined): number {
  if (retention === undefined || now === undefined || !(sentAtMs !== undefined && sentAtMs > 0)) {
    return Number.POSITIVE_INFINITY;
  }
  return latestAttempt(retention) - (now - sentAtMs) / 1_000;
}

function classPolicyOf(error: unknown, classes: RetryPolicy['classes']): ClassPolicy | undefined {
  if (classes === undefined || !(error instanceof Error)) return undefined;
  for (const name of classNames(error)) if (Object.hasOwn(classes, name)) return classes[name];
  return undefined;
}

function* classNames(error: Error): Generator<string> {
  yield error.name;
  for (let above = Object.getPrototypeOf(error); above !== null; above = Object.getPrototypeOf(above)) {
    if (Object.hasOwn(above, 'constructor')) yield above.constructor.name;
  }
}

function isPermanent(error: unknown): boolean {
  return error instanceof ContractError || (error instanceof RuntimeError && error.permanent);
}
