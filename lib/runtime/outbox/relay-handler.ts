import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from 'aws-lambda';
import { marginOf } from '../batch/deadline.ts';
import { createLease, type Lease } from './lease.ts';
import { equipRelay, type RelayEquipment, type RelayOptions } from './relay-equipment.ts';

/** Milliseconds. A schedule starts the next relay every minute. */
const RUN = 58_000;
/** Milliseconds between two looks at a shard that had something, and at one that has been empty for a while. */
const SHORTEST_PAUSE = 20;
const LONGEST_PAUSE = 1_000;
/** Milliseconds. A relay that was killed holds up the next one no longer than this. */
const LEASE = 10_000;

/** The Lambda handler of a relay that polls: started by a schedule, it looks after all shards for most of a minute. */
export type PollingRelay = (
  event: unknown,
  context: Pick<Context, 'awsRequestId' | 'getRemainingTimeInMillis'>,
) => Promise<void>;

/**
 * Makes a relay that polls the outbox until shortly before its deadline, or for 58 seconds. One at a time works: the others
 * stand by for its lease.
 * @throws ConfigurationError when the environment is incomplete; the last error of a shard that could not be relayed in the end
 */
export function createPollingRelay(options: RelayOptions = {}): PollingRelay {
  let equipment: RelayEquipment | undefined;
  return async (_, context) => {
    equipment ??= equipRelay(options);
    const { clients, clock, logger, meter, settings, tracing } = equipment;
    const remaining = context.getRemainingTimeInMillis();
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), Math.min(RUN, remaining - marginOf(remaining)));
    const lease = createLease({
      dynamodb: clients.dynamodb,
      table: settings.table,
      owner: context.awsRequestId,
      duration: LEASE,
      clock,
    });
    try {
      while (!ending.signal.aborted) {
        if (await lease.acquire()) await relayUnder(lease, equipment, ending.signal);
        else await pause(LONGEST_PAUSE, ending.signal);
      }
    } finally {
      clearTimeout(timer);
      await lease.release().catch((error: Error) => {
        logger.warn('The lease of the outbox could not be given up; it ends by itself.', { error });
      });
      meter.write();
      await tracing.flush();
    }
  };
}

/** Relays all shards side by side until it is over, or the lease is lost. */
async function relayUnder(lease: Lease, equipment: RelayEquipment, ending: AbortSignal): Promise<void> {
  const { shards } = equipment.settings;
  const lost = new AbortController();
  const signal = AbortSignal.any([ending, lost.signal]);
  // each shard waits on it, and so do the pauses
  setMaxListeners(0, signal);
  const broken = new Map<number, unknown>();
  const relaying = Array.from({ length: shards }, (_, shard) => relayOn(shard, equipment, signal, broken));
  await Promise.all([...relaying, renew(lease, equipment, signal, lost)]);
  for (const error of broken.values()) throw error;
}

async function relayOn(
  shard: number,
  { relay, logger }: RelayEquipment,
  signal: AbortSignal,
  broken: Map<number, unknown>,
): Promise<void> {
  let wait = SHORTEST_PAUSE;
  while (!signal.aborted) {
    try {
      const { relayed, failed } = await relay(shard, signal);
      wait = relayed > 0 && failed === 0 ? SHORTEST_PAUSE : Math.min(2 * wait, LONGEST_PAUSE);
      broken.delete(shard);
    } catch (error) {
      logger.error('A shard of the outbox could not be relayed.', { shard, error });
      broken.set(shard, error);
      wait = LONGEST_PAUSE;
    }
    await pause(wait, signal);
  }
}

async function renew(
  lease: Lease,
  { logger }: RelayEquipment,
  signal: AbortSignal,
  lost: AbortController,
): Promise<void> {
  for (;;) {
    await pause(LEASE / 3, signal);
    if (signal.aborted) return;
    try {
      if (!(await lease.acquire())) lost.abort();
    } catch (error) {
      logger.warn('The lease of the outbox could not be renewed.', { error });
      lost.abort();
    }
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}

export const handler = createPollingRelay();
