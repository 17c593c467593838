import type { Clients } from '../aws/clients.ts';
import type { Random } from '../batch/retry.ts';
import { ConfigurationError, RuntimeError } from '../errors.ts';
import { type CircuitState, dueAt, isAtRest } from './circuit.ts';
import { type CircuitTable, createCircuitTable } from './circuit-table.ts';
import { type CircuitLogger, createCircuitTelemetry } from './circuit-telemetry.ts';
import type { DependenciesSettings } from './dependency-settings.ts';
import { DependencyOpenError } from './errors.ts';
import { createSharedCircuit, type SharedCircuit } from './shared-circuit.ts';
import { startCall } from './timed-call.ts';
import { sendWakeUp } from './wake-up.ts';

/** Something that a handler calls and that may be ill: a provider, a database, another team's service. */
export interface Dependency {
  /**
   * Calls it, when its circuit lets it: waits for a place in its bulkhead, hands on a signal that aborts with the
   * invocation or the call's `timeout`. What the work throws counts as a failure of the dependency, unless it is a
   * `PermanentError`, `isFailure` says otherwise, or the invocation's own deadline ended it.
   * @throws DependencyOpenError (not called), DependencyTimeoutError, the signal's reason (not called), or what the work threw
   */
  call<T>(work: (signal: AbortSignal) => Promise<T> | T, options?: CallOptions): Promise<T>;
  /** As this execution environment saw it last: at most a second before the batch. */
  readonly state: CircuitState;
}

/** What may be different for a call. */
export interface CallOptions {
  /** Whether an error says that the dependency is ill. @default every error but a permanent one (`PermanentError`) */
  isFailure?: (error: unknown) => boolean;
}

/** The dependencies of a consumer, with circuits that all its workers share. */
export interface Dependencies {
  /** Before a batch: looks at the circuits, when the last look is a second ago. Never rejects. */
  begin(): Promise<void>;
  /**
   * @param signal aborts when the invocation has to end
   * @throws ConfigurationError naming the dependencies there are
   */
  dependency(name: string, signal: AbortSignal): Dependency;
  /** Seconds that a record not started yet should wait because a dependency is open; undefined when all may run. */
  wait(): number | undefined;
  /** After a batch: writes the counts down, moves states. Never rejects. */
  end(): Promise<void>;
}

/** What {@link createDependencies} takes. */
export interface DependenciesProps {
  /** From `BATON_DEPENDENCIES`, by `readDependencies`. */
  dependencies: DependenciesSettings;
  clients: Pick<Clients, 'dynamodb' | 'sqs'>;
  /** The idempotency table. */
  table: string;
  consumer: string;
  /** Whose keeper pauses and resumes the event source. @default none: workers let the first probes through by themselves */
  keeperQueueUrl?: string;
  logger: CircuitLogger;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default Math.random */
  random?: Random;
  /** Writes metrics. @default console.log */
  write?: (text: string) => void;
}

/** Milliseconds for which a look at the circuits is good enough. */
const FRESH = 1_000;
/** Milliseconds after which the keeper is told again of what it does not seem to know, and how late it may be. */
const UNHEARD = 5_000;
const OVERDUE = 60_000;
const TOLD = 30_000;

export function createDependencies(props: DependenciesProps): Dependencies {
  const { dependencies, consumer, keeperQueueUrl, logger, clients } = props;
  const { clock = Date.now, random = Math.random, write } = props;
  const names = Object.keys(dependencies);
  const table = createCircuitTable({ client: clients.dynamodb, table: props.table, consumer, clock, random });
  const telemetry = createCircuitTelemetry({ logger, clock, ...(write && { write }) });
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  const tell = async (dependency: string, generation: number, tick?: number) => {
    if (keeperQueueUrl === undefined) return;
    const wakeUp = { consumer, dependency, generation, ...(tick !== undefined && { tick }) };
    await sendWakeUp(clients.sqs, keeperQueueUrl, wakeUp);
  };
  // not the end: whoever looks at the circuit next finds out and tells
  const unwoken = (error: unknown) =>
    logger.warn('The keeper of the circuits could not be woken.', { error: asError(error) });
  const circuits = new Map(
    names.map((name) => [
      name,
      createSharedCircuit({
        dependency: name,
        settings: dependencies[name]!,
        table,
        clock,
        random,
        hasKeeper: keeperQueueUrl !== undefined,
        look,
        async changed(circuit, evidence) {
          telemetry.changed(consumer, name, circuit, evidence);
          await tell(name, circuit.generation).catch(unwoken);
        },
      }),
    ]),
  );
  const remind = createReminder({ clock, tell });

  /** Reads all circuits, unless that has just been done. A table that does not answer stops nobody. */
  function look(): Promise<void> {
    if (clock() - lookedAt < FRESH) return looking ?? Promise.resolve();
    lookedAt = clock();
    looking = readCircuits(table, names, circuits)
      .catch((error: unknown) => {
        logger.warn('The circuits could not be read; what was known of them holds.', { error: asError(error) });
      })
      .finally(() => {
        looking = undefined;
      });
    return looking;
  }

  return {
    async begin() {
      if (names.length === 0) return;
      await look();
      if (keeperQueueUrl === undefined) return;
      await Promise.all([...circuits.values()].map(remind)).catch(unwoken);
    },
    dependency(name, signal) {
      const shared = circuits.get(name);
      if (shared === undefined) {
        throw new ConfigurationError(
          `'${name}' is no dependency of '${consumer}'; ${names.length > 0 ? `there are: ${names.join(', ')}` : 'it has none'}. Add it to \`dependencies\` of the construct.`,
        );
      }
      return {
        call: (work, options) => call(shared, work, signal, options),
        get state() {
          return shared.seen.state;
        },
      };
    },
    wait() {
      const waits = [...circuits.values()].map((shared) => shared.wait()).filter((seconds) => seconds !== undefined);
      return waits.length > 0 ? Math.max(...waits) : undefined;
    },
    async end() {
      for (const result of await Promise.allSettled([...circuits.values()].map((shared) => shared.flush()))) {
        if (result.status === 'fulfilled') continue;
        logger.warn('Some calls of a dependency are missing in its circuit.', { error: asError(result.reason) });
      }
    },
  };
}

async function readCircuits(
  table: CircuitTable,
  names: readonly string[],
  circuits: ReadonlyMap<string, SharedCircuit>,
): Promise<void> {
  for (const [name, circuit] of await table.find(names)) circuits.get(name)!.see(circuit);
}

/** Tells the keeper what it ought to know: whoever should have told it may have died before it could. */
function createReminder(props: {
  clock: () => number;
  tell: (dependency: string, generation: number, tick?: number) => Promise<void>;
}): (shared: SharedCircuit) => Promise<void> {
  const told = new Map<string, number>();
  return async ({ dependency, seen }) => {
    const now = props.clock();
    const isUnheard = seen.kept !== seen.generation && now - seen.movedAt >= UNHEARD;
    const isLate = now - (dueAt(seen) ?? now) >= OVERDUE;
    if (isAtRest(seen) || !(isUnheard || isLate) || now - (told.get(dependency) ?? 0) < TOLD) return;
    told.set(dependency, now);
    await props.tell(dependency, seen.generation, isLate ? seen.tick : undefined);
  };
}

async function call<T>(
  shared: SharedCircuit,
  work: (signal: AbortSignal) => Promise<T> | T,
  signal: AbortSignal,
  { isFailure = () => true }: CallOptions = {},
): Promise<T> {
  // who would be refused need not wait in line for it
  await shared.refuse();
  const leave = await shared.bulkhead.enter(signal);
  const record = await shared.admit().catch((error: unknown) => {
    leave();
    throw error;
  });
  const { result, ended } = startCall(shared.dependency, work, signal, shared.settings.timeoutSeconds);
  // a place is held until the work has ended, even when its caller was told earlier that its time is up
  void ended.then(leave);
  try {
    const value = await result;
    record('success');
    return value;
  } catch (error) {
    if (error instanceof DependencyOpenError || signal.aborted) record('unknown');
    else record(isPermanent(error) || !isFailure(error) ? 'success' : 'failure');
    throw error;
  }
}

function isPermanent(error: unknown): boolean {
  return error instanceof RuntimeError && error.permanent;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
