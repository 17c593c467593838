import { setTimeout as sleep } from 'node:timers/promises';
import type { EventSource } from './event-sources/event-source.ts';
import type { Outboxes } from './outboxes.ts';
import type { Schedules } from './schedules/schedules.ts';

/** Milliseconds between two looks at whether everything is handled. */
const IDLE_INTERVAL = 100;
/**
 * What a scheduled function works on is nowhere to be seen: a relay that polls a table may pause for a second, and then bring
 * events. While one runs, or is about to, it has to stay quiet for so many milliseconds.
 */
const QUIET_UNDER_SCHEDULES = 3_000;

/**
 * Waits until no event source has anything left to deliver, the disabled ones included, and nothing is being handled. A
 * scheduled function that runs is not waited for, since it may never end: only for events that it could still bring, and for
 * those that an outbox still holds.
 * @returns when that began, as `performance.now` counts; undefined when it was aborted
 */
export async function untilIdle(
  sources: readonly Pick<EventSource, 'stats' | 'isEmpty'>[],
  schedules: Pick<Schedules, 'restless'>,
  outboxes: Outboxes,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  let last = -1;
  let before: { delivered: number; at: number } | undefined;
  for (;;) {
    if (signal?.aborted) return undefined;
    const at = performance.now();
    const stats = sources.map((source) => source.stats());
    const delivered = stats.reduce((sum, source) => sum + source.delivered, 0);
    // Asking every queue costs what a delivery costs: nobody asks while the event sources are busy.
    const resting = delivered === last && stats.every(({ running, buffered }) => running + buffered === 0);
    last = delivered;
    const looks = () => Promise.all([...sources, outboxes].map((one) => one.isEmpty()));
    const empty = resting && (await looks()).every(Boolean);
    // An event moves from queue to queue between two looks: only two empty looks with nothing delivered in between count.
    if (!empty) before = undefined;
    else if (before?.delivered !== delivered) before = { delivered, at };
    else if (at - before.at >= (schedules.restless(QUIET_UNDER_SCHEDULES) ? QUIET_UNDER_SCHEDULES : 0))
      return before.at;
    await sleep(IDLE_INTERVAL, undefined, { signal }).catch(() => {});
  }
}
