import type { AlarmClock } from '../metrics/alarm-clock.ts';

/**
 * The time in which clients speak of metrics. It is the wall clock, taken from now: an hour ago is an hour of alarm time
 * ago. At speed 1 both are the same. At another speed, alarm time has run ahead; with this, a client that asks for the
 * datapoints of the last hour gets 60 of a minute each, of which the latest is of now.
 */
export interface ApiTime {
  /** Alarm time (ms) of a moment that a value is dated by. */
  toPut(clientMs: number): number;
  /** Alarm time (ms) of a moment that a client asks about; a whole number of minutes away, so that periods stay whole. */
  toAlarm(clientMs: number): number;
  /** The reverse. */
  toClient(alarmMs: number): number;
}

const MINUTE = 60_000;

/** The time of a request that comes now. */
export function apiTime(clock: AlarmClock): ApiTime {
  const ahead = clock.speed === 1 ? 0 : clock.now() - clock.realNow();
  const wholeMinutes = Math.ceil(ahead / MINUTE) * MINUTE;
  return {
    toPut: (clientMs) => clientMs + ahead,
    toAlarm: (clientMs) => clientMs + wholeMinutes,
    toClient: (alarmMs) => alarmMs - wholeMinutes,
  };
}

/** The periods between two moments, the start rounded down and the end rounded up to whole ones. */
export function gridOf(startMs: number, endMs: number, periodSeconds: number): { endMs: number; count: number } {
  const periodMs = periodSeconds * 1000;
  const first = Math.floor(startMs / periodMs);
  const last = Math.ceil(endMs / periodMs);
  return { endMs: last * periodMs, count: Math.max(0, last - first) };
}
