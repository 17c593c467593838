import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readOrders } from '../../lib/superstore/orders.ts';
import { type Bundle, bundleSides, type Side } from './bundles.ts';
import type { ColdImport } from './cold-entry.ts';
import type { Command, Ran, Started } from './side-entry.ts';

/** Both sides, bundled and ready to run. */
export interface Contest {
  bundles: Record<Side, Bundle>;
  /** Starts one side in a fresh process. */
  start(side: Side, props?: ContestantProps): Promise<Contestant>;
  /** Imports one side in a fresh process that does nothing else. */
  importCold(side: Side): Promise<ColdImport>;
  /** Removes the bundles. */
  close(): void;
}

/** How a side runs. */
export interface ContestantProps {
  /** Where DynamoDB is. @default answers come from memory */
  dynamodb?: { endpoint: string; table: string };
  /** Options of Node: `--cpu-prof`. @default none */
  nodeOptions?: readonly string[];
}

/** One side in a process of its own, as a Lambda function would be. */
export interface Contestant extends Started {
  /** Handles the batches from a position on, one after the other. @throws Error when a record went back */
  run(position: number, batches: number): Promise<Ran>;
  /** Cents by region, so far. */
  sales(): Promise<Record<string, number>>;
  /** Ends the process and waits for its end. */
  stop(): Promise<void>;
}

/** As many distinct orders as keep every batch different for a while. */
const ORDERS = 500;

/** @param readable keeps the names of functions in the bundles, for a profile @default false */
export async function openContest(readable = false): Promise<Contest> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-contest-'));
  const close = () => rmSync(folder, { recursive: true, force: true });
  const orders = join(folder, 'orders.json');
  try {
    writeFileSync(orders, JSON.stringify(readOrders(ORDERS)));
    const bundles = await bundleSides(folder, readable);
    const program = join(folder, 'side.mjs');
    return {
      bundles,
      start: (side, props = {}) => start(program, [bundles[side].file, orders], props),
      async importCold(side) {
        const args = [join(folder, 'cold.mjs'), bundles[side].file];
        const { stdout } = await promisify(execFile)(process.execPath, args, { env: environmentOf(undefined) });
        return JSON.parse(stdout) as ColdImport;
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

async function start(program: string, files: readonly string[], props: ContestantProps): Promise<Contestant> {
  const { dynamodb, nodeOptions = [] } = props;
  const args = [...nodeOptions, program, ...files, dynamodb === undefined ? 'memory' : 'engine'];
  const child = spawn(process.execPath, args, {
    env: environmentOf(dynamodb),
    // log lines go where they cost least, and the same for both
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    said = (said + chunk).slice(-4_000);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const died = ended.then((): never => {
    throw new Error(`The process of ${files[0]} ended with exit code ${child.exitCode}. It said:\n${said}`);
  });
  died.catch(() => undefined);
  const answer = <Answer>() =>
    Promise.race([died, new Promise<Answer>((resolve) => child.once('message', (said) => resolve(said as Answer)))]);
  const ask = <Answer>(command: Command) => {
    const answered = answer<Answer>();
    child.send(command);
    return answered;
  };

  const started = await answer<Started>();
  return {
    ...started,
    async run(position, batches) {
      const ran = await ask<Ran>({ kind: 'run', position, batches });
      if (ran.failed > 0) throw new Error(`${ran.failed} records of ${files[0]} went back. It said:\n${said}`);
      return ran;
    },
    sales: () => ask({ kind: 'sales' }),
    async stop() {
      // an end by itself rather than by a signal, so that a profile is written
      if (child.connected) child.send({ kind: 'stop' } satisfies Command);
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Nothing of this process: what Lambda sets, and what each side's own infrastructure would. */
function environmentOf(dynamodb: ContestantProps['dynamodb']): Record<string, string> {
  const nowhere = 'http://127.0.0.1:9';
  const table = dynamodb?.table ?? 'guards';
  return {
    PATH: process.env.PATH ?? '',
    TZ: 'UTC',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    AWS_SESSION_TOKEN: 'session',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: 'sales',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_ENDPOINT_URL: nowhere,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb?.endpoint ?? nowhere,
    IDEMPOTENCY_TABLE: table,
    BATON_CONSUMER: 'sales',
    BATON_QUEUE_URL: `${nowhere}/000000000000/sales`,
    BATON_DLQ_URL: `${nowhere}/000000000000/sales-dlq`,
    BATON_IDEMPOTENCY_TABLE: table,
    BATON_IDEMPOTENCY_TTL_SECONDS: String(60 * 60 * 24 * 29),
  };
}
