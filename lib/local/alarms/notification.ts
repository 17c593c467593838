import { isPercentile } from '../metrics/statistic.ts';
import type { AlarmResource, Metric, MetricAlarmResource } from '../resources.ts';
import type { AlarmState } from './composite-rule.ts';

/** A change of an alarm's state. */
export interface Transition {
  alarm: AlarmResource;
  from: AlarmState;
  to: AlarmState;
  /** ms of the wall clock. */
  at: number;
  reason: string;
  /** What the reason says, for programs. */
  reasonData?: object;
  /** For a composite alarm, the children whose change caused this one. */
  triggeredBy?: readonly { arn: string; state: AlarmState; at: number }[];
}

/** SNS takes no longer subject. */
const MAXIMUM_SUBJECT = 100;

/** Region names as CloudWatch writes them; for any other the code stands. */
const REGIONS: Readonly<Record<string, string>> = {
  'af-south-1': 'Africa (Cape Town)',
  'ap-east-1': 'Asia Pacific (Hong Kong)',
  'ap-northeast-1': 'Asia Pacific (Tokyo)',
  'ap-northeast-2': 'Asia Pacific (Seoul)',
  'ap-northeast-3': 'Asia Pacific (Osaka)',
  'ap-south-1': 'Asia Pacific (Mumbai)',
  'ap-southeast-1': 'Asia Pacific (Singapore)',
  'ap-southeast-2': 'Asia Pacific (Sydney)',
  'ca-central-1': 'Canada (Central)',
  'eu-central-1': 'EU (Frankfurt)',
  'eu-central-2': 'Europe (Zurich)',
  'eu-north-1': 'EU (Stockholm)',
  'eu-south-1': 'Europe (Milan)',
  'eu-west-1': 'EU (Ireland)',
  'eu-west-2': 'EU (London)',
  'eu-west-3': 'EU (Paris)',
  'me-south-1': 'Middle East (Bahrain)',
  'sa-east-1': 'South America (Sao Paulo)',
  'us-east-1': 'US East (N. Virginia)',
  'us-east-2': 'US East (Ohio)',
  'us-west-1': 'US West (N. California)',
  'us-west-2': 'US West (Oregon)',
};

/** The ARNs that a transition into `state` acts on; none when actions are disabled. */
export function actionsFor(alarm: AlarmResource, state: AlarmState): readonly string[] {
  if (!alarm.actionsEnabled) return [];
  switch (state) {
    case 'ALARM':
      return alarm.alarmActions;
    case 'OK':
      return alarm.okActions;
    case 'INSUFFICIENT_DATA':
      return alarm.insufficientDataActions;
  }
}

/** The subject: `ALARM: "name" in US East (N. Virginia)`, shortened to 100 printable ASCII characters. */
export function subjectOf({ alarm, to }: Transition): string {
  const subject = `${to}: "${alarm.name}" in ${regionOf(alarm)}`.replace(/[^\x20-\x7e]/g, '?');
  return subject.length > MAXIMUM_SUBJECT ? `${subject.slice(0, MAXIMUM_SUBJECT - 3)}...` : subject;
}

/** The message: the JSON text that CloudWatch publishes to a topic. */
export function messageOf(transition: Transition): string {
  const { alarm, from, to, at, reason } = transition;
  return JSON.stringify({
    AlarmName: alarm.name,
    AlarmDescription: alarm.description === '' ? null : alarm.description,
    AWSAccountId: alarm.arn.split(':')[4],
    NewStateValue: to,
    NewStateReason: reason,
    StateChangeTime: timestamp(at),
    Region: regionOf(alarm),
    AlarmArn: alarm.arn,
    OldStateValue: from,
    OKActions: alarm.okActions,
    AlarmActions: alarm.alarmActions,
    InsufficientDataActions: alarm.insufficientDataActions,
    ...(alarm.kind === 'metric'
      ? { Trigger: triggerOf(alarm) }
      : {
          AlarmRule: alarm.rule,
          TriggeringChildren: (transition.triggeredBy ?? []).map((child) => ({
            Arn: child.arn,
            State: { Value: child.state, Timestamp: timestamp(child.at) },
          })),
        }),
  });
}

function triggerOf(alarm: MetricAlarmResource): Record<string, unknown> {
  const [only, ...rest] = alarm.queries;
  const rule = {
    Period: alarm.periodSeconds,
    EvaluationPeriods: alarm.evaluationPeriods,
    DatapointsToAlarm: alarm.datapointsToAlarm,
    ComparisonOperator: alarm.comparison,
    Threshold: alarm.threshold,
    TreatMissingData: alarm.treatMissingData,
    EvaluateLowSampleCountPercentile: '',
  };
  if (only?.metric && rest.length === 0) {
    const { metric, statistic } = only.metric;
    const statisticFields = isPercentile(statistic)
      ? { StatisticType: 'ExtendedStatistic', ExtendedStatistic: statistic }
      : { StatisticType: 'Statistic', Statistic: statistic.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase() };
    const { MetricName, Namespace, Dimensions } = identityOf(metric);
    return { MetricName, Namespace, ...statisticFields, Unit: null, Dimensions, ...rule };
  }
  return {
    ...rule,
    Metrics: alarm.queries.map(({ id, expression, metric, returnData }) => ({
      Id: id,
      ...(metric && {
        MetricStat: { Metric: identityOf(metric.metric), Period: metric.periodSeconds, Stat: metric.statistic },
      }),
      ...(expression !== undefined && { Expression: expression }),
      ReturnData: returnData,
    })),
  };
}

function identityOf({ namespace, name, dimensions }: Metric) {
  return {
    MetricName: name,
    Namespace: namespace,
    Dimensions: Object.entries(dimensions).map(([dimension, value]) => ({ value, name: dimension })),
  };
}

function regionOf({ arn }: AlarmResource): string {
  const region = arn.split(':')[3] ?? '';
  return REGIONS[region] ?? region;
}

/** `2026-01-01T00:00:00.000+0000`, as CloudWatch writes moments into texts. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '+0000');
}
