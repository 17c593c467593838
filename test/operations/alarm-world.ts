import { CloudWatchClient, DescribeAlarmsCommand, type MetricAlarm } from '@aws-sdk/client-cloudwatch';
import { SubscribeCommand } from '@aws-sdk/client-sns';
import { startAlarms } from '../../lib/local/alarms/alarm-evaluator.ts';
import { startCloudWatchApi } from '../../lib/local/cloudwatch-api/cloudwatch-api.ts';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { MetricStore } from '../../lib/local/metrics/metric-store.ts';
import type { MetricAlarmResource } from '../../lib/local/resources.ts';
import { metricAlarm } from '../local/alarm-resources.ts';
import { type Engines, startEngines, type TestQueue } from '../runtime/engines.ts';

/** The on-call of an environment in the local cloud: its alarms behind CloudWatch's API, its topics in the engine. */
export interface AlarmWorld {
  engines: Engines;
  cloudwatch: CloudWatchClient;
  /** What the environment variables of the CLI are. */
  environment: Record<string, string>;
  /** Adds somebody to a topic of on-call. */
  subscribe(urgency: string, protocol: string, endpoint: string): Promise<void>;
  /** The codes of the messages that were published for an urgency so far. */
  codes(urgency: string): Promise<string[]>;
  alarm(name: string): Promise<MetricAlarm>;
  stop(): Promise<void>;
}

export const ON_CALL = 'Baton-prod-Foundation-OnCall';

/** @param alarms further alarms, as they are after a start: in INSUFFICIENT_DATA */
export async function startAlarmWorld(urgencies: readonly string[] = ['page', 'ticket']): Promise<AlarmWorld> {
  const engines = await startEngines();
  const topics = new Map<string, string>();
  const queues = new Map<string, TestQueue>();
  for (const urgency of urgencies) {
    const topic = await engines.createTopic();
    const queue = engines.createQueue();
    await engines.subscribe(topic, queue);
    topics.set(urgency, topic);
    queues.set(urgency, queue);
  }
  const clock = startAlarmClock({});
  const store = new MetricStore();
  const alarms = startAlarms({
    alarms: [
      handSet(`${ON_CALL}-Maintenance`),
      handSet(`${ON_CALL}-heartbeat`),
      ...urgencies.map((urgency) => {
        const actions = [topics.get(urgency)!];
        return handSet(`${ON_CALL}-test-${urgency}`, { alarmActions: actions, okActions: actions });
      }),
    ],
    store,
    clock,
    sns: engines.sns,
    retryDelaysMs: [],
  });
  const api = await startCloudWatchApi({ store, clock });
  api.serve(alarms);
  const identity = { accessKeyId: 'test', secretAccessKey: 'test' };
  const cloudwatch = new CloudWatchClient({ endpoint: api.url, region: 'eu-west-1', credentials: identity });
  return {
    engines,
    cloudwatch,
    environment: {
      ...engines.endpoints,
      AWS_ENDPOINT_URL_CLOUDWATCH: api.url,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      USER: 'jane',
    },
    async subscribe(urgency, Protocol, Endpoint) {
      await engines.sns.send(new SubscribeCommand({ TopicArn: topics.get(urgency)!, Protocol, Endpoint }));
    },
    async codes(urgency) {
      const messages = await engines.receive(queues.get(urgency)!);
      return messages.flatMap(({ Body = '' }) => /Answer with code (\w+)\./.exec(Body)?.[1] ?? []);
    },
    async alarm(name) {
      const { MetricAlarms = [] } = await cloudwatch.send(new DescribeAlarmsCommand({ AlarmNames: [name] }));
      return MetricAlarms[0]!;
    },
    async stop() {
      cloudwatch.destroy();
      await api.stop();
      await alarms.stop();
      await engines.stop();
    },
  };
}

/** An alarm whose metric nobody writes: it stays as it is set. */
function handSet(name: string, props: Partial<MetricAlarmResource> = {}): MetricAlarmResource {
  const metric = { namespace: 'Baton', name: 'MaintenanceWindow', dimensions: { window: name } };
  return metricAlarm(name, metric, { treatMissingData: 'ignore', ...props });
}
