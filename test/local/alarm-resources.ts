import type { CompositeAlarmResource, Metric, MetricAlarmResource, MetricQuery } from '../../lib/local/resources.ts';

const REGION = 'eu-central-1';
const ACCOUNT = '000000000000';

export function alarmArn(name: string): string {
  return `arn:aws:cloudwatch:${REGION}:${ACCOUNT}:alarm:${name}`;
}

function declared(name: string) {
  return {
    stack: 'stack',
    logicalId: name,
    path: `stack/${name}`,
    name,
    arn: alarmArn(name),
    description: '',
    actionsEnabled: true,
    alarmActions: [],
    okActions: [],
    insufficientDataActions: [],
  };
}

/** An alarm on one metric: Maximum > 10 in 1 of 1 minutes, unless said otherwise. */
export function metricAlarm(
  name: string,
  metric: Metric,
  props: Partial<MetricAlarmResource> & { statistic?: string } = {},
): MetricAlarmResource {
  const { statistic = 'Maximum', ...rest } = props;
  const periodSeconds = rest.periodSeconds ?? 60;
  const query: MetricQuery = { id: 'm1', returnData: true, metric: { metric, statistic, periodSeconds } };
  return {
    kind: 'metric',
    ...declared(name),
    queries: [query],
    periodSeconds,
    evaluationPeriods: 1,
    datapointsToAlarm: rest.evaluationPeriods ?? 1,
    threshold: 10,
    comparison: 'GreaterThanThreshold',
    treatMissingData: 'missing',
    ...rest,
  };
}

export function compositeAlarm(
  name: string,
  rule: string,
  props: Partial<CompositeAlarmResource> = {},
): CompositeAlarmResource {
  return { kind: 'composite', ...declared(name), rule, ...props };
}
