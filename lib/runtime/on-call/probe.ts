import type { Datapoint, Series } from './metric-reader.ts';

export const MINUTE = 60_000;
/** The probe is missed when nothing was heard of it for so many periods. */
const PATIENCE = 3;
/** Whoever was told that alarms do not work is told again after this time, as long as they do not. */
const REMINDER = 60 * MINUTE;

/** What is known about the alarms: whether they work, or that nobody can know yet. */
export type Verdict = 'well' | 'silent' | 'young';

/** What is to be said about them. */
export type News = 'outage' | 'all-clear';

/** What the metrics say about the heartbeat's own past. */
export interface Past {
  /** When it ran. */
  readonly beats: readonly Datapoint[];
  /** When a notification of the probe arrived. */
  readonly heard: readonly Datapoint[];
  /** When somebody was told of an outage (1), and of its end (0). */
  readonly told: readonly Datapoint[];
}

/** A square wave: the alarm that watches it changes its state every `period` minutes, and has to say so. */
export function probeLevel(at: number, period: number): 0 | 1 {
  return Math.floor(at / MINUTE / period) % 2 === 0 ? 0 : 1;
}

/** The metrics of the {@link Past}, in its order. The heartbeat's memory: functions come and go. */
export function pastOf(onCall: string): readonly Series[] {
  return ['Heartbeat', 'HeartbeatHeard', 'HeartbeatOutage'].map((metric) => ({
    namespace: 'Baton',
    metric,
    dimensions: { onCall },
    stat: 'Maximum',
  }));
}

/** How far back the past is looked at, in milliseconds: far enough to see the last reminder. */
export function horizonOf(period: number): number {
  return Math.max(patienceOf(period), 2 * REMINDER) + 10 * MINUTE;
}

/** How long the probe may be silent, in milliseconds. */
export function patienceOf(period: number): number {
  return PATIENCE * period * MINUTE;
}

/**
 * Whether the probe was heard in time. Who has not watched all that time, or only now and then, cannot say: the alarm on
 * missing heartbeats is for that.
 * @param period minutes between two flips of the probe
 */
export function judge({ beats, heard }: Past, now: number, period: number): Verdict {
  const since = now - patienceOf(period);
  if (heard.some(({ at }) => at >= since)) return 'well';
  const watched = beats.filter(({ at }) => at >= since).length;
  const before = beats.some(({ at }) => at < since);
  return before && watched >= (PATIENCE * period) / 2 ? 'silent' : 'young';
}

/** What has to be told now: an outage once, then every hour; its end once. */
export function newsOf(verdict: Verdict, { told }: Past, now: number): News | undefined {
  const last = told.at(-1);
  const known = last !== undefined && last.value > 0;
  // Datapoints carry the beginning of their minute.
  if (verdict === 'silent') return known && now - last.at < REMINDER - MINUTE ? undefined : 'outage';
  return verdict === 'well' && known ? 'all-clear' : undefined;
}
