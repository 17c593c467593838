import type { Alarms } from '../alarms/alarm-evaluator.ts';
import { type AlarmRecord, type HistoryItem, suppressedReason } from '../alarms/alarm-records.ts';
import { alarmsIn, parseCompositeRule } from '../alarms/composite-rule.ts';
import { isPercentile } from '../metrics/statistic.ts';
import type { AlarmResource, MetricAlarmResource } from '../resources.ts';
import { CloudWatchApiError, invalidCombination } from './cloudwatch-api-error.ts';
import {
  choiceIn,
  dimensionsOf,
  type Input,
  momentIn,
  numberIn,
  pageOf,
  requiredTextIn,
  seconds,
  textIn,
  textsIn,
} from './request.ts';

const STATES = ['INSUFFICIENT_DATA', 'ALARM', 'OK'] as const;
const TYPES = ['CompositeAlarm', 'MetricAlarm'] as const;
const ITEM_TYPES = ['ConfigurationUpdate', 'StateUpdate', 'Action'] as const;
/** CloudWatch keeps the history of 30 days, and gives 100 items or alarms at a time; 50 alarms unless told otherwise. */
const PAGE = { largest: 100, alarms: 50 };

type AlarmOperation = (input: Input, alarms: Alarms) => object;

/**
 * The operations of CloudWatch on alarms. Moments in them are of the wall clock. Sources: DescribeAlarms,
 * DescribeAlarmHistory and SetAlarmState, Amazon CloudWatch API reference.
 */
export const ALARM_OPERATIONS: Record<string, AlarmOperation> = {
  DescribeAlarms(input, alarms) {
    const records = alarms.records();
    const wanted = selection(input, records);
    const types = typesIn(input);
    const chosen = records
      .filter((record) => types.has(typeOf(record.alarm)) && wanted(record))
      .sort((one, other) => (one.alarm.name < other.alarm.name ? -1 : 1));
    const size = numberIn(input, 'MaxRecords', 1, PAGE.largest) ?? PAGE.alarms;
    const { items, rest } = pageOf(chosen, size, textIn(input, 'NextToken'));
    return {
      MetricAlarms: items.flatMap((record) =>
        record.alarm.kind === 'metric' ? [describeMetric(record, record.alarm)] : [],
      ),
      CompositeAlarms: items.flatMap((record) =>
        record.alarm.kind === 'composite' ? [describeComposite(record)] : [],
      ),
      ...rest,
    };
  },

  DescribeAlarmHistory(input, alarms) {
    const name = textIn(input, 'AlarmName');
    const type = choiceIn(input, 'HistoryItemType', ITEM_TYPES);
    const types = name === undefined || input.AlarmTypes ? typesIn(input) : new Set(TYPES);
    const [from, to] = [momentIn(input, 'StartDate') ?? -Infinity, momentIn(input, 'EndDate') ?? Infinity];
    const found = alarms
      .items()
      .filter(
        ({ alarm, at, type: itemType }) =>
          (name === undefined || alarm.name === name) &&
          (type === undefined || itemType === type) &&
          types.has(typeOf(alarm)) &&
          at >= from &&
          at <= to,
      );
    const oldestFirst =
      choiceIn(input, 'ScanBy', ['TimestampDescending', 'TimestampAscending']) === 'TimestampAscending';
    if (!oldestFirst) found.reverse();
    const size = numberIn(input, 'MaxRecords', 1, PAGE.largest) ?? PAGE.largest;
    const { items, rest } = pageOf(found, size, textIn(input, 'NextToken'));
    return { AlarmHistoryItems: items.map(describeItem), ...rest };
  },

  SetAlarmState(input, alarms) {
    const name = requiredTextIn(input, 'AlarmName');
    const state = choiceIn(input, 'StateValue', STATES);
    if (state === undefined) requiredTextIn(input, 'StateValue');
    const reason = textIn(input, 'StateReason');
    if (reason === undefined) requiredTextIn(input, 'StateReason');
    const reasonData = jsonIn(input, 'StateReasonData');
    if (!alarms.setState(name, { state: state!, reason: reason!, ...(reasonData && { reasonData }) })) {
      throw new CloudWatchApiError('ResourceNotFound', `There is no alarm '${name}'.`, { statusCode: 404 });
    }
    return {};
  },
};

function selection(input: Input, records: readonly AlarmRecord[]): (record: AlarmRecord) => boolean {
  const names = textsIn(input, 'AlarmNames');
  const prefix = textIn(input, 'AlarmNamePrefix');
  const state = choiceIn(input, 'StateValue', STATES);
  const actions = textIn(input, 'ActionPrefix');
  const childrenOf = textIn(input, 'ChildrenOfAlarmName');
  const parentsOf = textIn(input, 'ParentsOfAlarmName');
  if (names !== undefined && prefix !== undefined) {
    throw invalidCombination('AlarmNames and AlarmNamePrefix cannot be specified together.');
  }
  const parent = records.find(({ alarm }) => alarm.name === childrenOf)?.alarm;
  const children = parent === undefined ? new Set<string>() : childrenIn(parent);
  return ({ alarm, state: current }) =>
    (names === undefined || names.includes(alarm.name)) &&
    (prefix === undefined || alarm.name.startsWith(prefix)) &&
    (state === undefined || current === state) &&
    (actions === undefined || actionsOf(alarm).some((action) => action.startsWith(actions))) &&
    (childrenOf === undefined || children.has(alarm.name)) &&
    (parentsOf === undefined || childrenIn(alarm).has(parentsOf));
}

/** By default only metric alarms are spoken of. */
function typesIn(input: Input): ReadonlySet<string> {
  const types = textsIn(input, 'AlarmTypes') ?? ['MetricAlarm'];
  for (const type of types) choiceIn({ AlarmTypes: type }, 'AlarmTypes', TYPES);
  return new Set(types);
}

function typeOf({ kind }: AlarmResource): (typeof TYPES)[number] {
  return kind === 'metric' ? 'MetricAlarm' : 'CompositeAlarm';
}

/** Names or ARNs, as the rule has them. */
function childrenIn(alarm: AlarmResource): Set<string> {
  if (alarm.kind === 'metric') return new Set();
  try {
    return new Set(alarmsIn(parseCompositeRule(alarm.rule)).map((each) => each.replace(/^arn:.*:alarm:/, '')));
  } catch {
    // It is among those that are not evaluated for this reason.
    return new Set();
  }
}

function actionsOf(alarm: AlarmResource): string[] {
  return [...alarm.alarmActions, ...alarm.okActions, ...alarm.insufficientDataActions];
}

function describe({ alarm, state, since, updatedAt, reason, reasonData }: AlarmRecord) {
  return {
    AlarmName: alarm.name,
    AlarmArn: alarm.arn,
    ...(alarm.description !== '' && { AlarmDescription: alarm.description }),
    ActionsEnabled: alarm.actionsEnabled,
    OKActions: alarm.okActions,
    AlarmActions: alarm.alarmActions,
    InsufficientDataActions: alarm.insufficientDataActions,
    StateValue: state,
    StateReason: reason,
    ...(reasonData && { StateReasonData: JSON.stringify(reasonData) }),
    StateUpdatedTimestamp: seconds(updatedAt),
    StateTransitionedTimestamp: seconds(since),
  };
}

function describeMetric(record: AlarmRecord, alarm: MetricAlarmResource) {
  const [only, ...others] = alarm.queries;
  const rule = {
    ...describe(record),
    EvaluationPeriods: alarm.evaluationPeriods,
    DatapointsToAlarm: alarm.datapointsToAlarm,
    Threshold: alarm.threshold,
    ComparisonOperator: alarm.comparison,
    TreatMissingData: alarm.treatMissingData,
  };
  if (only?.metric && others.length === 0) {
    const { metric, statistic, periodSeconds } = only.metric;
    return {
      ...rule,
      MetricName: metric.name,
      Namespace: metric.namespace,
      Dimensions: dimensionsOf(metric),
      Period: periodSeconds,
      ...(isPercentile(statistic) ? { ExtendedStatistic: statistic } : { Statistic: statistic }),
    };
  }
  return {
    ...rule,
    Metrics: alarm.queries.map(({ id, expression, metric, returnData }) => ({
      Id: id,
      ReturnData: returnData,
      ...(expression !== undefined && { Expression: expression }),
      ...(metric && {
        MetricStat: {
          Metric: {
            Namespace: metric.metric.namespace,
            MetricName: metric.metric.name,
            Dimensions: dimensionsOf(metric.metric),
          },
          Period: metric.periodSeconds,
          Stat: metric.statistic,
        },
      }),
    })),
  };
}

function describeComposite(record: AlarmRecord) {
  const { alarm, suppressedBy } = record;
  if (alarm.kind !== 'composite') return {};
  const { rule, suppressor } = alarm;
  return {
    ...describe(record),
    AlarmRule: rule,
    ...(suppressor && {
      ActionsSuppressor: suppressor.alarm,
      ActionsSuppressorWaitPeriod: suppressor.waitSeconds,
      ActionsSuppressorExtensionPeriod: suppressor.extensionSeconds,
    }),
    ...(suppressedBy && {
      ActionsSuppressedBy: suppressedBy,
      ActionsSuppressedReason: suppressedReason(suppressedBy),
    }),
  };
}

function describeItem({ alarm, type, at, summary, data }: HistoryItem) {
  return {
    AlarmName: alarm.name,
    AlarmType: typeOf(alarm),
    Timestamp: seconds(at),
    HistoryItemType: type,
    HistorySummary: summary,
    HistoryData: JSON.stringify(data),
  };
}

function jsonIn(input: Input, field: string): object | undefined {
  const text = textIn(input, field);
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // Said below.
  }
  throw new CloudWatchApiError('InvalidFormatFault', `${field} is not a JSON object.`, { code: 'InvalidFormat' });
}
