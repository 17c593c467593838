import { AwsError } from '../aws/aws-error.ts';
import type { Clients, Lambda } from '../aws/clients.ts';
import type { Random } from '../batch/retry.ts';
import { type Circuit, dueAt, halfOpened, isAtRest } from './circuit.ts';
import { type CircuitTable, createCircuitTable } from './circuit-table.ts';
import { type CircuitLogger, createCircuitTelemetry } from './circuit-telemetry.ts';
import { DEFAULT_SETTINGS } from './dependency-settings.ts';
import { KeeperError } from './errors.ts';
import { aimOf, bringTo, isFull, nextRamp, rampStepOf, type WatchedSource } from './event-source.ts';
import { sendWakeUp, type WakeUp } from './wake-up.ts';

/** Keeps the event sources of consumers in step with the circuits of their dependencies. */
export interface Keeper {
  /**
   * Looks at a circuit and does what is due: lets probes begin, takes a step of the ramp, pauses or resumes the event
   * source, sets its next timer. May be called any number of times, and may die at any point, as long as a call that
   * did not end is made again.
   * @param again whether the wake-up was received before, so that an earlier call may have ended halfway
   * @throws KeeperError, AwsError: the wake-up has to come back
   */
  wake(wakeUp: WakeUp, again: boolean): Promise<void>;
}

/** What a {@link Keeper} works with. */
export interface KeeperProps {
  /** By the name of the consumer. */
  sources: ReadonlyMap<string, WatchedSource>;
  clients: Pick<Clients, 'dynamodb' | 'sqs'>;
  lambda: Lambda;
  /** The idempotency table. */
  table: string;
  /** The keeper's own queue. */
  queueUrl: string;
  logger: CircuitLogger;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default Math.random */
  random?: Random;
  /** Waits so many milliseconds. @default by a timer */
  pause?: (milliseconds: number) => Promise<void>;
  /** Writes metrics. @default console.log */
  write?: (text: string) => void;
}

/** The longest timer, in seconds: a metric that an alarm looks at every minute has to be written more often than that. */
const TICK_SECONDS = 45;
/** How often circuits that move while their event source is being changed are looked at again. */
const LOOKS = 6;

export function createKeeper(props: KeeperProps): Keeper {
  const { sources, clients, lambda, queueUrl, logger, clock = Date.now, random = Math.random, write } = props;
  const { pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)) } = props;
  const telemetry = createCircuitTelemetry({ logger, clock, ...(write && { write }) });

  return {
    async wake(wakeUp, again) {
      const { consumer, dependency } = wakeUp;
      const source = sources.get(consumer);
      if (source?.dependencies[dependency] === undefined) {
        logger.warn('A wake-up for a dependency that is not watched is dropped.', { ...wakeUp });
        return;
      }
      const table = createCircuitTable({ client: clients.dynamodb, table: props.table, consumer, clock, random });
      const names = Object.keys(source.dependencies);
      const found = await table.find(names);
      if (!again && isOld(wakeUp, found.get(dependency)!)) return;
      const before = await advance(table, found.get(dependency)!, wakeUp, source);
      found.set(dependency, before);
      const circuits = await settle(table, names, found, source, again);
      const circuit = circuits.get(dependency)!;
      telemetry.gauge(consumer, dependency, circuit);
      await goOn(table, circuit, wakeUp, source);
    },
  };

  /** Takes the step that is due, if any. By the clock, whoever asks: the step is conditional on what was seen. */
  async function advance(
    table: CircuitTable,
    circuit: Circuit,
    { consumer, dependency }: WakeUp,
    source: WatchedSource,
  ): Promise<Circuit> {
    const now = clock();
    if (now < (dueAt(circuit) ?? Number.POSITIVE_INFINITY)) return circuit;
    if (circuit.state === 'open') {
      const to = halfOpened(circuit, { now, random, settings: DEFAULT_SETTINGS });
      const { done, circuit: after } = await table.move(dependency, circuit, to);
      if (done) telemetry.changed(consumer, dependency, after);
      return after;
    }
    if (isFull(circuit.ramp, source)) return circuit;
    const rampAt = now + rampStepOf(source, dependency) * 1_000;
    return (await table.ramp(dependency, circuit, nextRamp(circuit.ramp), rampAt)).circuit;
  }

  /**
   * Brings the event source to where the circuits want it. Another keeper may be at work on it with an older or newer
   * view: whoever has written looks again, so the last to write has seen the last change.
   */
  async function settle(
    table: CircuitTable,
    names: readonly string[],
    found: Map<string, Circuit>,
    source: WatchedSource,
    again: boolean,
  ): Promise<Map<string, Circuit>> {
    let circuits = found;
    let touched = again;
    for (let look = 1; look <= LOOKS; look++) {
      // at rest the event source belongs to its operators, unless this call or a dead one has just moved it
      const aim = aimOf(circuits.values(), source) ?? (touched ? ({ kind: 'restored' } as const) : undefined);
      if (aim === undefined || !(await bring(aim, source))) return circuits;
      touched = true;
      circuits = await table.find(names);
    }
    throw new KeeperError(`The circuits of ${source.uuid} moved ${LOOKS} times while they were looked at.`);
  }

  async function bring(aim: Parameters<typeof bringTo>[0], source: WatchedSource): Promise<boolean> {
    try {
      const changed = await bringTo(aim, source, lambda, pause);
      if (changed) logger.info('An event source was changed.', { event_source: source.uuid, aim });
      return changed;
    } catch (error) {
      if (!(error instanceof AwsError) || error.name !== 'ResourceNotFoundException') throw error;
      logger.warn('An event source is gone; there is nothing to pause.', { event_source: source.uuid });
      return false;
    }
  }

  /** Ends the ramp, or sets the next timer: sent first and noted then, so that dying in between sends one too many. */
  async function goOn(table: CircuitTable, circuit: Circuit, wakeUp: WakeUp, source: WatchedSource): Promise<void> {
    const { consumer, dependency } = wakeUp;
    const { state, generation, kept, tick: last, ramp } = circuit;
    if (isAtRest(circuit)) return;
    if (state === 'closed' && isFull(ramp, source)) {
      await table.ramp(dependency, circuit, 0, 0);
      logger.info('A consumer is back at its full size.', { consumer, dependency });
      return;
    }
    if (isOld(wakeUp, circuit)) return;
    const tick = kept === generation ? Math.max(last, wakeUp.tick ?? 0) + 1 : 1;
    const left = Math.ceil(((dueAt(circuit) ?? Number.POSITIVE_INFINITY) - clock()) / 1_000);
    const delay = Math.min(Math.max(left, 0), TICK_SECONDS);
    await sendWakeUp(clients.sqs, queueUrl, { consumer, dependency, generation, tick }, delay);
    await table.arm(dependency, circuit, tick);
  }
}

/** Whether a later timer than this wake-up is under way, so that it has nothing to say. */
function isOld(wakeUp: WakeUp, circuit: Circuit): boolean {
  if (circuit.kept !== circuit.generation) return false;
  return wakeUp.generation !== circuit.generation || (wakeUp.tick ?? -1) < circuit.tick;
}
