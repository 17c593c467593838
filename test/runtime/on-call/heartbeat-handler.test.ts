import type { SNSEvent } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startCloudWatchApi } from '../../../lib/local/cloudwatch-api/cloudwatch-api.ts';
import { startAlarmClock } from '../../../lib/local/metrics/alarm-clock.ts';
import { MetricStore } from '../../../lib/local/metrics/metric-store.ts';
import { handler } from '../../../lib/runtime/on-call/heartbeat-handler.ts';
import { lambdaContext } from '../engines.ts';

let api: Awaited<ReturnType<typeof startCloudWatchApi>>;
beforeAll(async () => {
  api = await startCloudWatchApi({ store: new MetricStore(), clock: startAlarmClock() });
});
afterAll(() => api.stop());
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function metricsOf(stdout: { mock: { calls: unknown[][] } }): Record<string, unknown>[] {
  return stdout.mock.calls
    .map(([line]) => String(line))
    .filter((line) => line.includes('_aws'))
    .map((line) => JSON.parse(line));
}

it('refuses to run without its settings', async () => {
  await expect(handler({}, lambdaContext())).rejects.toThrow(/BATON_ON_CALL is not set; .*BATON_RUNBOOK is not set/);
});

it('beats for the minute of its schedule, and hears what its topic sends', async () => {
  const stdout = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const variables = {
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_ENDPOINT_URL_CLOUDWATCH: api.url,
    BATON_ON_CALL: 'Night',
    BATON_PAGE_TOPIC_ARN: 'arn:aws:sns:eu-west-1:1:page',
    BATON_PROBE_ALARM_ARN: 'arn:aws:cloudwatch:eu-west-1:1:alarm:Night-probe',
    BATON_MAINTENANCE_ALARM: 'Night-Maintenance',
    BATON_OWNER: 'front-of-house',
    BATON_RUNBOOK: 'heartbeat.md',
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  await handler({ time: '1970-01-01T00:15:00Z' }, lambdaContext());
  const Message = JSON.stringify({ AlarmName: 'Night-probe', StateChangeTime: new Date().toISOString() });
  await handler({ Records: [{ Sns: { Message } }] } as SNSEvent, lambdaContext());
  await handler({ time: '1970-01-01T00:30:59Z' }, lambdaContext());
  expect(metricsOf(stdout)).toMatchObject([
    { onCall: 'Night', Heartbeat: 1, HeartbeatProbe: 1 },
    { onCall: 'Night', HeartbeatHeard: 1 },
    { onCall: 'Night', Heartbeat: 1, HeartbeatProbe: 0 },
  ]);
});
