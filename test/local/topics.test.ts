import {
  CreateTopicCommand,
  PublishBatchCommand,
  PublishCommand,
  SetSubscriptionAttributesCommand,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { CreateQueueCommand, DeleteQueueCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SNSEvent } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Engines, startEngines } from '../../lib/local/engines.ts';
import type { InvokeResult } from '../../lib/local/functions/invocation.ts';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { MetricStore } from '../../lib/local/metrics/metric-store.ts';
import {
  startTopicMetrics,
  TOPIC_METRICS,
  type TopicMetrics,
  topicMetric,
} from '../../lib/local/metrics/topic-metrics.ts';
import {
  type FunctionSubscriptions,
  startFunctionSubscriptions,
} from '../../lib/local/topics/function-subscriptions.ts';

const eventually = { timeout: 5_000, interval: 5 };
const FUNCTION_ARN = 'arn:aws:lambda:eu-central-1:000000000000:function:heartbeat';
let engines: Engines;
let store: MetricStore;
let metrics: TopicMetrics;
let subscriptions: FunctionSubscriptions;
let events: SNSEvent[];
let errors: string[];
/** What the function answers, in turn; it succeeds when nothing is left. */
let answers: InvokeResult[];
let topicName: string;
let TopicArn: string;
let number = 0;

beforeAll(async () => {
  engines = await startEngines({ region: 'eu-central-1' });
});
afterAll(async () => {
  await engines.stop();
});

beforeEach(async () => {
  [events, errors, answers] = [[], [], []];
  store = new MetricStore();
  metrics = startTopicMetrics({ store, clock: startAlarmClock(), intervalMs: 2 ** 30 });
  const invoke = async (event: unknown): Promise<InvokeResult> => {
    events.push(event as SNSEvent);
    return answers.shift() ?? { status: 'succeeded', requestId: '', payload: null, durationMs: 1 };
  };
  subscriptions = startFunctionSubscriptions({
    functions: new Map([['heartbeat', { invoke }]]),
    retryDelaysMs: [1, 1],
    onError: ({ message }) => errors.push(message),
  });
  expect(engines.observeTopics({ ...metrics, notify: subscriptions.notify })).toBe(true);
  topicName = `topic-${++number}`;
  const created = await engines.clients.sns.send(new CreateTopicCommand({ Name: topicName }));
  TopicArn = created.TopicArn!;
});
afterEach(() => {
  subscriptions.stop();
  metrics.stop();
});

/** What the metrics of the topic say by now; those that say nothing are left out. */
function counted(): Record<string, number> {
  metrics.flush();
  return Object.fromEntries(
    TOPIC_METRICS.flatMap((name) => {
      const { namespace, dimensions } = topicMetric(topicName, name);
      const total = store.total(namespace, name, dimensions);
      return total === 0 ? [] : [[name, total]];
    }),
  );
}

async function queue(name: string): Promise<{ arn: string; url: string }> {
  const QueueName = `${name}-${number}`;
  const { QueueUrl } = await engines.clients.sqs.send(new CreateQueueCommand({ QueueName }));
  return { arn: `arn:aws:sqs:eu-central-1:000000000000:${QueueName}`, url: QueueUrl! };
}

async function subscribe(Protocol: string, Endpoint: string, Attributes: Record<string, string> = {}): Promise<string> {
  const { SubscriptionArn } = await engines.clients.sns.send(
    new SubscribeCommand({ TopicArn, Protocol, Endpoint, Attributes, ReturnSubscriptionArn: true }),
  );
  return SubscriptionArn!;
}

const publish = (Message: string, type?: string, more: object = {}) =>
  engines.clients.sns.send(
    new PublishCommand({
      TopicArn,
      Message,
      ...(type && { MessageAttributes: { type: { DataType: 'String', StringValue: type } } }),
      ...more,
    }),
  );

async function bodiesIn(url: string): Promise<string[]> {
  const { Messages = [] } = await engines.clients.sqs.send(
    new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }),
  );
  return Messages.map(({ Body }) => Body!);
}

const onlyOrders = { FilterPolicy: JSON.stringify({ type: ['order'] }) };

describe('the metrics of a topic', () => {
  it('count what is published, delivered and filtered out', async () => {
    await subscribe('sqs', (await queue('all')).arn);
    await subscribe('sqs', (await queue('orders')).arn, onlyOrders);
    await publish('four', 'order');
    await publish('none', 'payment');
    await publish('bare');
    expect(counted()).toEqual({
      NumberOfMessagesPublished: 3,
      // the texts, and for two of them name, type and value of the attribute
      PublishSize: 12 + 'typeStringorder'.length + 'typeStringpayment'.length,
      NumberOfNotificationsDelivered: 4,
      NumberOfNotificationsFilteredOut: 2,
      'NumberOfNotificationsFilteredOut-NoMessageAttributes': 1,
    });
  });

  it('count every message of a batch', async () => {
    await subscribe('sqs', (await queue('orders')).arn, onlyOrders);
    const entry = (Id: string, StringValue: string) => ({
      Id,
      Message: Id,
      MessageAttributes: { type: { DataType: 'String', StringValue } },
    });
    await engines.clients.sns.send(
      new PublishBatchCommand({
        TopicArn,
        PublishBatchRequestEntries: [entry('a', 'payment'), entry('b', 'order'), entry('c', 'payment')],
      }),
    );
    expect(counted()).toMatchObject({
      NumberOfMessagesPublished: 3,
      NumberOfNotificationsDelivered: 1,
      NumberOfNotificationsFilteredOut: 2,
    });
  });

  it('keep topics apart, and do not count what is sent to a queue otherwise', async () => {
    const { arn, url } = await queue('all');
    await subscribe('sqs', arn);
    await engines.clients.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'not by the topic' }));
    await bodiesIn(url);
    expect(counted()).toEqual({});
    await publish('one');
    topicName = 'another';
    expect(counted()).toEqual({});
  });

  it('count a message whose queue is gone as failed, and it goes to the dead-letter queue of its subscription', async () => {
    const [plain, redriving, lost, deadLetters] = [
      await queue('plain'),
      await queue('redriving'),
      await queue('lost'),
      await queue('dead'),
    ];
    const redriveTo = (deadLetterTargetArn: string) => ({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn }) });
    await subscribe('sqs', plain.arn);
    await subscribe('sqs', redriving.arn, { ...redriveTo(deadLetters.arn), RawMessageDelivery: 'true' });
    await subscribe('sqs', lost.arn, redriveTo(`${deadLetters.arn}-gone`));
    for (const { url } of [plain, redriving, lost]) {
      await engines.clients.sqs.send(new DeleteQueueCommand({ QueueUrl: url }));
    }
    await publish('to nobody');
    expect(counted()).toMatchObject({
      NumberOfNotificationsFailed: 3,
      NumberOfNotificationsRedrivenToDlq: 1,
      NumberOfNotificationsFailedToRedriveToDlq: 1,
    });
    expect(await bodiesIn(deadLetters.url)).toEqual(['to nobody']);
  });

  it('are in the store a moment later by themselves', async () => {
    const own = startTopicMetrics({ store, clock: startAlarmClock(), intervalMs: 1 });
    own.published('arn:aws:sns:eu-central-1:000000000000:by-itself', 10);
    const { namespace, name, dimensions } = topicMetric('by-itself', 'PublishSize');
    await vi.waitFor(() => expect(store.latest(namespace, name, dimensions)).toBe(10), eventually);
    own.stop();
  });
});

describe('a function that is subscribed to a topic', () => {
  it('is invoked with what SNS would send it', async () => {
    const SubscriptionArn = await subscribe('lambda', FUNCTION_ARN);
    const { MessageId } = await publish('a page', 'alarm', { Subject: 'ALARM: "deep"' });
    await vi.waitFor(() => expect(events).toHaveLength(1), eventually);
    expect(events[0]).toEqual({
      Records: [
        {
          EventSource: 'aws:sns',
          EventVersion: '1.0',
          EventSubscriptionArn: SubscriptionArn,
          Sns: {
            Type: 'Notification',
            MessageId,
            TopicArn,
            Subject: 'ALARM: "deep"',
            Message: 'a page',
            Timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
            SignatureVersion: '1',
            Signature: expect.any(String),
            SigningCertUrl: expect.any(String),
            UnsubscribeUrl: expect.stringContaining(SubscriptionArn),
            MessageAttributes: { type: { Type: 'String', Value: 'alarm' } },
          },
        },
      ],
    });
    expect(counted()).toMatchObject({ NumberOfNotificationsDelivered: 1 });
    await publish('without a subject');
    await vi.waitFor(() => expect(events[1]?.Records[0]?.Sns.Subject).toBeNull(), eventually);
  });

  it('gets only what its filter policy lets pass, also after that has changed', async () => {
    const SubscriptionArn = await subscribe('lambda', FUNCTION_ARN, onlyOrders);
    await publish('1', 'payment');
    await publish('2', 'order');
    const AttributeValue = JSON.stringify({ type: ['payment'] });
    await engines.clients.sns.send(
      new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName: 'FilterPolicy', AttributeValue }),
    );
    await publish('3', 'payment');
    await publish('4', 'order');
    await vi.waitFor(() => expect(events).toHaveLength(2), eventually);
    expect(events.map(({ Records }) => Records[0]?.Sns.Message)).toEqual(['2', '3']);
    expect(counted()).toMatchObject({ NumberOfNotificationsDelivered: 2, NumberOfNotificationsFilteredOut: 2 });
  });

  it('is invoked again when it fails, and given up after three attempts', async () => {
    await subscribe('lambda', FUNCTION_ARN);
    const failed: InvokeResult = {
      status: 'failed',
      requestId: '',
      kind: 'Unhandled',
      error: { errorType: 'Error', errorMessage: 'no network', trace: [] },
      durationMs: 1,
    };
    answers = [failed, { status: 'throttled', requestId: '', reason: 'its reserved concurrency is 0' }, failed];
    await publish('a page');
    expect(subscriptions.busy()).toBe(true);
    await vi.waitFor(() => expect(subscriptions.busy()).toBe(false), eventually);
    expect(events).toHaveLength(3);
    expect(errors).toEqual([
      'heartbeat, for a topic: attempt 1 failed (Error: no network), tried again in 0.001 s',
      'heartbeat, for a topic: attempt 2 failed (its reserved concurrency is 0), tried again in 0.001 s',
      'heartbeat, for a topic: attempt 3 failed (Error: no network), given up',
    ]);
  });

  it('that is not there is a failed notification, which goes to the dead-letter queue of the subscription', async () => {
    const deadLetters = await queue('dead');
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadLetters.arn });
    await subscribe('lambda', `${FUNCTION_ARN}-gone`, { RedrivePolicy });
    await publish('a page');
    expect(counted()).toMatchObject({ NumberOfNotificationsFailed: 1, NumberOfNotificationsRedrivenToDlq: 1 });
    expect(JSON.parse((await bodiesIn(deadLetters.url))[0]!)).toMatchObject({ Message: 'a page', TopicArn });
  });

  it('is not tried again once the local cloud stops', async () => {
    await subscribe('lambda', FUNCTION_ARN);
    answers = [{ status: 'throttled', requestId: '', reason: 'stopped' }];
    subscriptions.stop();
    await publish('a page');
    await vi.waitFor(() => expect(subscriptions.busy()).toBe(false), eventually);
    expect(errors).toEqual([]);
  });
});

it('sees nothing of an engine that is not its own', async () => {
  const other = await startEngines({ region: 'eu-central-1', sqsEndpoint: engines.endpoints.sqs });
  expect(other.observeTopics({ ...metrics, notify: () => false })).toBe(false);
  await other.stop();
});
