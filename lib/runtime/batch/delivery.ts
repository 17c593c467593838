import type { SQSRecord } from 'aws-lambda';
import type { AnyContract } from '../../contracts/contract.ts';
import type { Envelope, EventOf } from '../../contracts/envelope.ts';
import { type ContextProps, createContext, type HandlerContext } from '../context.ts';
import { ClaimedElsewhereError, CompletionError, DeadlineExceededError, LeaseLostError } from '../errors.ts';
import { type Guard, recordIdOf } from '../guard/guard.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { DeadLetter } from './dead-letter.ts';
import type { Deadline } from './deadline.ts';
import { isFifo, type Turn } from './lanes.ts';
import { goesBack, type Outcome, type ReturnReason } from './outcome.ts';
import { attemptOf, readRecord } from './record.ts';
import type { Place, Rendezvous } from './rendezvous.ts';
import { judge, type Random, type RetryPolicy, wholeSeconds } from './retry.ts';

/** What a consumer does with an event. Fulfilled: handled. Rejected: failed, and retried or dead-lettered. */
export type Handler<C extends AnyContract> = (event: EventOf<C>, context: HandlerContext) => unknown;

/** What the deliveries of one batch share. */
export interface Invocation {
  consumer: string;
  contracts: readonly AnyContract[];
  handler: Handler<AnyContract>;
  policy: RetryPolicy;
  guard: Guard;
  lanes: Map<SQSRecord, Turn>;
  rendezvous: Rendezvous;
  deadline: Deadline;
  deadLetter: (letter: DeadLetter) => Promise<void>;
  contextProps: ContextProps;
  telemetry: Telemetry;
  random: Random;
}

/** One record on its way through a batch. */
interface Delivery {
  record: SQSRecord;
  turn: Turn;
  place: Place;
}

/** An event that was found in a record. */
interface GuardedEvent {
  event: Envelope;
  /** Of its idempotency record. */
  id: string;
}

/** The longest that a claim can hold: Lambda stops every function after 15 minutes. */
const LONGEST_CLAIM_SECONDS = 900;
/** How long a record waits when it first meets a claim: its twin is most likely running now, and soon done. */
const FIRST_WAIT_SECONDS = 2;

/** Takes one record through its batch. Never rejects: what goes wrong is an outcome too. */
export async function deliver(record: SQSRecord, invocation: Invocation): Promise<Outcome> {
  const delivery = { record, turn: invocation.lanes.get(record)!, place: invocation.rendezvous.place() };
  const reading = readRecord(record, invocation.contracts);
  const envelope = 'event' in reading ? reading.event : reading.envelope;
  const outcome =
    'event' in reading
      ? await handleOnce(reading.event, delivery, invocation)
      : await refuse(reading.error, reading.envelope, delivery, invocation);
  delivery.turn.pass(!goesBack(outcome));
  delivery.place.arrive();
  invocation.telemetry.tell(record, envelope, outcome);
  return outcome;
}

/** Dead-letters what is no event of this consumer; on a FIFO queue when its turn comes. */
async function refuse(
  error: unknown,
  envelope: Envelope | undefined,
  { record, turn, place }: Delivery,
  invocation: Invocation,
): Promise<Outcome> {
  place.arrive();
  if (!(await turn.mine())) return returned('behind', 0);
  return await fail(error, envelope?.id, record, invocation);
}

/** Claims the event, runs its handler, completes the claim. */
async function handleOnce(event: Envelope, delivery: Delivery, invocation: Invocation): Promise<Outcome> {
  const { record, turn, place } = delivery;
  const { guard, deadline, telemetry } = invocation;
  const id = recordIdOf(invocation.consumer, event);
  if (deadline.near()) return returned('deadline', 0);
  // the second copy of an event waits for the first: the batch need not wait for both
  if (guard.holds(id)) place.arrive();
  try {
    const ran = await guard.run(id, async () => {
      try {
        if (!(await turn.mine())) throw new NotStarted('behind');
        if (deadline.near()) throw new NotStarted('deadline');
        await runHandler({ event, id }, record, invocation);
      } catch (error) {
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
    if (error instanceof NotStarted) return returned(error.reason, 0);
    if (error instanceof ClaimedElsewhereError) return await meetClaim(id, error.expiresAt, record, invocation);
    if (error instanceof LeaseLostError) return returned('lease-lost', FIRST_WAIT_SECONDS);
    if (error instanceof CompletionError) {
      // the effect has happened: giving the record back now would make it happen again for certain
      telemetry.logger.error('An event was handled, but is not marked so.', { event_id: event.id, error });
      return { kind: 'handled' };
    }
    return await fail(error, event.id, record, invocation);
  }
}

async function runHandler({ event, id }: GuardedEvent, record: SQSRecord, invocation: Invocation): Promise<void> {
  const { handler, deadline, guard, contextProps } = invocation;
  // an async function, so that a handler that throws before its first await is no different
  const handling = (async () => handler(event, createContext(record, event, contextProps)))();
  const inTime = await Promise.race([handling.then(() => true), deadline.exceeded.then(() => false)]);
  if (inTime) return;
  // it may still take effect, so nobody else may start before the function's end
  guard.keep(id);
  handling.catch(() => undefined);
  throw new DeadlineExceededError(
    `The handler still ran ${Math.round(deadline.remaining())} ms before the end of the function. Pass context.signal on to what it waits for, or raise the timeout.`,
  );
}

/** Another invocation is handling the event. */
async function meetClaim(
  id: string,
  expiresAt: number,
  record: SQSRecord,
  { guard, rendezvous }: Invocation,
): Promise<Outcome> {
  if (!isFifo(record)) {
    // the other one may well be done by the time that this batch is
    await rendezvous.all;
    if (await guard.isCompleted(id).catch(() => false)) return { kind: 'duplicate' };
  }
  const left = Math.min(wholeSeconds((expiresAt - Date.now()) / 1_000), LONGEST_CLAIM_SECONDS);
  return returned('claimed-elsewhere', attemptOf(record) === 1 ? Math.min(left, FIRST_WAIT_SECONDS) : left);
}

/** Another attempt, or the DLQ. */
async function fail(
  error: unknown,
  eventId: string | undefined,
  record: SQSRecord,
  { policy, random, deadline, deadLetter }: Invocation,
): Promise<Outcome> {
  const attempt = attemptOf(record);
  const verdict = judge(error, attempt, policy, random);
  if (verdict.kind === 'retry') {
    // a handler that was left running keeps its claim until the function's end
    const claimed = error instanceof DeadlineExceededError ? wholeSeconds(deadline.remaining() / 1_000) : 0;
    return { kind: 'retry', error, delaySeconds: Math.max(verdict.delaySeconds, claimed) };
  }
  try {
    await deadLetter({ record, error, ...(eventId !== undefined && { eventId }) });
    return { kind: 'deadLettered', error };
  } catch (notTaken) {
    const again = judge(notTaken, attempt, { ...policy, maxAttempts: Number.POSITIVE_INFINITY }, random);
    return { kind: 'retry', error: notTaken, delaySeconds: again.kind === 'retry' ? again.delaySeconds : 0 };
  }
}

function returned(reason: ReturnReason, delaySeconds: number): Outcome {
  return { kind: 'returned', reason, delaySeconds };
}

/** Ends a claim whose record was not started. */
class NotStarted extends Error {
  readonly reason: ReturnReason;

  constructor(reason: ReturnReason) {
    super(reason);
    this.reason = reason;
  }
}
