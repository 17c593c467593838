import type { SNSClient } from '@aws-sdk/client-sns';
import type { AlarmClock } from '../metrics/alarm-clock.ts';
import type { MetricStore } from '../metrics/metric-store.ts';
import type { AlarmResource } from '../resources.ts';
import { prepareCompositeAlarms } from './composite-alarms.ts';
import type { AlarmState } from './composite-rule.ts';
import { type PreparedMetricAlarm, prepareMetricAlarm } from './metric-alarm.ts';
import type { Transition } from './notification.ts';
import { createNotifier, type Notification } from './notifier.ts';

export interface StartAlarmsProps {
  alarms: readonly AlarmResource[];
  store: MetricStore;
  clock: AlarmClock;
  sns: SNSClient;
  /** Real ms between looks at the clock. @default half of a minute of alarm time, within 25 ms and 1 s */
  tickMs?: number;
  /**
   * Real ms that a period stays open for late datapoints after its end, as CloudWatch waits for what is on its way.
   * @default 250
   */
  settleMs?: number;
  /** Real ms before the second, third, ... attempt to publish a notification. @default [200, 1000, 5000] */
  retryDelaysMs?: readonly number[];
  onTransition?: (transition: Transition) => void;
  onNotification?: (notification: Notification) => void;
}

export interface AlarmStatus {
  state: AlarmState;
  /** Since when, in ms of the wall clock. */
  since: number;
  reason: string;
}

export interface AlarmHistory {
  name: string;
  /** Every state with the wall-clock ms of its beginning, the first one included; the latest 1,000. */
  states: { state: AlarmState; at: number }[];
}

export interface Alarms {
  states(): Map<string, AlarmStatus>;
  history(): AlarmHistory[];
  /** Evaluates what is due now. States have changed when it returns; it resolves when the notifications are out. */
  evaluateNow(): Promise<void>;
  /** Ends evaluation; resolves when no notification is under way. */
  stop(): Promise<void>;
}

/** After a pause of the process (a laptop that slept), no more than this many missed evaluations are made up for. */
const MAXIMUM_CATCH_UP = 60;
const MAXIMUM_HISTORY = 1000;

interface MetricAlarmRun extends PreparedMetricAlarm {
  alarm: AlarmResource;
  /** Alarm time up to which it has been evaluated. */
  evaluatedMs: number;
}

/**
 * Evaluates alarms as CloudWatch does, and publishes what they do to their topics. Every alarm begins in
 * INSUFFICIENT_DATA. Composite alarms follow their children at once.
 * @throws MetricMathError, UnknownStatisticError or CompositeRuleError for an alarm that is not emulated; `whyNotEmulated`
 *   tells beforehand.
 */
export function startAlarms(props: StartAlarmsProps): Alarms {
  const { alarms, store, clock, sns, settleMs = 250, retryDelaysMs = [200, 1000, 5000], onTransition } = props;
  const tickMs = props.tickMs ?? Math.min(1000, Math.max(25, 30_000 / clock.speed));
  const startedAt = clock.realNow();
  const settledNow = () => clock.toAlarmTime(clock.realNow() - settleMs);
  const notifier = createNotifier({
    sns,
    realNow: clock.realNow,
    retryDelaysMs,
    onNotification: props.onNotification,
  });

  const metricAlarms: MetricAlarmRun[] = [];
  const composites = prepareCompositeAlarms(alarms);
  const statuses = new Map<string, AlarmStatus>();
  const histories = new Map<string, AlarmHistory>();
  for (const alarm of alarms) {
    const reason = 'Unchecked: Initial alarm creation';
    statuses.set(alarm.name, { state: 'INSUFFICIENT_DATA', since: startedAt, reason });
    histories.set(alarm.name, { name: alarm.name, states: [{ state: 'INSUFFICIENT_DATA', at: startedAt }] });
    if (alarm.kind !== 'metric') continue;
    const prepared = prepareMetricAlarm(alarm, store, clock);
    const evaluatedMs = lastBoundary(settledNow(), prepared.everyMs);
    // that nothing was there before the start is no news, even to an alarm that holds silence for a breach
    const knowsMs = evaluatedMs + prepared.rangeMs;
    const lenient = prepareMetricAlarm({ ...alarm, treatMissingData: 'missing' }, store, clock);
    const evaluateAt: typeof prepared.evaluateAt = (endMs) =>
      (alarm.treatMissingData === 'breaching' && endMs < knowsMs ? lenient : prepared).evaluateAt(endMs);
    metricAlarms.push({ ...prepared, evaluateAt, alarm, evaluatedMs });
    store.retainAtLeast(prepared.rangeMs + prepared.everyMs);
  }
  const arns = new Map(alarms.map(({ name, arn }) => [name, arn]));
  /** Composite alarms to evaluate, with the transitions that made them due. */
  const due = new Map<string, Transition[]>(composites.map(({ alarm }) => [alarm.name, []]));

  function transit(transition: Transition): void {
    const { alarm, to, at, reason } = transition;
    statuses.set(alarm.name, { state: to, since: at, reason });
    const history = histories.get(alarm.name)!;
    history.states.push({ state: to, at });
    if (history.states.length > MAXIMUM_HISTORY) history.states.shift();
    for (const composite of composites) {
      if (!composite.children.has(alarm.name)) continue;
      const causes = due.get(composite.alarm.name);
      if (causes) causes.push(transition);
      else due.set(composite.alarm.name, [transition]);
    }
    notifier.notify(transition);
    onTransition?.(transition);
  }

  /** Evaluates all that is due, moment by moment, so that composite alarms see their children change together. */
  function evaluateMetricAlarms(): void {
    const now = settledNow();
    for (const run of metricAlarms) {
      const { everyMs } = run;
      run.evaluatedMs = Math.max(run.evaluatedMs, lastBoundary(now, everyMs) - MAXIMUM_CATCH_UP * everyMs);
    }
    for (;;) {
      const endMs = Math.min(...metricAlarms.map(({ evaluatedMs, everyMs }) => evaluatedMs + everyMs));
      if (endMs > now) return;
      for (const run of metricAlarms) {
        if (run.evaluatedMs + run.everyMs !== endMs) continue;
        run.evaluatedMs = endMs;
        const { alarm } = run;
        const evaluated = run.evaluateAt(endMs);
        const from = statuses.get(alarm.name)!.state;
        if (evaluated === undefined || evaluated.state === from) continue;
        transit({ alarm, from, to: evaluated.state, at: clock.realNow(), reason: evaluated.reason() });
      }
      evaluateComposites();
    }
  }

  /** One pass, children first. What a circle of alarms leaves due waits for the next evaluation. */
  function evaluateComposites(): void {
    for (const { alarm, evaluate } of composites) {
      const causes = due.get(alarm.name);
      if (causes === undefined) continue;
      due.delete(alarm.name);
      const from = statuses.get(alarm.name)!.state;
      const to = evaluate((name) => statuses.get(name)!.state);
      if (to === from) continue;
      const at = clock.realNow();
      const triggeredBy = causes.map((cause) => ({ arn: arns.get(cause.alarm.name)!, state: cause.to, at: cause.at }));
      const last = triggeredBy[triggeredBy.length - 1];
      const reason = last
        ? `${last.arn} transitioned to ${last.state} at ${longDate(last.at)}`
        : `${alarm.arn} was created and its alarm rule evaluates to ${to}`;
      transit({ alarm, from, to, at, reason, triggeredBy });
    }
  }

  function evaluate(): void {
    evaluateMetricAlarms();
    evaluateComposites();
  }

  const timer = setInterval(evaluate, tickMs);
  timer.unref();
  return {
    states: () => new Map(statuses),
    history: () => [...histories.values()].map(({ name, states }) => ({ name, states: [...states] })),
    evaluateNow() {
      evaluate();
      return notifier.idle();
    },
    async stop() {
      clearInterval(timer);
      await notifier.stop();
    },
  };
}

function lastBoundary(ms: number, everyMs: number): number {
  return Math.floor(ms / everyMs) * everyMs;
}

const WEEKDAY = new Intl.DateTimeFormat('en-US', { weekday: 'long', timeZone: 'UTC' });
const MONTH = new Intl.DateTimeFormat('en-US', { month: 'long', timeZone: 'UTC' });

/** `Friday 22 July, 2022 15:57:45 UTC`, as in the reasons of composite alarms. */
function longDate(ms: number): string {
  const [year, , day, time] = new Date(ms).toISOString().split(/[-T.]/);
  return `${WEEKDAY.format(ms)} ${day} ${MONTH.format(ms)}, ${year} ${time} UTC`;
}
