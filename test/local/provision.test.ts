import { fileURLToPath } from 'node:url';
import { DescribeTableCommand, DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { ListSubscriptionsByTopicCommand, PublishCommand } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, type Message, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAssembly, type TemplateResource } from '../../lib/local/assembly.ts';
import { type Engines, startEngines } from '../../lib/local/engines.ts';
import { notEmulatedLines } from '../../lib/local/not-emulated.ts';
import { provision } from '../../lib/local/provision/provision.ts';
import type { Resources } from '../../lib/local/resources.ts';

const directory = fileURLToPath(new URL('fixtures/assembly', import.meta.url));
const assembly = readAssembly(directory);
const ORDERS = 'arn:aws:sns:eu-west-1:000000000000:shop-test-Orders';
let engines: Engines;
let resources: Resources;

beforeAll(async () => {
  engines = await startEngines({ region: 'eu-west-1' });
  resources = await provision(assembly, engines, {
    environment: { PROVIDER_URL: 'http://127.0.0.1:1', LEVEL: 'debug' },
  });
});
afterAll(() => engines.stop());

function queue(logicalId: string) {
  return resources.queues.find((one) => one.logicalId === logicalId)!;
}

async function receive(QueueUrl: string, WaitTimeSeconds = 2): Promise<Message[]> {
  const { Messages = [] } = await engines.clients.sqs.send(
    new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
  );
  return Messages;
}

async function publish(type: string): Promise<void> {
  await engines.clients.sns.send(
    new PublishCommand({
      TopicArn: ORDERS,
      Message: `{"type":"${type}"}`,
      MessageAttributes: { type: { DataType: 'String', StringValue: type } },
    }),
  );
}

describe('a provisioned template', () => {
  it('delivers raw what the filter policy lets through, and dead-letters it after maxReceiveCount', async () => {
    await publish('order.shipped');
    await publish('order.placed');
    const { url, deadLetterArn } = queue('Inventory');
    const [message, ...others] = await receive(url);
    expect(others).toEqual([]);
    expect(message?.Body).toBe('{"type":"order.placed"}');
    expect(message?.MessageAttributes?.type?.StringValue).toBe('order.placed');

    // Visibility is one second, and the second receive is the last that is allowed.
    expect(await receive(url)).toHaveLength(1);
    expect(await receive(url)).toEqual([]);
    const deadLetters = queue('InventoryDeadLetters');
    expect(deadLetterArn).toBe(deadLetters.arn);
    expect((await receive(deadLetters.url)).map(({ Body }) => Body)).toEqual(['{"type":"order.placed"}']);
  });

  it('delivers across stacks, in the SNS envelope where delivery is not raw', async () => {
    await publish('order.cancelled');
    const bodies = (await receive(queue('Outbox').url)).map(({ Body }) => JSON.parse(Body ?? '').Message);
    expect(bodies).toContain('{"type":"order.cancelled"}');
  });

  it('has queues with the attributes and names of the template', async () => {
    expect(resources.queues.map(({ name, fifo }) => [name, fifo])).toEqual([
      ['shop-test-Inventory', false],
      ['shop-test-InventoryDeadLetters', false],
      ['shop-test-Steps.fifo', true],
      ['mail-eu-west-1', false],
    ]);
    const attributes = async (QueueUrl: string) =>
      (await engines.clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))).Attributes;
    expect(await attributes(queue('Inventory').url)).toMatchObject({
      VisibilityTimeout: '1',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queue('InventoryDeadLetters').arn, maxReceiveCount: 2 }),
      Policy: expect.stringContaining(ORDERS),
    });
    expect(await attributes(queue('Steps').url)).toMatchObject({
      FifoQueue: 'true',
      ContentBasedDeduplication: 'true',
      DelaySeconds: '0',
    });
  });

  it('has tables with keys, indexes, stream and time to live', async () => {
    const [table] = resources.tables;
    expect(table).toMatchObject({
      name: 'shop-test-Stock',
      arn: 'arn:aws:dynamodb:eu-west-1:000000000000:table/shop-test-Stock',
    });
    const { dynamodb } = engines.clients;
    const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: table?.name }));
    expect(Table?.KeySchema).toEqual([{ AttributeName: 'id', KeyType: 'HASH' }]);
    expect(Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName)).toEqual(['byRegion']);
    expect(Table?.StreamSpecification?.StreamViewType).toBe('NEW_IMAGE');
    const { TimeToLiveDescription } = await dynamodb.send(new DescribeTimeToLiveCommand({ TableName: table?.name }));
    expect(TimeToLiveDescription?.AttributeName).toBe('expiration');
  });

  it('has functions with their code, limits and resolved environment', () => {
    const [reserve, send] = resources.functions;
    expect(reserve).toEqual({
      stack: 'shop-test',
      logicalId: 'Reserve',
      path: 'Shop/Inventory/Function',
      name: 'shop-test-Reserve',
      arn: 'arn:aws:lambda:eu-west-1:000000000000:function:shop-test-Reserve',
      codeDirectory: `${directory}/asset.0123abcd`,
      handler: 'handler.handler',
      timeoutSeconds: 20,
      memoryMb: 256,
      reservedConcurrency: 4,
      environment: {
        QUEUE_URL: queue('Inventory').url,
        TABLE: 'shop-test-Stock',
        LEVEL: 'debug',
        PROVIDER_URL: 'http://127.0.0.1:1',
      },
    });
    expect(send).toMatchObject({ timeoutSeconds: 3, memoryMb: 128, environment: { TOPIC_NAME: 'shop-test-Orders' } });
  });

  it('runs inline code', async () => {
    const { default: module } = await import(`${resources.functions[1]?.codeDirectory}/index.js`);
    expect(await module.handler()).toBe('sent');
  });

  it('has event source mappings with all that shapes a batch', () => {
    expect(resources.eventSources).toEqual([
      {
        kind: 'queue',
        stack: 'shop-test',
        logicalId: 'ReserveEvents',
        path: 'ReserveEvents',
        uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        queueArn: queue('Inventory').arn,
        queueUrl: queue('Inventory').url,
        functionName: 'shop-test-Reserve',
        batchSize: 5,
        windowSeconds: 1,
        maximumConcurrency: 3,
        reportBatchItemFailures: true,
        filters: ['{"body":{"type":["order.placed"]}}'],
        enabled: true,
        fifo: false,
      },
      {
        kind: 'stream',
        stack: 'shop-test',
        logicalId: 'StreamEvents',
        path: 'StreamEvents',
        uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        streamArn: expect.stringMatching(/:table\/shop-test-Stock\/stream\//),
        functionName: 'shop-test-Reserve',
        startingPosition: 'LATEST',
        batchSize: 100,
        windowSeconds: 0,
        bisectOnError: false,
        maximumRetryAttempts: -1,
        maximumRecordAgeSeconds: -1,
        reportBatchItemFailures: false,
        filters: [],
        enabled: true,
      },
    ]);
  });

  it('has schedules', () => {
    expect(resources.schedules).toEqual([
      {
        kind: 'rule',
        stack: 'shop-test',
        logicalId: 'Nightly',
        path: 'Nightly',
        name: 'shop-test-Nightly',
        arn: 'arn:aws:events:eu-west-1:000000000000:rule/shop-test-Nightly',
        expression: 'rate(1 day)',
        timezone: 'UTC',
        enabled: true,
        targets: [
          {
            to: { kind: 'function', functionName: 'shop-test-Reserve' },
            maximumRetryAttempts: 185,
            maximumEventAgeSeconds: 86_400,
          },
        ],
      },
    ]);
  });

  it('has alarms: on a metric, on an expression, and composite', () => {
    const [depth, failureRate, trouble] = resources.alarms;
    expect(depth).toMatchObject({
      kind: 'metric',
      name: 'shop-depth',
      periodSeconds: 60,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      threshold: 100,
      comparison: 'GreaterThanThreshold',
      treatMissingData: 'notBreaching',
      alarmActions: [ORDERS],
      actionsEnabled: true,
      queries: [
        {
          returnData: true,
          metric: {
            metric: {
              namespace: 'AWS/SQS',
              name: 'ApproximateNumberOfMessagesVisible',
              dimensions: { QueueName: 'shop-test-Inventory' },
            },
            statistic: 'Maximum',
            periodSeconds: 60,
          },
        },
      ],
    });
    expect(failureRate).toMatchObject({
      name: 'shop-test-FailureRate',
      periodSeconds: 300,
      datapointsToAlarm: 1,
      threshold: 5,
      treatMissingData: 'missing',
      queries: [
        { id: 'rate', returnData: true, expression: '100 * failed / delivered' },
        { id: 'failed', returnData: false, metric: { statistic: 'Sum', periodSeconds: 300 } },
        { id: 'delivered', returnData: false },
      ],
    });
    expect(trouble).toMatchObject({
      kind: 'composite',
      rule: 'ALARM("shop-depth") OR ALARM("shop-test-FailureRate")',
    });
    expect(resources.alarms).toHaveLength(3);
  });

  it('has buckets, and names bound to another account as names of this one', async () => {
    const answer = await fetch(`${engines.endpoints.s3}/archive-000000000000?list-type=2`);
    expect(answer.status).toBe(200);
  });

  it('has outputs, of which those whose condition does not hold are absent', () => {
    expect(resources.outputs).toEqual({
      'shop-test.OrdersArn': ORDERS,
      'shop-test.Endpoint': 'shop-test-Seed.Endpoint',
    });
  });
});

describe('the list of what is not emulated', () => {
  it('and the resources together are everything in the templates', () => {
    const { queues, topics, tables, functions, eventSources, schedules, alarms, notEmulated } = resources;
    const listed = notEmulated.filter(({ property }) => property === undefined);
    const accounted = new Set(
      [...queues, ...topics, ...tables, ...functions, ...eventSources, ...schedules, ...alarms, ...listed].map(
        ({ stack, logicalId }) => `${stack}/${logicalId}`,
      ),
    );
    const there = (resource: TemplateResource) =>
      // Subscriptions and buckets are in the engines, the metadata of CDK is about the template itself.
      !['AWS::SNS::Subscription', 'AWS::S3::Bucket', 'AWS::CDK::Metadata'].includes(resource.Type) &&
      resource.Condition !== 'IsProd';
    const declared = assembly.stacks.flatMap(({ name, template }) =>
      Object.entries(template.Resources)
        .filter(([, resource]) => there(resource))
        .map(([logicalId]) => `${name}/${logicalId}`),
    );
    expect(declared.filter((one) => !accounted.has(one))).toEqual([]);
  });

  it('says for each property without effect why, once per type', () => {
    const properties = resources.notEmulated.flatMap(({ type, property }) => (property ? [`${type}.${property}`] : []));
    expect(properties).toEqual(
      expect.arrayContaining([
        'AWS::SNS::Topic.KmsMasterKeyId',
        'AWS::SQS::Queue.KmsMasterKeyId',
        'AWS::SQS::Queue.MessageRetentionPeriod',
        'AWS::DynamoDB::Table.PointInTimeRecoverySpecification',
        'AWS::DynamoDB::Table.ProvisionedThroughput',
        'AWS::Lambda::Function.Role',
        'AWS::Lambda::Function.Runtime',
        'AWS::S3::Bucket.VersioningConfiguration',
      ]),
    );
    expect(new Set(properties).size).toBe(properties.length);
  });

  it('reads as a few lines', () => {
    const lines = notEmulatedLines(resources.notEmulated);
    expect(lines).toEqual(
      expect.arrayContaining([
        'AWS::KMS::Key (Key): nothing is encrypted on the laptop',
        'AWS::IAM::Role (Role): permissions are not enforced on the laptop',
        'AWS::SNS::Subscription (OnCallMail): no e-mail is sent from the laptop',
        'AWS::SQS::Queue.MessageRetentionPeriod: messages do not expire here',
        'AWS::Events::Rule (OnUpload): there is no event bus here: only rules with a schedule fire',
        'Custom::Seed (Seed): custom resources are not run here',
        'AWS::CloudWatch::Alarm (Anomaly): there is no anomaly detection here',
        'AWS::Lambda::Function (Report): it runs on python3.13; only Node.js functions with their code in the assembly run here',
      ]),
    );
    expect(lines.find((line) => line.includes('(KinesisEvents)'))).toMatch(
      /only SQS queues and DynamoDB streams are event sources here, not arn:aws:kinesis/,
    );
    const many = ['A', 'B', 'C', 'D', 'E'].map((path) => ({
      stack: 's',
      logicalId: path,
      path,
      type: 'AWS::IAM::Role',
      reason: 'no',
    }));
    expect(notEmulatedLines(many)).toEqual(['AWS::IAM::Role (A, B, C, 2 more): no']);
  });
});

describe('provisioning a second time', () => {
  it('changes nothing, and subscribes nobody twice', async () => {
    const again = await provision(assembly, engines);
    expect(again.queues).toEqual(resources.queues);
    const { Subscriptions } = await engines.clients.sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: ORDERS }));
    expect(Subscriptions?.map(({ Endpoint }) => Endpoint).sort()).toEqual([
      queue('Outbox').arn,
      queue('Inventory').arn,
    ]);
  });
});
