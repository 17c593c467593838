import type { Command } from 'commander';
import type { ReleaseProgress } from '../operations/release-key.ts';
import { explained } from './explained.ts';
import { goLocal, LOCAL, WHERE_HELP } from './local-endpoints.ts';
import { positiveNumber } from './options.ts';

interface ListOptions {
  table: string;
  consumer?: string;
  json?: boolean;
  local?: boolean;
}

interface ReleaseOptions {
  table: string;
  consumer: string;
  key: string;
  queueUrl: string;
  deadLetterQueueUrl: string;
  patience: number;
  local?: boolean;
}

/** Adds `baton parked`: the keys of strictly ordered consumers that wait for an operator. */
export function addParked(program: Command, ended: (code: number) => void): void {
  const parked = program
    .command('parked')
    .description('list and release the keys that strictly ordered consumers have parked behind a dead letter');
  parked
    .command('list')
    .description('list the parked keys, oldest first; reads the whole table')
    .requiredOption('--table <name>', 'the idempotency table')
    .option('--consumer <name>', 'only those of this consumer')
    .option('--json', 'as JSON')
    .addOption(LOCAL)
    .addHelpText('after', `${WHERE_HELP}\nThe exit code is 0 whether keys are parked or not.\n`)
    .action(async (options: ListOptions) => ended(await explained(() => list(options))));
  parked
    .command('release')
    .description("send a key's parked events back to their consumer, in order, and free the key when they are handled")
    .requiredOption('--table <name>', 'the idempotency table')
    .requiredOption('--consumer <name>', 'the consumer that parked the key')
    .requiredOption('--key <key>', 'the key: the message group')
    .requiredOption('--queue-url <url>', "the consumer's queue")
    .requiredOption('--dead-letter-queue-url <url>', 'its DLQ')
    .option('--patience <seconds>', 'stop when nothing has happened for so long', positiveNumber, 300)
    .addOption(LOCAL)
    .addHelpText('after', `${WHERE_HELP}\nThe exit code is 0 when the key is free, 1 when it is still parked.\n`)
    .action(async (options: ReleaseOptions) => ended(await explained(() => release(options))));
}

async function list({ table, consumer, json, local }: ListOptions): Promise<number> {
  if (local) goLocal();
  const [{ DynamoDBClient }, { listParkedKeys }] = await Promise.all([
    import('@aws-sdk/client-dynamodb'),
    import('../operations/parked-keys.ts'),
  ]);
  const dynamodb = new DynamoDBClient({});
  try {
    const keys = await listParkedKeys({ dynamodb, table, ...(consumer !== undefined && { consumer }) });
    if (json) process.stdout.write(`${JSON.stringify(keys, undefined, 2)}\n`);
    else if (keys.length === 0) process.stdout.write('No key is parked.\n');
    for (const key of json ? [] : keys) {
      const state = key.redrive === undefined ? '' : `, being released (${key.redrive})`;
      process.stdout.write(
        `${key.parkedAt}  ${key.consumer}  ${key.key}  behind ${key.headEvent}, ${key.count} parked${state}\n`,
      );
    }
    return 0;
  } finally {
    dynamodb.destroy();
  }
}

async function release({ patience, local, ...target }: ReleaseOptions): Promise<number> {
  if (local) goLocal();
  const [{ DynamoDBClient }, { SQSClient }, { releaseKey }] = await Promise.all([
    import('@aws-sdk/client-dynamodb'),
    import('@aws-sdk/client-sqs'),
    import('../operations/release-key.ts'),
  ]);
  const dynamodb = new DynamoDBClient({});
  // the endpoint that the environment names counts, wherever a queue's URL points
  const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
  const { key, consumer } = target;
  try {
    const onProgress = ({ redriven, round }: ReleaseProgress) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${redriven} sent back, round ${round}`);
    };
    const done = await releaseKey({ ...target, dynamodb, sqs, onProgress, patienceMs: patience * 1_000 });
    if (process.stderr.isTTY) process.stderr.write('\n');
    switch (done.status) {
      case 'released':
        process.stdout.write(
          `The key '${key}' of ${consumer} is free: ${done.redriven} sent back and handled, in order.\n`,
        );
        return 0;
      case 'not-parked':
        process.stdout.write(`The key '${key}' of ${consumer} is not parked.\n`);
        return 0;
      case 'failed-again':
        process.stdout.write(
          `The key '${key}' of ${consumer} is parked again: ${done.headEvent} failed for good once more. Its dead letter says why; mend that, then release the key.\n`,
        );
        return 1;
      case 'waiting':
        process.stdout.write(
          `The key '${key}' of ${consumer} is still parked: ${done.redriven} sent back, and no progress for ${patience} s. See whether the consumer runs and nobody else reads its DLQ, then release the key again: it goes on where it is.\n`,
        );
        return 1;
    }
  } finally {
    dynamodb.destroy();
    sqs.destroy();
  }
}
