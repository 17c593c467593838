import type { Envelope } from '../../contracts/envelope.ts';
import { DependencyOpenError } from '../dependencies/errors.ts';
import { ClaimedElsewhereError, CompletionError, DeadlineExceededError, LeaseLostError } from '../errors.ts';
import { recordIdOf } from '../guard/claim.ts';
import type { Held } from '../guard/guard.ts';
import {
  type Delivery,
  FIRST_WAIT_SECONDS,
  fail,
  isLast,
  returned,
  runHandler,
  waitForClaim,
  waitForTurn,
} from './delivery.ts';
import { isFifo } from './lanes.ts';
import type { Outcome } from './outcome.ts';

/** Handles an event under a lease: claims it, runs its handler, completes the claim. */
export async function leased(event: Envelope, delivery: Delivery): Promise<Outcome> {
  const { turn, place, invocation } = delivery;
  const { guard, deadline, telemetry, consumer, contextProps, parking } = invocation;
  const id = recordIdOf(consumer, event);
  let attempt = 1;
  if (deadline.near()) return returned('deadline', 0);
  const wait = contextProps.dependencies.wait();
  if (wait !== undefined) return returned('circuit-open', wait);
  // the second copy of an event waits for the first: the batch need not wait for both
  if (guard.holds(id)) place.arrive();
  if (turn.behindFetch) {
    // a claim now would be before that of an earlier copy which is still being fetched: each would wait for the other
    place.arrive();
    if (!(await turn.mine())) return returned('behind', 0);
  }
  try {
    // side by side, the same event comes with other data
    const data = event.versions === undefined ? event.data : {};
    const ran = await guard.run({ id, data }, async (held) => {
      try {
        const instead = await waitForTurn(event, delivery);
        if (instead !== undefined) throw new NotStarted(instead);
        if (deadline.near()) throw new NotStarted(returned('deadline', 0));
        attempt = held.failures + 1;
        const completed = await runClaimed(event, id, held, delivery);
        // under strict order the next of the key runs when this one is settled altogether
        if (parking !== undefined) return place.arrive();
        if (completed) return turn.pass(true);
      } catch (error) {
        if (error instanceof NotStarted || error instanceof DependencyOpenError) guard.releaseWith(id, held.failures);
        // what comes back from the DLQ has all its attempts again
        else if (isLast(error, attempt, delivery)) guard.releaseWith(id, 0);
        // it may still take effect, so nobody else may start before the function's end
        if (error instanceof DeadlineExceededError) guard.keep(id);
        // before its claim is released, so that the release shares a call with the completions of the others
        place.arrive();
        throw error;
      }
      turn.pass(true);
      await place.together();
    });
    return { kind: ran ? 'handled' : 'duplicate' };
  } catch (error) {
    place.arrive();
    if (error instanceof NotStarted) return error.outcome;
    if (error instanceof ClaimedElsewhereError) return await meetClaim(id, error, delivery);
    if (error instanceof DependencyOpenError) return returned('circuit-open', error.seconds);
    if (error instanceof LeaseLostError) return returned('lease-lost', FIRST_WAIT_SECONDS);
    if (error instanceof CompletionError) {
      // the effect has happened: giving the record back now would make it happen again for certain
      telemetry.logger.error('An event was handled, but is not marked so.', { event_id: event.id, error });
      return { kind: 'handled' };
    }
    return await fail(error, attempt, event, delivery);
  }
}

/** @returns whether the handler has completed the claim with a transaction */
async function runClaimed(event: Envelope, id: string, held: Held, delivery: Delivery): Promise<boolean> {
  const { guard, transactions } = delivery.invocation;
  let committed = false;
  const attempt = runHandler(
    {
      event,
      attempt: held.failures + 1,
      signal: held.signal,
      async commit(writes, events) {
        if (committed) throw new TypeError('commit was called after it had succeeded: an event has one transaction.');
        // with those of the others, so that one call takes them all
        await delivery.place.together();
        await transactions.commit({ id, writes, events, leased: true });
        committed = true;
        // the transaction has completed the claim
        guard.keep(id);
      },
    },
    delivery,
  );
  try {
    await attempt;
    return committed;
  } catch (error) {
    if (!committed) throw error;
    throw new CompletionError('The handler failed after it had committed.', { cause: error });
  }
}

/** Another invocation is handling the event. */
async function meetClaim(id: string, error: ClaimedElsewhereError, delivery: Delivery): Promise<Outcome> {
  const { guard, rendezvous } = delivery.invocation;
  if (!isFifo(delivery.record)) {
    // the other one may well be done by the time that this batch is
    await rendezvous.all();
    if (await guard.isCompleted(id).catch(() => false)) return { kind: 'duplicate' };
  }
  return waitForClaim(error, delivery);
}

/** The record was claimed, and then not started after all. */
class NotStarted extends Error {
  override name = 'NotStarted';
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}
