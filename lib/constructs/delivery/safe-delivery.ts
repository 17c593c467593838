import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { UnsafePropsError } from '../errors.ts';
import { DEAD_LETTER_RETENTION } from './guarded-queue.ts';

/** How messages reach the function, and how often. Leave everything out and the values are safe. */
export interface Delivery {
  /**
   * How long one invocation may take: 1 second to 15 minutes, in whole seconds.
   *
   * @default Duration.seconds(30)
   */
  readonly timeout?: Duration;

  /**
   * Messages given to one invocation: 1 to 10; on an unordered queue with a `batchWindow`, up to 10,000.
   *
   * @default 10
   */
  readonly batchSize?: number;

  /**
   * How long Lambda gathers messages before it invokes: up to 5 minutes, in whole seconds; unordered queues only.
   *
   * @default Duration.seconds(0)
   */
  readonly batchWindow?: Duration;

  /**
   * Invocations at the same time: 2 to 1,000. Not together with `provisionedPollers`.
   *
   * @default the account's concurrency; the event source scales by itself
   */
  readonly maximumConcurrency?: number;

  /**
   * Event pollers that are kept ready for this queue alone: bursts are taken up in seconds, and each poller is paid for by the
   * hour. Each carries up to 1 MB/s, 10 invocations at the same time, 10 receives a second. `minimum`: 2 to 200; `maximum`: 2 to
   * 2,000, and not below `minimum`. Not together with `maximumConcurrency`, nor with `dependencies`: the keeper of circuits
   * lets a consumer recover by its concurrency.
   * Source: AWS Lambda developer guide, "Configuring scaling behavior for SQS event source mappings".
   *
   * @default on-demand pollers, which Lambda scales; given as `{}`, 2 to 200
   */
  readonly provisionedPollers?: { readonly minimum?: number; readonly maximum?: number };

  /**
   * How often the runtime tries a message before it sends it to the DLQ with its failure context: 1 to 999, below
   * `maxReceiveCount`.
   *
   * @default 5
   */
  readonly maxAttempts?: number;

  /**
   * Exponential backoff between attempts, with full jitter: anything between nothing and `base` doubled with each attempt, at
   * most `cap`. Whole seconds, from 1 second to 12 hours (what SQS can hide a message); `base` is not above `cap`.
   *
   * @default base Duration.seconds(2), cap as long as SQS allows
   */
  readonly backoff?: { readonly base?: Duration; readonly cap?: Duration };

  /**
   * How often SQS delivers a message before it moves it to the DLQ itself: the safety net for functions that crash or
   * time out, which the runtime cannot count. 5 to 1,000, and above `maxAttempts`.
   *
   * @default `maxAttempts` x 2 + 3, because a message is delivered again, unharmed, when another invocation has its event or
   * a circuit is open; ordered: `maxAttempts` x `batchSize` + 3, because it is each time one before it in its group fails
   */
  readonly maxReceiveCount?: number;

  /**
   * How long a delivered message is hidden from others, in whole seconds. At least 6 x `timeout` + `batchWindow`, at most 12
   * hours.
   *
   * @default 6 x `timeout` + `batchWindow`
   */
  readonly visibilityTimeout?: Duration;

  /**
   * How long a message waits in the queue before SQS deletes it: a minute or more, in whole seconds. Shorter than the 14 days of the DLQ, because in an
   * unordered DLQ the clock runs on from when the message was first sent.
   *
   * @default Duration.days(4)
   */
  readonly retention?: Duration;
}

/** A {@link Delivery} with its defaults filled in. */
export type SafeDelivery = Delivery & Required<Omit<Delivery, 'backoff' | 'maximumConcurrency' | 'provisionedPollers'>>;

/** Fills in what follows from the rest. */
export function safeDelivery(props: Delivery, ordered: boolean): SafeDelivery {
  const timeout = props.timeout ?? Duration.seconds(30);
  const batchWindow = props.batchWindow ?? Duration.seconds(0);
  const batchSize = props.batchSize ?? 10;
  const maxAttempts = props.maxAttempts ?? 5;
  return {
    timeout,
    batchWindow,
    batchSize,
    maxAttempts,
    maximumConcurrency: props.maximumConcurrency,
    provisionedPollers: props.provisionedPollers,
    backoff: props.backoff,
    visibilityTimeout: props.visibilityTimeout ?? leastVisibility(timeout, batchWindow),
    maxReceiveCount: props.maxReceiveCount ?? Math.min(1000, maxAttempts * (ordered ? Math.max(batchSize, 2) : 2) + 3),
    retention: props.retention ?? Duration.days(4),
  };
}

/** Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS": six times the timeout, plus the window. */
function leastVisibility(timeout: Duration, batchWindow: Duration): Duration {
  return Duration.seconds(6 * inSeconds(timeout) + inSeconds(batchWindow));
}

/** Also of a duration that is no whole number of seconds, which is refused later, with the name of its prop. */
function inSeconds(duration: Duration): number {
  return duration.isUnresolved() ? Number.NaN : duration.toSeconds({ integral: false });
}

/** A reason to refuse: what is wrong, and what to change. */
type Objection = readonly [problem: string, remedy: string];

/**
 * Refuses what would lose, block or repeat messages, or what AWS would refuse at deployment.
 *
 * @throws UnsafePropsError with the construct's path, the value found and the remedy
 */
export function refuseUnsafeDelivery(scope: Construct, delivery: PromisedDelivery, ordered: boolean): void {
  const { value: objection } = objections(delivery, ordered).next();
  if (objection) throw new UnsafePropsError(scope, ...objection);
}

function* objections(delivery: PromisedDelivery, ordered: boolean): Generator<Objection, undefined> {
  // First of all, because what follows counts in seconds.
  yield* durationObjections(delivery);
  yield* invocationObjections(delivery, ordered);
  yield* pollerObjections(delivery);
  yield* queueObjections(delivery);
  yield* backoffObjections(delivery);
}

/** All that has to fit together. */
type PromisedDelivery = SafeDelivery & {
  readonly maxAge: Duration;
  /** What the keeper of circuits watches, if anything. */
  readonly dependencies?: object | undefined;
};

function* durationObjections(delivery: PromisedDelivery): Generator<Objection> {
  const { timeout, batchWindow, visibilityTimeout, retention, maxAge, backoff } = delivery;
  const durations = { timeout, batchWindow, visibilityTimeout, retention, maxAge };
  const named = { ...durations, 'backoff.base': backoff?.base, 'backoff.cap': backoff?.cap };
  for (const [name, duration] of Object.entries(named)) {
    if (duration === undefined || Number.isInteger(inSeconds(duration))) continue;
    yield duration.isUnresolved()
      ? [`\`${name}\` is not known before deployment, so nobody can tell whether it is safe.`, 'Give a duration.']
      : [`\`${name}\` is ${inSeconds(duration)} s.`, 'SQS and Lambda count in whole seconds.'];
  }
}

function* invocationObjections(delivery: SafeDelivery, ordered: boolean): Generator<Objection> {
  const { batchSize, maximumConcurrency } = delivery;
  const timeout = delivery.timeout.toSeconds();
  const window = delivery.batchWindow.toSeconds();
  if (timeout < 1 || timeout > 900) {
    yield [`\`timeout\` is ${timeout} s.`, 'Lambda takes 1 second to 15 minutes.'];
  }
  if (window > 300) {
    yield [`\`batchWindow\` is ${window} s.`, 'Lambda takes at most 300 seconds.'];
  }
  if (ordered && window > 0) {
    yield [`\`batchWindow\` is ${window} s, but a FIFO queue has none.`, 'Leave `batchWindow` out.'];
  }
  const most = ordered || window === 0 ? 10 : 10_000;
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > most) {
    yield [
      `\`batchSize\` is ${batchSize}.`,
      most === 10 && !ordered
        ? 'Use 1 to 10, or give a `batchWindow` of a second or more for larger batches.'
        : `Use 1 to ${most.toLocaleString('en')}.`,
    ];
  }
  if (
    maximumConcurrency !== undefined &&
    !(Number.isInteger(maximumConcurrency) && maximumConcurrency >= 2 && maximumConcurrency <= 1000)
  ) {
    yield [`\`maximumConcurrency\` is ${maximumConcurrency}.`, 'An event source takes 2 to 1,000.'];
  }
}

function* pollerObjections(delivery: PromisedDelivery): Generator<Objection> {
  const { provisionedPollers, maximumConcurrency, dependencies } = delivery;
  if (provisionedPollers === undefined) return;
  const { minimum = 2, maximum = 200 } = provisionedPollers;
  if (!(Number.isInteger(minimum) && minimum >= 2 && minimum <= 200)) {
    yield [`\`provisionedPollers.minimum\` is ${minimum}.`, 'Use 2 to 200.'];
  }
  if (!(Number.isInteger(maximum) && maximum >= 2 && maximum <= 2000)) {
    yield [`\`provisionedPollers.maximum\` is ${maximum}.`, 'Use 2 to 2,000.'];
  } else if (maximum < minimum) {
    yield [`\`provisionedPollers\` are ${minimum} at least and ${maximum} at most.`, 'Raise `maximum`.'];
  }
  if (maximumConcurrency !== undefined) {
    yield [
      `It has \`provisionedPollers\` and a \`maximumConcurrency\` of ${maximumConcurrency}; an event source takes one of them.`,
      'Bound it by `provisionedPollers.maximum` (10 invocations each), or leave the pollers out.',
    ];
  }
  if (dependencies !== undefined) {
    yield [
      'It has `provisionedPollers` and `dependencies`: after an outage the keeper raises the maximum concurrency step by step, which provisioned pollers do not take.',
      'Leave `provisionedPollers` out.',
    ];
  }
}

function* backoffObjections({ backoff = {} }: PromisedDelivery): Generator<Objection> {
  for (const name of ['base', 'cap'] as const) {
    const seconds = backoff[name]?.toSeconds() ?? 1;
    if (seconds >= 1 && seconds <= 43_200) continue;
    yield [`\`backoff.${name}\` is ${seconds} s.`, 'Use 1 second to 12 hours: SQS hides a message no longer.'];
  }
  const { base, cap } = backoff;
  if (base && cap && base.toSeconds() > cap.toSeconds()) {
    yield [`\`backoff.base\` is ${base.toSeconds()} s, above \`backoff.cap\`, ${cap.toSeconds()} s.`, 'Raise the cap.'];
  }
}

function* queueObjections(delivery: PromisedDelivery): Generator<Objection> {
  const { maxAttempts, maxReceiveCount } = delivery;
  const visibility = delivery.visibilityTimeout.toSeconds();
  const retention = delivery.retention.toSeconds();
  const maxAge = delivery.maxAge.toSeconds();
  const least = leastVisibility(delivery.timeout, delivery.batchWindow).toSeconds();
  if (visibility < least) {
    yield [
      `\`visibilityTimeout\` is ${visibility} s: a message could be delivered again while it is being handled.`,
      `Use at least ${least} s (6 x timeout + batchWindow), or leave it out.`,
    ];
  }
  if (visibility > 43_200) {
    yield [`\`visibilityTimeout\` is ${visibility} s.`, 'SQS takes at most 12 hours.'];
  }
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1) {
    yield [`\`maxAttempts\` is ${maxAttempts}.`, 'Use a whole number of 1 or more.'];
  }
  if (!Number.isInteger(maxReceiveCount) || maxReceiveCount < 5 || maxReceiveCount > 1000) {
    yield [`\`maxReceiveCount\` is ${maxReceiveCount}.`, 'Use 5 to 1,000, or leave it out.'];
  } else if (maxReceiveCount <= maxAttempts) {
    yield [
      `\`maxReceiveCount\` is ${maxReceiveCount} and \`maxAttempts\` is ${maxAttempts}: SQS would dead-letter first, without the failure context.`,
      `Use at least ${maxAttempts + 1}, or leave it out.`,
    ];
  }
  if (retention < 60 || retention >= DEAD_LETTER_RETENTION.toSeconds()) {
    yield [
      `\`retention\` is ${retention} s: dead letters are kept 14 days, counted from when the message was first sent.`,
      'Use at least a minute and less than 14 days.',
    ];
  }
  if (maxAge < 60 || maxAge >= retention) {
    yield [
      `\`maxAge\` is ${maxAge} s: CloudWatch sees the age once a minute, and a message is gone after ${retention} s.`,
      'Use a minute or more, and less than `retention`.',
    ];
  }
  const window = delivery.batchWindow.toSeconds();
  if (maxAge >= 60 && maxAge <= window) {
    yield [
      `\`maxAge\` is ${maxAge} s, and Lambda may gather messages for ${window} s: in quiet times every message would be late.`,
      'Shorten `batchWindow`, or promise more.',
    ];
  }
}
