import { isRecord } from '../intrinsics.ts';
import type { Metric, MetricAlarmResource, MetricQuery } from '../resources.ts';
import { NAME_LIMITS, physicalName } from './physical-name.ts';
import {
  attributes,
  type Declared,
  type Deployment,
  flagOf,
  numberOf,
  originOf,
  type Provisioned,
  type ResourceType,
  recordsOf,
  requiredText,
  textOf,
  textsOf,
} from './resource-type.ts';

const SHARED = [
  'AlarmName',
  'AlarmDescription',
  'ActionsEnabled',
  'AlarmActions',
  'OKActions',
  'InsufficientDataActions',
];
const NO_TAGS = { Tags: 'alarms have no tags here' };
const COMPARISONS: readonly string[] = [
  'GreaterThanOrEqualToThreshold',
  'GreaterThanThreshold',
  'LessThanThreshold',
  'LessThanOrEqualToThreshold',
] satisfies MetricAlarmResource['comparison'][];

/** AWS::CloudWatch::Alarm */
export const alarm: ResourceType = {
  honoured: [
    ...SHARED,
    'MetricName',
    'Namespace',
    'Dimensions',
    'Statistic',
    'ExtendedStatistic',
    'Period',
    'Metrics',
    'EvaluationPeriods',
    'DatapointsToAlarm',
    'Threshold',
    'ComparisonOperator',
    'TreatMissingData',
  ],
  notHonoured: {
    ...NO_TAGS,
    Unit: 'values of every unit count here',
    EvaluateLowSampleCountPercentile: 'percentiles of few samples count like any other here',
  },
  provision(declared, deployment) {
    const named = nameOf(declared, deployment);
    const comparison = requiredText(declared, 'ComparisonOperator');
    if (declared.properties.ThresholdMetricId !== undefined || !COMPARISONS.includes(comparison)) {
      deployment.notEmulated(declared, 'there is no anomaly detection here');
      return named.provisioned;
    }
    const queries = queriesOf(declared);
    const periods = queries.map(({ metric }) => metric?.periodSeconds ?? 0);
    const evaluationPeriods = numberOf(declared, 'EvaluationPeriods') ?? 1;
    deployment.resources.alarms.push({
      kind: 'metric',
      ...commonOf(declared, named),
      queries,
      periodSeconds: Math.max(...periods) || 60,
      evaluationPeriods,
      datapointsToAlarm: numberOf(declared, 'DatapointsToAlarm') ?? evaluationPeriods,
      threshold: numberOf(declared, 'Threshold') ?? 0,
      comparison: comparison as MetricAlarmResource['comparison'],
      treatMissingData: (textOf(declared, 'TreatMissingData') ?? 'missing') as MetricAlarmResource['treatMissingData'],
    });
    return named.provisioned;
  },
};

/** AWS::CloudWatch::CompositeAlarm */
export const compositeAlarm: ResourceType = {
  honoured: [
    ...SHARED,
    'AlarmRule',
    'ActionsSuppressor',
    'ActionsSuppressorWaitPeriod',
    'ActionsSuppressorExtensionPeriod',
  ],
  notHonoured: NO_TAGS,
  provision(declared, deployment) {
    const named = nameOf(declared, deployment);
    const suppressor = textOf(declared, 'ActionsSuppressor');
    deployment.resources.alarms.push({
      kind: 'composite',
      ...commonOf(declared, named),
      rule: requiredText(declared, 'AlarmRule'),
      ...(suppressor !== undefined && {
        suppressor: {
          alarm: suppressor,
          waitSeconds: numberOf(declared, 'ActionsSuppressorWaitPeriod') ?? 0,
          extensionSeconds: numberOf(declared, 'ActionsSuppressorExtensionPeriod') ?? 0,
        },
      }),
    });
    return named.provisioned;
  },
};

interface Named {
  name: string;
  arn: string;
  provisioned: Provisioned;
}

function nameOf(declared: Declared, { engines }: Deployment): Named {
  const name = textOf(declared, 'AlarmName') ?? physicalName(declared.stack, declared.logicalId, NAME_LIMITS.alarm);
  const arn = `arn:aws:cloudwatch:${engines.region}:${engines.accountId}:alarm:${name}`;
  return { name, arn, provisioned: { ref: name, getAtt: attributes({ Arn: arn }) } };
}

function commonOf(declared: Declared, { name, arn }: Named) {
  return {
    ...originOf(declared),
    name,
    arn,
    description: textOf(declared, 'AlarmDescription') ?? '',
    actionsEnabled: flagOf(declared, 'ActionsEnabled', true),
    alarmActions: textsOf(declared, 'AlarmActions'),
    okActions: textsOf(declared, 'OKActions'),
    insufficientDataActions: textsOf(declared, 'InsufficientDataActions'),
  };
}

function queriesOf(declared: Declared): MetricQuery[] {
  if (declared.properties.MetricName !== undefined) {
    return [
      {
        id: 'm1',
        returnData: true,
        metric: {
          metric: metricOf(declared.properties),
          statistic: textOf(declared, 'Statistic') ?? textOf(declared, 'ExtendedStatistic') ?? 'Average',
          periodSeconds: numberOf(declared, 'Period') ?? 60,
        },
      },
    ];
  }
  return recordsOf(declared, 'Metrics').map((entry): MetricQuery => {
    const { Id, ReturnData, MetricStat: stat, Expression } = entry;
    const query = { id: String(Id), returnData: String(ReturnData ?? true) === 'true' };
    if (!isRecord(stat)) return { ...query, expression: String(Expression) };
    return {
      ...query,
      metric: {
        metric: metricOf(isRecord(stat.Metric) ? stat.Metric : {}),
        statistic: String(stat.Stat),
        periodSeconds: Number(stat.Period),
      },
    };
  });
}

function metricOf({ Namespace, MetricName, Dimensions }: Record<string, unknown>): Metric {
  const dimensions = Array.isArray(Dimensions) ? Dimensions : [];
  return {
    namespace: String(Namespace),
    name: String(MetricName),
    dimensions: Object.fromEntries(dimensions.map(({ Name, Value }) => [String(Name), String(Value)])),
  };
}
