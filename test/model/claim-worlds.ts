import { type Assumptions, createJudge } from './claim-promises.ts';
import { steps } from './claim-protocol.ts';
import { PROTOCOL, type Rules } from './claim-table.ts';
import { hasEnded, initialState, type State, type Step, type World, worldOf } from './claim-world.ts';
import { type Explored, explore } from './explore.ts';
import { createKeyOf } from './state-key.ts';

/** Clocks one tick off to either side, so two apart; a margin that covers that, and one tick of a lease to work in. */
export const SKEWED = { offsets: [-1, 1], margin: 2, lease: 3 };

/** The same for clocks that are one tick apart: enough where calls arrive late, which makes many states. */
const CLOSER = { offsets: [0, 1], margin: 1, lease: 2 };

/** What is explored: each of them asks for something else, because all at once would be too many states. */
export const WORLDS: Readonly<Record<string, World>> = {
  'two leases, skewed clocks, a crash, a lost answer': worldOf({ ...SKEWED, budget: { crashes: 1, losses: 1 } }),
  'two leases, clocks skewed by less, a crash': worldOf({ ...SKEWED, offsets: [-1, 0, 1], budget: { crashes: 1 } }),
  'two leases, skewed clocks, a call that arrives late': worldOf({ ...CLOSER, budget: { delays: 1 } }),
  'two leases, a second copy, a call that arrives late': worldOf({ lease: 1, budget: { delays: 1, copies: 1 } }),
  'three leases, a crash': worldOf({ owners: ['lease', 'lease', 'lease'], lease: 1, budget: { crashes: 1 } }),
  'two leases that may be outlived, skewed clocks, a crash, a lost answer': worldOf({
    ...SKEWED,
    pauses: true,
    budget: { crashes: 1, losses: 1 },
  }),
  'three leases that may be outlived': worldOf({ owners: ['lease', 'lease', 'lease'], lease: 1, pauses: true }),
  'two transactions, skewed clocks, a crash, two lost answers, a late call, a second copy': worldOf({
    owners: ['transaction', 'transaction'],
    offsets: [-1, 1],
    budget: { crashes: 1, losses: 2, delays: 1, copies: 1 },
  }),
  'three transactions, a crash, a lost answer, a late call, a second copy': worldOf({
    owners: ['transaction', 'transaction', 'transaction'],
    budget: { crashes: 1, losses: 1, delays: 1, copies: 1 },
  }),
  'two transactions under leases, skewed clocks, a crash, a lost answer': worldOf({
    ...SKEWED,
    owners: ['leasedTransaction', 'leasedTransaction'],
    budget: { crashes: 1, losses: 1 },
  }),
  'two transactions under leases, a late call, a second copy': worldOf({
    owners: ['leasedTransaction', 'leasedTransaction'],
    lease: 1,
    budget: { delays: 1, copies: 1 },
  }),
  'two transactions under leases that may be outlived, skewed clocks, a lost answer': worldOf({
    ...SKEWED,
    owners: ['leasedTransaction', 'leasedTransaction'],
    pauses: true,
    budget: { losses: 1 },
  }),
  'a lease, a transaction under a lease and a transaction': worldOf({
    owners: ['lease', 'leasedTransaction', 'transaction'],
    lease: 1,
    budget: { crashes: 1 },
  }),
  'a lease and a transaction, skewed clocks, a crash, a lost answer': worldOf({
    ...SKEWED,
    owners: ['lease', 'transaction'],
    budget: { crashes: 1, losses: 1 },
  }),
  'records that are forgotten just after the last delivery': worldOf({
    ...SKEWED,
    retention: 3,
    ttl: 5,
    budget: { crashes: 1 },
  }),
};

/** A protocol, or a world, in which something is missing; and what then goes wrong. */
export interface Weakness {
  readonly world: World;
  readonly breaks: RegExp;
}

const OVERLAP = /two effects were under way/;
const weak = (rules: Partial<Rules>, props: Parameters<typeof worldOf>[0] = SKEWED) =>
  worldOf({ ...props, rules: { ...PROTOCOL, ...rules } });
const TRANSACTIONS = { owners: ['transaction', 'transaction'] } as const;

/** Every one of them must be noticed: a check that cannot fail says nothing. */
export const WEAKNESSES: Readonly<Record<string, Weakness>> = {
  'completing without being the owner': { world: weak({ complete: 'always' }), breaks: /stale owner completed/ },
  'releasing without being the owner': { world: weak({ release: 'always' }), breaks: /stale owner released/ },
  'claiming whether there is a record or not': { world: weak({ insert: 'always' }), breaks: OVERLAP },
  'taking over whatever is there': { world: weak({ takeOver: 'always' }), breaks: OVERLAP },
  'taking over a claim that was renewed since it was read': {
    world: weak({ takeOver: 'asReadButLease' }),
    breaks: OVERLAP,
  },
  'renewing without being the owner': { world: weak({ renew: 'always' }), breaks: OVERLAP },
  'a late renewal that shortens a lease': {
    world: weak({ renew: 'owner' }, { ...CLOSER, budget: { delays: 1 } }),
    breaks: OVERLAP,
  },
  'one token for all claims of an invocation': {
    world: weak({ token: 'perInvocation' }, { lease: 1, budget: { delays: 1, copies: 1 } }),
    breaks: OVERLAP,
  },
  'releasing what its own transaction has completed': {
    world: weak({ release: 'owner' }, { owners: ['leasedTransaction'], budget: { losses: 1 } }),
    breaks: /completed event became uncompleted/,
  },
  'not knowing its own claim again': {
    world: weak({ own: 'ignored' }, { budget: { losses: 1 } }),
    breaks: /turned away by its own claim/,
  },
  'knowing its own claim again, but not the failures before it': {
    world: weak({ own: 'recognisedOnly' }, { lease: 1, budget: { losses: 1 } }),
    breaks: /does not know of earlier failures/,
  },
  'not knowing its own commit again': {
    world: weak({ own: 'ignored' }, { ...TRANSACTIONS, budget: { losses: 1 } }),
    breaks: /took its own completion/,
  },
  'acknowledging what is claimed elsewhere': {
    world: weak({ claimedElsewhere: 'acknowledged' }),
    breaks: /acknowledged without an effect/,
  },
  'leaving claims that are over': { world: weak({ abandoned: 'left' }), breaks: /stays blocked/ },
  'a commit without a condition': { world: weak({ commit: 'always' }, TRANSACTIONS), breaks: /applied twice/ },
  'a commit that only asks who the owner is': {
    world: weak({ commit: 'ifFreeOrOwn' }, { owners: ['leasedTransaction'], budget: { losses: 1 } }),
    breaks: /applied twice/,
  },
  'a margin that is smaller than the skew': { world: weak({}, { ...SKEWED, margin: 1 }), breaks: OVERLAP },
  'records that are forgotten before the last delivery': {
    world: weak({}, { ...SKEWED, retention: 3, ttl: 4 }),
    breaks: /two owners completed|claimed after|two effects/,
  },
};

/** Worlds in which an assumption does not hold, and what is promised all the same. */
export const BEYOND: Readonly<Record<string, { world: World; assumptions: Assumptions }>> = {
  'clocks that are off by more than a lease': {
    world: worldOf({ lease: 1, offsets: [-3, 3], pauses: true, budget: { losses: 1 } }),
    assumptions: { clocks: false, retention: true },
  },
  'records that are forgotten too early': {
    world: worldOf({ lease: 2, retention: 4, ttl: 1, pauses: true, budget: { crashes: 1 } }),
    assumptions: { clocks: false, retention: false },
  },
};

/** Explores a world; every run must be able to end. */
export function exploreWorld(world: World, assumptions?: Assumptions): Explored<State, Step> {
  return explore<State, Step>({
    initial: initialState(world),
    steps: (state) => steps(state, world),
    keyOf: createKeyOf(world),
    judge: createJudge(world, assumptions),
    isEnd: ({ owners }) => owners.every((owner) => hasEnded(owner) || owner.place === 'waiting'),
  });
}
