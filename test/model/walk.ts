import { steps } from './claim-protocol.ts';
import { hasEnded, initialState, type State, type Step, type World } from './claim-world.ts';

/** A run, a step at a time. */
export type Run = readonly (readonly [Step, State])[];

/** What a run may contain that is to be replayed. */
const LONGEST = 60;
const TICKS = 8;
/** The runtime looks at a record three times before it gives up. */
const LOOKS = 3;

/** A random run: mostly short steps of time, because the interesting things happen at the edge of a lease. */
export function randomRun(world: World, random: () => number): Run {
  const run: (readonly [Step, State])[] = [];
  let state = initialState(world);
  while (run.length < LONGEST) {
    const next = [...steps(state, world)].filter(([step, after]) => isReplayable(run, step, after));
    const events = next.filter(([step]) => step.kind !== 'tick');
    if (events.length === 0) break;
    const candidates = random() < 0.15 ? next : events;
    const chosen = candidates[Math.floor(random() * candidates.length)]!;
    run.push(chosen);
    state = chosen[1];
  }
  return run;
}

/** The same steps in another world, as far as they are possible there. */
export function follow(run: Run, world: World): Run {
  const followed: (readonly [Step, State])[] = [];
  let state = initialState(world);
  for (const [step] of run) {
    const text = JSON.stringify(step);
    const same = [...steps(state, world)].find(([other]) => JSON.stringify(other) === text);
    if (same === undefined) break;
    followed.push(same);
    state = same[1];
  }
  return followed;
}

/** Lets everybody end without further trouble, with a handler that succeeds or fails, so that the end of a run is compared too. */
export function finished(run: Run, world: World, last: 'end' | 'fail' = 'end'): Run {
  const calm = { ...world, pauses: true };
  const whole = [...run];
  let state = run.at(-1)?.[1] ?? initialState(world);
  for (;;) {
    const next = [...steps(state, calm)].find(
      ([step]) =>
        ('fate' in step && step.fate === 'answered' && step.kind === 'call') ||
        ['judge', 'begin', last].includes(step.kind),
    );
    if (next === undefined || whole.length > 2 * LONGEST) return whole;
    whole.push(next);
    state = next[1];
  }
}

function isReplayable(run: Run, step: Step, after: State): boolean {
  if (step.kind === 'tick') return run.filter(([{ kind }]) => kind === 'tick').length < TICKS;
  if (!('owner' in step) || after.owners[step.owner]!.place !== 'insert') return true;
  return looksOf(run, step.owner) < LOOKS;
}

/** How often an owner has been about to insert since it started. */
function looksOf(run: Run, owner: number): number {
  let looks = 0;
  let before: State | undefined;
  for (const [step, after] of run) {
    const started = (step.kind === 'start' || step.kind === 'copy') && step.owner === owner;
    const place = after.owners[owner]!.place;
    if (started) looks = 1;
    else if (place === 'insert' && before?.owners[owner]?.place !== 'insert') looks++;
    before = after;
  }
  return looks;
}

/** Whether nobody in a run looks at the record more often than the runtime does: the model goes on looking. */
export function isWithinLooks(run: Run): boolean {
  return run.every(
    ([step, after], position) =>
      !('owner' in step) ||
      after.owners[step.owner]!.place !== 'insert' ||
      looksOf(run.slice(0, position + 1), step.owner) <= LOOKS,
  );
}

/** Whether a run is over for everybody who took part. */
export function isOver(run: Run): boolean {
  return run.at(-1)?.[1].owners.every((owner) => hasEnded(owner) || owner.place === 'waiting') ?? true;
}
