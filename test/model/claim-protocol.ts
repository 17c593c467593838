import { type Answer, execute, isFree, type Request } from './claim-table.ts';
import {
  hasEnded,
  isOutlived,
  mayCopy,
  type Owner,
  type Place,
  type State,
  type Step,
  tokenOf,
  WAITING,
  type World,
} from './claim-world.ts';

const CALLS: ReadonlySet<Place> = new Set([
  'insert',
  'read',
  'takeOver',
  'complete',
  'release',
  'commit',
  'countFailure',
]);
const CLAIMING: ReadonlySet<Place> = new Set(['insert', 'read', 'judge', 'takeOver', 'commit']);

/** Everything that can happen next. */
export function* steps(state: State, world: World): Generator<readonly [Step, State]> {
  const { now, owners, network, tables } = state;
  if (mayTick(state, world)) yield [{ kind: 'tick' }, { ...state, now: now + 1 }];
  if (network.length > 0) {
    const [first, ...rest] = network as [Request, ...Request[]];
    yield [{ kind: 'arrive' }, applied({ ...state, network: rest }, first, world).state];
  }
  if (tables.record !== undefined && tables.record.expiration < now) {
    yield [{ kind: 'forget' }, { ...state, tables: { ...tables, record: undefined } }];
  }
  for (const [index, owner] of owners.entries()) {
    if (owner.place === 'waiting') {
      // deliveries are alike: it is enough to start them in order, those of one mode at least
      const earlier = owners.findIndex(
        (other, at) => other.place === 'waiting' && world.owners[at] === world.owners[index],
      );
      if (earlier === index && now <= world.retention) yield* starts(state, index, world);
    } else if (!hasEnded(owner)) {
      yield* stepsOf(state, index, world);
    } else if (mayCopy(owner) && state.left.copies > 0) {
      const left = { ...state.left, copies: state.left.copies - 1 };
      yield [{ kind: 'copy', owner: index }, started({ ...state, left }, index, owner.offset, world)];
    }
  }
}

/** Time does not pass while a handler that keeps its promise would break it. */
function mayTick({ now, owners }: State, { pauses, margin }: World): boolean {
  return pauses || !owners.some((owner) => owner.place === 'running' && isOutlived(owner, now + 1, margin));
}

function* starts(state: State, index: number, world: World): Generator<readonly [Step, State]> {
  for (const offset of world.offsets) {
    yield [{ kind: 'start', owner: index, offset }, started(state, index, offset, world)];
  }
}

function* stepsOf(state: State, index: number, world: World): Generator<readonly [Step, State]> {
  const owner = state.owners[index]!;
  const to = (change: Partial<Owner>) => withOwner(state, index, change);
  if (state.left.crashes > 0) {
    const left = { ...state.left, crashes: state.left.crashes - 1 };
    yield [
      { kind: 'crash', owner: index },
      { ...to({ ...GONE, place: 'crashed' }), left },
    ];
  }
  if (state.now > world.retention && CLAIMING.has(owner.place)) {
    yield [{ kind: 'timeOut', owner: index }, to({ ...GONE, place: 'gaveUp' })];
    return;
  }
  if (CALLS.has(owner.place)) yield* call(state, index, owner.request!, 'call', world);
  if (owner.place === 'judge') yield [{ kind: 'judge', owner: index }, judged(state, index, world)];
  if (owner.place === 'claimed') {
    if (world.pauses || !isOutlived(owner, state.now, world.margin)) {
      yield [{ kind: 'begin', owner: index }, to({ place: 'running' })];
    }
    yield [{ kind: 'abandon', owner: index }, releasing(state, index, owner.failures, world)];
  }
  if (owner.place === 'running') {
    yield [{ kind: 'end', owner: index }, ending(state, index, world)];
    yield [{ kind: 'fail', owner: index }, releasing(state, index, owner.failures + 1, world)];
  }
  if (owner.place === 'commit' && world.owners[index] === 'transaction') {
    const expiration = state.now + owner.offset + world.ttl;
    yield [
      { kind: 'fail', owner: index },
      to({ place: 'countFailure', request: { kind: 'countFailure', expiration } }),
    ];
  }
  // nothing is gained by renewing a lease that was renewed at the same time
  const lease = state.now + owner.offset + world.lease;
  if ((owner.place === 'claimed' || owner.place === 'running') && lease > owner.lease) {
    const token = tokenOf(index, owner, world.rules);
    yield* call(state, index, { kind: 'renew', owner: token, lease }, 'renew', world);
  }
}

/** A call in all that may become of it. */
function* call(
  state: State,
  index: number,
  request: Request,
  kind: 'call' | 'renew',
  world: World,
): Generator<readonly [Step, State]> {
  const { state: after, answer } = applied(state, request, world);
  yield [{ kind, owner: index, fate: 'answered' }, heard(after, index, request, answer, world)];
  // to lose the answer to a read is to read later
  if (request.kind === 'read') return;
  const givenUp = (unheard: State) => {
    // to a handler, a commit without an answer has failed: its claim is released
    if (request.kind !== 'commit' || request.expects !== 'claim')
      return withOwner(unheard, index, { ...GONE, place: 'gaveUp' });
    return releasing(unheard, index, state.owners[index]!.failures + 1, world);
  };
  if (state.left.losses > 0) {
    const lost = { ...after, left: { ...state.left, losses: state.left.losses - 1 } };
    yield [{ kind, owner: index, fate: 'lost, sent again' }, lost];
    if (kind === 'call') yield [{ kind, owner: index, fate: 'lost, given up' }, givenUp(lost)];
  }
  if (state.left.delays > 0) {
    const left = { ...state.left, delays: state.left.delays - 1 };
    const held = { ...state, left, network: [...state.network, request] };
    yield [{ kind, owner: index, fate: 'held, sent again' }, held];
    if (kind === 'call') yield [{ kind, owner: index, fate: 'held, given up' }, givenUp(held)];
  }
}

/** What an owner forgets when it ends. */
const GONE: Partial<Owner> = { until: 0, lease: 0, failures: 0, request: undefined, seen: undefined };

function applied(state: State, request: Request, { rules }: World): { state: State; answer: Answer } {
  const { tables, answer } = execute(state.tables, request, rules);
  const completed = tables.record?.status === 'COMPLETED' && state.tables.record?.status !== 'COMPLETED';
  const again = request.kind === 'commit' && answer.done && state.tables.record?.status === 'COMPLETED';
  const completions = state.completions + (completed || again ? 1 : 0);
  return { state: { ...state, tables, completions }, answer };
}

function started(state: State, index: number, offset: number, world: World): State {
  const claims = state.owners[index]!.claims + 1;
  const until = state.now + offset + world.lease;
  const owner: Owner = { ...WAITING, offset, claims, until };
  return world.owners[index] === 'transaction'
    ? committing(withOwner(state, index, owner), index, 'nothing', world)
    : inserting(withOwner(state, index, owner), index, world);
}

function inserting(state: State, index: number, world: World): State {
  const owner = state.owners[index]!;
  const token = tokenOf(index, owner, world.rules);
  const expiration = state.now + owner.offset + world.ttl;
  const request: Request = { kind: 'insert', owner: token, lease: owner.until, expiration };
  return withOwner(state, index, { place: 'insert', request });
}

function committing(state: State, index: number, expects: 'nothing' | 'free' | 'claim', world: World): State {
  const owner = state.owners[index]!;
  const clock = state.now + owner.offset;
  const token = tokenOf(index, owner, world.rules);
  const request: Request = { kind: 'commit', owner: token, expects, clock, expiration: clock + world.ttl };
  return withOwner(state, index, { place: 'commit', request });
}

/** The effect of a handler has happened, or is to happen in a transaction. */
function ending(state: State, index: number, world: World): State {
  if (world.owners[index] === 'leasedTransaction') return committing(state, index, 'claim', world);
  const token = tokenOf(index, state.owners[index]!, world.rules);
  const completing = withOwner(state, index, { place: 'complete', request: { kind: 'complete', owner: token } });
  return { ...completing, effects: state.effects + 1 };
}

function releasing(state: State, index: number, failures: number, { rules }: World): State {
  const token = tokenOf(index, state.owners[index]!, rules);
  return withOwner(state, index, { place: 'release', request: { kind: 'release', owner: token, failures } });
}

/** What an owner makes of an answer. */
function heard(state: State, index: number, request: Request, { done, stored }: Answer, world: World): State {
  const owner = state.owners[index]!;
  const to = (change: Partial<Owner>) => withOwner(state, index, change);
  const end = (place: Place) => to({ ...GONE, place });
  switch (request.kind) {
    case 'insert':
      if (!done) return to({ place: 'read', request: { kind: 'read' } });
      return to({ place: 'claimed', request: undefined, lease: request.lease });
    case 'read':
      if (stored === undefined) return inserting(state, index, world);
      return to({ place: 'judge', request: undefined, seen: stored });
    case 'takeOver':
      if (!done) return inserting(state, index, world);
      return to({ place: 'claimed', request: undefined, lease: request.lease, failures: request.failures });
    case 'renew':
      return done ? to({ lease: request.lease }) : end('lost');
    case 'complete':
      return end(done ? 'handled' : 'lost');
    case 'release':
      return end(done ? 'failed' : 'lost');
    case 'countFailure':
      return end('failed');
    case 'commit': {
      if (done) return end('handled');
      const own = stored?.status === 'COMPLETED' && stored.owner === request.owner;
      if (own && world.rules.own !== 'ignored') return end('handled');
      if (request.expects === 'claim') return end('lost');
      if (stored === undefined || isFree(stored, state.now + owner.offset))
        return committing(state, index, 'free', world);
      return end(stored.status === 'COMPLETED' ? 'duplicate' : elsewhere(world));
    }
  }
}

/** What an owner makes of the record that it has read, by its own clock. */
function judged(state: State, index: number, world: World): State {
  const owner = state.owners[index]!;
  const seen = owner.seen!;
  const token = tokenOf(index, owner, world.rules);
  const clock = state.now + owner.offset;
  const to = (change: Partial<Owner>) => withOwner(state, index, { seen: undefined, ...change });
  const left = seen.status === 'INPROGRESS' && world.rules.abandoned === 'left';
  if (isFree(seen, clock) && !left) {
    // whoever left its claim behind has failed
    const failures = seen.failures + (seen.status === 'INPROGRESS' ? 1 : 0);
    const lasting = { lease: owner.until, expiration: clock + world.ttl };
    return to({ place: 'takeOver', request: { kind: 'takeOver', owner: token, ...lasting, failures, seen } });
  }
  if (seen.status === 'COMPLETED') return to({ ...GONE, place: 'duplicate' });
  if (seen.owner === token && world.rules.own !== 'ignored') {
    const failures = world.rules.own === 'recognised' ? seen.failures : 0;
    return to({ place: 'claimed', lease: seen.lease, failures });
  }
  return to({ ...GONE, place: elsewhere(world) });
}

function elsewhere({ rules }: World): Place {
  return rules.claimedElsewhere === 'returned' ? 'claimedElsewhere' : 'duplicate';
}

function withOwner(state: State, index: number, change: Partial<Owner>): State {
  return { ...state, owners: state.owners.map((owner, at) => (at === index ? { ...owner, ...change } : owner)) };
}
