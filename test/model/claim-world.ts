import { type ClaimRecord, PROTOCOL, type Request, type Rules, type Tables } from './claim-table.ts';

/** How a consumer guards its event: by a claim, by the transaction of its effect, or by a claim that such a transaction ends. */
export type Mode = 'lease' | 'transaction' | 'leasedTransaction';

/** What may happen, and how often. Times are ticks. */
export interface World {
  readonly rules: Rules;
  /** One delivery of the event each; more of them are redeliveries. */
  readonly owners: readonly Mode[];
  /** How long a claim holds without being renewed. */
  readonly lease: number;
  /** How far before the end of its lease, by its own clock, an owner has no effect under way any more. */
  readonly margin: number;
  /** By how much an owner's clock may be off; which one applies is chosen when it starts. */
  readonly offsets: readonly number[];
  /** Whether owners may be paused while their effect is under way, and so outlive their lease. */
  readonly pauses: boolean;
  /** How long a record is kept. @default for ever */
  readonly ttl: number;
  /** Until when deliveries come, and have ended. @default for ever */
  readonly retention: number;
  readonly budget: Budget;
}

/** How much may go wrong in one run. */
export interface Budget {
  readonly crashes: number;
  /** Answers that get lost after the call was carried out. */
  readonly losses: number;
  /** Calls that the network holds back, to deliver them at any later time, or never. */
  readonly delays: number;
  /** Second copies of the message in one invocation. */
  readonly copies: number;
}

/** Where an owner is; `insert`, `read`, `takeOver`, and so on are calls that it is about to make. */
export type Place =
  | 'waiting'
  | 'insert'
  | 'read'
  | 'judge'
  | 'takeOver'
  | 'claimed'
  | 'running'
  | 'complete'
  | 'release'
  | 'commit'
  | 'countFailure'
  | 'handled'
  | 'duplicate'
  | 'claimedElsewhere'
  | 'failed'
  | 'lost'
  | 'gaveUp'
  | 'crashed';

/** One delivery: a small program with a clock and a memory. */
export interface Owner {
  readonly place: Place;
  /** What its clock shows too much. */
  readonly offset: number;
  /** Claims that it has begun; each has a token of its own. */
  readonly claims: number;
  /** What it claims until: fixed when it starts, so that waiting for an answer never makes a lease longer. */
  readonly until: number;
  /** When its claim ends, as far as it knows. */
  readonly lease: number;
  /** Attempts that failed before its own, as far as it knows. */
  readonly failures: number;
  /** The call that it sends, until it has the answer. */
  readonly request: Request | undefined;
  /** The record as it read it. */
  readonly seen: ClaimRecord | undefined;
}

/** Everything. */
export interface State {
  /** The true time, which nobody knows. */
  readonly now: number;
  readonly tables: Tables;
  readonly owners: readonly Owner[];
  /** Calls that are still under way although nobody waits for them any more. */
  readonly network: readonly Request[];
  readonly left: Budget;
  /** How many effects outside the tables came to their end. */
  readonly effects: number;
  /** How often the record became COMPLETED. */
  readonly completions: number;
}

/** What becomes of a call: a lost one was carried out, a held one is carried out later or never; the client then sends it again or gives up. */
export type Fate = 'answered' | 'lost, sent again' | 'lost, given up' | 'held, sent again' | 'held, given up';

/** One thing that happens. */
export type Step =
  | { readonly kind: 'tick' | 'arrive' | 'forget' }
  | { readonly kind: 'start'; readonly owner: number; readonly offset: number }
  | { readonly kind: 'call' | 'renew'; readonly owner: number; readonly fate: Fate }
  | {
      readonly kind: 'judge' | 'begin' | 'end' | 'fail' | 'abandon' | 'crash' | 'timeOut' | 'copy';
      readonly owner: number;
    };

const NOTHING: Budget = { crashes: 0, losses: 0, delays: 0, copies: 0 };

/** A world in which the protocol is as it is, and nothing goes wrong but what is said. */
export function worldOf(props: Partial<Omit<World, 'budget'>> & { budget?: Partial<Budget> }): World {
  return {
    rules: PROTOCOL,
    owners: ['lease', 'lease'],
    lease: 4,
    margin: 0,
    offsets: [0],
    pauses: false,
    ttl: Number.POSITIVE_INFINITY,
    retention: Number.POSITIVE_INFINITY,
    ...props,
    budget: { ...NOTHING, ...props.budget },
  };
}

/** Before the first delivery. */
export function initialState({ owners, budget }: World): State {
  return {
    now: 0,
    tables: { record: undefined, committed: 0 },
    owners: owners.map(() => WAITING),
    network: [],
    left: budget,
    effects: 0,
    completions: 0,
  };
}

/** Has not begun. */
export const WAITING: Owner = {
  place: 'waiting',
  offset: 0,
  claims: 0,
  until: 0,
  lease: 0,
  failures: 0,
  request: undefined,
  seen: undefined,
};

const ENDS: ReadonlySet<Place> = new Set([
  'handled',
  'duplicate',
  'claimedElsewhere',
  'failed',
  'lost',
  'gaveUp',
  'crashed',
]);

/** Whether an owner has nothing left to do. */
export function hasEnded({ place }: Owner): boolean {
  return ENDS.has(place);
}

/** Whether the second copy of its message may follow in the same invocation. */
export function mayCopy({ place }: Owner): boolean {
  return place === 'failed' || place === 'claimedElsewhere';
}

/** Whether an owner's time for effects is up, by its own clock. */
export function isOutlived(owner: Owner, now: number, margin: number): boolean {
  return now + owner.offset > owner.lease - margin;
}

/** The token that an owner claims with. */
export function tokenOf(index: number, { claims }: Owner, { token }: Rules): number {
  return token === 'perClaim' ? index + 8 * claims : index;
}
