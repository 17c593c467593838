import { steps } from './claim-protocol.ts';
import type { ClaimRecord } from './claim-table.ts';
import { hasEnded, initialState, isOutlived, type State, type Step, tokenOf, type World } from './claim-world.ts';

/** What is wrong with a step, in words; undefined when it keeps every promise. */
export type Judge = (before: State, step: Step, after: State) => string | undefined;

/** How far the assumptions behind the promises hold. */
export interface Assumptions {
  /** Clocks differ by no more than the margin. */
  readonly clocks: boolean;
  /** Records outlive every delivery. */
  readonly retention: boolean;
}

/** The promises of docs/guarantees.md, as far as they hold under the assumptions. */
export function createJudge(world: World, assumptions: Assumptions = { clocks: true, retention: true }): Judge {
  const isFreeInTime = createFreedom(world);
  const transactional = world.owners.every((mode) => mode !== 'lease');
  return (before, step, after) => {
    const wrong = fencing(before, step, after, world);
    if (wrong !== undefined) return wrong;
    if (assumptions.retention) {
      const again = once(before, after, transactional);
      if (again !== undefined) return again;
    }
    if (assumptions.clocks) {
      const overlap = exclusion(before, step, after, world);
      if (overlap !== undefined) return overlap;
    }
    if (transactional && assumptions.retention) {
      const lost = certainty(before, after);
      if (lost !== undefined) return lost;
    }
    const { record } = after.tables;
    return (
      acknowledgement(before, after, world) ?? (record === before.tables.record ? undefined : isFreeInTime(record))
    );
  };
}

/** Only whoever holds a claim ends it, and what is completed stays so while it is remembered at all. */
function fencing(before: State, step: Step, after: State, world: World): string | undefined {
  const [was, is] = [before.tables.record, after.tables.record];
  if (was === is || was === undefined || step.kind === 'forget') return undefined;
  if (was.status === 'COMPLETED' && is?.status !== 'COMPLETED' && was.expiration >= after.now) {
    return 'a completed event became uncompleted';
  }
  if (step.kind !== 'call') return undefined;
  const owner = before.owners[step.owner]!;
  if (was.owner === tokenOf(step.owner, owner, world.rules)) return undefined;
  if (owner.place === 'complete') return 'a stale owner completed the claim of another';
  if (owner.place === 'release') return 'a stale owner released the claim of another';
  return undefined;
}

/** After a completion nobody gets a claim, and nothing completes again. */
function once(before: State, after: State, transactional: boolean): string | undefined {
  if (transactional && after.tables.committed > 1) return 'the business writes were applied twice';
  if (after.completions > 1) return 'two owners completed';
  const [was, is] = [before.tables.record, after.tables.record];
  if (before.completions === 0 || was === is || is?.status !== 'INPROGRESS') return undefined;
  return 'an event was claimed after it had been completed';
}

/** Two effects are under way at one time only when one of their owners was paused beyond the end of its lease. */
function exclusion(before: State, step: Step, after: State, { margin, pauses }: World): string | undefined {
  const running = after.owners.filter(({ place }) => place === 'running');
  const inside = running.filter((owner) => !isOutlived(owner, after.now, margin));
  if (running.length > 1 && (inside.length > 1 || !pauses)) {
    return 'two effects were under way at one time, and nobody had outlived its lease';
  }
  const commits = after.tables.committed > before.tables.committed;
  const others = inside.filter((owner) => !('owner' in step) || owner !== after.owners[step.owner]);
  if (commits && others.length > 0) return 'a transaction was committed during the effect of a claim that still held';
  if (pauses || step.kind !== 'begin') return undefined;
  return after.completions > 0 ? 'an effect that was recorded as completed was run again' : undefined;
}

/** In transaction mode an owner knows what became of its commit. */
function certainty(before: State, { owners, tables }: State): string | undefined {
  const ended = owners.find(
    ({ place }, index) => place !== before.owners[index]!.place && (place === 'handled' || place === 'duplicate'),
  );
  if (ended === undefined || tables.committed === 1) return undefined;
  return `a delivery ended as ${ended.place}, and the business writes were applied ${tables.committed} times`;
}

/** A message is acknowledged only after an effect, and nobody stands in its own way. */
function acknowledgement(before: State, after: State, world: World): string | undefined {
  const { committed } = after.tables;
  for (const [index, owner] of after.owners.entries()) {
    const was = before.owners[index]!;
    if (owner.place === was.place) continue;
    if ((owner.place === 'handled' || owner.place === 'duplicate') && after.effects + committed === 0) {
      return 'a message was acknowledged without an effect';
    }
    const { record } = after.tables;
    const token = tokenOf(index, owner, world.rules);
    if (owner.place === 'claimed' && record?.owner === token && record.failures !== owner.failures) {
      return 'an owner does not know of earlier failures';
    }
    const met = was.seen ?? before.tables.record;
    const mine = met !== undefined && met.owner === tokenOf(index, was, world.rules);
    if (owner.place === 'claimedElsewhere' && mine) return 'an owner was turned away by its own claim';
    if (owner.place === 'duplicate' && mine) return 'an owner took its own completion for that of another';
  }
  return undefined;
}

/**
 * Whatever is left behind, a delivery that comes once the lease is over, by the slowest clock, gets its claim or finds
 * the event completed, if it is alone and nothing goes wrong any more.
 */
function createFreedom(world: World): (record: ClaimRecord | undefined) => string | undefined {
  const known = new Map<string, string | undefined>();
  const slowest = Math.min(...world.offsets);
  const calm: World = {
    ...world,
    owners: ['lease'],
    offsets: [slowest],
    retention: Number.POSITIVE_INFINITY,
    budget: { crashes: 0, losses: 0, delays: 0, copies: 0 },
  };

  function deliver(record: ClaimRecord): string | undefined {
    const now = (Number.isFinite(record.lease) ? record.lease : 0) - slowest + 1;
    let state: State = { ...initialState(calm), now, tables: { record, committed: 0 } };
    for (let count = 0; count < 20; count++) {
      const [owner] = state.owners;
      if (owner!.place === 'claimed') return undefined;
      if (hasEnded(owner!)) break;
      const next = [...steps(state, calm)].find(([step]) => step.kind !== 'tick' && step.kind !== 'forget');
      if (next === undefined) break;
      state = next[1];
    }
    const { place } = state.owners[0]!;
    if (place === 'duplicate' && record.status === 'COMPLETED') return undefined;
    return `the event stays blocked after its claim is over: a new delivery ended as ${place}`;
  }

  return (record) => {
    if (record === undefined) return undefined;
    // what a delivery meets depends on the differences of times only
    const key = `${record.status} ${record.owner} ${record.failures} ${record.expiration - record.lease}`;
    if (!known.has(key)) known.set(key, deliver(record));
    return known.get(key);
  };
}
