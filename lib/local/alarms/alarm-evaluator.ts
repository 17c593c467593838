import type { SNSClient } from '@aws-sdk/client-sns';
import type { AlarmClock } from '../metrics/alarm-clock.ts';
import type { MetricStore } from '../metrics/metric-store.ts';
import { sharedReads } from '../metrics/shared-reads.ts';
import type { AlarmResource } from '../resources.ts';
import { AlarmBook } from './alarm-book.ts';
import type { AlarmRecord, HistoryItem } from './alarm-records.ts';
import { prepareCompositeAlarms } from './composite-alarms.ts';
import type { AlarmState } from './composite-rule.ts';
import { type PreparedMetricAlarm, prepareMetricAlarm } from './metric-alarm.ts';
import { actionsFor, type Transition, timestamp } from './notification.ts';
import { createNotifier, type Notification } from './notifier.ts';
import { type SuppressedBy, type Suppression, suppressionOf } from './suppression.ts';

export interface StartAlarmsProps {
  alarms: readonly AlarmResource[];
  /** Alarms that are there, and stay in INSUFFICIENT_DATA unless somebody sets their state. @default none */
  notEvaluated?: readonly AlarmResource[];
  /** Names and ARNs of alarms that composite alarms name and that are nowhere; never in ALARM. @default none */
  absent?: ReadonlySet<string>;
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
  /** The actions of a transition are held back. */
  onSuppressed?: (transition: Transition, by: SuppressedBy) => void;
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

/** A state that somebody gives an alarm. */
export interface GivenState {
  state: AlarmState;
  reason: string;
  reasonData?: object;
}

export interface Alarms {
  /** Of the alarms that are evaluated. */
  states(): Map<string, AlarmStatus>;
  /** Of the alarms that are evaluated. */
  history(): AlarmHistory[];
  /** All alarms, those that nothing evaluates included. */
  records(): AlarmRecord[];
  /** The histories of all alarms, oldest first. */
  items(): HistoryItem[];
  /**
   * Gives an alarm a state, as SetAlarmState does: its actions are taken, the composite alarms over it follow at once, and
   * its next evaluation takes over. False when there is no such alarm.
   */
  setState(name: string, given: GivenState): boolean;
  /** Evaluates what is due now. States have changed when it returns; it resolves when the notifications are out. */
  evaluateNow(): Promise<void>;
  /** Ends evaluation; resolves when no notification is under way. */
  stop(): Promise<void>;
}

/** After a pause of the process (a laptop that slept), no more than this many missed evaluations are made up for. */
const MAXIMUM_CATCH_UP = 60;

interface MetricAlarmRun extends PreparedMetricAlarm {
  alarm: AlarmResource;
  /** Alarm time up to which it has been evaluated. */
  evaluatedMs: number;
  /** Alarm time before which silence is held for missing data. */
  lenientBeforeMs: number;
}

/**
 * Evaluates alarms as CloudWatch does, and publishes what they do to their topics. Every alarm begins in
 * INSUFFICIENT_DATA. Composite alarms follow their children at once.
 * @throws MetricMathError, UnknownStatisticError or CompositeRuleError for an alarm that is not emulated; `whyNotEmulated`
 *   tells beforehand.
 */
export function startAlarms(props: StartAlarmsProps): Alarms {
  const { alarms, notEvaluated = [], store, clock, sns, settleMs = 250, retryDelaysMs = [200, 1000, 5000] } = props;
  const tickMs = props.tickMs ?? Math.min(1000, Math.max(25, 30_000 / clock.speed));
  const settledNow = () => clock.toAlarmTime(clock.realNow() - settleMs);
  const book = new AlarmBook(alarms, notEvaluated, clock.realNow());
  const notifier = createNotifier({
    sns,
    realNow: clock.realNow,
    retryDelaysMs,
    onNotification(notification) {
      book.noteAction(notification);
      props.onNotification?.(notification);
    },
  });

  const metricAlarms: MetricAlarmRun[] = [];
  const reads = sharedReads(store);
  for (const alarm of alarms) {
    if (alarm.kind !== 'metric') continue;
    const prepared = prepareMetricAlarm(alarm, reads, clock);
    const evaluatedMs = lastBoundary(settledNow(), prepared.everyMs);
    // that nothing was there before the start is no news, even to an alarm that holds silence for a breach
    const lenientBeforeMs = alarm.treatMissingData === 'breaching' ? evaluatedMs + prepared.rangeMs : -Infinity;
    metricAlarms.push({ ...prepared, alarm, evaluatedMs, lenientBeforeMs });
    for (const { metric } of alarm.queries) {
      if (metric) store.retainAtLeast(metric.metric, prepared.rangeMs + prepared.everyMs);
    }
  }

  const composites = prepareCompositeAlarms(alarms, notEvaluated, props.absent);
  const parents = new Map<string, string[]>();
  const suppressed = new Map<string, Suppression[]>();
  for (const { alarm, children, suppressor } of composites) {
    for (const child of children) append(parents, child, alarm.name);
    if (alarm.suppressor === undefined) continue;
    const suppression = suppressionOf(alarm.suppressor);
    book.suppress(alarm.name, suppression);
    if (suppressor !== undefined) append(suppressed, suppressor, suppression);
  }
  /** Composite alarms to evaluate, with the transitions that made them due. */
  const due = new Map<string, Transition[]>(composites.map(({ alarm }) => [alarm.name, []]));

  function transit(transition: Transition): void {
    const { alarm, from, to } = transition;
    book.note(transition);
    for (const parent of parents.get(alarm.name) ?? []) append(due, parent, transition);
    const suppression = book.suppressionOf(alarm.name);
    if (suppression === undefined || suppression.change(transition, clock.now())) notifier.notify(transition);
    else if (suppression.by !== undefined && actionsFor(alarm, to).length > 0) {
      book.noteSuppressed(transition, suppression.by);
      props.onSuppressed?.(transition, suppression.by);
    }
    if (from === 'ALARM' || to === 'ALARM') {
      for (const each of suppressed.get(alarm.name) ?? []) each.suppressor(to === 'ALARM', clock.now());
    }
    props.onTransition?.(transition);
  }

  /** Evaluates all that is due, moment by moment, so that composite alarms see their children change together. */
  function evaluateMetricAlarms(): void {
    const now = settledNow();
    let endMs = Infinity;
    for (const run of metricAlarms) {
      const { everyMs } = run;
      run.evaluatedMs = Math.max(run.evaluatedMs, lastBoundary(now, everyMs) - MAXIMUM_CATCH_UP * everyMs);
      endMs = Math.min(endMs, run.evaluatedMs + everyMs);
    }
    while (endMs <= now) {
      let next = Infinity;
      for (const run of metricAlarms) {
        if (run.evaluatedMs + run.everyMs === endMs) evaluateAt(run, endMs);
        next = Math.min(next, run.evaluatedMs + run.everyMs);
      }
      evaluateComposites();
      endMs = next;
    }
  }

  function evaluateAt(run: MetricAlarmRun, endMs: number): void {
    run.evaluatedMs = endMs;
    const { alarm } = run;
    const evaluated = run.evaluateAt(endMs, endMs < run.lenientBeforeMs);
    const from = book.stateOf(alarm.name);
    if (evaluated === undefined || evaluated.state === from) return;
    const [reason, reasonData] = [evaluated.reason(), evaluated.reasonData()];
    transit({ alarm, from, to: evaluated.state, at: clock.realNow(), reason, reasonData });
  }

  /** One pass, children first. What a circle of alarms leaves due waits for the next evaluation. */
  function evaluateComposites(): void {
    if (due.size === 0) return;
    for (const { alarm, evaluate } of composites) {
      const causes = due.get(alarm.name);
      if (causes === undefined) continue;
      due.delete(alarm.name);
      const from = book.stateOf(alarm.name);
      const to = evaluate(book.stateOf);
      if (to === from) continue;
      const at = clock.realNow();
      const triggeredBy = causes.map((cause) => ({ arn: cause.alarm.arn, state: cause.to, at: cause.at }));
      const last = triggeredBy.at(-1);
      const reason = last
        ? `${last.arn} transitioned to ${last.state} at ${longDate(last.at)}`
        : `${alarm.arn} was created and its alarm rule evaluates to ${to}`;
      const reasonData = {
        triggeringAlarms: triggeredBy.map((each) => ({
          arn: each.arn,
          state: { value: each.state, timestamp: timestamp(each.at) },
        })),
      };
      transit({ alarm, from, to, at, reason, reasonData, triggeredBy });
    }
  }

  function evaluate(): void {
    evaluateMetricAlarms();
    evaluateComposites();
    for (const suppression of book.suppressions()) {
      const released = suppression.release(clock.now());
      if (released !== undefined) notifier.notify(released);
    }
  }

  const timer = setInterval(evaluate, tickMs);
  timer.unref();
  return {
    states: () => book.states(),
    history: () => book.histories(),
    records: () => book.records(),
    items: () => book.items(),
    setState(name, { state: to, reason, reasonData }) {
      const record = book.record(name);
      if (record === undefined) return false;
      const { alarm, state: from } = record;
      const at = clock.realNow();
      const data = reasonData && { reasonData };
      if (from === to) book.update(name, { reason, at, ...data });
      else transit({ alarm, from, to, at, reason, ...data });
      evaluateComposites();
      return true;
    },
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

function append<Item>(lists: Map<string, Item[]>, key: string, item: Item): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
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
