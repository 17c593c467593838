import { FUNCTION_METRICS } from '../metrics/function-metrics.ts';
import { prepareAlarmMath } from '../metrics/metric-math/alarm-math.ts';
import { MetricMathError } from '../metrics/metric-math/errors.ts';
import { QUEUE_METRICS } from '../metrics/queue-gauges.ts';
import { statisticNamed, UnknownStatisticError } from '../metrics/statistic.ts';
import type { AlarmResource, Metric } from '../resources.ts';
import { alarmsIn, CompositeRuleError, parseCompositeRule } from './composite-rule.ts';

/** The metrics of AWS services that exist here, with the one dimension they have. Any other namespace is a user's own. */
const SERVICE_METRICS: Readonly<Record<string, { dimension: string; names: readonly string[] }>> = {
  'AWS/SQS': { dimension: 'QueueName', names: QUEUE_METRICS },
  'AWS/Lambda': { dimension: 'FunctionName', names: FUNCTION_METRICS },
};

/**
 * Why an alarm cannot be evaluated here, for the list of what is not emulated; undefined when it can. An alarm on a metric
 * that nothing here publishes is such a one: it would stay in its first state and look healthy.
 */
export function whyNotEmulated(alarm: AlarmResource): string | undefined {
  try {
    if (alarm.kind === 'composite') {
      parseCompositeRule(alarm.rule);
      return undefined;
    }
    prepareAlarmMath(alarm.queries, alarm.periodSeconds, alarm.name);
    for (const { metric } of alarm.queries) {
      if (!metric) continue;
      statisticNamed(metric.statistic);
      const unpublished = whyUnpublished(metric.metric);
      if (unpublished !== undefined) return unpublished;
    }
    return undefined;
  } catch (error) {
    const expected =
      error instanceof MetricMathError || error instanceof UnknownStatisticError || error instanceof CompositeRuleError;
    if (!expected) throw error;
    return error.message;
  }
}

/** An alarm that cannot be evaluated here, and why. */
export interface RefusedAlarm {
  alarm: AlarmResource;
  reason: string;
}

/**
 * Parts the alarms that `startAlarms` takes from those it would refuse: besides {@link whyNotEmulated}, composite alarms
 * over an alarm that is not there or is itself refused.
 */
export function separateEmulated(alarms: readonly AlarmResource[]): {
  emulated: AlarmResource[];
  refused: RefusedAlarm[];
} {
  const refused: RefusedAlarm[] = [];
  let emulated = alarms.filter((alarm) => {
    const reason = whyNotEmulated(alarm);
    if (reason !== undefined) refused.push({ alarm, reason });
    return reason === undefined;
  });
  for (let before = -1; before !== emulated.length; ) {
    before = emulated.length;
    const known = new Set(emulated.flatMap(({ name, arn }) => [name, arn]));
    emulated = emulated.filter((alarm) => {
      if (alarm.kind !== 'composite') return true;
      const absent = alarmsIn(parseCompositeRule(alarm.rule)).find((each) => !known.has(each));
      if (absent !== undefined)
        refused.push({ alarm, reason: `Its rule names '${absent}', which is not evaluated here.` });
      return absent === undefined;
    });
  }
  return { emulated, refused };
}

function whyUnpublished({ namespace, name, dimensions }: Metric): string | undefined {
  if (!namespace.startsWith('AWS/')) return undefined;
  const published = SERVICE_METRICS[namespace];
  if (!published?.names.includes(name)) return `Nothing here publishes the metric ${namespace} ${name}.`;
  const given = Object.keys(dimensions);
  if (given.length === 1 && given[0] === published.dimension) return undefined;
  return `Here ${namespace} ${name} exists by ${published.dimension} alone, not by (${given.join(', ')}).`;
}
