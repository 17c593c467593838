import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CloudWatchClient, GetMetricDataCommand, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startLocalCloud } from '../../../lib/local/cloud.ts';

const project = path.resolve(import.meta.dirname, '../../..');
const eventually = { timeout: 20_000, interval: 100 };
const app = `
import { App, Stack } from 'aws-cdk-lib';
import { OnCall } from '${project}/lib/constructs/index.ts';
const stack = new Stack(new App(), 'Theatre');
new OnCall(stack, 'Night', { page: ['night@theatre.test'], ticket: ['day@theatre.test'] });
`;

test('the heartbeat of a synthesized stack beats in the local cloud, and hears its probe', async () => {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'baton-on-call-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  symlinkSync(path.join(project, 'node_modules'), path.join(folder, 'node_modules'));
  writeFileSync(path.join(folder, 'app.mjs'), app);
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(path.join(folder, 'cdk.json'), JSON.stringify({ app: 'node app.mjs' }));
  const said: string[] = [];
  const cloud = await startLocalCloud({ projectDirectory: folder, env: 'dev', say: (line) => said.push(line) });
  onTestFinished(() => cloud.stop());
  const client = new CloudWatchClient({
    endpoint: cloud.cloudwatchEndpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  onTestFinished(() => client.destroy());

  const values = async (MetricName: string) => {
    const Dimensions = [{ Name: 'onCall', Value: 'Theatre-Night' }];
    const Metric = { Namespace: 'Baton', MetricName, Dimensions };
    const { MetricDataResults } = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(Date.now() - 600_000),
        EndTime: new Date(Date.now() + 60_000),
        MetricDataQueries: [{ Id: 'm', MetricStat: { Metric, Period: 60, Stat: 'Minimum' } }],
      }),
    );
    return new Set(MetricDataResults?.[0]?.Values);
  };
  // Its schedule starts it at once: it has looked for maintenance windows, and at its own past.
  await vi.waitFor(async () => expect(await values('Heartbeat'), said.join('\n')).toEqual(new Set([1])), eventually);
  const state = { AlarmName: 'Theatre-Night-heartbeat-probe', StateValue: 'ALARM', StateReason: 'A test' } as const;
  await client.send(new SetAlarmStateCommand(state));
  await vi.waitFor(
    async () => expect(await values('HeartbeatHeard'), said.join('\n')).toEqual(new Set([1])),
    eventually,
  );
}, 60_000);
