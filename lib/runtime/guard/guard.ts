import { hash } from 'node:crypto';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import type { Context } from 'aws-lambda';
import type { Envelope } from '../../contracts/envelope.ts';
import { ClaimedElsewhereError, CompletionError, GuardError, LeaseLostError } from '../errors.ts';
import { LeaseTable, type LeaseTableProps } from './lease-table.ts';

/** What makes sure that an event is handled once by this consumer. */
export interface Guard {
  /**
   * Claims the event, runs the work, completes the claim; releases it when the work fails.
   * An event that is being guarded by this very invocation already (two copies in one batch) waits for the first copy.
   * @returns whether the work ran; false says that an earlier delivery had been handled
   * @throws ClaimedElsewhereError, GuardError (nothing ran), LeaseLostError, CompletionError (the work ran and succeeded), or what the work threw
   */
  run(id: string, work: () => Promise<void>): Promise<boolean>;
  /** Whether this invocation guards the event already. */
  holds(id: string): boolean;
  /** Whether the event has been handled by now, wherever. */
  isCompleted(id: string): Promise<boolean>;
  /** Lets a claim expire instead of releasing it. */
  keep(id: string): void;
}

/** What a guard works with. */
export interface GuardProps extends LeaseTableProps {
  /** How long a completed event stays known, in seconds. */
  ttlSeconds: number;
  /** Its remaining time is how long a claim holds. */
  lambdaContext: Context;
}

/** The guard of one invocation, on Powertools' idempotency. */
export function createGuard({ ttlSeconds, lambdaContext, ...props }: GuardProps): Guard {
  const leases = new LeaseTable(props);
  const config = new IdempotencyConfig({ expiresAfterSeconds: ttlSeconds, lambdaContext });
  const running = new Map<string, Promise<unknown>>();

  async function run(id: string, work: () => Promise<void>): Promise<boolean> {
    let started = false;
    let failure: { error: unknown } | undefined;
    const guarded = makeIdempotent(
      async (_id: string) => {
        started = true;
        try {
          await work();
        } catch (error) {
          failure = { error };
          throw error;
        }
      },
      { persistenceStore: leases, config },
    );
    try {
      await guarded(id);
    } catch (error) {
      // the work's own error decides, even when the release went wrong too: then the claim expires by itself
      if (failure !== undefined) throw failure.error;
      if (started) throw completionError(id, error);
      if (error instanceof ClaimedElsewhereError) throw error;
      throw new GuardError(`'${id}' could not be claimed, so its handler was not run.`, { cause: causeOf(error) });
    }
    return started;
  }

  return {
    run(id, work) {
      const earlier = running.get(id);
      const result = earlier === undefined ? run(id, work) : earlier.then(() => run(id, work));
      running.set(
        id,
        result.catch(() => undefined),
      );
      return result;
    },
    holds: (id) => running.has(id),
    isCompleted: (id) => leases.isCompleted(id),
    keep: (id) => leases.keep(id),
  };
}

/** What is unique about an event, and stays so over retries and redrives: its source and id. */
export function idempotencyKeyOf(event: Pick<Envelope, 'source' | 'id'>): string {
  return `${event.source}#${event.id}`;
}

/** The longest record id, in bytes; DynamoDB takes partition keys of up to 2,048. */
const LONGEST_ID = 1_024;

/** The id of an event's idempotency record: readable, and cut and told apart by a hash when it is very long. */
export function recordIdOf(consumer: string, event: Pick<Envelope, 'source' | 'id'>): string {
  const id = `${consumer}#${idempotencyKeyOf(event)}`;
  // no character takes more than three bytes per UTF-16 unit, so most ids need not be measured
  if (id.length * 3 <= LONGEST_ID) return id;
  if (Buffer.byteLength(id) <= LONGEST_ID) return id;
  return `${id.slice(0, 300)}#${hash('sha256', id, 'hex')}`;
}

function completionError(id: string, error: unknown): Error {
  const cause = causeOf(error);
  if (cause instanceof LeaseLostError) return cause;
  return new CompletionError(`'${id}' was handled, but its guard could not be completed.`, { cause });
}

/** Powertools wraps what its store threw. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.name === 'IdempotencyPersistenceLayerError' ? error.cause : error;
}
