/**
 * The time that metrics and alarms live in. It runs `speed` times as fast as the wall clock, from the same start, so an
 * alarm keeps its declared period of 60 s and yet is evaluated every real second at speed 60. A message that has waited
 * 5 real seconds is then 300 s old. Nothing but metrics and alarms reads this clock.
 */
export interface AlarmClock {
  /** How many times faster than the wall clock. */
  readonly speed: number;
  /** The wall clock, in ms since the epoch. */
  realNow(): number;
  /** The alarm clock, in ms since the epoch. */
  now(): number;
  /** When, on the alarm clock, a moment of the wall clock is (ms). */
  toAlarmTime(realMs: number): number;
  /** When, on the wall clock, a moment of the alarm clock is (ms). */
  toRealTime(alarmMs: number): number;
}

export interface AlarmClockProps {
  /** The wall clock. @default Date.now */
  realNow?: () => number;
  /** A positive number. @default 1 */
  speed?: number;
}

/**
 * Starts an alarm clock: alarm time = start + (real time - start) x speed.
 * @throws RangeError when speed is not a positive number.
 */
export function startAlarmClock({ realNow = Date.now, speed = 1 }: AlarmClockProps = {}): AlarmClock {
  if (!Number.isFinite(speed) || speed <= 0) {
    throw new RangeError(
      `The speed of alarms is ${speed}. Use a positive number: 1 is real time, 60 makes a minute a second.`,
    );
  }
  const start = realNow();
  const toAlarmTime = (realMs: number) => start + (realMs - start) * speed;
  return {
    speed,
    realNow,
    now: () => toAlarmTime(realNow()),
    toAlarmTime,
    toRealTime: (alarmMs) => start + (alarmMs - start) / speed,
  };
}
