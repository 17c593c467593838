import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  GetMetricStatisticsCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { LambdaClient, ListEventSourceMappingsCommand, UpdateEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type LocalCloud, startLocalCloud } from '../../lib/local/cloud.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const eventually = { timeout: 20_000, interval: 50 };
let folder: string;
let cloud: LocalCloud | undefined;
let said: string[];

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'baton-cloud-')));
  cpSync(join(import.meta.dirname, 'fixtures/app'), folder, { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'cdk.json'), JSON.stringify({ app: 'node app.mjs' }));
  said = [];
});
afterEach(async () => {
  await cloud?.stop();
  cloud = undefined;
  rmSync(folder, { recursive: true });
});

async function start(): Promise<LocalCloud> {
  cloud = await startLocalCloud({
    projectDirectory: folder,
    env: 'dev',
    persist: join(folder, 'data'),
    say: (line) => said.push(line),
  });
  return cloud;
}

/** Takes what the functions said out of their queue. */
async function results({ engines, resources }: LocalCloud): Promise<string[]> {
  const QueueUrl = resources.outputs['Shop.ResultsUrl'];
  const { Messages = [] } = await engines.clients.sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
  );
  for (const { ReceiptHandle } of Messages) {
    await engines.clients.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  }
  return Messages.map(({ Body }) => Body ?? '');
}

async function untilSaid(running: LocalCloud, heard: string[], ...expected: string[]): Promise<void> {
  await vi.waitFor(async () => {
    heard.push(...(await results(running)));
    expect(heard.toSorted()).toEqual(expected.toSorted());
  }, eventually);
}

const put = ({ engines, resources }: LocalCloud, id: string) =>
  engines.clients.dynamodb.send(
    new PutItemCommand({ TableName: resources.outputs['Shop.Table'], Item: { id: { S: id } } }),
  );
const sendWork = ({ engines, resources }: LocalCloud, MessageBody: string) =>
  engines.clients.sqs.send(new SendMessageCommand({ QueueUrl: resources.outputs['Shop.WorkUrl'], MessageBody }));

test('schedules, streams and the API of event source mappings work for any app, over a restart too', async () => {
  const running = await start();
  const heard: string[] = [];
  await untilSaid(running, heard, 'relay aws.scheduler');
  await put(running, 'a');
  await untilSaid(running, heard, 'relay aws.scheduler', 'stream a');

  // The consumer disables its own mapping, with the second message still in the queue.
  await sendWork(running, 'one');
  const sofar = ['relay aws.scheduler', 'stream a', 'work one 202'];
  await untilSaid(running, heard, ...sofar);
  await vi.waitFor(() => expect(running.consumers()).toMatchObject([{ enabled: false }]), eventually);
  await sendWork(running, 'two');
  const lambda = new LambdaClient({
    endpoint: running.lambdaEndpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const { EventSourceMappings = [] } = await lambda.send(
    new ListEventSourceMappingsCommand({
      FunctionName: running.resources.functions.find(({ path }) => path === 'Shop/Consumer')!.name,
    }),
  );
  expect(EventSourceMappings).toMatchObject([{ BatchSize: 1 }]);
  const { UUID } = EventSourceMappings[0]!;
  await vi.waitFor(
    async () => await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: true })),
    eventually,
  );
  lambda.destroy();
  await untilSaid(running, heard, ...sofar, 'work two 202');

  // The relay runs for a minute: neither idleness nor the end waits for it, and a reload starts no second one.
  await running.reload();
  expect(await running.untilIdle()).toBeGreaterThan(0);
  await running.stop();
  expect(heard).toHaveLength(4);

  // What the stream's mapping was done with stays so.
  const again = await start();
  await put(again, 'b');
  const heardAgain: string[] = [];
  await untilSaid(again, heardAgain, 'relay aws.scheduler', 'stream b');
}, 50_000);

test('an alarm is set over the API of CloudWatch, and tells a function through its topic', async () => {
  const running = await start();
  const heard: string[] = [];
  await untilSaid(running, heard, 'relay aws.scheduler');
  const cloudwatch = new CloudWatchClient({
    endpoint: running.cloudwatchEndpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const AlarmName = running.resources.outputs['Shop.Alarm'];
  await cloudwatch.send(new SetAlarmStateCommand({ AlarmName, StateValue: 'ALARM', StateReason: 'a rehearsal' }));
  await untilSaid(running, heard, 'relay aws.scheduler', 'alarm a rehearsal');
  expect(running.alarms()).toMatchObject([{ name: AlarmName, state: 'ALARM', notified: 'Alerts' }]);
  const { AlarmHistoryItems = [] } = await cloudwatch.send(
    new DescribeAlarmHistoryCommand({ AlarmName, HistoryItemType: 'Action' }),
  );
  expect(AlarmHistoryItems[0]?.HistorySummary).toMatch(/^Successfully executed action arn:aws:sns:/);

  // What the topic and the functions did is in the metrics by then.
  const since = { StartTime: new Date(Date.now() - 600_000), EndTime: new Date(Date.now() + 60_000), Period: 60 };
  await vi.waitFor(async () => {
    const { Datapoints = [] } = await cloudwatch.send(
      new GetMetricStatisticsCommand({
        ...since,
        Namespace: 'AWS/SNS',
        MetricName: 'NumberOfNotificationsDelivered',
        Dimensions: [{ Name: 'TopicName', Value: running.resources.outputs['Shop.AlertsName'] }],
        Statistics: ['Sum'],
      }),
    );
    expect(Datapoints).toMatchObject([{ Sum: 1 }]);
  }, eventually);
  cloudwatch.destroy();
}, 50_000);
