import { type Command, Option } from 'commander';
import type { OnCallTestResult, TestUrgency } from '../operations/on-call-test/test-on-call.ts';
import { explained } from './explained.ts';
import { UsageError } from './failure.ts';
import { createLineReader } from './lines.ts';
import { goLocal, LOCAL, WHERE_HELP } from './local-endpoints.ts';
import { AUDIT_TABLE_HELP, caller, onRecord, type RecordOptions } from './on-record.ts';
import { duration } from './options.ts';

interface TestOptions extends RecordOptions {
  onCall?: string;
  local?: boolean;
  urgency?: TestUrgency[];
  timeout: number;
  answer: boolean;
}

/** Adds `baton oncall`: whether the people on call would hear of an alarm. */
export function addOnCall(program: Command, ended: (code: number) => void): void {
  const onCall = program.command('oncall').description('test the ways to the people on call');
  onCall
    .command('test')
    .description('send one test message of each urgency the way that alarms go, and ask who got it')
    .addOption(new Option('--env <name>', 'the environment, as in lib/stacks/environments.ts').conflicts('onCall'))
    .option('--on-call <name>', 'what the test alarms are called after (default: Baton-<env>-Foundation-OnCall)')
    .addOption(LOCAL)
    .addOption(
      new Option('--urgency <urgency...>', 'only these (default: all that there are)').choices([
        'page',
        'ticket',
        'escalate',
      ]),
    )
    .addOption(new Option('--timeout <time>', 'for everything together').argParser(duration).default(600_000, '10m'))
    .option('--no-answer', 'stop when CloudWatch has sent the messages; nobody is asked whether they arrived')
    .option('--audit-table <name>', AUDIT_TABLE_HELP)
    .addHelpText(
      'after',
      `
Each message has a code. Type it for each target that got it; Enter alone says that nothing arrived there. Without a
terminal, the answers are lines of standard input. Queues and functions on the topics are not asked. Ctrl-C ends the test,
and puts its alarms back.

Examples:
  npx baton oncall test --env prod                        somebody is woken
  npx baton oncall test --env prod --urgency ticket       nobody is
  npx baton oncall test --local --no-answer               nothing leaves the laptop
${WHERE_HELP}
The exit code is 0 when every urgency has somebody who answered, and nobody did not (with --no-answer: when every message
was sent to somebody), 1 otherwise.
`,
    )
    .action(async (options: TestOptions) => ended(await explained(() => test(options))));
}

async function test({ local, onCall, urgency, timeout, answer, ...options }: TestOptions): Promise<number> {
  const running = local ? goLocal() : undefined;
  const env = options.env ?? (onCall === undefined ? running : undefined);
  const name = onCall ?? (env === undefined ? undefined : `Baton-${env}-Foundation-OnCall`);
  if (name === undefined) {
    throw new UsageError('Say which environment with --env, which on-call with --on-call, or --local.');
  }
  const [{ CloudWatchClient }, { SNSClient }, { testOnCall }] = await Promise.all([
    import('@aws-sdk/client-cloudwatch'),
    import('@aws-sdk/client-sns'),
    import('../operations/on-call-test/test-on-call.ts'),
  ]);
  const cloudwatch = new CloudWatchClient({});
  const sns = new SNSClient({});
  const lines = answer ? createLineReader(process.stdin, process.stdout) : undefined;
  // the alarms that were raised have to be put back before the process ends
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const by = await caller(cloudwatch);
    const result = await onRecord(
      { ...options, ...(env !== undefined && { env }) },
      { action: 'oncall.test', by, reason: 'to see whether alarms are heard', target: name },
      () =>
        testOnCall({
          cloudwatch,
          sns,
          onCall: name,
          by,
          timeoutMs: timeout,
          signal: interrupted.signal,
          say: (line) => process.stdout.write(`${line}\n`),
          ...(urgency && { urgencies: urgency }),
          ...(lines && { ask: lines.ask }),
        }),
      ({ passed }) => (passed ? 'passed' : 'failed'),
    );
    process.stdout.write(`${table(result, answer)}\n`);
    return result.passed ? 0 : 1;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    lines?.close();
    cloudwatch.destroy();
    sns.destroy();
  }
}

function table({ targets, passed }: OnCallTestResult, asked: boolean): string {
  const rows = targets.map(({ urgency, protocol, endpoint, arrival, why }) => [
    urgency,
    protocol,
    endpoint,
    why === undefined ? arrival : `${arrival}: ${why}`,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => `  ${row.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join('  ')}`.trimEnd());
  const verdict = passed
    ? asked
      ? 'Everybody on call hears of alarms.'
      : 'Everything was sent. Whether it arrived, nobody was asked.'
    : 'Not everybody on call would hear of an alarm.';
  const remedies = remediesFor(targets).map((remedy) => `- ${remedy}`);
  return ['', ...lines, '', verdict, ...remedies].join('\n');
}

/** What to do about each kind of failure, once. */
function remediesFor(targets: OnCallTestResult['targets']): string[] {
  const arrivals = new Set(targets.map(({ arrival }) => arrival));
  const some = (urgency: TestUrgency) => targets.filter((each) => each.urgency === urgency);
  const unheard = [...new Set(targets.map(({ urgency }) => urgency))].filter((urgency) =>
    some(urgency).every(({ arrival }) => arrival === 'sent, nobody to ask'),
  );
  return [
    ...(targets.some(({ protocol }) => protocol === '-')
      ? ['Nobody is subscribed: name somebody in `onCall` of the environment, and deploy.']
      : []),
    ...(arrivals.has('pending confirmation') ? ['Pending: open the link in the mail, or let SNS send it again.'] : []),
    ...(arrivals.has('not sent') ? ['Not sent: docs/runbooks/heartbeat.md, "The alarms do not work".'] : []),
    ...(targets.some(({ arrival, protocol }) => arrival === 'arrived nowhere' && protocol !== '-')
      ? ['Arrived nowhere: docs/runbooks/heartbeat.md, "A notification was not delivered".']
      : []),
    ...unheard.map((urgency) => `${urgency}: only queues and functions are subscribed, and they cannot answer.`),
  ];
}
