import { DependencyTimeoutError } from './errors.ts';

/** A call on its way. */
export interface TimedCall<Result> {
  /**
   * What it came to; at the latest when its time is up.
   * @throws DependencyTimeoutError, or what the work threw
   */
  result: Promise<Result>;
  /** Fulfilled when the work has really ended; it may not have listened to its signal. */
  ended: Promise<void>;
}

/** Starts work that is told to stop with the invocation, or after `seconds`. */
export function startCall<Result>(
  dependency: string,
  work: (signal: AbortSignal) => Promise<Result> | Result,
  signal: AbortSignal,
  seconds: number | undefined,
): TimedCall<Result> {
  const start = async (own: AbortSignal) => work(own);
  if (seconds === undefined) {
    const result = start(signal);
    return { result, ended: settled(result) };
  }
  const timeout = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new DependencyTimeoutError(dependency, seconds);
    // first the caller, so that what the work says about being stopped does not come before
    reject(error);
    timeout.abort(error);
  }, seconds * 1_000);
  const working = start(AbortSignal.any([signal, timeout.signal]));
  const ended = settled(working).then(() => clearTimeout(timer));
  return { result: Promise.race([working, late]), ended };
}

function settled(promise: Promise<unknown>): Promise<void> {
  return promise.then(
    () => undefined,
    () => undefined,
  );
}
