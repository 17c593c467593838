import { existsSync } from 'node:fs';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { UnsafePropsError } from '../../lib/constructs/index.ts';
import { Outbox, type OutboxProps } from '../../lib/constructs/outbox.ts';
import { logicalIdAt, resourceAt, statements, wiring } from './fixtures/wiring.ts';

function outboxes(ordered = false) {
  const { app, stack, topic, onCall, template } = wiring({ ordered });
  const outbox = (props: Partial<OutboxProps> = {}, id = 'Outbox') =>
    new Outbox(stack, id, { topic, onCall, owner: 'box-office', ...props });
  return { app, stack, outbox, template };
}

const { app, stack, outbox, template } = outboxes(true);
const streaming = outbox({}, 'Streaming');
outbox({ relay: 'polling', maxLag: Duration.seconds(90), shards: 3, name: 'seat-events' }, 'Polling');
outbox({ removalPolicy: RemovalPolicy.DESTROY }, 'Throwaway');
const producer = new Role(stack, 'Producer', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
streaming.grantPublish(producer);
const synthesized = template();
const arnOf = (path: string) => ({ 'Fn::GetAtt': [logicalIdAt(synthesized, path), 'Arn'] });
const policyOf = (path: string) =>
  statements(resourceAt(synthesized, `${path}/DefaultPolicy`).Properties.PolicyDocument);

describe.each(['Streaming', 'Polling'])('the outbox %s', (id) => {
  const table = resourceAt(synthesized, `${id}/Table`);

  it('has a table on demand, encrypted with the key of the topic, that can be restored and stays', () => {
    expect(table).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: {
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
        TimeToLiveSpecification: { AttributeName: 'expiration', Enabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true, KMSMasterKeyId: arnOf('Seats/Key') },
        DeletionProtectionEnabled: true,
      },
    });
  });

  it('has a relay that knows table, shards, topic and its own name', () => {
    expect(resourceAt(synthesized, `${id}/Function`).Properties).toMatchObject({
      Timeout: 70,
      MemorySize: 512,
      Environment: {
        Variables: {
          BATON_OUTBOX_TABLE: { Ref: logicalIdAt(synthesized, `${id}/Table`) },
          BATON_OUTBOX_SHARDS: id === 'Polling' ? '3' : '8',
          BATON_TOPIC_ARN: { Ref: logicalIdAt(synthesized, 'Seats/Topic') },
          POWERTOOLS_SERVICE_NAME: id === 'Polling' ? 'seat-events' : 'streaming',
        },
      },
    });
  });

  it('lets the relay read, retire, lease and publish, and nothing by wildcard but traces', () => {
    const policy = policyOf(`${id}/Role`);
    const onTable = policy.find(({ Resource }) => JSON.stringify(Resource) === JSON.stringify([arnOf(`${id}/Table`)]));
    expect(onTable?.Action).toEqual([
      'dynamodb:BatchWriteItem',
      'dynamodb:DeleteItem',
      'dynamodb:Query',
      'dynamodb:UpdateItem',
    ]);
    expect(policy).toContainEqual(
      expect.objectContaining({
        Action: ['sns:Publish'],
        Resource: [{ Ref: logicalIdAt(synthesized, 'Seats/Topic') }],
      }),
    );
    expect(policy.filter(({ Resource }) => Resource.includes('*')).flatMap(({ Action }) => Action)).toEqual([
      'xray:PutTelemetryRecords',
      'xray:PutTraceSegments',
    ]);
  });

  it('starts the relay every minute, by a role that may do only that', () => {
    const { Properties } = resourceAt(synthesized, `${id}/Schedule`);
    expect(Properties).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      State: 'ENABLED',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: arnOf(`${id}/Function`),
        RoleArn: arnOf(`${id}/ScheduleRole`),
        RetryPolicy: { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 60 },
      },
    });
    expect(policyOf(`${id}/ScheduleRole`)).toEqual([
      { Effect: 'Allow', Action: ['lambda:InvokeFunction'], Resource: [arnOf(`${id}/Function`)] },
    ]);
  });

  it('does not pile up starts that failed or were throttled', () => {
    const configs = Object.values(synthesized.findResources('AWS::Lambda::EventInvokeConfig'));
    const relay = logicalIdAt(synthesized, `${id}/Function`);
    expect(configs.find(({ Properties }) => Properties.FunctionName.Ref === relay)?.Properties).toMatchObject({
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
  });

  it('pages when events wait too long, and when the relay is silent', () => {
    const { Properties } = resourceAt(synthesized, `${id}/LagAlarm`);
    expect(Properties).toMatchObject({
      AlarmName: `Theatre-${id}-outbox-lag`,
      Namespace: 'Baton',
      MetricName: 'OutboxLag',
      Dimensions: [{ Name: 'service', Value: id === 'Polling' ? 'seat-events' : 'streaming' }],
      Statistic: 'Maximum',
      Period: 60,
      Threshold: id === 'Polling' ? 90_000 : 60_000,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      DatapointsToAlarm: 2,
      EvaluationPeriods: 3,
      TreatMissingData: 'breaching',
    });
    expect(resourceAt(synthesized, `${id}/Health/Page`).Properties).toMatchObject({
      AlarmRule: `ALARM("Theatre-${id}-outbox-lag")`,
      AlarmActions: [{ Ref: logicalIdAt(synthesized, 'OnCall/Page') }],
      OKActions: [{ Ref: logicalIdAt(synthesized, 'OnCall/Page') }],
    });
    expect(resourceAt(synthesized, `${id}/Health/Ticket`).Properties.AlarmRule).toBe(
      `ALARM("Theatre-${id}-table-throttles") OR ALARM("Theatre-${id}-table-errors")`,
    );
    expect(Properties.AlarmDescription).toMatch(
      /^Owner: box-office\. .{20,} First: .{20,} Runbook: docs\/runbooks\/outbox-lag\.md$/,
    );
    expect(Properties.AlarmDescription.length).toBeLessThan(1024);
    expect(existsSync('docs/runbooks/outbox-lag.md')).toBe(true);
  });
});

describe('a streaming outbox', () => {
  it('is woken by new entries, in order, and never drops a record by itself', () => {
    const [stream] = Object.values(synthesized.findResources('AWS::Lambda::EventSourceMapping'));
    expect(resourceAt(synthesized, 'Streaming/Table').Properties.StreamSpecification).toEqual({
      StreamViewType: 'KEYS_ONLY',
    });
    expect(stream!.Properties).toMatchObject({
      StartingPosition: 'TRIM_HORIZON',
      ParallelizationFactor: 1,
      BisectBatchOnFunctionError: true,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      FilterCriteria: {
        Filters: [
          {
            Pattern: JSON.stringify({
              eventName: ['INSERT'],
              dynamodb: { Keys: { pk: { S: [{ prefix: 'shard#' }] } } },
            }),
          },
        ],
      },
    });
    expect(stream!.Properties).not.toHaveProperty('MaximumRecordAgeInSeconds');
    expect(stream!.Properties).not.toHaveProperty('MaximumRetryAttempts');
  });
});

describe('a polling outbox', () => {
  it('has no stream', () => {
    expect(resourceAt(synthesized, 'Polling/Table').Properties).not.toHaveProperty('StreamSpecification');
    expect(JSON.stringify(policyOf('Polling/Role'))).not.toContain('dynamodb:GetRecords');
  });
});

describe('an outbox', () => {
  it('lets a producer write entries and fences, and nothing else', () => {
    const [entries, key] = policyOf('Producer');
    expect(entries).toMatchObject({
      Action: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
      Resource: [arnOf('Streaming/Table')],
    });
    expect(key).toMatchObject({ Resource: [arnOf('Seats/Key')] });
    expect(Object.keys(streaming.environment)).toEqual([
      'BATON_OUTBOX_TABLE',
      'BATON_OUTBOX_SHARDS',
      'BATON_OUTBOX_FENCED',
    ]);
  });

  it('goes with its stack when it is told to', () => {
    expect(resourceAt(synthesized, 'Throwaway/Table')).toMatchObject({
      DeletionPolicy: 'Delete',
      Properties: { DeletionProtectionEnabled: false },
    });
  });

  it.each([
    [{ shards: 0 }, /Theatre\/Outbox: `shards` is 0\. Give a whole number from 1 to 256\./],
    [{ shards: 2.5 }, /`shards` is 2\.5/],
    [{ maxLag: Duration.seconds(5) }, /`maxLag` is 5 seconds.* Give it 10 seconds or more\./],
  ])('refuses %j', (props, message) => {
    const { outbox } = outboxes();
    expect(() => outbox(props)).toThrow(UnsafePropsError);
    expect(() => outboxes().outbox(props)).toThrow(message);
  });

  it('breaks no rule of AwsSolutions', () => {
    const { violations = [] } = new AwsSolutionsChecks(app).validateScope(app);
    const found = violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
    );
    expect(found.filter((each) => /Streaming|Polling|Throwaway/.test(each))).toEqual([]);
  });
});
