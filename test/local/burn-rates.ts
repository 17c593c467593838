import { readFileSync } from 'node:fs';
import { type Alarms, startAlarms } from '../../lib/local/alarms/alarm-evaluator.ts';
import type { AlarmState } from '../../lib/local/alarms/composite-rule.ts';
import type { SeparatedAlarms } from '../../lib/local/alarms/emulation.ts';
import type { Notification } from '../../lib/local/alarms/notifier.ts';
import type { Engines } from '../../lib/local/engines.ts';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { MetricStore } from '../../lib/local/metrics/metric-store.ts';

export const FLOW = 'checkout';
const MINUTE = 60_000;
const START = Date.parse('2026-01-05T08:00:00Z');

/** What a flow counted in one minute; undefined when nothing was written. */
export type Minute = { handled: number; deadLettered: number; late: number } | undefined;

/** Equal minutes that follow each other: how many, and what each counts; null where nothing is written. */
export type Run = readonly [minutes: number, handled: number | null, deadLettered: number | null, late: number | null];

/** The runs of a file in `recorded-series`. */
export function recordedRuns(name: string): Run[] {
  const file = new URL(`recorded-series/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { runs: Run[] }).runs;
}

export function minutesOf(runs: readonly Run[]): Minute[] {
  return runs.flatMap(([minutes, handled, deadLettered, late]) =>
    Array.from({ length: minutes }, () =>
      handled === null ? undefined : { handled, deadLettered: deadLettered ?? 0, late: late ?? 0 },
    ),
  );
}

/** The minutes of a file in `recorded-series`. */
export function recorded(name: string): Minute[] {
  return minutesOf(recordedRuns(name));
}

/** A change of an alarm, and the minute of the series at whose end it came. */
export interface Change {
  alarm: string;
  to: AlarmState;
  minute: number;
}

/** A notification that was delivered, and the minute at whose end it was. */
export interface Heard extends Change {
  topic: string;
}

export interface Replay {
  changes: Change[];
  heard: Heard[];
  /** The state of an alarm at the end of each minute. */
  states(path: string): AlarmState[];
}

/** Lets the minutes pass, each put into the metrics before the alarms are evaluated at its end. */
export async function replay(
  minutes: readonly Minute[],
  { emulated, refused, absent }: Pick<SeparatedAlarms, 'emulated' | 'refused' | 'absent'>,
  sns: Engines['clients']['sns'],
  put: (store: MetricStore, minute: NonNullable<Minute>, at: number) => void = putCounts,
): Promise<Replay> {
  let passed = 0;
  const clock = startAlarmClock({ realNow: () => START + passed * MINUTE });
  const store = new MetricStore();
  const changes: Change[] = [];
  const heard: Heard[] = [];
  const states = new Map(emulated.map(({ path }) => [path, [] as AlarmState[]]));
  const running: Alarms = startAlarms({
    alarms: emulated,
    notEvaluated: refused.map(({ alarm }) => alarm),
    absent,
    store,
    clock,
    sns,
    settleMs: 0,
    tickMs: 2 ** 30,
    onTransition: ({ alarm, to }) => changes.push({ alarm: alarm.path, to, minute: passed }),
    onNotification: ({ alarm, to, action, outcome }: Notification) => {
      if (outcome === 'delivered') heard.push({ alarm: alarm.path, to, minute: passed, topic: action });
    },
  });
  for (const minute of minutes) {
    if (minute) put(store, minute, clock.now());
    passed++;
    await running.evaluateNow();
    const now = running.states();
    for (const { name, path } of emulated) states.get(path)!.push(now.get(name)!.state);
  }
  await running.stop();
  return { changes, heard, states: (path) => states.get(path)! };
}

/** As one line of EMF a minute would. */
export function putCounts(store: MetricStore, minute: NonNullable<Minute>, at: number): void {
  const counts = { Handled: minute.handled, DeadLettered: minute.deadLettered, Parked: 0, Late: minute.late };
  for (const [name, value] of Object.entries(counts)) {
    store.put({ namespace: 'Baton', name, dimensions: { flow: FLOW } }, value, at);
  }
}
