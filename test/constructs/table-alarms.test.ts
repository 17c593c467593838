import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { Health } from '../../lib/constructs/alarms/health.ts';
import { tableAlarms } from '../../lib/constructs/alarms/table-alarms.ts';
import { IdempotencyTable, UnsafePropsError } from '../../lib/constructs/index.ts';
import { logicalIdAt, type Resource, resourceAt, wiring } from './fixtures/wiring.ts';

interface Query {
  Expression?: string;
  MetricStat?: { Metric: { MetricName: string; Dimensions: { Name: string; Value: unknown }[] }; Stat: string };
}

describe('the alarms of a table', () => {
  const { stack, onCall, template } = wiring();
  const shared = { onCall, owner: 'box-office' };
  const { health } = new IdempotencyTable(stack, 'Records', shared);
  const scope = new Construct(stack, 'Shop');
  const both = new Health(scope, 'Health', { subject: 'the shop', ...shared });
  const partitionKey = { name: 'id', type: dynamodb.AttributeType.STRING };
  const orders = new dynamodb.Table(scope, 'Orders', { partitionKey });
  tableAlarms(both, orders, { prefix: 'Orders', operations: [dynamodb.Operation.QUERY] });
  tableAlarms(both, dynamodb.Table.fromTableName(scope, 'Seats', 'seats'), { prefix: 'Seats' });
  const synthesized = template();
  const alarm = (path: string): Resource['Properties'] => resourceAt(synthesized, path).Properties;
  const metricsOf = (path: string) =>
    (alarm(path).Metrics as Query[]).flatMap(({ MetricStat }) => (MetricStat ? [MetricStat] : []));

  it('make a ticket when reads or writes are throttled, in 2 of 3 times 5 minutes', () => {
    expect(alarm('Records/TableThrottlesAlarm')).toMatchObject({
      Threshold: 1,
      DatapointsToAlarm: 2,
      EvaluationPeriods: 3,
      TreatMissingData: 'notBreaching',
    });
    expect(metricsOf('Records/TableThrottlesAlarm')).toMatchObject(
      ['ReadThrottleEvents', 'WriteThrottleEvents'].map((MetricName) => ({
        Metric: {
          Namespace: 'AWS/DynamoDB',
          MetricName,
          Dimensions: [{ Name: 'TableName', Value: { Ref: logicalIdAt(synthesized, 'Records/Table') } }],
        },
        Period: 300,
        Stat: 'Sum',
      })),
    );
    expect([...health!.alarms.values()].map(({ urgency }) => urgency)).toEqual(['ticket', 'ticket']);
  });

  it('make a ticket of the errors of DynamoDB, in the operations that are in use, at most 10', () => {
    const operations = (path: string) =>
      metricsOf(path).map(({ Metric }) => Metric.Dimensions.find(({ Name }) => Name === 'Operation')?.Value);
    const byRuntime = operations('Records/TableErrorsAlarm');
    expect(byRuntime).toContain('BatchExecuteStatement');
    expect(byRuntime).toContain('TransactWriteItems');
    expect(byRuntime.length).toBeLessThanOrEqual(10);
    expect(operations('Shop/OrdersTableErrorsAlarm')).toEqual(['Query']);
  });

  it('have names of their own where one construct has two tables, one of them made elsewhere', () => {
    expect([...both.alarms.keys()]).toEqual([
      'OrdersTableThrottlesAlarm',
      'OrdersTableErrorsAlarm',
      'SeatsTableThrottlesAlarm',
      'SeatsTableErrorsAlarm',
    ]);
    expect(alarm('Shop/SeatsTableErrorsAlarm').AlarmName).toBe('Theatre-Shop-Seats-table-errors');
  });
});

describe('an idempotency table', () => {
  it('has no alarms without somebody on call', () => {
    const { stack, template } = wiring();
    expect(new IdempotencyTable(stack, 'Records').health).toBeUndefined();
    const paths = Object.values(template().findResources('AWS::CloudWatch::CompositeAlarm'));
    expect(JSON.stringify(paths)).not.toContain('Records');
  });

  it('needs an owner with them', () => {
    const { stack, onCall } = wiring();
    expect(() => new IdempotencyTable(stack, 'Records', { onCall })).toThrow(UnsafePropsError);
    expect(() => new IdempotencyTable(stack, 'Others', { onCall, owner: ' ' })).toThrow('`owner` is empty');
  });
});
