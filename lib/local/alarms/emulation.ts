import { FUNCTION_METRICS } from '../metrics/function-metrics.ts';
import { prepareAlarmMath } from '../metrics/metric-math/alarm-math.ts';
import { MetricMathError } from '../metrics/metric-math/errors.ts';
import { QUEUE_METRICS } from '../metrics/queue-gauges.ts';
import { statisticNamed, UnknownStatisticError } from '../metrics/statistic.ts';
import { TOPIC_METRICS } from '../metrics/topic-metrics.ts';
import type { AlarmResource, CompositeAlarmResource, Metric, NotEmulated } from '../resources.ts';
import { alarmsIn, CompositeRuleError, parseCompositeRule } from './composite-rule.ts';

/** The metrics of AWS services that exist here, with the one dimension they have. Any other namespace is a user's own. */
const SERVICE_METRICS: Readonly<Record<string, { dimension: string; names: readonly string[] }>> = {
  'AWS/SQS': { dimension: 'QueueName', names: QUEUE_METRICS },
  'AWS/SNS': { dimension: 'TopicName', names: TOPIC_METRICS },
  'AWS/Lambda': { dimension: 'FunctionName', names: FUNCTION_METRICS },
};

/** Why nothing is published in a namespace, where there is more to say than that. */
const UNPUBLISHED: Readonly<Record<string, string>> = {
  'AWS/DynamoDB':
    'The DynamoDB engine here has no capacity to run out of, and publishes nothing: this alarm would look healthy whatever happens.',
};

/** What of this machine decides whether an alarm can be evaluated. */
export interface Surroundings {
  /** Whether what the topics do can be seen here: with an engine in this process, it can. @default true */
  topicsSeen?: boolean;
}

/**
 * Why an alarm cannot be evaluated here, for the list of what is not emulated; undefined when it can. An alarm on a metric
 * that nothing here publishes is such a one: it would stay in its first state and look healthy.
 */
export function whyNotEmulated(alarm: AlarmResource, surroundings: Surroundings = {}): string | undefined {
  try {
    if (alarm.kind === 'composite') {
      parseCompositeRule(alarm.rule);
      return undefined;
    }
    prepareAlarmMath(alarm.queries, alarm.periodSeconds, alarm.name);
    for (const { metric } of alarm.queries) {
      if (!metric) continue;
      statisticNamed(metric.statistic);
      const unpublished = whyUnpublished(metric.metric, surroundings);
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

/** The alarms, by what becomes of them here. */
export interface SeparatedAlarms {
  emulated: AlarmResource[];
  /** Those that `startAlarms` would refuse. A composite alarm over one of them goes on without it. */
  refused: RefusedAlarm[];
  /** Composite alarms of `emulated` that name an alarm which is in no template: as a rule part or as a suppressor. */
  incomplete: { alarm: CompositeAlarmResource; property: 'AlarmRule' | 'ActionsSuppressor'; names: string[] }[];
  /** Every name and ARN of {@link incomplete}. */
  absent: ReadonlySet<string>;
}

/** Parts the alarms that can be evaluated from those that cannot. */
export function separateEmulated(alarms: readonly AlarmResource[], surroundings: Surroundings = {}): SeparatedAlarms {
  const known = new Set(alarms.flatMap(({ name, arn }) => [name, arn]));
  const separated = {
    emulated: [] as AlarmResource[],
    refused: [] as RefusedAlarm[],
    incomplete: [] as SeparatedAlarms['incomplete'],
    absent: new Set<string>(),
  };
  const miss = (alarm: CompositeAlarmResource, property: 'AlarmRule' | 'ActionsSuppressor', named: string[]) => {
    const names = named.filter((each) => !known.has(each));
    if (names.length > 0) separated.incomplete.push({ alarm, property, names });
    for (const name of names) separated.absent.add(name);
  };
  for (const alarm of alarms) {
    const reason = whyNotEmulated(alarm, surroundings);
    if (reason !== undefined) {
      separated.refused.push({ alarm, reason });
      continue;
    }
    separated.emulated.push(alarm);
    if (alarm.kind !== 'composite') continue;
    miss(alarm, 'AlarmRule', alarmsIn(parseCompositeRule(alarm.rule)));
    miss(alarm, 'ActionsSuppressor', alarm.suppressor === undefined ? [] : [alarm.suppressor.alarm]);
  }
  return separated;
}

/** What of the alarms is not emulated, for the list of it. */
export function whatAlarmsLack({ refused, incomplete }: SeparatedAlarms): NotEmulated[] {
  const entry = ({ stack, logicalId, path, kind }: AlarmResource, reason: string): NotEmulated => {
    const type = kind === 'metric' ? 'AWS::CloudWatch::Alarm' : 'AWS::CloudWatch::CompositeAlarm';
    return { stack, logicalId, path, type, reason };
  };
  return [
    ...refused.map(({ alarm, reason }) => entry(alarm, reason)),
    ...incomplete.map(({ alarm, property, names }) => ({
      ...entry(alarm, `alarms that are in no template count as never in ALARM: ${names.join(', ')}`),
      property,
    })),
  ];
}

function whyUnpublished(
  { namespace, name, dimensions }: Metric,
  { topicsSeen = true }: Surroundings,
): string | undefined {
  if (!namespace.startsWith('AWS/')) return undefined;
  if (namespace === 'AWS/SNS' && !topicsSeen) return 'What the topics of another engine do cannot be seen from here.';
  const published = SERVICE_METRICS[namespace];
  if (!published?.names.includes(name)) {
    return UNPUBLISHED[namespace] ?? `Nothing here publishes the metric ${namespace} ${name}.`;
  }
  const given = Object.keys(dimensions);
  if (given.length === 1 && given[0] === published.dimension) return undefined;
  return `Here ${namespace} ${name} exists by ${published.dimension} alone, not by (${given.join(', ')}).`;
}
