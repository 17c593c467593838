import { Duration } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type { Health } from './health.ts';

/** What {@link tableAlarms} takes beside the table. */
export interface TableAlarmProps {
  /**
   * Begins the ids and names of the alarms, for a second table of the same construct: `Orders`.
   *
   * @default none
   */
  readonly prefix?: string;

  /**
   * The operations that are in use: each has a metric of its own for the errors of DynamoDB. At most 10, which is what an
   * alarm takes.
   *
   * @default those that Baton's runtime uses
   */
  readonly operations?: readonly dynamodb.Operation[];
}

/** The alarms of one table. */
export interface TableAlarms {
  /** Reads or writes are refused for going too fast. A ticket: they are tried again. */
  readonly throttles: cloudwatch.Alarm;
  /** DynamoDB itself fails. A ticket: they are tried again, and nothing here mends it. */
  readonly systemErrors: cloudwatch.Alarm;
}

/** By the runtime: records one by one and by statement, the transactions of a commit, and the relay's queries. */
const OPERATIONS: readonly dynamodb.Operation[] = [
  dynamodb.Operation.GET_ITEM,
  dynamodb.Operation.PUT_ITEM,
  dynamodb.Operation.UPDATE_ITEM,
  dynamodb.Operation.DELETE_ITEM,
  dynamodb.Operation.QUERY,
  dynamodb.Operation.BATCH_WRITE_ITEM,
  dynamodb.Operation.BATCH_EXECUTE_STATEMENT,
  dynamodb.Operation.TRANSACT_WRITE_ITEMS,
];
const FIVE_MINUTES = Duration.minutes(5);

/**
 * Adds the alarms of a table to a health. Both wait for the second of three times 5 minutes: clients try again by
 * themselves, and one refusal is no trouble.
 */
export function tableAlarms(health: Health, table: dynamodb.ITable, props: TableAlarmProps = {}): TableAlarms {
  const { prefix = '', operations = OPERATIONS } = props;
  const called = prefix === '' ? {} : { throttles: `${prefix}-table-throttles`, errors: `${prefix}-table-errors` };
  const twice = { datapointsToAlarm: 2, evaluationPeriods: 3 };
  return {
    throttles: health.add(`${prefix}TableThrottlesAlarm`, 'ticket', {
      runbook: 'table-throttles',
      ...(called.throttles !== undefined && { name: called.throttles }),
      meaning: `DynamoDB refuses reads or writes of the table of ${health.subject}: they are tried again, later and later.`,
      first:
        'Look whether one partition key takes most of the traffic, or whether it doubled faster than the table can grow.',
      metric: throttleEvents(table),
      threshold: 1,
      ...twice,
    }),
    systemErrors: health.add(`${prefix}TableErrorsAlarm`, 'ticket', {
      runbook: 'table-errors',
      ...(called.errors !== undefined && { name: called.errors }),
      meaning: `DynamoDB answers requests to the table of ${health.subject} with errors of its own (HTTP 500).`,
      first: 'Look at the AWS Health Dashboard; what failed is tried again by itself.',
      metric: systemErrors(table, operations),
      threshold: 1,
      ...twice,
    }),
  };
}

function throttleEvents(table: dynamodb.ITable): MathExpression {
  const count = (name: string) => table.metric(name, { period: FIVE_MINUTES, statistic: 'Sum' });
  return new MathExpression({
    label: 'throttled reads and writes',
    expression: 'reads + writes',
    period: FIVE_MINUTES,
    usingMetrics: { reads: count('ReadThrottleEvents'), writes: count('WriteThrottleEvents') },
  });
}

function systemErrors(table: dynamodb.ITable, operations: readonly dynamodb.Operation[]): cloudwatch.IMetric {
  return table.metricSystemErrorsForOperations({
    operations: [...operations],
    period: FIVE_MINUTES,
    statistic: 'Sum',
  });
}
