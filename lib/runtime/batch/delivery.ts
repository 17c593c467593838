import type { SQSRecord } from 'aws-lambda';
import type { AnyContract } from '../../contracts/contract.ts';
import type { Envelope, EventOf } from '../../contracts/envelope.ts';
import { ContractError } from '../../contracts/errors.ts';
import type { Fetched } from '../claim-check/fetching.ts';
import type { MemoryShare } from '../claim-check/memory-share.ts';
import { LARGEST_DATA } from '../claim-check/reference.ts';
import { type ContextProps, createContext, type HandlerContext } from '../context.ts';
import {
  type ClaimedElsewhereError,
  ClaimFetchError,
  ClaimLostError,
  ClaimMismatchError,
  DeadlineExceededError,
  GuardError,
  RuntimeError,
} from '../errors.ts';
import { recordIdOf } from '../guard/claim.ts';
import type { Guard } from '../guard/guard.ts';
import type { Transactions } from '../guard/transactions.ts';
import type { Parking } from '../parking/parking.ts';
import type { Settlement, Telemetry } from '../telemetry/telemetry.ts';
import type { DeadLetter } from './dead-letter.ts';
import type { Deadline } from './deadline.ts';
import { isFifo, type Lanes, type Turn } from './lanes.ts';
import { leased } from './leased.ts';
import { goesBack, type Outcome, type ReturnReason } from './outcome.ts';
import { attemptOf, type Reading, readRecord } from './record.ts';
import { ELSEWHERE, redeem } from './redeem.ts';
import type { Place, Rendezvous } from './rendezvous.ts';
import { backoff, type Facts, judge, type Random, type RetryPolicy, secondsLeft, wholeSeconds } from './retry.ts';
import { transacted } from './transacted.ts';

/** What a consumer does with an event. Fulfilled: handled. Rejected: failed, and retried or dead-lettered. */
export type Handler<C extends AnyContract> = (event: EventOf<C>, context: HandlerContext) => unknown;

/** What the deliveries of one batch share. */
export interface Invocation {
  consumer: string;
  contracts: readonly AnyContract[];
  handler: Handler<AnyContract>;
  policy: RetryPolicy;
  guard: Guard;
  transactions: Transactions;
  /** Whether events are guarded by their transactions alone. */
  transactional: boolean;
  /** Events of this batch that are being handled under a transaction, or have been, by record id. */
  running: Map<string, Promise<Outcome>>;
  /** Of the records so far, for the metrics. */
  settlements: Settlement[];
  lanes: Lanes;
  /** Fetches the data that an event refers to. */
  fetchData: (envelope: Envelope) => Promise<Fetched>;
  /** Room for such data: asked once for each record that needs some, in the order of the batch. */
  memoryShare: (bytes?: number) => MemoryShare;
  rendezvous: Rendezvous;
  deadline: Deadline;
  deadLetter: (letter: DeadLetter) => Promise<void>;
  /** Keeps the order of a key over its dead letters. @default nobody does */
  parking: Parking | undefined;
  contextProps: ContextProps;
  telemetry: Telemetry;
  random: Random;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

/** One record on its way through a batch. */
export interface Delivery {
  record: SQSRecord;
  turn: Turn;
  place: Place;
  invocation: Invocation;
  /** What the handler took, in milliseconds. @default it did not run */
  durationMs?: number;
}

/** Takes one record through its batch. Never rejects: what goes wrong is an outcome too. */
export async function deliver(record: SQSRecord, invocation: Invocation): Promise<Outcome> {
  const { lanes, rendezvous, telemetry } = invocation;
  const found = readRecord(record, invocation.contracts);
  const turn = lanes.turnOf(record, 'reference' in found);
  const share = 'reference' in found ? invocation.memoryShare(sizeOf(found.reference)) : undefined;
  const delivery: Delivery = { record, turn, place: share ? ELSEWHERE : rendezvous.enter(), invocation };
  let envelope = 'reference' in found ? found.reference : envelopeIn(found);
  const work = async () => {
    if (found.older && mayWait(record, invocation)) return returned('newer-version', NEWER_VERSION_SECONDS);
    const reading = 'reference' in found ? await redeem(found.reference, share!, delivery) : found;
    if ('kind' in reading) return reading;
    envelope = envelopeIn(reading);
    // not before the data is there: what is sensitive in it is masked from the first line on
    return await telemetry.within(record, envelope, () => handle(reading, delivery));
  };
  const outcome = await telemetry.tracing.process(record, envelope, work);
  share?.release();
  delivery.turn.pass(!goesBack(outcome));
  delivery.place.arrive();
  telemetry.tell(record, envelope, outcome);
  invocation.settlements.push(settlementOf(outcome, envelope, delivery));
  return outcome;
}

/** How long an older version of an event waits for the newest one, which was published just before it. In seconds. */
const NEWER_VERSION_SECONDS = 5;

/** Whether a record may wait, once. A FIFO queue has the newest version first anyway. */
function mayWait(record: SQSRecord, { policy: { maxReceives = Number.POSITIVE_INFINITY } }: Invocation): boolean {
  return !isFifo(record) && attemptOf(record) === 1 && maxReceives > 2;
}

/** Of the data that a reference stands for, in bytes of JSON; undefined when it does not say. */
function sizeOf({ datasize }: Envelope): number | undefined {
  return datasize === undefined ? undefined : Math.min(Number(datasize), LARGEST_DATA);
}

async function handle(reading: Reading<AnyContract>, delivery: Delivery): Promise<Outcome> {
  const guarded = delivery.invocation.transactional ? transacted : leased;
  const outcome =
    'event' in reading
      ? await guarded(reading.event, delivery)
      : await refuse(reading.error, reading.envelope, delivery);
  return await settle(outcome, delivery);
}

function envelopeIn(reading: Reading<AnyContract>): Envelope | undefined {
  return 'event' in reading ? reading.event : reading.envelope;
}

function settlementOf(outcome: Outcome, envelope: Envelope | undefined, delivery: Delivery): Settlement {
  const { record, durationMs, invocation } = delivery;
  const over = outcome.kind === 'handled' || outcome.kind === 'deadLettered' || outcome.kind === 'parked';
  return {
    outcome,
    type: envelope?.type,
    ...(over && envelope && { latencyMs: invocation.clock() - Date.parse(envelope.time) }),
    ...(durationMs !== undefined && { durationMs }),
    outOfOrder: outcome.kind === 'deadLettered' && isFifo(record) && invocation.parking === undefined,
  };
}

/** Dead-letters what is no event of this consumer; on a FIFO queue when its turn comes. */
async function refuse(error: unknown, envelope: Envelope | undefined, delivery: Delivery): Promise<Outcome> {
  delivery.place.arrive();
  // a schema that throws is neither a broken contract nor an attempt of the handler's: only SQS counts how often
  const attempt = error instanceof ContractError || error instanceof RuntimeError ? 1 : attemptOf(delivery.record);
  const instead = await waitForTurn(envelope, delivery);
  if (instead !== undefined) return instead;
  // what has been handled needs its data no more
  if (isLost(error) && envelope && (await isHandled(envelope, delivery))) return { kind: 'duplicate' };
  return await fail(error, attempt, envelope, delivery);
}

function isLost(error: unknown): boolean {
  return error instanceof ClaimLostError || error instanceof ClaimMismatchError;
}

async function isHandled(envelope: Envelope, { invocation }: Delivery): Promise<boolean> {
  const { consumer, guard, transactional, transactions } = invocation;
  const id = recordIdOf(consumer, envelope);
  try {
    return transactional ? (await transactions.find(id))?.kind === 'completed' : await guard.isCompleted(id);
  } catch {
    return false;
  }
}

/**
 * Waits until the records before this one in its group are settled.
 * @returns what became of the record when it is not to run; undefined when it is
 */
export async function waitForTurn(envelope: Envelope | undefined, delivery: Delivery): Promise<Outcome | undefined> {
  const { record, turn, invocation } = delivery;
  const { parking, deadLetter, telemetry } = invocation;
  if (!(await turn.mine())) return returned('behind', 0);
  if (parking === undefined) return undefined;
  try {
    const verdict = await parking.verdict(record, envelope);
    if (verdict.kind === 'run') return undefined;
    if (verdict.kind === 'control') return { kind: 'control' };
    await deadLetter({ record, mask: telemetry.maskFor(record, envelope), ...verdict.letter });
    return { kind: 'parked', behind: verdict.letter.parkedBehind ?? 'unknown' };
  } catch (error) {
    return again(error, attemptOf(record), delivery);
  }
}

/** Lets the key of a record go that was a dead letter and has been handled after all. */
async function settle(outcome: Outcome, delivery: Delivery): Promise<Outcome> {
  const { record, invocation } = delivery;
  const { parking } = invocation;
  if (parking === undefined || (outcome.kind !== 'handled' && outcome.kind !== 'duplicate')) return outcome;
  try {
    await parking.settled(record);
    return outcome;
  } catch (error) {
    // it comes back as a duplicate, and tries again
    return again(error, attemptOf(record), delivery);
  }
}

/** An event whose turn has come. */
export interface Attempt {
  event: Envelope;
  /** Counted from 1. */
  attempt: number;
  /** Aborts when the claim is lost; undefined when there is none, or none that could be lost in time. */
  signal?: AbortSignal | undefined;
  commit: Parameters<typeof createContext>[3]['commit'];
}

/**
 * Runs the handler for as long as the function's deadline allows.
 * @throws what the handler throws; DeadlineExceededError when it still runs at the deadline
 */
export async function runHandler({ event, attempt, signal, commit }: Attempt, delivery: Delivery) {
  const { record, invocation } = delivery;
  const { handler, deadline, contextProps, transactional } = invocation;
  const context = createContext(record, event, contextProps, {
    attempt,
    commit,
    transactional,
    signal: signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, signal]),
  });
  // an async function, so that a handler that throws before its first await is no different
  const started = performance.now();
  const handling = (async () => {
    const result = await handler(event, context);
    // an event that was published without await is still part of the handling
    await context.settlePublications();
    return result;
  })();
  const result = await Promise.race([handling, deadline.exceeded.then(() => LATE)]).finally(() => {
    delivery.durationMs = performance.now() - started;
  });
  if (result !== LATE) return result;
  handling.catch(() => undefined);
  throw new DeadlineExceededError(
    `The handler still ran ${Math.round(deadline.remaining())} ms before the end of the function. Pass context.signal on to what it waits for, or raise the timeout.`,
  );
}

const LATE = Symbol('late');

/** Another attempt, or the DLQ. */
export async function fail(
  error: unknown,
  attempt: number,
  event: Envelope | undefined,
  delivery: Delivery,
): Promise<Outcome> {
  const { record, invocation } = delivery;
  const { policy, random, deadline, deadLetter, parking, telemetry } = invocation;
  const untried = error instanceof GuardError || error instanceof ClaimFetchError;
  const verdict = untried
    ? // no attempt is used up: it ends when the queue would. The delays grow with the receives
      judge(error, factsOf(attemptOf(record), record, invocation), { ...policy, ...UNLIMITED }, random)
    : judge(error, factsOf(attempt, record, invocation), policy, random);
  if (verdict.kind === 'retry') {
    // a handler that was left running keeps its claim until the function's end
    const claimed = error instanceof DeadlineExceededError ? wholeSeconds(deadline.remaining() / 1_000) : 0;
    return { kind: 'retry', error, delaySeconds: Math.max(verdict.delaySeconds, claimed) };
  }
  try {
    const mask = telemetry.maskFor(record, event);
    const placement = await parking?.beforeDeadLetter(record, event?.id);
    await deadLetter({
      record,
      error,
      mask,
      attempts: attempt,
      ...(event !== undefined && { eventId: event.id }),
      ...(verdict.reason !== undefined && { reason: verdict.reason }),
      ...placement,
    });
    return { kind: 'deadLettered', error };
  } catch (notTaken) {
    return again(notTaken, attempt, delivery);
  }
}

/** Whether an attempt that ended so was the last one. */
export function isLast(error: unknown, attempt: number, { record, invocation }: Delivery): boolean {
  const { policy, random } = invocation;
  return judge(error, factsOf(attempt, record, invocation), policy, random).kind === 'deadLetter';
}

function factsOf(attempt: number, record: SQSRecord, { clock }: Invocation): Facts {
  return { attempt, receives: attemptOf(record), sentAtMs: Number(record.attributes.SentTimestamp), now: clock() };
}

/** For what failed before anything was tried. */
const UNLIMITED = { maxAttempts: Number.POSITIVE_INFINITY, classes: {} };

/** Another attempt, whatever comes, but before the queue forgets the record: it is not the event that failed. */
function again(error: unknown, attempt: number, { record, invocation }: Delivery): Outcome {
  const { policy, random } = invocation;
  const left = secondsLeft(factsOf(attempt, record, invocation), policy.retention);
  const wanted = wholeSeconds(backoff(attempt, policy.backoff, random));
  return { kind: 'retry', error, delaySeconds: Math.min(wanted, Math.max(Math.floor(left), 0)) };
}

/** The longest that a claim can hold: Lambda stops every function after 15 minutes. */
const LONGEST_CLAIM_SECONDS = 900;
/** How long a record waits when it first meets a claim: its twin is most likely running now, and soon done. */
export const FIRST_WAIT_SECONDS = 2;

/** Gives a record back until the claim that another invocation has on its event is over. */
export function waitForClaim({ expiresAt }: ClaimedElsewhereError, { record, invocation }: Delivery): Outcome {
  const left = Math.min(wholeSeconds((expiresAt - invocation.clock()) / 1_000), LONGEST_CLAIM_SECONDS);
  return returned('claimed-elsewhere', attemptOf(record) === 1 ? Math.min(left, FIRST_WAIT_SECONDS) : left);
}

export function returned(reason: ReturnReason, delaySeconds: number): Outcome {
  return { kind: 'returned', reason, delaySeconds };
}
