import type { ClaimRecord, Request } from './claim-table.ts';
import { hasEnded, mayCopy, type Owner, type Place, type State, type World } from './claim-world.ts';

const PLACES: readonly Place[] = [
  'waiting',
  'insert',
  'read',
  'judge',
  'takeOver',
  'claimed',
  'running',
  'complete',
  'release',
  'commit',
  'countFailure',
];
const KINDS: readonly Request['kind'][] = [
  'insert',
  'read',
  'takeOver',
  'renew',
  'complete',
  'release',
  'commit',
  'countFailure',
];
const EXPECTATIONS = ['nothing', 'free', 'claim'];
const STATUSES: readonly ClaimRecord['status'][] = ['INPROGRESS', 'RELEASED', 'COMPLETED'];
/** Where it still matters what an owner would claim with. */
const BEFORE_CLAIM: ReadonlySet<Place> = new Set(['insert', 'read', 'judge', 'takeOver']);
/** Stands for a time that never comes. */
const NEVER = 99;
/** Stands for every end that nothing can follow: how it came to it was judged when it did. */
const ENDED = 50;
/** Keeps every number that occurs between 0 and 255, so that it is a character of one byte. */
const BASE = 20;

/**
 * Tells states apart that may go on differently. Only differences of times count, never the time itself; of times
 * that are over for every clock, only their order; and of failures, only whether there are any. So the states are
 * finitely many although time has no end.
 */
export function createKeyOf(world: World): (state: State) => string {
  /** What lies farther back than this is over by every clock. */
  const past = Math.min(0, ...world.offsets);
  // one pair for all keys: this is what an exploration spends its time on
  const times: number[] = [];
  const marks: number[] = [];

  return ({ now, tables, owners, network, left, effects, completions }) => {
    times.length = 0;
    marks.length = 0;
    const time = (at: number) => times.push(at === Number.POSITIVE_INFINITY ? NEVER : at - now);
    const record = (item: ClaimRecord | undefined) => {
      if (item === undefined) return marks.push(0);
      time(item.lease);
      time(item.expiration);
      return marks.push(1 + STATUSES.indexOf(item.status), item.owner, Math.min(item.failures, 1));
    };
    const request = (call: Request | undefined) => {
      if (call === undefined) return marks.push(0);
      marks.push(1 + KINDS.indexOf(call.kind));
      if ('owner' in call) marks.push(call.owner);
      if ('failures' in call) marks.push(Math.min(call.failures, 1));
      if ('expects' in call) marks.push(EXPECTATIONS.indexOf(call.expects));
      if ('lease' in call) time(call.lease);
      if ('expiration' in call) time(call.expiration);
      if ('clock' in call && call.expects === 'free') time(call.clock);
      if ('seen' in call) record(call.seen);
    };
    const owner = (one: Owner) => {
      const { place, offset, claims, until, lease, failures, request: sent, seen } = one;
      if (hasEnded(one) && !(mayCopy(one) && left.copies > 0)) return marks.push(ENDED);
      marks.push(PLACES.indexOf(place), offset + 10, claims, Math.min(failures, 1));
      if (place === 'claimed' || place === 'running') time(lease);
      else if (BEFORE_CLAIM.has(place)) time(until);
      request(sent);
      return record(seen);
    };
    record(tables.record);
    marks.push(Math.min(tables.committed, 2), Math.min(effects, 1), Math.min(completions, 2));
    marks.push(left.crashes, left.losses, left.delays, left.copies);
    marks.push(world.retention === Number.POSITIVE_INFINITY ? 0 : Math.min(now, world.retention + 1));
    owners.forEach(owner);
    marks.push(network.length);
    network.forEach(request);
    shorten(times, past);
    for (let at = 0; at < times.length; at++) marks.push(times[at]!);
    for (let at = 0; at < marks.length; at++) marks[at]! += BASE;
    return String.fromCharCode.apply(undefined, marks);
  };
}

/** Pulls times before `past` up to it, in their order. */
function shorten(times: number[], past: number): void {
  if (times.every((at) => at >= past)) return;
  const old = [...new Set(times.filter((at) => at < past))].sort((a, b) => b - a);
  for (let at = 0; at < times.length; at++) if (times[at]! < past) times[at] = past - 1 - old.indexOf(times[at]!);
}
