import type { Envelope } from '../../contracts/envelope.ts';
import { DependencyOpenError } from '../dependencies/errors.ts';
import { ClaimedElsewhereError, GuardError, RuntimeError } from '../errors.ts';
import { recordIdOf } from '../guard/claim.ts';
import { type Delivery, fail, returned, runHandler, waitForClaim, waitForTurn } from './delivery.ts';
import type { Outcome } from './outcome.ts';
import { attemptOf } from './record.ts';

/** Handles an event under its transaction: nothing is claimed, and what the handler commits is the guard. */
export async function transacted(event: Envelope, delivery: Delivery): Promise<Outcome> {
  const { place, invocation } = delivery;
  const { deadline, consumer, running, contextProps } = invocation;
  const id = recordIdOf(consumer, event);
  // it joins the others when its turn comes: what is behind another record of its group would only hold them up
  place.arrive();
  const instead = await waitForTurn(event, delivery);
  if (instead !== undefined) return instead;
  if (deadline.near()) return returned('deadline', 0);
  const wait = contextProps.dependencies.wait();
  if (wait !== undefined) return returned('circuit-open', wait);
  // of two copies of an event in one batch, the second waits for what becomes of the first
  for (let copy = running.get(id); copy !== undefined; copy = running.get(id)) {
    const { kind } = await copy;
    if (kind === 'handled' || kind === 'duplicate') return { kind: 'duplicate' };
  }
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  running.set(id, promise);
  const outcome = await runOnce(event, id, delivery);
  // a copy whose data had to be fetched may come when this one is long done
  if (outcome.kind !== 'handled' && outcome.kind !== 'duplicate') running.delete(id);
  resolve(outcome);
  return outcome;
}

async function runOnce(event: Envelope, id: string, delivery: Delivery): Promise<Outcome> {
  const { transactions, rendezvous, telemetry } = delivery.invocation;
  const place = rendezvous.enter();
  let failures = 0;
  let settled: 'committed' | 'duplicate' | undefined;
  try {
    if (attemptOf(delivery.record) > 1) {
      // most that come again were handled or have failed: a look is cheaper than a handler run for nothing
      const claim = await transactions.find(id);
      if (claim?.kind === 'completed') return { kind: 'duplicate' };
      if (claim?.kind === 'free') failures = claim.failures;
    }
    const commit = async (writes: Parameters<Attempt['commit']>[0], events: Parameters<Attempt['commit']>[1]) => {
      if (settled !== undefined) throw new TypeError('commit was called twice: an event has one transaction.');
      await place.together();
      settled = await transactions.commit({ id, writes, events, leased: false });
      if (settled === 'duplicate') throw new AlreadyHandledError(`'${id}' was handled by an earlier delivery.`);
    };
    await runHandler({ event, attempt: failures + 1, commit }, delivery);
    if (settled === undefined) await commit([], []);
    return { kind: settled === 'duplicate' ? 'duplicate' : 'handled' };
  } catch (error) {
    if (settled === 'duplicate') return { kind: 'duplicate' };
    if (settled === 'committed') {
      telemetry.logger.error('A handler failed after it had committed: its event is handled.', {
        event_id: event.id,
        error: error as Error,
      });
      return { kind: 'handled' };
    }
    place.arrive();
    if (error instanceof DependencyOpenError) return returned('circuit-open', error.seconds);
    if (error instanceof ClaimedElsewhereError) return waitForClaim(error, delivery);
    return await failAttempt(error, id, failures, event, delivery);
  } finally {
    place.arrive();
  }
}

type Attempt = Parameters<typeof runHandler>[0];

/** Writes down that the attempt failed, unless the event is given up. */
async function failAttempt(
  error: unknown,
  id: string,
  failures: number,
  event: Envelope,
  delivery: Delivery,
): Promise<Outcome> {
  const { transactions, telemetry } = delivery.invocation;
  const outcome = await fail(error, failures + 1, event, delivery);
  if (error instanceof GuardError) return outcome;
  try {
    if (outcome.kind === 'retry') await transactions.recordFailure(id, failures);
    // what comes back from the DLQ has all its attempts again
    else if (failures > 0) await transactions.forgetFailures(id, failures);
  } catch (cause) {
    // the event is tried once more, or once less, than it should be
    telemetry.logger.warn('A failed attempt could not be counted.', { event_id: event.id, error: cause as Error });
  }
  return outcome;
}

/** Stops a handler whose event turned out to be handled: its transaction was not written. */
class AlreadyHandledError extends RuntimeError {
  override name = 'AlreadyHandledError';
}
