import type { Context } from 'aws-lambda';

/** The time that an invocation has left, and what that means for its records. */
export interface Deadline {
  /** Aborts when it is time to stop: handlers pass it on to whatever they wait for. */
  readonly signal: AbortSignal;
  /** Fulfilled when waiting any longer would cost the whole batch its settlement. */
  readonly exceeded: Promise<void>;
  /** Whether it is too late to start another record. */
  near(): boolean;
  /** Milliseconds until the function is stopped. */
  remaining(): number;
  /** Lets go of the timers; for the end of the invocation. */
  close(): void;
}

/**
 * The time that is kept free at the end of an invocation, in milliseconds: a tenth of it, from 300 to 5,000.
 * In the first half of it, handlers that were told to stop may still end by themselves; in the second the batch is
 * settled: guards, visibility, dead letters, metrics.
 */
export function marginOf(budgetMs: number): number {
  return Math.min(Math.max(budgetMs / 10, 300), 5_000);
}

/** Starts the clock of an invocation. */
export function startDeadline(context: Pick<Context, 'getRemainingTimeInMillis'>): Deadline {
  const budget = context.getRemainingTimeInMillis();
  const margin = marginOf(budget);
  const controller = new AbortController();
  const { promise: exceeded, resolve: exceed } = Promise.withResolvers<void>();
  const stop = () =>
    controller.abort(
      new DOMException(`Less than ${Math.round(margin)} ms of the function's time are left.`, 'TimeoutError'),
    );
  const timers: NodeJS.Timeout[] = [];
  if (budget <= margin) stop();
  else timers.push(setTimeout(stop, budget - margin));
  timers.push(setTimeout(exceed, Math.max(budget - margin / 2, 0)));
  return {
    signal: controller.signal,
    exceeded,
    near: () => controller.signal.aborted || context.getRemainingTimeInMillis() <= margin,
    remaining: () => context.getRemainingTimeInMillis(),
    close: () => timers.forEach(clearTimeout),
  };
}
