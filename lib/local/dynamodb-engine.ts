import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineCrashedError, EngineMissingError, EngineUnreachableError, PortBusyError } from './engine-errors.ts';
import { findFreePort } from './free-port.ts';

/** What to start. */
export interface DynamoDbEngineProps {
  /** A port of the loopback interface. @default one that is free */
  port?: number;
  /** The file of its database. @default nothing is kept */
  databaseFile?: string;
  /** @default {@link findDynoxide} */
  binary?: string;
  /** Called when the engine ends by itself after it was ready. */
  onCrash?: (error: EngineCrashedError) => void;
}

/** DynamoDB in a process of its own. */
export interface DynamoDbEngine {
  readonly port: number;
  readonly pid: number;
  /** Ends the process and waits for its end. */
  stop(): Promise<void>;
}

/** How long the engine may take to answer at first, in ms; it takes about 50. */
const READY_WITHIN = 10_000;
/** How long it may take to say so, in ms; a version that never does is taken by its answers. */
const SPEAKS_WITHIN = 2_000;
/** How long it may take to close its database before it is killed, in ms. */
const STOP_WITHIN = 3_000;

/**
 * Runs a command for as long as this process lives: standard input is a pipe that the system closes when we end in
 * whatever way, SIGKILL included. The first line it prints is the process id of the command.
 */
const UNTIL_INPUT_ENDS = `
exec 3<&0
"$@" </dev/null 3<&- &
command=$!
echo "$command"
( read -r _ <&3; kill -KILL "$command" 2>/dev/null ) >/dev/null 2>&1 &
guard=$!
wait "$command"
code=$?
kill "$guard" 2>/dev/null
exit "$code"`;

/**
 * Starts dynoxide and waits until it answers. It has a process group of its own, so that Ctrl-C does not end it before
 * what still writes to it, and it never outlives this process.
 * @throws EngineMissingError, PortBusyError, EngineUnreachableError
 */
export async function startDynamoDbEngine(props: DynamoDbEngineProps = {}): Promise<DynamoDbEngine> {
  const binary = props.binary ?? findDynoxide();
  for (let attempt = 1; ; attempt++) {
    const port = props.port ?? (await findFreePort());
    try {
      return await launch(binary, port, props);
    } catch (error) {
      // Between the search for a free port and its use, another process was faster.
      if (error instanceof PortBusyError && props.port === undefined && attempt < 5) continue;
      throw error;
    }
  }
}

/**
 * The dynoxide binary: of the npm package for this platform, else the `dynoxide` on the PATH.
 * @throws EngineMissingError when there is neither
 */
export function findDynoxide(path: string = process.env.PATH ?? '', resolve = createRequire(import.meta.url).resolve) {
  const name = `@dynoxide/${process.platform}-${process.arch}`;
  const candidates: string[] = [];
  try {
    candidates.push(join(dirname(resolve(`${name}/package.json`)), 'dynoxide'));
  } catch {
    // There is no package for this platform, or it is not installed.
  }
  candidates.push(...path.split(delimiter).flatMap((folder) => (folder === '' ? [] : [join(folder, 'dynoxide')])));
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw new EngineMissingError(
    `There is no DynamoDB engine on this machine. One of these helps:
  npm install                       brings @dynoxide/linux-x64 where the platform is linux-x64 (this one is ${process.platform}-${process.arch})
  cargo install dynoxide, or brew   puts 'dynoxide' on the PATH
  --dynamodb-endpoint URL           uses an engine that runs already, such as DynamoDB Local`,
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function launch(
  binary: string,
  port: number,
  { databaseFile, onCrash }: DynamoDbEngineProps,
): Promise<DynamoDbEngine> {
  const args = ['serve', '--host', '127.0.0.1', '--port', String(port)];
  if (databaseFile !== undefined) args.push('--db-path', databaseFile);
  const child = spawn('/bin/sh', ['-c', UNTIL_INPUT_ENDS, 'dynoxide', binary, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    // its database takes one request at a time: more threads only hand them to each other, for a third more processor time
    env: { TOKIO_WORKER_THREADS: '1', ...process.env },
  });
  const output = collect(child);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      // Nobody has to guard a process that is gone.
      child.stdin?.destroy();
      resolve(code);
    });
  });
  child.stdin?.on('error', () => {});
  let state: 'starting' | 'ready' | 'stopping' = 'starting';

  const asking = new AbortController();
  const over = await Promise.race([
    ended.then((code) => ({ code })),
    untilItAnswers(port, output.said, asking.signal),
  ]).finally(() => asking.abort());
  if (over !== undefined) {
    child.stdin?.destroy();
    const said = output.said();
    if (/in use/i.test(said)) throw new PortBusyError('the DynamoDB engine', port, '--dynamodb-port');
    const how = 'code' in over ? `ended with exit code ${over.code}` : `gave no answer within ${READY_WITHIN / 1000} s`;
    throw new EngineUnreachableError(`The DynamoDB engine (${binary}) ${how}. It said:\n${said.trim() || 'nothing'}`);
  }
  state = 'ready';
  const pid = await output.pid;
  void ended.then((code) => {
    if (state === 'ready') onCrash?.(new EngineCrashedError('dynamodb', code, output.said()));
  });
  return {
    port,
    pid,
    async stop() {
      if (state === 'stopping') return void (await ended);
      state = 'stopping';
      if (child.exitCode === null) signal(pid, 'SIGTERM');
      const timer = setTimeout(() => signal(pid, 'SIGKILL'), STOP_WITHIN);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Resolves with nothing once the engine answers a request, and with an object when the time is up. */
async function untilItAnswers(
  port: number,
  said: () => string,
  abandoned: AbortSignal,
): Promise<{ late: true } | undefined> {
  const started = performance.now();
  for (let elapsed = 0; elapsed < READY_WITHIN && !abandoned.aborted; elapsed = performance.now() - started) {
    try {
      // It refuses a request without a signature, and to refuse it must be up.
      const answer = await fetch(`http://127.0.0.1:${port}/`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'DynamoDB_20120810.ListTables' },
        body: '{}',
        signal: AbortSignal.any([abandoned, AbortSignal.timeout(1000)]),
      });
      // Whoever held the port before us would answer too; ours says that it listens, and ends when it cannot.
      const ours = /listening/i.test(said()) || elapsed > SPEAKS_WITHIN;
      if ((await answer.text()).includes('__type') && ours) return undefined;
    } catch {
      // Not listening yet.
    }
    await sleep(10);
  }
  return { late: true };
}

function collect(child: ChildProcess): { pid: Promise<number>; said: () => string } {
  let said = '';
  const listen = (chunk: string) => {
    said = (said + chunk).slice(-8192);
  };
  const pid = new Promise<number>((resolve) => {
    let head = '';
    const first = (chunk: string) => {
      head += chunk;
      const end = head.indexOf('\n');
      if (end === -1) return;
      resolve(Number(head.slice(0, end)));
      child.stdout?.off('data', first);
      listen(head.slice(end + 1));
      child.stdout?.on('data', listen);
    };
    child.stdout?.setEncoding('utf8').on('data', first);
  });
  child.stderr?.setEncoding('utf8').on('data', listen);
  return { pid, said: () => said };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}
