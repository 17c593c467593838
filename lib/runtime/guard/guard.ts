import { type IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import type { Context } from 'aws-lambda';
import { ClaimedElsewhereError, CompletionError, GuardError, LeaseLostError, PayloadMismatchError } from '../errors.ts';
import type { LeaseTable } from './lease-table.ts';
import { type Renewals, startRenewals } from './renewals.ts';

/** What makes sure that an event is handled once by this consumer. */
export interface Guard {
  /**
   * Claims the event, runs the work, completes the claim; releases it when the work fails.
   * An event that is being guarded by this very invocation already (two copies in one batch) waits for the first copy.
   * @returns whether the work ran; false says that an earlier delivery had been handled
   * @throws ClaimedElsewhereError, GuardError, PayloadMismatchError (nothing ran), LeaseLostError, CompletionError (the work ran and succeeded), or what the work threw
   */
  run(guarded: Guarded, work: (held: Held) => Promise<void>): Promise<boolean>;
  /** Whether this invocation guards the event already. */
  holds(id: string): boolean;
  /** Whether the event has been handled by now, wherever. */
  isCompleted(id: string): Promise<boolean>;
  /** Lets a claim expire instead of releasing it; or leaves it as a transaction completed it. */
  keep(id: string): void;
  /** Has a claim released with so many failed attempts to its name. @default one more than before */
  releaseWith(id: string, failures: number): void;
  /** Lets go of the timers; for the end of the invocation. */
  close(): void;
}

/** What is guarded. */
export interface Guarded {
  /** Of its idempotency record. */
  id: string;
  /** What payload validation looks at. */
  data: unknown;
}

/** A claim while it is held. */
export interface Held {
  /** Attempts that failed before this one. */
  failures: number;
  /** Aborts when the claim was lost; undefined when claims last as long as the invocation. */
  signal: AbortSignal | undefined;
}

/** Powertools' options that a consumer may set. */
export type IdempotencyOptions = Pick<
  ConstructorParameters<typeof IdempotencyConfig>[0],
  'payloadValidationJmesPath' | 'useLocalCache' | 'maxLocalCacheSize' | 'responseHook' | 'hashFunction'
> & {
  /** Whether what the handler returns is kept with the record. @default false */
  keepResponse?: boolean;
};

/** What a guard works with. */
export interface GuardProps {
  leases: LeaseTable;
  config: IdempotencyConfig;
  /** Its remaining time is the longest that a claim can hold. */
  lambdaContext: Context;
  /** How long a claim holds without being renewed, in milliseconds. */
  leaseMs: number;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

/** The guard of one invocation, on Powertools' idempotency. */
export function createGuard({ leases, config, lambdaContext, leaseMs, clock }: GuardProps): Guard {
  config.registerLambdaContext(lambdaContext);
  const running = new Map<string, Promise<unknown>>();
  const budget = lambdaContext.getRemainingTimeInMillis();
  const renewals: Renewals | undefined = budget > leaseMs ? startRenewals({ leases, leaseMs, clock }) : undefined;

  async function run(guarded: Guarded, work: (held: Held) => Promise<void>): Promise<boolean> {
    const { id } = guarded;
    let started = false;
    let failure: { error: unknown } | undefined;
    const once = makeIdempotent(
      async (_: Guarded) => {
        started = true;
        try {
          return await work({ failures: leases.failuresOf(id), signal: renewals?.hold(id) });
        } catch (error) {
          failure = { error };
          throw error;
        } finally {
          renewals?.letGo(id);
        }
      },
      { persistenceStore: leases, config },
    );
    try {
      await once(guarded);
    } catch (error) {
      // the work's own error decides, even when the release went wrong too: then the claim expires by itself
      if (failure !== undefined) throw failure.error;
      const cause = causeOf(error);
      if (started) throw cause instanceof LeaseLostError ? cause : completionError(id, cause);
      if (cause instanceof ClaimedElsewhereError) throw cause;
      if ((cause as Error).name === 'IdempotencyValidationError') throw mismatch(id, cause);
      throw new GuardError(`'${id}' could not be claimed, so its handler was not run.`, { cause });
    }
    return started;
  }

  return {
    run(guarded, work) {
      const { id } = guarded;
      const earlier = running.get(id);
      const result = earlier === undefined ? run(guarded, work) : earlier.then(() => run(guarded, work));
      running.set(
        id,
        result.catch(() => undefined),
      );
      return result;
    },
    holds: (id) => running.has(id),
    isCompleted: (id) => leases.isCompleted(id),
    keep: (id) => leases.keep(id),
    releaseWith: (id, failures) => leases.releaseWith(id, failures),
    close: () => renewals?.close(),
  };
}

function completionError(id: string, cause: unknown): CompletionError {
  return new CompletionError(`'${id}' was handled, but its guard could not be completed.`, { cause });
}

function mismatch(id: string, cause: unknown): PayloadMismatchError {
  return new PayloadMismatchError(
    `'${id}' was handled before with another payload: two events share one id. Give each event an id of its own.`,
    { cause },
  );
}

/** Powertools wraps what its store threw. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.name === 'IdempotencyPersistenceLayerError' ? error.cause : error;
}
