import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Alarms, startAlarms } from '../../lib/local/alarms/alarm-evaluator.ts';
import { networkCalls } from '../../lib/local/event-sources/source-queue.ts';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { MetricStore } from '../../lib/local/metrics/metric-store.ts';
import { oldestSentAt, type QueueGauges, queueMetric, startQueueGauges } from '../../lib/local/metrics/queue-gauges.ts';
import { metricAlarm } from './alarm-resources.ts';

const NEVER = 2 ** 30;
const region = 'eu-central-1';
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

let engine: FauxqsServer;
let sqs: SQSClient;
let sns: SNSClient;
let gauges: QueueGauges | undefined;
let alarms: Alarms | undefined;

beforeEach(async () => {
  engine = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
  const endpoint = `http://127.0.0.1:${engine.port}`;
  sqs = new SQSClient({ region, endpoint, credentials });
  sns = new SNSClient({ region, endpoint, credentials });
});

afterEach(async () => {
  await gauges?.stop();
  await alarms?.stop();
  sqs.destroy();
  sns.destroy();
  await engine.stop();
});

async function createQueue(name: string): Promise<string> {
  await sqs.send(new CreateQueueCommand({ QueueName: name }));
  return `http://127.0.0.1:${engine.port}/000000000000/${name}`;
}

function oldestMessageSentAt(queueName: string): number | undefined {
  const { ready = [], inflight = [] } = engine.inspectQueue(queueName)?.messages ?? {};
  return oldestSentAt([...ready, ...inflight.map(({ message }) => message)]);
}

async function receive(QueueUrl: string) {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }));
  const [message] = Messages;
  if (!message) throw new Error(`No message in ${QueueUrl}.`);
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
  return JSON.parse(message.Body!);
}

it('pages on-call about a message that nobody takes, and says when it is gone', async () => {
  const work = await createQueue('work');
  const pager = await createQueue('pager');
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'on-call' }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: pager, AttributeNames: ['QueueArn'] }),
  );
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: Attributes?.QueueArn }));

  let realMs = Date.now();
  const clock = startAlarmClock({ realNow: () => realMs, speed: 60 });
  const store = new MetricStore();
  const onNotification = vi.fn();
  gauges = startQueueGauges({
    queues: [{ name: 'work', url: work }],
    attributesOf: (url, names) => networkCalls(sqs, url).attributes(names),
    store,
    clock,
    oldestMessageSentAt,
    intervalMs: NEVER,
  });
  alarms = startAlarms({
    alarms: [
      metricAlarm('work-age', queueMetric('work', 'ApproximateAgeOfOldestMessage'), {
        threshold: 300,
        evaluationPeriods: 2,
        alarmActions: [TopicArn!],
        okActions: [TopicArn!],
      }),
    ],
    store,
    clock,
    sns,
    settleMs: 0,
    tickMs: NEVER,
    onNotification,
  });
  /** One second of the wall clock: a minute of alarm time. */
  const second = async () => {
    await gauges?.sampleNow();
    realMs += 1000;
    await alarms?.evaluateNow();
  };
  const states = () => alarms?.history()[0]?.states.map(({ state }) => state);

  await second();
  await second();
  expect(states()).toEqual(['INSUFFICIENT_DATA', 'OK']);
  expect((await receive(pager)).Subject).toBe('OK: "work-age" in EU (Frankfurt)');

  await sqs.send(new SendMessageCommand({ QueueUrl: work, MessageBody: 'nobody takes me' }));
  const sentAt = oldestMessageSentAt('work')!;
  // At speed 60, a message is 300 s old after 5 real seconds, and must be so in two periods.
  for (let passed = 0; states()?.length === 2 && passed < 60; passed++) await second();
  expect(realMs - sentAt).toBeGreaterThan(6000);
  expect(states()).toEqual(['INSUFFICIENT_DATA', 'OK', 'ALARM']);
  const page = await receive(pager);
  expect(page).toMatchObject({ Type: 'Notification', TopicArn, Subject: 'ALARM: "work-age" in EU (Frankfurt)' });
  expect(JSON.parse(page.Message)).toMatchObject({
    AlarmName: 'work-age',
    OldStateValue: 'OK',
    NewStateValue: 'ALARM',
    AlarmArn: 'arn:aws:cloudwatch:eu-central-1:000000000000:alarm:work-age',
    Trigger: { MetricName: 'ApproximateAgeOfOldestMessage', Threshold: 300 },
  });

  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: work }));
  await second();
  expect(states()).toHaveLength(3);
  await sqs.send(new DeleteMessageCommand({ QueueUrl: work, ReceiptHandle: Messages![0]!.ReceiptHandle }));
  await second();
  expect(states()).toEqual(['INSUFFICIENT_DATA', 'OK', 'ALARM', 'OK']);
  expect((await receive(pager)).Subject).toBe('OK: "work-age" in EU (Frankfurt)');
  expect(onNotification.mock.calls.map(([{ outcome }]) => outcome)).toEqual(['delivered', 'delivered', 'delivered']);
});

it('samples what SQS publishes of a queue, and reports once a queue that it cannot read', async () => {
  const work = await createQueue('work');
  for (const body of ['a', 'b', 'c']) await sqs.send(new SendMessageCommand({ QueueUrl: work, MessageBody: body }));
  await sqs.send(new SendMessageCommand({ QueueUrl: work, MessageBody: 'd', DelaySeconds: 60 }));
  await sqs.send(new ReceiveMessageCommand({ QueueUrl: work }));
  const store = new MetricStore();
  const onError = vi.fn();
  gauges = startQueueGauges({
    queues: [
      { name: 'work', url: work },
      { name: 'absent', url: `${work}-absent` },
    ],
    attributesOf: (url, names) => networkCalls(sqs, url).attributes(names),
    store,
    clock: startAlarmClock(),
    oldestMessageSentAt,
    intervalMs: NEVER,
    onError,
  });
  await gauges.sampleNow();
  await gauges.sampleNow();
  const latest = (name: string) => store.latest('AWS/SQS', name, { QueueName: 'work' });
  expect(latest('ApproximateNumberOfMessagesVisible')).toBe(2);
  expect(latest('ApproximateNumberOfMessagesNotVisible')).toBe(1);
  expect(latest('ApproximateNumberOfMessagesDelayed')).toBe(1);
  expect(latest('ApproximateAgeOfOldestMessage')).toBeLessThan(10);
  expect(onError).toHaveBeenCalledTimes(1);
  expect(onError).toHaveBeenCalledWith('absent', expect.any(Error));
});

it('lets no poison pill hide the age of the others, except on a FIFO queue', () => {
  const poison = { sentTimestamp: 1000, approximateReceiveCount: 4 };
  const tried = { sentTimestamp: 5000, approximateReceiveCount: 3 };
  expect(oldestSentAt([poison, tried])).toBe(5000);
  expect(oldestSentAt([tried, poison], true)).toBe(1000);
  expect(oldestSentAt([poison])).toBeUndefined();
  expect(oldestSentAt([])).toBeUndefined();
});
