import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { DEAD_LETTER_RETENTION } from '../delivery/guarded-queue.ts';
import { UnsafePropsError } from '../errors.ts';

/** What arrives at least, in ordinary times. */
export interface ExpectedRate {
  /** Events that arrive in the time `per`: more than 0. */
  readonly events: number;
  /** The time in which they do. */
  readonly per: Duration;
}

/**
 * When the alarms of a consumer or command queue fire. What is left out follows from its promise (`maxAge`, `expectedRate`,
 * `timeout`, `retention`); `false` leaves the alarm out.
 */
export interface AlarmThresholds {
  /**
   * Age of the oldest message, in 2 of 3 minutes: a page. A minute or more, less than `retention`.
   *
   * @default `maxAge`
   */
  readonly age?: Duration | false;

  /**
   * Messages that wait, in 10 of 10 minutes: a ticket.
   *
   * @default what arrives at the `expectedRate` in half of `maxAge`, 10 at least; 1,000 without `expectedRate`
   */
  readonly depth?: number | false;

  /**
   * How long the messages that wait take to leave the queue at its present speed, in 10 of 10 minutes: a ticket.
   *
   * @default `maxAge`
   */
  readonly drain?: Duration | false;

  /**
   * Dead letters that arrive within 5 minutes: a page, which ends 20 minutes after the last of them.
   *
   * @default 1
   */
  readonly deadLetters?: number | false;

  /**
   * Dead letters that wait or are in flight: a ticket.
   *
   * @default 1
   */
  readonly deadLettersWaiting?: number | false;

  /**
   * How long before SQS deletes a dead letter somebody is paged. An hour or more, and an hour less than a letter has in
   * the DLQ: 14 days, and on an unordered queue only what the `retention` of the queue leaves of them.
   *
   * @default Duration.days(3), or half of what a letter has when that is shorter
   */
  readonly lostWithin?: Duration | false;

  /**
   * Failures (retries and dead letters) among what the handler was given in 30 minutes, in percent: a ticket.
   *
   * @default 20
   */
  readonly failurePercent?: number | false;

  /**
   * Retries among what the handler was given in 15 minutes, in percent; more than that makes a ticket.
   *
   * @default 30
   */
  readonly retryPercent?: number | false;

  /**
   * Duplicates among what was delivered in 15 minutes, in percent: a ticket.
   *
   * @default 20
   */
  readonly duplicatePercent?: number | false;

  /**
   * What the handler was given (for duplicates: duplicates) before a share of it means anything: one failure of three is no
   * rate.
   *
   * @default 10
   */
  readonly minimumEvents?: number;

  /**
   * How long messages wait all the time and none is handled: a page. 5 minutes to 24 hours, counted in steps of 5 minutes.
   *
   * @default Duration.hours(1)
   */
  readonly nothingHandled?: Duration | false;

  /**
   * How long nothing is handled at all, whether something waits or not: a page. 5 minutes to 24 hours. It also fires after
   * the first deployment, until something has been handled.
   *
   * @default the time in which `expectedRate` promises 10 events, an hour at least; none without `expectedRate`, or when that is
   * more than 24 hours: silence would be no news
   */
  readonly silence?: Duration | false;

  /**
   * Invocations that Lambda refused for want of concurrency, each in 3 of 5 minutes: a ticket.
   *
   * @default 1
   */
  readonly throttles?: number | false;

  /**
   * The longest invocation, in percent of the function's timeout, in 3 of 5 minutes: a ticket.
   *
   * @default 80
   */
  readonly durationPercent?: number | false;

  /**
   * Invocations that crashed, timed out or could not start, each in 2 of 15 minutes: a ticket.
   *
   * @default 1
   */
  readonly crashes?: number | false;
}

/** What the thresholds follow from. */
export interface ConsumerPromise {
  readonly maxAge: Duration;
  readonly expectedRate?: ExpectedRate | undefined;
  /** Of the queue, not of the DLQ. */
  readonly retention: Duration;
  readonly ordered: boolean;
}

/** {@link AlarmThresholds} with all defaults filled in. */
export type SafeThresholds = Required<AlarmThresholds> & {
  /** The age of a dead letter, as CloudWatch sees it, from which on it is `lostWithin`. */
  readonly letterAge: Duration;
};

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** Fills in what follows from the promise. What it was given has to have passed {@link refuseUnsafeThresholds}. */
export function safeThresholds(given: AlarmThresholds, promise: ConsumerPromise): SafeThresholds {
  const left = letterTime(promise);
  const lostWithin = given.lostWithin ?? Duration.seconds(Math.min(3 * DAY, Math.floor(left / 2)));
  return {
    age: given.age ?? promise.maxAge,
    depth: given.depth ?? derivedDepth(promise),
    drain: given.drain ?? promise.maxAge,
    deadLetters: given.deadLetters ?? 1,
    deadLettersWaiting: given.deadLettersWaiting ?? 1,
    lostWithin,
    letterAge: Duration.seconds(left - (lostWithin === false ? 0 : lostWithin.toSeconds())),
    failurePercent: given.failurePercent ?? 20,
    retryPercent: given.retryPercent ?? 30,
    duplicatePercent: given.duplicatePercent ?? 20,
    minimumEvents: given.minimumEvents ?? 10,
    nothingHandled: given.nothingHandled ?? Duration.hours(1),
    silence: given.silence ?? derivedSilence(promise),
    throttles: given.throttles ?? 1,
    durationPercent: given.durationPercent ?? 80,
    crashes: given.crashes ?? 1,
  };
}

/**
 * How long a letter is at least in the DLQ, in seconds, from when CloudWatch sees it there. Its clock in an unordered DLQ has
 * run since it was first sent, but the metric counts from the move (source: Amazon SQS developer guide, "Setting-up
 * dead-letter queue retention").
 */
function letterTime({ ordered, retention }: ConsumerPromise): number {
  return DEAD_LETTER_RETENTION.toSeconds() - (ordered ? 0 : retention.toSeconds());
}

function derivedDepth({ expectedRate, maxAge }: ConsumerPromise): number {
  if (expectedRate === undefined) return 1000;
  return Math.max(10, Math.round((perSecond(expectedRate) * maxAge.toSeconds()) / 2));
}

function derivedSilence({ expectedRate }: ConsumerPromise): Duration | false {
  if (expectedRate === undefined) return false;
  const { events, per } = expectedRate;
  const minutes = Math.ceil((10 * per.toSeconds({ integral: false })) / (events * 60));
  return minutes * 60 > DAY ? false : Duration.minutes(Math.max(60, minutes));
}

function perSecond({ events, per }: ExpectedRate): number {
  return events / per.toSeconds({ integral: false });
}

/**
 * Refuses what no alarm can be set to, or what would never fire.
 *
 * @throws UnsafePropsError with the construct's path, the value found and the remedy
 */
export function refuseUnsafeThresholds(scope: Construct, given: AlarmThresholds, promise: ConsumerPromise): void {
  const refuse = (name: string, value: unknown, remedy: string): never => {
    throw new UnsafePropsError(scope, `\`${name}\` is ${value}.`, remedy);
  };
  const { expectedRate, retention } = promise;
  if (expectedRate !== undefined && !(expectedRate.events > 0 && Number.isFinite(expectedRate.events))) {
    refuse('expectedRate.events', expectedRate.events, 'Use a number above 0, or leave `expectedRate` out.');
  }
  if (expectedRate?.per.toMilliseconds() === 0)
    refuse('expectedRate.per', '0', 'Use the time in which so many arrive.');

  const counts = ['depth', 'deadLetters', 'deadLettersWaiting', 'minimumEvents', 'throttles', 'crashes'] as const;
  for (const name of counts) {
    const { [name]: value = 1 } = given;
    const remedy = name === 'minimumEvents' ? '' : ', or `false` to go without';
    if (value !== false && !(Number.isInteger(value) && value >= 1)) {
      refuse(`alarms.${name}`, value, `Use a whole number of 1 or more${remedy}.`);
    }
  }
  for (const name of ['failurePercent', 'retryPercent', 'duplicatePercent', 'durationPercent'] as const) {
    const { [name]: value = 1 } = given;
    if (value !== false && !(value > 0 && value <= 100)) {
      refuse(`alarms.${name}`, value, 'Use more than 0 and at most 100, or `false` to go without.');
    }
  }
  const spans: readonly (readonly [name: keyof AlarmThresholds, least: number, most: number])[] = [
    ['age', 60, retention.toSeconds() - 1],
    ['drain', 60, retention.toSeconds() - 1],
    ['lostWithin', HOUR, letterTime(promise) - HOUR],
    ['nothingHandled', 300, DAY],
    ['silence', 300, DAY],
  ];
  for (const [name, least, most] of spans) {
    const value = given[name] as Duration | false | undefined;
    if (value === undefined || value === false) continue;
    const seconds = value.toSeconds({ integral: false });
    if (Number.isInteger(seconds) && seconds >= least && seconds <= most) continue;
    refuse(`alarms.${name}`, `${seconds} s`, `Use ${least} to ${most} seconds here, or \`false\` to go without.`);
  }
}
