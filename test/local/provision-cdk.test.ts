import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { ListSubscriptionsByTopicCommand, PublishCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { App, CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import { SlackChannelConfiguration } from 'aws-cdk-lib/aws-chatbot';
import { Alarm, AlarmRule, CompositeAlarm, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { AttributeType, Billing, StreamViewType, Table, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke, SnsPublish, SqsSendMessage } from 'aws-cdk-lib/aws-scheduler-targets';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Subscription, SubscriptionFilter, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, LambdaSubscription, SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Assembly, readAssembly, type Template } from '../../lib/local/assembly.ts';
import { type Engines, startEngines } from '../../lib/local/engines.ts';
import { UnresolvedError } from '../../lib/local/intrinsics.ts';
import { physicalName } from '../../lib/local/provision/physical-name.ts';
import { ProvisionError, provision } from '../../lib/local/provision/provision.ts';

let folder: string;
let engines: Engines;
let synths = 0;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'baton-provision-test-'));
  engines = await startEngines({ region: 'eu-west-1' });
});
afterEach(async () => {
  await engines.stop();
  rmSync(folder, { recursive: true, force: true });
});

function synth(build: (app: App) => void): Assembly {
  const app = new App({
    outdir: join(folder, String(synths++)),
    context: { 'aws:cdk:enable-path-metadata': true },
  });
  build(app);
  return readAssembly(app.synth().directory);
}

async function receive(QueueUrl: string, WaitTimeSeconds = 1): Promise<string[]> {
  const { Messages = [] } = await engines.clients.sqs.send(
    new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds, MaxNumberOfMessages: 10 }),
  );
  return Messages.map(({ Body }) => Body ?? '');
}

describe('an app of plain CDK constructs', () => {
  it('runs: a FIFO topic in one stack fans out to a FIFO queue in another, in order', async () => {
    const assembly = synth((app) => {
      const env = { account: '111122223333', region: 'us-east-1' };
      const topic = new Topic(new Stack(app, 'Producer', { env }), 'Orders', {
        fifo: true,
        contentBasedDeduplication: true,
      });
      const queue = new Queue(new Stack(app, 'Consumer', { env }), 'Inventory', { fifo: true });
      topic.addSubscription(new SqsSubscription(queue, { rawMessageDelivery: true }));
    });
    const { queues, topics } = await provision(assembly, engines);
    for (const Message of ['placed', 'paid']) {
      const TopicArn = topics[0]?.arn;
      await engines.clients.sns.send(new PublishCommand({ TopicArn, Message, MessageGroupId: 'order-1' }));
    }
    expect(queues[0]).toMatchObject({ fifo: true, path: 'Consumer/Inventory', name: expect.stringMatching(/\.fifo$/) });
    // One message of a group at a time.
    expect(await receive(queues[0]!.url)).toEqual(['placed']);
  });

  it('provisions 20 queues, 10 topics, 15 subscriptions and 2 tables at once', async () => {
    const assembly = synth((app) => {
      const stack = new Stack(app, 'Shop');
      const topics = Array.from({ length: 10 }, (_, i) => new Topic(stack, `Topic${i}`));
      const queues = Array.from({ length: 20 }, (_, i) => new Queue(stack, `Queue${i}`));
      for (let i = 0; i < 15; i++) topics[i % 10]?.addSubscription(new SqsSubscription(queues[i]!));
      for (const id of ['Orders', 'Guards']) {
        new TableV2(stack, id, { partitionKey: { name: 'id', type: AttributeType.STRING } });
      }
    });
    const { queues, topics, tables } = await provision(assembly, engines);
    expect([queues.length, topics.length, tables.length]).toEqual([20, 10, 2]);
  });
});

describe('on-call of CDK', () => {
  it('runs as far as it can: suppressed composites, functions on topics; what leaves the machine is listed', async () => {
    const assembly = synth((app) => {
      const stack = new Stack(app, 'Shop');
      const page = new Topic(stack, 'Page');
      const queue = new Queue(stack, 'Work');
      const alarm = queue.metricApproximateAgeOfOldestMessage().createAlarm(stack, 'Age', {
        threshold: 1,
        evaluationPeriods: 1,
      });
      const window = new Alarm(stack, 'Window', {
        metric: new Metric({ namespace: 'Shop', metricName: 'Window' }),
        threshold: 1,
        evaluationPeriods: 1,
        treatMissingData: TreatMissingData.IGNORE,
      });
      new CompositeAlarm(stack, 'Health', {
        alarmRule: AlarmRule.anyOf(alarm),
        actionsSuppressor: window,
        actionsSuppressorWaitPeriod: Duration.minutes(2),
        actionsSuppressorExtensionPeriod: Duration.minutes(3),
      });
      const heartbeat = new LambdaFunction(stack, 'Heartbeat', {
        code: Code.fromInline('exports.handler = async () => {};'),
        handler: 'index.handler',
        runtime: Runtime.NODEJS_22_X,
      });
      const beat = { severity: SubscriptionFilter.stringFilter({ allowlist: ['heartbeat'] }) };
      page.addSubscription(new LambdaSubscription(heartbeat, { filterPolicy: beat }));
      const pager = new Secret(stack, 'Pager');
      new Subscription(stack, 'PagerDuty', {
        topic: page,
        protocol: SubscriptionProtocol.HTTPS,
        endpoint: pager.secretValueFromJson('url').unsafeUnwrap(),
      });
      page.addSubscription(new EmailSubscription('team@example.com'));
      const slack = new SlackChannelConfiguration(stack, 'Slack', {
        slackChannelConfigurationName: 'shop',
        slackWorkspaceId: 'T1',
        slackChannelId: 'C1',
        notificationTopics: [page],
      });
      new CfnOutput(stack, 'SlackArn', { value: slack.slackChannelConfigurationArn });
    });
    const { alarms, topics, functions, notEmulated, outputs } = await provision(assembly, engines);
    expect(alarms.find(({ kind }) => kind === 'composite')).toMatchObject({
      suppressor: { alarm: expect.stringContaining('Window'), waitSeconds: 120, extensionSeconds: 180 },
    });
    const { Subscriptions } = await engines.clients.sns.send(
      new ListSubscriptionsByTopicCommand({ TopicArn: topics[0]!.arn }),
    );
    expect(Subscriptions).toMatchObject([{ Protocol: 'lambda', Endpoint: functions[0]!.arn }]);
    expect(outputs['Shop.SlackArn']).toBe('arn:aws:chatbot::000000000000:chat-configuration/slack-channel/shop');
    const told = notEmulated.map(({ type, property, reason }) => `${type}${property ? `.${property}` : ''}: ${reason}`);
    expect(told).toEqual(
      expect.arrayContaining([
        'AWS::SNS::Subscription: nothing is sent by https from the laptop',
        'AWS::SNS::Subscription: no e-mail is sent from the laptop',
        'AWS::SecretsManager::Secret: there are no secrets here; references to them stay as they are',
        'AWS::Chatbot::SlackChannelConfiguration: nothing is sent to chat applications from the laptop',
      ]),
    );
    // The address of the pager is read by nothing here, so that it is not resolved is no news.
    expect(told.filter((each) => each.includes('Endpoint') || each.includes('Suppressor'))).toEqual([]);
  });

  it('brings the subscription of a function up to date, and ends it when it is gone', async () => {
    const app = (allowlist?: string[]) =>
      synth((root) => {
        const stack = new Stack(root, 'Shop');
        const topic = new Topic(stack, 'Page');
        const fn = new LambdaFunction(stack, 'Heartbeat', {
          code: Code.fromInline('exports.handler = async () => {};'),
          handler: 'index.handler',
          runtime: Runtime.NODEJS_22_X,
        });
        if (allowlist === undefined) return;
        const filterPolicy = { severity: SubscriptionFilter.stringFilter({ allowlist }) };
        topic.addSubscription(new LambdaSubscription(fn, { filterPolicy }));
      });
    const heard: string[] = [];
    engines.observeTopics({
      published: () => {},
      delivered: () => {},
      filteredOut: () => {},
      failed: () => {},
      notify: ({ envelope }) => heard.push(JSON.parse(envelope).Message) > 0,
    });
    for (const [round, allowlist] of [['page'], ['ticket'], undefined].entries()) {
      const { topics } = await provision(app(allowlist), engines);
      for (const StringValue of ['page', 'ticket']) {
        const MessageAttributes = { severity: { DataType: 'String', StringValue } };
        const Message = `${round} ${StringValue}`;
        await engines.clients.sns.send(new PublishCommand({ TopicArn: topics[0]!.arn, Message, MessageAttributes }));
      }
    }
    expect(heard).toEqual(['0 page', '1 ticket']);
  });
});

describe('schedules of CDK', () => {
  it('fire functions and queues, and what they cannot do is listed', async () => {
    const assembly = synth((app) => {
      const stack = new Stack(app, 'Shop');
      const relay = new LambdaFunction(stack, 'Relay', {
        code: Code.fromInline('exports.handler = async () => {};'),
        handler: 'index.handler',
        runtime: Runtime.NODEJS_22_X,
      });
      new Schedule(stack, 'EveryMinute', {
        schedule: ScheduleExpression.rate(Duration.minutes(1)),
        target: new LambdaInvoke(relay, { retryAttempts: 2, maxEventAge: Duration.minutes(5) }),
      });
      new Schedule(stack, 'Nightly', {
        schedule: ScheduleExpression.cron({ minute: '30', hour: '2' }),
        target: new SqsSendMessage(new Queue(stack, 'Reports'), { input: ScheduleTargetInput.fromText('go') }),
        enabled: false,
      });
      new Schedule(stack, 'News', {
        schedule: ScheduleExpression.rate(Duration.days(1)),
        target: new SnsPublish(new Topic(stack, 'Topic')),
      });
    });
    const { schedules, notEmulated, queues } = await provision(assembly, engines);
    expect(schedules).toMatchObject([
      {
        kind: 'schedule',
        path: 'Shop/EveryMinute',
        arn: expect.stringMatching(/^arn:aws:scheduler:eu-west-1:000000000000:schedule\/default\/Shop-EveryMinute/),
        expression: 'rate(1 minute)',
        timezone: 'Etc/UTC',
        enabled: true,
        targets: [{ to: { kind: 'function' }, maximumRetryAttempts: 2, maximumEventAgeSeconds: 300 }],
      },
      {
        path: 'Shop/Nightly',
        expression: 'cron(30 2 * * ? *)',
        enabled: false,
        targets: [{ to: { kind: 'queue', queueUrl: queues[0]!.url }, input: 'go' }],
      },
    ]);
    expect(schedules).toHaveLength(2);
    const listed = notEmulated.map(({ path, property, reason }) => `${path} ${property ?? ''} ${reason}`);
    expect(listed).toContainEqual(expect.stringMatching(/^Shop\/News Target only functions and queues are targets/));
    expect(listed).toContainEqual('Shop/News  its function or queue does not run here');
    expect(listed).toContainEqual(expect.stringMatching(/Target.RoleArn permissions are not enforced/));
  });
});

describe('a template that changed since the last run', () => {
  const shop = (build: (stack: Stack, orders: Topic) => void) =>
    synth((app) => {
      const stack = new Stack(app, 'Shop');
      build(stack, new Topic(stack, 'Orders'));
    });

  it('brings queues up to date, and keeps their messages', async () => {
    const before = shop((stack, orders) => {
      const deadLetters = new Queue(stack, 'DeadLetters');
      const queue = new Queue(stack, 'Inventory', {
        visibilityTimeout: Duration.seconds(10),
        deadLetterQueue: { queue: deadLetters, maxReceiveCount: 3 },
      });
      orders.addSubscription(new SqsSubscription(queue, { rawMessageDelivery: true }));
    });
    const { queues, topics } = await provision(before, engines);
    const { url } = queues.find(({ path }) => path === 'Shop/Inventory')!;
    await engines.clients.sns.send(new PublishCommand({ TopicArn: topics[0]?.arn, Message: 'kept' }));

    const after = shop((stack, orders) => {
      const queue = new Queue(stack, 'Inventory', { visibilityTimeout: Duration.seconds(20) });
      orders.addSubscription(new SqsSubscription(queue, { rawMessageDelivery: true }));
    });
    await provision(after, engines);
    const { Attributes } = await engines.clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['VisibilityTimeout', 'RedrivePolicy'] }),
    );
    expect(Attributes).toEqual({ VisibilityTimeout: '20' });
    expect(await receive(url)).toEqual(['kept']);
  });

  it('gives a table the stream that it had not', async () => {
    const table = (stream?: StreamViewType) =>
      synth((app) => {
        new Table(new Stack(app, 'Shop'), 'Orders', {
          partitionKey: { name: 'id', type: AttributeType.STRING },
          ...(stream && { stream }),
        });
      });
    await provision(table(), engines);
    const { tables } = await provision(table(StreamViewType.NEW_IMAGE), engines);
    const { Table: found } = await engines.clients.dynamodb.send(
      new DescribeTableCommand({ TableName: tables[0]!.name }),
    );
    expect(found).toMatchObject({
      StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
      LatestStreamArn: expect.any(String),
    });
  });

  it('brings filter policies up to date, also when one is gone', async () => {
    const filtered = (types: string[] | undefined) =>
      shop((stack, orders) =>
        orders.addSubscription(
          new SqsSubscription(new Queue(stack, 'Inventory'), {
            rawMessageDelivery: true,
            ...(types && { filterPolicy: { type: SubscriptionFilter.stringFilter({ allowlist: types }) } }),
          }),
        ),
      );
    const placed = async (assembly: Assembly): Promise<string[]> => {
      const { queues, topics } = await provision(assembly, engines);
      const MessageAttributes = { type: { DataType: 'String', StringValue: 'order.placed' } };
      await engines.clients.sns.send(
        new PublishCommand({ TopicArn: topics[0]?.arn, Message: 'placed', MessageAttributes }),
      );
      return await receive(queues[0]!.url, 0);
    };
    expect(await placed(filtered(['order.shipped']))).toEqual([]);
    expect(await placed(filtered(['order.placed']))).toEqual(['placed']);
    expect(await placed(filtered(['order.shipped']))).toEqual([]);
    expect(await placed(filtered(undefined))).toEqual(['placed']);
  });

  it('ends a subscription that is gone, but not one that somebody else made', async () => {
    const { topics } = await provision(
      shop((stack, orders) => orders.addSubscription(new SqsSubscription(new Queue(stack, 'Inventory')))),
      engines,
    );
    const TopicArn = topics[0]?.arn;
    const { sqs, sns } = engines.clients;
    await sqs.send(new CreateQueueCommand({ QueueName: 'debugging' }));
    const Endpoint = 'arn:aws:sqs:eu-west-1:000000000000:debugging';
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint }));

    await provision(
      shop(() => {}),
      engines,
    );
    const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    expect(Subscriptions?.map((subscription) => subscription.Endpoint)).toEqual([Endpoint]);
  });

  it('adds an index to a table, and refuses another key', async () => {
    const table = (key: string, index?: string) =>
      shop((stack) => {
        const created = new TableV2(stack, 'Stock', {
          tableName: 'stock',
          partitionKey: { name: key, type: AttributeType.STRING },
          billing: Billing.onDemand(),
        });
        if (index !== undefined) {
          const partitionKey = { name: index, type: AttributeType.STRING };
          created.addGlobalSecondaryIndex({ indexName: 'byIndex', partitionKey });
        }
      });
    await provision(table('id'), engines);
    await provision(table('id', 'region'), engines);
    const { Table } = await engines.clients.dynamodb.send(new DescribeTableCommand({ TableName: 'stock' }));
    expect(Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName)).toEqual(['byIndex']);
    await expect(provision(table('orderId'), engines)).rejects.toThrow(
      /Shop\/Stock: the table stock is there with the key id \(HASH\), and the template wants orderId \(HASH\).*delete the table/,
    );
  });
});

describe('a template that cannot be provisioned', () => {
  const shop = (template: Partial<Template>): Assembly => ({
    directory: folder,
    stacks: [
      {
        id: 'Shop',
        name: 'Shop',
        account: undefined,
        region: undefined,
        templateFile: 'Shop.template.json',
        template: { Resources: {}, Parameters: {}, Mappings: {}, Conditions: {}, Outputs: {}, ...template },
      },
    ],
    assets: new Map(),
  });
  const queue = (Properties: Record<string, unknown>) => ({ Type: 'AWS::SQS::Queue', Properties });

  it('names the resource that an engine refuses', async () => {
    const provisioning = provision(shop({ Resources: { Slow: queue({ VisibilityTimeout: 99_999 }) } }), engines);
    await expect(provisioning).rejects.toThrow(ProvisionError);
    await expect(provisioning).rejects.toThrow(/Slow \(AWS::SQS::Queue, stack Shop\): .*VisibilityTimeout/);
  });

  it('names the place of a reference that leads nowhere', async () => {
    const QueueName = { 'Fn::ImportValue': 'nobody' };
    const provisioning = provision(shop({ Resources: { Orders: queue({ QueueName }) } }), engines);
    await expect(provisioning).rejects.toThrow(UnresolvedError);
    await expect(provisioning).rejects.toThrow(
      "Stack Shop, Orders, Properties.QueueName.Fn::ImportValue: no stack of the assembly exports 'nobody'.",
    );
  });

  it('names resources that wait for each other', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of Fn::Sub
    const nameOfA = '${A.QueueName}-b';
    const Resources = {
      A: queue({ QueueName: { 'Fn::Join': ['-', [{ 'Fn::GetAtt': ['B', 'QueueName'] }, 'a']] } }),
      B: queue({ QueueName: { 'Fn::Sub': nameOfA } }),
    };
    await expect(provision(shop({ Resources }), engines)).rejects.toThrow('in a circle: A -> B -> A');
  });

  it('asks for a parameter without a default, and takes it', async () => {
    const assembly = shop({
      Parameters: { Owner: { Type: 'String' } },
      Outputs: { OwnerName: { Value: { Ref: 'Owner' } } },
    });
    await expect(provision(assembly, engines)).rejects.toThrow(/Stack Shop: the parameter Owner has no default/);
    const { outputs } = await provision(assembly, engines, { parameters: { Owner: 'fulfilment' } });
    expect(outputs).toEqual({ 'Shop.OwnerName': 'fulfilment' });
  });
});

describe('a physical name', () => {
  it('keeps within its limit and its suffix, and differs where the whole names differ', () => {
    const id = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,120}$/);
    fc.assert(
      fc.property(id, id, id, fc.constantFrom('', '.fifo'), (stack, one, other, suffix) => {
        const name = physicalName(stack, one, 80, suffix);
        expect(name.length).toBeLessThanOrEqual(80);
        expect(name.endsWith(suffix)).toBe(true);
        expect(name).toBe(physicalName(stack, one, 80, suffix));
        if (one !== other) expect(name).not.toBe(physicalName(stack, other, 80, suffix));
      }),
    );
  });
});
