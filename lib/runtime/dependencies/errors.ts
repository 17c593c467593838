import { RuntimeError } from '../errors.ts';

/** The circuit of a dependency is open, so it was not called. Not a failure of the record: it goes back unharmed. */
export class DependencyOpenError extends RuntimeError {
  override name = 'DependencyOpenError';
  readonly dependency: string;
  /** Seconds until a call may be let through again: a whole number, at least 1. */
  readonly seconds: number;

  constructor(dependency: string, seconds: number, options?: ErrorOptions) {
    super(`'${dependency}' is not called now: its circuit is not closed. Come back in ${seconds} s.`, options);
    this.dependency = dependency;
    this.seconds = seconds;
  }
}

/** A call of a dependency took longer than its `timeout`. */
export class DependencyTimeoutError extends RuntimeError {
  override name = 'DependencyTimeoutError';
  readonly dependency: string;

  constructor(dependency: string, seconds: number, options?: ErrorOptions) {
    super(
      `'${dependency}' did not answer within ${seconds} s. Raise its \`timeout\` if that is no long time.`,
      options,
    );
    this.dependency = dependency;
  }
}

/** The keeper could not bring an event source to where it should be. The wake-up that asked for it comes back. */
export class KeeperError extends RuntimeError {
  override name = 'KeeperError';
}
