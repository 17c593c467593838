import { randomUUID } from 'node:crypto';
import { type Command, Option } from 'commander';
import type { MaintenanceWindow } from '../operations/maintenance.ts';
import { explained } from './explained.ts';
import { UsageError } from './failure.ts';
import { goLocal, LOCAL, WHERE_HELP } from './local-endpoints.ts';
import { AUDIT_TABLE_HELP, caller, onRecord, type RecordOptions } from './on-record.ts';
import { duration } from './options.ts';

interface WindowOptions extends RecordOptions {
  alarm?: string;
  local?: boolean;
}

interface OpenOptions extends WindowOptions {
  for?: number;
  reason?: string;
  extend?: boolean;
}

const OPEN_HELP = `
Held back are pages and tickets of consumers, topics, tables and flows. These page all the same: the heartbeat, alarms with
actions of their own, notifications that were not delivered. What was told before the window is not taken back.

Examples:
  npx baton maintenance open --env prod --for 30m --reason "new index on orders"
  npx baton maintenance open --env prod --for 1h --reason "takes longer" --extend      an hour from now
  npx baton maintenance open --local --for 30m --reason "to try it out"

The exit code is 0 when the window is open, 1 when it could not be opened (another one is), 2 when something is left out.
`;

/** Adds `baton maintenance`: times in which nobody is told of alarms, because somebody works on the system on purpose. */
export function addMaintenance(program: Command, ended: (code: number) => void): void {
  const maintenance = program
    .command('maintenance')
    .description('open, close and list maintenance windows: alarms go on, and nobody is paged or sent tickets');
  onWindow(maintenance, 'open', 'open a maintenance window')
    .option('--for <time>', "how long, from now: '30m', '2h', at most '24h'; the heartbeat closes it then", duration)
    .option('--reason <text>', 'why; whoever misses a page reads it')
    .option('--extend', 'move the end of the window that is open')
    .addHelpText('after', OPEN_HELP)
    .action(async (options: OpenOptions) => ended(await explained(() => open(options))));
  onWindow(maintenance, 'close', 'close the maintenance window; what is wrong by then is told after 3 minutes')
    .option('--reason <text>', 'why, for the audit trail', 'done')
    .addHelpText('after', '\nThe exit code is 0 when no window is open any more.\n')
    .action(async (options: WindowOptions & { reason: string }) => ended(await explained(() => close(options))));
  maintenance
    .command('list')
    .description('list the open maintenance windows, and how long they last')
    .addOption(
      new Option('--env <name>', "only this environment's (default: all of the account and region)").conflicts('alarm'),
    )
    .option('--alarm <name>', 'only the one of this suppressor')
    .addOption(LOCAL)
    .option('--json', 'as JSON')
    .addHelpText('after', `${WHERE_HELP}\nThe exit code is 0 whether a window is open or not.\n`)
    .action(async (options: WindowOptions & { json?: boolean }) => ended(await explained(() => list(options))));
}

function onWindow(maintenance: Command, name: string, description: string): Command {
  return maintenance
    .command(name)
    .description(description)
    .addOption(new Option('--env <name>', 'the environment, as in lib/stacks/environments.ts').conflicts('alarm'))
    .option('--alarm <name>', 'the suppressor, where it is not Baton-<env>-Foundation-OnCall-Maintenance')
    .addOption(LOCAL)
    .option('--audit-table <name>', AUDIT_TABLE_HELP)
    .addHelpText('after', WHERE_HELP);
}

async function open({ for: lengthMs, reason, extend, ...given }: OpenOptions): Promise<number> {
  const options = located(given);
  if (options.alarm === undefined || lengthMs === undefined || reason === undefined) {
    const missing = [
      ...(options.alarm === undefined ? ['--env (or --alarm, or --local)'] : []),
      ...(lengthMs === undefined ? ['--for'] : []),
      ...(reason === undefined ? ['--reason'] : []),
    ];
    throw new UsageError(
      `Say ${missing.join(', ')} as well: \`npx baton maintenance open --env prod --for 30m --reason "new index"\`.`,
    );
  }
  const { alarm } = options;
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
    const closing = `\`npx baton maintenance close ${whichIn(given)}\``;
    if (heartbeat === 'beating')
      process.stdout.write(`It closes by itself then. When you are done earlier: ${closing}\n`);
    else {
      const why = heartbeat === 'silent' ? 'the heartbeat is silent' : 'there is no heartbeat alarm beside it';
      process.stderr.write(`It may not close by itself: ${why}. Close it yourself: ${closing}\n`);
    }
    return 0;
  });
}

async function close({ reason, ...given }: WindowOptions & { reason: string }): Promise<number> {
  const { alarm, ...options } = located(given);
  if (alarm === undefined)
    throw new UsageError('Say which environment with --env, which suppressor with --alarm, or --local.');
  return await withCloudWatch(async (cloudwatch) => {
    const { closeWindow, describeWindow, heldBackBy } = await import('../operations/maintenance.ts');
    const by = await caller(cloudwatch);
    const closed = await onRecord(options, { action: 'maintenance.close', by, reason, target: alarm }, () =>
      closeWindow({ cloudwatch, alarm, by }),
    );
    if (closed === undefined) {
      process.stdout.write(`No maintenance window of ${alarm} is open.\n`);
      return 0;
    }
    process.stdout.write(`Closed: ${alarm}, ${describeWindow(closed, Date.now())}\n`);
    const firing = await heldBackBy({ cloudwatch, alarm });
    process.stdout.write(
      firing.length === 0
        ? 'Nothing that it held back is in ALARM.\n'
        : `In ALARM now; in 3 minutes those of them are told that began during the window:\n${firing.map((name) => `  ${name}\n`).join('')}`,
    );
    return 0;
  });
}

async function list({ json, ...given }: WindowOptions & { json?: boolean }): Promise<number> {
  const { alarm } = located(given);
  return await withCloudWatch(async (cloudwatch) => {
    const { describeWindow, listWindows } = await import('../operations/maintenance.ts');
    const windows: MaintenanceWindow[] = await listWindows({ cloudwatch, ...(alarm !== undefined && { alarm }) });
    if (json) process.stdout.write(`${JSON.stringify(windows, undefined, 2)}\n`);
    else if (windows.length === 0) process.stdout.write('No maintenance window is open.\n');
    for (const window of json ? [] : windows) {
      process.stdout.write(`${window.alarm}  ${describeWindow(window, Date.now())}\n`);
    }
    return 0;
  });
}

/** Which suppressor is meant, and where. There is no default on AWS: nobody silences an environment without having named it. */
function located({ local, ...options }: WindowOptions): WindowOptions {
  const running = local ? goLocal() : undefined;
  const env = options.env ?? (options.alarm === undefined ? running : undefined);
  if (env === undefined) return options;
  return { ...options, env, alarm: `Baton-${env}-Foundation-OnCall-Maintenance` };
}

/** The options that name the same window again. */
function whichIn({ alarm, env, local }: WindowOptions): string {
  const named = { alarm, env };
  const said = Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]));
  return [...said, ...(local ? ['--local'] : [])].join(' ');
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
