import { availableParallelism } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { addContracts } from './contracts.ts';
import { explain, UsageError } from './failure.ts';
import { addMaintenance } from './maintenance.ts';
import { addOnCall } from './on-call.ts';
import { endpoint, port, positiveNumber, share, wholeNumber } from './options.ts';
import { addParked } from './parked.ts';
import { printable } from './printable.ts';
import type { StartOptions } from './start.ts';

/** Runs the command line; returns the exit code: 0 done, 1 failed or an invariant broken, 2 called wrongly. */
export async function run(argv: readonly string[]): Promise<number> {
  const program = new Command('baton')
    .description('Event pipelines on AWS: declare events and consumers once; deploy, run and operate them.')
    .version('0.1.0')
    .showHelpAfterError('(add --help for all options)')
    .exitOverride();
  let code = 0;
  // Whoever reads our output may stop early (`| head`): that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });

  program
    .command('start')
    .description('run the order pipeline on this machine, from the same templates that `cdk deploy` would send to AWS')
    .option('--env <name>', 'the environment whose templates to run', 'dev')
    .option('--exit', 'stop when everything is handled, print a summary, and exit 1 if an invariant did not hold')
    .option('--report <file>', 'write the outcome as JSON once everything is handled')
    .option('--orders <number>', 'place only the first so many of the 5,009 orders', wholeNumber(0))
    .option(
      '--rate <number>',
      'place at most so many orders a second (default: as fast as they are accepted)',
      positiveNumber,
    )
    .option('--payment-failures <share>', 'share of the calls to the payment provider that fail', share, 0.05)
    .option('--duplicates <share>', 'share of the deliveries that are made twice', share, 0.02)
    .option('--poison <number>', 'messages to inject that can never be handled', wholeNumber(0), 10)
    .option(
      '--seed <number>',
      'seed of everything that happens by chance (default: a new one, printed)',
      wholeNumber(0),
    )
    .option('--speed <number>', 'let time run so many times faster for alarms', positiveNumber, 1)
    .option(
      '--concurrency <number>',
      'execution environments per function, at most',
      wholeNumber(1),
      Math.max(1, Math.floor(availableParallelism() / 4)),
    )
    .option('--persist <dir>', 'keep queues and tables in this folder over a restart')
    .option('--port <number>', 'port of the SNS, SQS and S3 engine (default: a free one)', port)
    .option('--dynamodb-port <number>', 'port of the DynamoDB engine (default: a free one)', port)
    .option('--cloudwatch-port <number>', "port of CloudWatch's API (default: a free one)", port)
    .addOption(
      new Option('--sqs-endpoint <url>', 'use SNS and SQS there').env('AWS_ENDPOINT_URL_SQS').argParser(endpoint),
    )
    .addOption(
      new Option('--dynamodb-endpoint <url>', 'use DynamoDB there')
        .env('AWS_ENDPOINT_URL_DYNAMODB')
        .argParser(endpoint),
    )
    .addHelpText(
      'after',
      `
Examples:
  npm start                                     run everything, stay up, reload handlers when they change
  npm start -- --exit --report report.json      run to the end and judge the outcome
  npm start -- --orders 200 --speed 60          a short run with alarms sixty times faster
`,
    )
    .action(async (options: StartOptions) => {
      const { start } = await import('./start.ts');
      code = await start(options);
    });

  program
    .command('endpoints')
    .description('print where the pipeline is that `npm start` runs on this machine, as lines for a shell')
    .addHelpText(
      'after',
      `
Example:
  eval "$(npx baton endpoints)"                 the AWS CLI and SDKs of this shell then talk to the laptop
  aws dynamodb list-tables
  aws sqs list-queues --endpoint-url "$AWS_ENDPOINT_URL_SQS"      version 1 of the AWS CLI needs to be told
`,
    )
    .action(async () => {
      const { localEndpoints, shellLines } = await import('./local-endpoints.ts');
      process.stdout.write(shellLines(localEndpoints()));
    });

  program
    .command('synth')
    .description('synthesize the templates of every environment into cdk.out/<environment>')
    .argument('[environments...]', 'the environments (default: all)')
    .action(async (environments: string[]) => {
      const { synthEnvironments } = await import('./synth-environments.ts');
      code = await synthEnvironments(environments);
    });

  program
    .command('bench')
    .description('run benchmarks; the figures are medians and ratios')
    .argument('[name]', 'run only this one')
    .option('--json <file>', 'write the figures as {name: {key: value}}')
    .action(async (name: string | undefined, options: { json?: string }) => {
      const { bench } = await import('../../bench/bench.ts');
      code = await bench(name, options.json);
    });

  const ended = (with_: number) => {
    code = with_;
  };
  addContracts(program, ended);
  addParked(program, ended);
  addMaintenance(program, ended);
  addOnCall(program, ended);

  try {
    if (argv.length <= 2) {
      program.outputHelp();
      return 2;
    }
    await program.parseAsync(argv as string[]);
  } catch (error) {
    // Commander has printed its message already; help and version end with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`${printable(explain(error))}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
  return code;
}
