import type { AlarmClock } from '../metrics/alarm-clock.ts';
import { type MetricStatQuery, prepareAlarmMath } from '../metrics/metric-math/alarm-math.ts';
import type { MetricStore } from '../metrics/metric-store.ts';
import { type Statistic, statisticNamed } from '../metrics/statistic.ts';
import type { MetricAlarmResource } from '../resources.ts';
import { decide, evaluationRange } from './datapoints/missing-data.ts';
import { breaches, reasonOf } from './datapoints/reason.ts';

/** A state to go to, and why; undefined to stay. */
export type Evaluated = { state: 'ALARM' | 'OK' | 'INSUFFICIENT_DATA'; reason: () => string } | undefined;

export interface PreparedMetricAlarm {
  /** How often it is evaluated, in ms of alarm time. */
  readonly everyMs: number;
  /** How far back it looks, in ms of alarm time. */
  readonly rangeMs: number;
  /** Evaluates the datapoints of the periods that end at `endMs` (alarm time) and before. */
  evaluateAt(endMs: number): Evaluated;
}

/**
 * Prepares a metric alarm. As in CloudWatch ("Alarm evaluation"), the window slides: an alarm with periods of 5 minutes is
 * evaluated every minute, on the last 5 minutes, the 5 before, and so on; a high-resolution one every 10 seconds; one that
 * looks back over more than a day every hour.
 * @throws MetricMathError or UnknownStatisticError for what is not emulated.
 */
export function prepareMetricAlarm(
  alarm: MetricAlarmResource,
  store: MetricStore,
  clock: AlarmClock,
): PreparedMetricAlarm {
  const { periodSeconds, evaluationPeriods } = alarm;
  const math = prepareAlarmMath(alarm.queries, periodSeconds, alarm.name);
  const statistics = new Map<string, Statistic>();
  for (const { id, metric } of alarm.queries) if (metric) statistics.set(id, statisticNamed(metric.statistic));
  const count = evaluationRange(evaluationPeriods);
  const periodMs = periodSeconds * 1000;

  return {
    everyMs: everySeconds(alarm) * 1000,
    rangeMs: count * periodMs,
    evaluateAt(endMs) {
      const pointsOf = ({ id, metric: { metric } }: MetricStatQuery) =>
        store.datapoints(metric, { statistic: statistics.get(id)!, periodSeconds, endMs, count });
      const range = math(pointsOf, count);
      const verdict = decide(range, (value) => breaches(alarm, value), alarm);
      if (verdict.state === 'RETAIN') return undefined;
      const startOf = (index: number) => clock.toRealTime(endMs - (count - index) * periodMs);
      return { state: verdict.state, reason: () => reasonOf(alarm, verdict, range, startOf) };
    },
  };
}

function everySeconds({ periodSeconds, evaluationPeriods }: MetricAlarmResource): number {
  if (periodSeconds < 60) return 10;
  return periodSeconds * evaluationPeriods > 86_400 ? 3600 : 60;
}
