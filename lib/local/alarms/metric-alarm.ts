import type { AlarmClock } from '../metrics/alarm-clock.ts';
import { type MetricStatQuery, prepareAlarmMath } from '../metrics/metric-math/alarm-math.ts';
import type { Read, SharedReads } from '../metrics/shared-reads.ts';
import type { MetricAlarmResource } from '../resources.ts';
import { decide, evaluationRange } from './datapoints/missing-data.ts';
import { breaches, reasonDataOf, reasonOf } from './datapoints/reason.ts';

/** A state to go to, and why; undefined to stay. */
export type Evaluated =
  | { state: 'ALARM' | 'OK' | 'INSUFFICIENT_DATA'; reason: () => string; reasonData: () => object }
  | undefined;

export interface PreparedMetricAlarm {
  /** How often it is evaluated, in ms of alarm time. */
  readonly everyMs: number;
  /** How far back it looks, in ms of alarm time. */
  readonly rangeMs: number;
  /**
   * Evaluates the datapoints of the periods that end at `endMs` (alarm time) and before.
   * @param lenient whether silence is held for missing data, whatever the alarm says
   */
  evaluateAt(endMs: number, lenient?: boolean): Evaluated;
}

/**
 * Prepares a metric alarm. As in CloudWatch ("Alarm evaluation"), the window slides: an alarm with periods of 5 minutes is
 * evaluated every minute, on the last 5 minutes, the 5 before, and so on; a high-resolution one every 10 seconds; one that
 * looks back over more than a day every hour.
 * @throws MetricMathError or UnknownStatisticError for what is not emulated.
 */
export function prepareMetricAlarm(
  alarm: MetricAlarmResource,
  shared: SharedReads,
  clock: AlarmClock,
): PreparedMetricAlarm {
  const { periodSeconds, evaluationPeriods } = alarm;
  const math = prepareAlarmMath(alarm.queries, periodSeconds, alarm.name);
  const count = evaluationRange(evaluationPeriods);
  const periodMs = periodSeconds * 1000;
  const reads = new Map<string, Read>();
  for (const { id, metric } of alarm.queries) {
    if (metric) reads.set(id, shared.prepare(metric.metric, metric.statistic, periodSeconds, count));
  }
  const lenientAlarm: MetricAlarmResource = { ...alarm, treatMissingData: 'missing' };

  return {
    everyMs: everySeconds(alarm) * 1000,
    rangeMs: count * periodMs,
    evaluateAt(endMs, lenient = false) {
      const rule = lenient ? lenientAlarm : alarm;
      const range = math(({ id }: MetricStatQuery) => reads.get(id)!(endMs), count);
      const verdict = decide(range, (value) => breaches(alarm, value), rule);
      if (verdict.state === 'RETAIN') return undefined;
      const startOf = (index: number) => clock.toRealTime(endMs - (count - index) * periodMs);
      return {
        state: verdict.state,
        reason: () => reasonOf(rule, verdict, range, startOf),
        reasonData: () => reasonDataOf(rule, verdict, range, startOf, clock.realNow()),
      };
    },
  };
}

function everySeconds({ periodSeconds, evaluationPeriods }: MetricAlarmResource): number {
  if (periodSeconds < 60) return 10;
  return periodSeconds * evaluationPeriods > 86_400 ? 3600 : 60;
}
