import type { EventSourceMappingConfiguration, UpdateEventSourceMappingRequest } from '@aws-sdk/client-lambda';
import { AwsError } from '../aws/aws-error.ts';
import type { Lambda } from '../aws/clients.ts';
import { ConfigurationError } from '../errors.ts';
import { type Circuit, GENTLE_CONCURRENCY } from './circuit.ts';
import { DEFAULT_SETTINGS } from './dependency-settings.ts';
import { KeeperError } from './errors.ts';

/** The event source of a consumer, as the consumer was deployed. */
export interface WatchedSource {
  uuid: string;
  batchSize: number;
  /** Seconds. @default 0 */
  batchWindow?: number;
  /** @default no limit */
  maximumConcurrency?: number;
  /** Its dependencies by name. */
  dependencies: Readonly<Record<string, { rampStepSeconds?: number }>>;
}

/** How an event source should be. */
export type Aim =
  /** Nothing is received, so that no receive count is used up. */
  | { kind: 'paused' }
  /** One message at a time, few at once. */
  | { kind: 'gentle'; concurrency: number }
  /** As it was deployed. */
  | { kind: 'restored' };

/** Where the ramp of a consumer ends that has no limit of its own; Lambda's own scaling is no faster from there. */
const FULL_CONCURRENCY = 100;
/** Milliseconds between two attempts on an event source that is still changing; doubling. */
const PAUSE = 500;
const TRIES = 5;

/**
 * Reads `BATON_EVENT_SOURCES`: event sources by the name of their consumer.
 * @throws ConfigurationError
 */
export function readEventSources(text: string | undefined): ReadonlyMap<string, WatchedSource> {
  try {
    return new Map(Object.entries(JSON.parse(text ?? '') as Record<string, WatchedSource>));
  } catch (cause) {
    throw new ConfigurationError(
      `BATON_EVENT_SOURCES is ${text === undefined ? 'not set' : 'no JSON object'}. The CircuitBreakers construct sets it.`,
      { cause },
    );
  }
}

/** The seconds between two steps of a ramp. */
export function rampStepOf(source: WatchedSource, dependency: string): number {
  return source.dependencies[dependency]?.rampStepSeconds ?? DEFAULT_SETTINGS.rampStepSeconds;
}

/** 2, 5, 10, 20, ... */
export function nextRamp(ramp: number): number {
  return ramp === GENTLE_CONCURRENCY ? 5 : ramp * 2;
}

/** Whether so many invocations are as many as the event source is made for. */
export function isFull(ramp: number, { maximumConcurrency = FULL_CONCURRENCY }: WatchedSource): boolean {
  return ramp >= maximumConcurrency;
}

/** What the circuits of a consumer, all of them, ask of its event source; undefined when nothing. */
export function aimOf(circuits: Iterable<Circuit>, source: WatchedSource): Aim | undefined {
  const all = [...circuits];
  if (all.some(({ state }) => state === 'open')) return { kind: 'paused' };
  if (all.some(({ state }) => state === 'half-open')) return { kind: 'gentle', concurrency: GENTLE_CONCURRENCY };
  const ramps = all.map(({ ramp }) => ramp).filter((ramp) => ramp > 0);
  if (ramps.length === 0) return undefined;
  const concurrency = Math.min(...ramps);
  return isFull(concurrency, source) ? { kind: 'restored' } : { kind: 'gentle', concurrency };
}

/**
 * Brings an event source to where it should be; does nothing when it is there.
 * @param pause waits so many milliseconds
 * @returns whether something was changed
 * @throws KeeperError when it is still changing after several looks; AwsError
 */
export async function bringTo(
  aim: Aim,
  source: WatchedSource,
  lambda: Lambda,
  pause: (milliseconds: number) => Promise<void>,
): Promise<boolean> {
  const { uuid: UUID } = source;
  for (let tries = 1; tries <= TRIES; tries++) {
    if (isAt(aim, source, await lambda.call('GetEventSourceMapping', { UUID }))) return false;
    try {
      await lambda.call('UpdateEventSourceMapping', { UUID, ...settingsFor(aim, source) });
      return true;
    } catch (error) {
      if (!isChanging(error)) throw error;
      await pause(PAUSE * 2 ** (tries - 1));
    }
  }
  throw new KeeperError(`The event source ${UUID} was still changing after ${TRIES} looks; the wake-up comes back.`);
}

function settingsFor(aim: Aim, source: WatchedSource): Omit<UpdateEventSourceMappingRequest, 'UUID'> {
  const { batchSize, batchWindow = 0, maximumConcurrency } = source;
  switch (aim.kind) {
    case 'paused':
      return { Enabled: false };
    case 'gentle':
      return { Enabled: true, BatchSize: 1, ScalingConfig: { MaximumConcurrency: aim.concurrency } };
    case 'restored':
      return {
        Enabled: true,
        BatchSize: batchSize,
        // a FIFO queue's has none
        ...(batchWindow > 0 && { MaximumBatchingWindowInSeconds: batchWindow }),
        // an empty one takes the limit away (source: UpdateEventSourceMapping, AWS Lambda API reference)
        ScalingConfig: maximumConcurrency === undefined ? {} : { MaximumConcurrency: maximumConcurrency },
      };
  }
}

function isAt(aim: Aim, source: WatchedSource, found: EventSourceMappingConfiguration): boolean {
  if (aim.kind === 'paused') return found.State === 'Disabled' || found.State === 'Disabling';
  const { BatchSize, ScalingConfig } = settingsFor(aim, source);
  return (
    (found.State === 'Enabled' || found.State === 'Enabling') &&
    found.BatchSize === BatchSize &&
    found.ScalingConfig?.MaximumConcurrency === ScalingConfig?.MaximumConcurrency
  );
}

function isChanging(error: unknown): boolean {
  return error instanceof AwsError && ['ResourceConflictException', 'ResourceInUseException'].includes(error.name);
}
