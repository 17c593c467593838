import { randomUUID } from 'node:crypto';
import { type Command, Option } from 'commander';
import type { MaintenanceWindow } from '../operations/maintenance.ts';
import { explained } from './explained.ts';
import { UserError } from './failure.ts';
import { AUDIT_TABLE_HELP, caller, onRecord, type RecordOptions } from './on-record.ts';
import { duration } from './options.ts';

interface WindowOptions extends RecordOptions {
  alarm?: string;
}

interface OpenOptions extends WindowOptions {
  for: number;
  reason: string;
  extend?: boolean;
}

const ENVIRONMENT = `
Region, credentials and endpoints are those of the AWS SDK: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_CLOUDWATCH, ...
`;

/** Adds `baton maintenance`: times in which nobody is told of alarms, because somebody works on the system on purpose. */
export function addMaintenance(program: Command, ended: (code: number) => void): void {
  const maintenance = program
    .command('maintenance')
    .description('open, close and list maintenance windows: alarms go on, and nobody is paged or sent tickets');
  onWindow(maintenance, 'open', 'open a maintenance window')
    .requiredOption(
      '--for <time>',
      "how long, from now: '30m', '2h', at most '24h'; the heartbeat closes it then",
      duration,
    )
    .requiredOption('--reason <text>', 'why; whoever misses a page reads it')
    .option('--extend', 'move the end of the window that is open')
    .action(async (options: OpenOptions) => ended(await explained(() => open(options))));
  onWindow(maintenance, 'close', 'close the maintenance window; what is wrong by then is told after a few minutes')
    .option('--reason <text>', 'why, for the audit trail', 'done')
    .action(async (options: WindowOptions & { reason: string }) => ended(await explained(() => close(options))));
  maintenance
    .command('list')
    .description('list the open maintenance windows, and how long they last')
    .option('--env <name>', "only this environment's (default: every one of the account and region)")
    .option('--alarm <name>', 'only the one of this suppressor')
    .option('--json', 'as JSON')
    .addHelpText('after', ENVIRONMENT)
    .action(async (options: WindowOptions & { json?: boolean }) => ended(await explained(() => list(options))));
}

function onWindow(maintenance: Command, name: string, description: string): Command {
  return maintenance
    .command(name)
    .description(description)
    .addOption(new Option('--env <name>', 'the environment, as in lib/stacks/environments.ts').conflicts('alarm'))
    .option('--alarm <name>', 'the suppressor, where it is not Baton-<env>-Foundation-OnCall-Maintenance')
    .option('--audit-table <name>', AUDIT_TABLE_HELP)
    .addHelpText('after', ENVIRONMENT);
}

async function open({ for: lengthMs, reason, extend, ...options }: OpenOptions): Promise<number> {
  const alarm = suppressor(options);
  return await withCloudWatch(async (cloudwatch) => {
    const { describeWindow, heartbeatOf, openWindow } = await import('../operations/maintenance.ts');
    const by = await caller(cloudwatch);
    const parameters = { seconds: lengthMs / 1_000, extend: extend ?? false };
    const window = await onRecord(
      options,
      { action: 'maintenance.open', by, reason, target: alarm, parameters },
      () => openWindow({ cloudwatch, alarm, by, reason, lengthMs, id: randomUUID(), ...(extend && { extend }) }),
      ({ until }) => `open until ${until}`,
    );
    process.stdout.write(`${extend ? 'Extended' : 'Open'}: ${alarm}, ${describeWindow(window, Date.now())}\n`);
    const heartbeat = await heartbeatOf({ cloudwatch, alarm });
    if (heartbeat !== 'beating') {
      const why = heartbeat === 'silent' ? 'the heartbeat is silent' : 'there is no heartbeat alarm beside it';
      process.stderr.write(`It may not close by itself: ${why}. Close it yourself with \`baton maintenance close\`.\n`);
    }
    return 0;
  });
}

async function close({ reason, ...options }: WindowOptions & { reason: string }): Promise<number> {
  const alarm = suppressor(options);
  return await withCloudWatch(async (cloudwatch) => {
    const { closeWindow, describeWindow } = await import('../operations/maintenance.ts');
    const by = await caller(cloudwatch);
    const closed = await onRecord(options, { action: 'maintenance.close', by, reason, target: alarm }, () =>
      closeWindow({ cloudwatch, alarm, by }),
    );
    process.stdout.write(
      closed === undefined
        ? `No maintenance window of ${alarm} is open.\n`
        : `Closed: ${alarm}, ${describeWindow(closed, Date.now())}\n`,
    );
    return 0;
  });
}

async function list({ json, ...options }: WindowOptions & { json?: boolean }): Promise<number> {
  return await withCloudWatch(async (cloudwatch) => {
    const { describeWindow, listWindows } = await import('../operations/maintenance.ts');
    const named = options.alarm !== undefined || options.env !== undefined;
    const windows: MaintenanceWindow[] = await listWindows({
      cloudwatch,
      ...(named && { alarm: suppressor(options) }),
    });
    if (json) process.stdout.write(`${JSON.stringify(windows, undefined, 2)}\n`);
    else if (windows.length === 0) process.stdout.write('No maintenance window is open.\n');
    for (const window of json ? [] : windows) {
      process.stdout.write(`${window.alarm}  ${describeWindow(window, Date.now())}\n`);
    }
    return 0;
  });
}

/** Which suppressor is meant. There is no default: nobody silences an environment without having named it. */
function suppressor({ alarm, env }: WindowOptions): string {
  if (alarm !== undefined) return alarm;
  if (env !== undefined) return `Baton-${env}-Foundation-OnCall-Maintenance`;
  throw new UserError('Say which environment with --env, or which suppressor with --alarm.');
}

async function withCloudWatch(
  work: (cloudwatch: import('@aws-sdk/client-cloudwatch').CloudWatchClient) => Promise<number>,
): Promise<number> {
  const { CloudWatchClient } = await import('@aws-sdk/client-cloudwatch');
  const cloudwatch = new CloudWatchClient({});
  try {
    return await work(cloudwatch);
  } finally {
    cloudwatch.destroy();
  }
}
