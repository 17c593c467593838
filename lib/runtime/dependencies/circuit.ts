import type { Random } from '../batch/retry.ts';
import type { DependencySettings } from './dependency-settings.ts';

/** Closed: calls go through. Open: none does. Half-open: a few do, to see whether the dependency is well again. */
export type CircuitState = 'closed' | 'half-open' | 'open';

/**
 * The circuit of one dependency of one consumer, as all its workers share it.
 *
 * closed --(failure rate)--> open --(`until` is over)--> half-open --(enough probes succeed)--> closed
 *                              ^------------(a probe fails)----------'
 */
export interface Circuit {
  state: CircuitState;
  /** Counts the changes of state. Whoever acts for an earlier generation is too late. */
  generation: number;
  /** When it got into this state, in milliseconds since the epoch. */
  movedAt: number;
  /** A token of whoever moved it, by which a mover whose answer was lost knows its own work. */
  movedBy: string;
  /** Rounds of probes that failed since it was closed. */
  round: number;
  /** Open: when probes make sense, in milliseconds since the epoch. */
  until: number;
  /** Closed: the number of the half window that `calls` and `failures` count, and the same of the one before it. */
  window: number;
  calls: number;
  failures: number;
  earlierCalls: number;
  earlierFailures: number;
  /** Half-open: the number of the probe interval that `probes` counts. */
  interval: number;
  probes: number;
  /** Half-open: probes that succeeded, over all intervals. */
  successes: number;
  /** Closed: the most invocations that the keeper allows while the consumer comes back; 0 when it is back. */
  ramp: number;
  /** When the next step of the ramp is due, in milliseconds since the epoch. */
  rampAt: number;
  /** The generation for which a timer of the keeper is under way. */
  kept: number;
  /** The number of that timer, within the generation. */
  tick: number;
}

/** A change of state. What the keeper notes for itself is not part of it. */
export type Move = Omit<Circuit, 'kept' | 'tick'>;

/** The fewest invocations that an event source can be limited to (source: AWS Lambda developer guide, "maximum concurrency"). */
export const GENTLE_CONCURRENCY = 2;

/** A circuit that nobody has written down yet. */
export const NEW_CIRCUIT: Circuit = {
  state: 'closed',
  generation: 0,
  movedAt: 0,
  movedBy: '',
  round: 0,
  until: 0,
  window: 0,
  calls: 0,
  failures: 0,
  earlierCalls: 0,
  earlierFailures: 0,
  interval: 0,
  probes: 0,
  successes: 0,
  ramp: 0,
  rampAt: 0,
  kept: 0,
  tick: 0,
};

/** What a change of state needs beside the circuit. */
export interface MoveProps {
  /** Milliseconds since the epoch. */
  now: number;
  settings: DependencySettings;
  random: Random;
}

/** Opens a circuit: for `openSeconds` after a closed one, for twice as long as before after a round of probes. */
export function opened(circuit: Circuit, props: MoveProps): Move {
  const round = circuit.state === 'half-open' ? circuit.round + 1 : 0;
  const { openSeconds, longestOpenSeconds } = props.settings;
  const seconds = Math.min(openSeconds * 2 ** Math.min(round, 60), longestOpenSeconds);
  // consumers that lost a dependency at the same moment must not all come back to it at the same moment
  const jittered = seconds * (1 + props.random() / 4);
  return { ...moved(circuit, props), state: 'open', round, until: props.now + Math.round(jittered * 1_000) };
}

/** Lets probes through. */
export function halfOpened(circuit: Circuit, props: MoveProps): Move {
  return { ...moved(circuit, props), state: 'half-open', round: circuit.round };
}

/** Closes a circuit. With a keeper the consumer comes back step by step. */
export function closed(circuit: Circuit, props: MoveProps, hasKeeper: boolean): Move {
  const ramp = hasKeeper ? GENTLE_CONCURRENCY : 0;
  const rampAt = hasKeeper ? props.now + props.settings.rampStepSeconds * 1_000 : 0;
  return { ...moved(circuit, props), state: 'closed', ramp, rampAt };
}

function moved({ generation }: Circuit, { now, random }: MoveProps): Move {
  const { kept: _kept, tick: _tick, ...fresh } = NEW_CIRCUIT;
  return { ...fresh, generation: generation + 1, movedAt: now, movedBy: `${now}/${random().toString(36).slice(2)}` };
}

/** The number of the half window that a moment is in. */
export function windowAt(now: number, { windowSeconds }: DependencySettings): number {
  return Math.floor(now / (windowSeconds * 500));
}

/** The number of the probe interval that a moment is in. */
export function intervalAt(now: number, { probeIntervalSeconds }: DependencySettings): number {
  return Math.floor(now / (probeIntervalSeconds * 1_000));
}

/** Whether so many calls and failures open a circuit. */
export function trips(calls: number, failures: number, settings: DependencySettings): boolean {
  return calls >= settings.minimumCalls && failures * 100 >= settings.failureRate * calls;
}

/** Whether a closed circuit has seen enough. */
export function isTripped(circuit: Circuit, settings: DependencySettings): boolean {
  const { state, calls, earlierCalls, failures, earlierFailures } = circuit;
  return state === 'closed' && trips(calls + earlierCalls, failures + earlierFailures, settings);
}

/** Whether nothing remains to be done about it: closed, and the consumer is back at its full size. */
export function isAtRest({ state, ramp }: Circuit): boolean {
  return state === 'closed' && ramp === 0;
}

/** When the keeper has something to do about it, in milliseconds since the epoch; undefined when that depends on probes. */
export function dueAt({ state, until, ramp, rampAt }: Circuit): number | undefined {
  if (state === 'open') return until;
  return state === 'closed' && ramp > 0 ? rampAt : undefined;
}
