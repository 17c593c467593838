import type { Random } from '../batch/retry.ts';
import { type Bulkhead, createBulkhead } from './bulkhead.ts';
import {
  type Circuit,
  closed,
  halfOpened,
  intervalAt,
  isTripped,
  type Move,
  NEW_CIRCUIT,
  opened,
  trips,
  windowAt,
} from './circuit.ts';
import type { CircuitTable, Tally } from './circuit-table.ts';
import type { DependencySettings } from './dependency-settings.ts';
import { DependencyOpenError } from './errors.ts';

/** What a call says about its dependency. Unknown: nothing. */
export type CallVerdict = 'success' | 'failure' | 'unknown';

/** The part that one execution environment has in the circuit of a dependency. */
export interface SharedCircuit {
  readonly dependency: string;
  readonly settings: DependencySettings;
  readonly bulkhead: Bulkhead;
  /** As it was seen last. */
  readonly seen: Circuit;
  /** Takes note of the circuit as it was read or written. */
  see(circuit: Circuit): void;
  /** @throws DependencyOpenError when no call would be let through now */
  refuse(): Promise<void>;
  /**
   * Lets one call through; takes a probe when the circuit is half-open.
   * @returns takes the verdict of the call
   * @throws DependencyOpenError
   */
  admit(): Promise<(verdict: CallVerdict) => void>;
  /** Seconds until a call may be let through; undefined when one may be now. */
  wait(): number | undefined;
  /** Writes down what was gathered, and changes the state when it says so. */
  flush(): Promise<void>;
}

/** What a {@link SharedCircuit} works with. */
export interface SharedCircuitProps {
  dependency: string;
  settings: DependencySettings;
  table: CircuitTable;
  clock: () => number;
  random: Random;
  /** Whether somebody else sees to it that an open circuit becomes half-open. */
  hasKeeper: boolean;
  /** Reads the circuit anew, when that is worth it. */
  look: () => Promise<void>;
  /** Called once, of all workers, for each change of state. */
  changed: (circuit: Circuit, evidence: Record<string, number>) => Promise<void>;
}

/** Seconds to wait for a keeper that should have acted by now. */
const LATE_SECONDS = 5;
/** Milliseconds after which a read cannot be older than what it is compared with. */
const OLD_NEWS = 10_000;

export function createSharedCircuit(props: SharedCircuitProps): SharedCircuit {
  const { dependency, settings, table, clock, random, hasKeeper } = props;
  const bulkhead = createBulkhead(settings.maximumConcurrency);
  let seen = NEW_CIRCUIT;
  let tally: Tally = { calls: 0, failures: 0 };
  let probes = { successes: 0, failed: false };
  /** The last probe interval that is known to be used up. */
  let usedUp = -1;
  let flushing: Promise<void> = Promise.resolve();

  const moveProps = () => ({ now: clock(), settings, random });

  function see(circuit: Circuit): void {
    // a read that was overtaken by a write; a circuit that was forgotten (TTL) begins again from 0
    if (circuit.generation < seen.generation && clock() - seen.movedAt < OLD_NEWS) return;
    if (circuit.generation !== seen.generation) {
      tally = { calls: 0, failures: 0 };
      probes = { successes: 0, failed: false };
      usedUp = -1;
    }
    seen = circuit;
  }

  async function move(to: Move, evidence: Record<string, number> = {}): Promise<void> {
    const { done, circuit } = await table.move(dependency, seen, to);
    see(circuit);
    if (done) await props.changed(circuit, evidence);
  }

  function wait(): number | undefined {
    const now = clock();
    if (seen.state === 'open') {
      if (now < seen.until) return Math.ceil((seen.until - now) / 1_000);
      return hasKeeper ? LATE_SECONDS : undefined;
    }
    if (seen.state === 'closed' || intervalAt(now, settings) > usedUp) return undefined;
    return Math.max(Math.ceil((usedUp + 1) * settings.probeIntervalSeconds - now / 1_000), 1);
  }

  /** Without its circuit a dependency that was ill is not called: that the table does not answer makes it no better. */
  function unknown(cause: unknown): never {
    throw new DependencyOpenError(dependency, LATE_SECONDS, { cause });
  }

  async function refuse(): Promise<void> {
    if (seen.state === 'closed') return;
    if (seen.state === 'open' && clock() >= seen.until) {
      if (hasKeeper) await props.look();
      else await move(halfOpened(seen, moveProps())).catch(unknown);
    }
    const seconds = wait();
    if (seconds !== undefined) throw new DependencyOpenError(dependency, seconds);
  }

  async function claimProbe(): Promise<void> {
    const interval = intervalAt(clock(), settings);
    const { generation } = seen;
    const { done, circuit } = await table.claim(dependency, seen, interval, settings.probes).catch(unknown);
    see(circuit);
    const isUsedUp = !done || circuit.probes >= settings.probes;
    if (circuit.generation === generation && isUsedUp) usedUp = Math.max(interval, circuit.interval);
    if (done) return;
    // closed meanwhile: nothing to probe
    if (seen.state !== 'closed') throw new DependencyOpenError(dependency, wait() ?? 1);
  }

  function record(generation: number, isProbe: boolean, verdict: CallVerdict): void {
    if (verdict === 'unknown' || generation !== seen.generation) return;
    const failed = verdict === 'failure';
    if (isProbe) {
      if (failed) probes.failed = true;
      else probes.successes++;
    } else {
      tally.calls++;
      if (failed) tally.failures++;
    }
    const decides = isProbe
      ? failed || probes.successes + seen.successes >= settings.probes
      : trips(tally.calls, tally.failures, settings);
    // the batch may be long: its other records are to know at once. What fails here is tried again at its end.
    if (decides) flush().catch(() => undefined);
  }

  async function writeProbes(): Promise<void> {
    const { successes, failed } = probes;
    if (failed) {
      await move(opened(seen, moveProps()), { probe_failures: 1 });
      return;
    }
    probes = { successes: 0, failed: false };
    try {
      const { done, circuit } = await table.succeed(dependency, seen.generation, successes);
      see(circuit);
      if (!done || circuit.successes < settings.probes) return;
    } catch (error) {
      probes.successes += successes;
      throw error;
    }
    await move(closed(seen, moveProps(), hasKeeper), { probes: seen.successes });
  }

  async function writeTally(): Promise<void> {
    const counted = tally;
    const { generation } = seen;
    tally = { calls: 0, failures: 0 };
    try {
      const { done, circuit } = await table.count(dependency, seen, windowAt(clock(), settings), counted);
      see(circuit);
      if (!done || !isTripped(circuit, settings)) return;
    } catch (error) {
      if (generation === seen.generation) {
        tally = { calls: tally.calls + counted.calls, failures: tally.failures + counted.failures };
      }
      throw error;
    }
    const { calls, earlierCalls, failures, earlierFailures } = seen;
    await move(opened(seen, moveProps()), { calls: calls + earlierCalls, failures: failures + earlierFailures });
  }

  function flush(): Promise<void> {
    const next = flushing.then(async () => {
      if (seen.state === 'half-open' && (probes.failed || probes.successes > 0)) await writeProbes();
      else if (seen.state === 'closed' && tally.calls > 0) await writeTally();
    });
    flushing = next.catch(() => undefined);
    return next;
  }

  return {
    dependency,
    settings,
    bulkhead,
    get seen() {
      return seen;
    },
    see,
    refuse,
    async admit() {
      await refuse();
      if (seen.state === 'half-open') {
        await claimProbe();
      }
      const { generation, state } = seen;
      return (verdict) => record(generation, state === 'half-open', verdict);
    },
    wait,
    flush,
  };
}
