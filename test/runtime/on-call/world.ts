import type { SNSEventRecord } from 'aws-lambda';
import { startAlarms } from '../../../lib/local/alarms/alarm-evaluator.ts';
import { startCloudWatchApi } from '../../../lib/local/cloudwatch-api/cloudwatch-api.ts';
import { startAlarmClock } from '../../../lib/local/metrics/alarm-clock.ts';
import { createEmfReader } from '../../../lib/local/metrics/emf.ts';
import { MetricStore } from '../../../lib/local/metrics/metric-store.ts';
import { statisticNamed } from '../../../lib/local/metrics/statistic.ts';
import type { MetricAlarmResource } from '../../../lib/local/resources.ts';
import { type CloudWatch, createCloudWatchClient } from '../../../lib/runtime/aws/clients.ts';
import type { DeadMansSwitch } from '../../../lib/runtime/on-call/dead-mans-switch.ts';
import { createHeartbeat } from '../../../lib/runtime/on-call/heartbeat.ts';
import type { HeartbeatSettings } from '../../../lib/runtime/on-call/heartbeat-settings.ts';
import { metricAlarm } from '../../local/alarm-resources.ts';
import type { Engines, TestQueue } from '../engines.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
/** A full hour, so that minutes are easy to count. */
export const START = Date.parse('2026-03-02T08:00:00Z');
const CALM = { comparison: 'GreaterThanOrEqualToThreshold', threshold: 1, treatMissingData: 'ignore' } as const;

/** What a pager reads of a notification. */
export interface Page {
  AlarmName: string;
  NewStateValue: string;
  NewStateReason: string;
  [field: string]: unknown;
}

/** A heartbeat in front of a CloudWatch whose clock only {@link World.minutes} moves, and the real topics of an engine. */
export type World = Awaited<ReturnType<typeof createWorld>>;

export async function createWorld(
  engines: Engines,
  options: { settings?: Partial<HeartbeatSettings>; deadMansSwitch?: DeadMansSwitch } = {},
) {
  let now = START;
  /** Notifications of the probe get lost between CloudWatch and the heartbeat. */
  let deaf = false;
  /** What the heartbeat writes never arrives. */
  let mute = false;
  const broken = new Set<string>();
  const clock = startAlarmClock({ realNow: () => now });
  const store = new MetricStore({ retentionMs: 15 * 24 * HOUR });
  const [page, probeTopic] = [await engines.createTopic(), await engines.createTopic()];
  const [pages, notifications] = [engines.createQueue(), engines.createQueue()];
  await engines.subscribe(page, pages);
  await engines.subscribe(probeTopic, notifications);

  const onCall = { onCall: 'Night' };
  const probe = metricAlarm(
    'Night-heartbeat-probe',
    { namespace: 'Baton', name: 'HeartbeatProbe', dimensions: onCall },
    { ...CALM, alarmActions: [probeTopic], okActions: [probeTopic] },
  );
  const missing = metricAlarm(
    'Night-heartbeat',
    { namespace: 'Baton', name: 'Heartbeat', dimensions: onCall },
    {
      statistic: 'Minimum',
      comparison: 'LessThanThreshold',
      threshold: 1,
      evaluationPeriods: 5,
      treatMissingData: 'breaching',
    },
  );
  const never = { namespace: 'Baton', name: 'MaintenanceWindow', dimensions: { window: 'Night-Maintenance' } };
  const alarms: MetricAlarmResource[] = [probe, missing, metricAlarm('Night-Maintenance', never, CALM)];
  // Nothing but `minutes` evaluates them.
  const evaluator = startAlarms({ alarms, store, clock, sns: engines.sns, tickMs: 2 ** 30, settleMs: 0 });
  const api = await startCloudWatchApi({ store, clock });
  api.serve(evaluator);

  const client = createCloudWatchClient({
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_MAX_ATTEMPTS: '1',
    AWS_ENDPOINT_URL_CLOUDWATCH: api.url,
  });
  const asked: string[] = [];
  const cloudwatch: CloudWatch = {
    async call(operation, input) {
      asked.push(operation);
      if (broken.has(operation)) throw new Error(`${operation} is broken.`);
      return await client.call(operation, input);
    },
  };
  const settings: HeartbeatSettings = {
    ...onCall,
    pageTopicArn: page,
    probeAlarmArn: probe.arn,
    probeMinutes: 15,
    maintenanceAlarm: 'Night-Maintenance',
    owner: 'front-of-house',
    runbook: 'docs/runbooks/heartbeat.md',
    publishRates: [],
    ...options.settings,
  };
  const logged: { level: string; message: string; details: Record<string, unknown> }[] = [];
  const log = (level: string) => (message: string, details: Record<string, unknown>) => {
    logged.push({ level, message, details });
  };
  const emf = createEmfReader({ store, clock });
  const start = () =>
    createHeartbeat({
      settings,
      cloudwatch,
      sns: engines.clients.sns,
      log: { info: log('info'), warn: log('warn'), error: log('error') },
      ...(options.deadMansSwitch && { deadMansSwitch: options.deadMansSwitch }),
      clock: () => now,
      output: (line) => mute || emf(line),
    });
  let heartbeat = start();

  const take = async (queue: TestQueue): Promise<string[]> => {
    const found: string[] = [];
    for (;;) {
      const messages = await engines.receive(queue);
      if (messages.length === 0) return found;
      for (const { Body, ReceiptHandle } of messages) {
        found.push(Body!);
        await engines.remove(queue, ReceiptHandle!);
      }
    }
  };

  return {
    store,
    settings,
    logged,
    /** The operations of CloudWatch that were called. */
    asked,
    broken,
    cloudwatch: client,
    alarm: (name: string) => evaluator.states().get(name)!.state,
    record: (name: string) => evaluator.records().find(({ alarm }) => alarm.name === name)!,
    get now() {
      return now;
    },
    deafen(value: boolean) {
      deaf = value;
    },
    silence(value: boolean) {
      mute = value;
    },
    /** The next minute is done by a new execution environment. */
    forget() {
      heartbeat = start();
    },
    /** Lets minutes pass; the heartbeat does each, unless it is told to skip them. */
    async minutes(count: number, { beating = true } = {}) {
      for (let minute = 0; minute < count; minute++) {
        now += MINUTE;
        await evaluator.evaluateNow();
        for (const message of await take(notifications)) if (!deaf) heartbeat.hear([recordOf(message)]);
        if (beating) await heartbeat.beat(now);
      }
    },
    hear: (message: string) => heartbeat.hear([recordOf(message)]),
    /** What went to the people on call since the last time. */
    pages: async () => (await take(pages)).map((each) => JSON.parse(each) as Page),
    /** The values of a metric by minute since the start. */
    values(name: string, dimensions: Record<string, string> = onCall) {
      const count = Math.floor((now - START) / MINUTE) + 1;
      return store.datapoints(
        { namespace: 'Baton', name, dimensions },
        { statistic: statisticNamed('Maximum'), periodSeconds: 60, endMs: START + count * MINUTE, count },
      );
    },
    async stop() {
      await evaluator.stop();
      await api.stop();
    },
  };
}

function recordOf(Message: string): SNSEventRecord {
  return { Sns: { Message } } as SNSEventRecord;
}
