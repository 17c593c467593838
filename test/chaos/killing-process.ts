import { type ChildProcess, fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Invocation, Reply } from './killing-entry.ts';
import { type Killing, startProxy } from './killing-proxy.ts';

/** How a function process is started. */
export interface FunctionProcessProps {
  /** The file that exports `handler`. */
  file: string;
  environment: Readonly<Record<string, string>>;
  /** What it may call. */
  upstreams: Readonly<Record<'dynamodb' | 'messaging' | 'payments', string>>;
  /** @default it lives until it is stopped */
  killing?: Killing | undefined;
}

/** A function in a process of its own, as Lambda has it; all its calls pass through a proxy that may end it. */
export interface FunctionProcess {
  /** The operations that it asked for so far. */
  calls: readonly string[];
  killed(): boolean;
  /**
   * @param timeoutMs of the function, in milliseconds @default 30,000
   * @returns what the handler answered; undefined when the process was killed
   * @throws Error when the handler fails, or the process ends by itself
   */
  invoke(event: unknown, timeoutMs?: number): Promise<{ response: unknown } | undefined>;
  /** Ends the process, and waits for what it had set off. */
  stop(): Promise<void>;
}

const ENTRY = join(import.meta.dirname, 'killing-entry.ts');

export async function launch(props: FunctionProcessProps): Promise<FunctionProcess> {
  let child: ChildProcess;
  const proxy = await startProxy(props.upstreams, props.killing, () => end(child));
  child = fork(ENTRY, [props.file], {
    // nothing of the test's own surroundings: a function has what its construct gives it
    env: {
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL: `${proxy.url}/messaging`,
      AWS_ENDPOINT_URL_DYNAMODB: `${proxy.url}/dynamodb`,
      PAYMENT_PROVIDER_URL: `${proxy.url}/payments`,
      ...props.environment,
      // a hundred processes start with the same code
      NODE_COMPILE_CACHE: join(dirname(props.file), '../.compiled'),
    },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const complaints = text(child.stderr!);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let invocations = 0;

  return {
    calls: proxy.calls,
    killed: proxy.killed,
    async invoke(event, timeoutMs = 30_000) {
      const reply = new Promise<Reply | undefined>((resolve) => {
        child.once('message', (message) => resolve(message as Reply));
        void ended.then(() => resolve(undefined));
      });
      const invocation: Invocation = { event, timeoutMs, requestId: `request-${child.pid}-${++invocations}` };
      // it may be gone: then there is no reply either
      child.send(invocation, () => undefined);
      const answer = await reply;
      if (answer === undefined && !proxy.killed()) {
        throw new Error(`The process of ${props.file} ended by itself: ${await complaints}`);
      }
      if (answer !== undefined && 'error' in answer) {
        throw new Error(`The handler of ${props.file} failed: ${answer.error}`);
      }
      return answer;
    },
    async stop() {
      await end(child);
      await proxy.stop();
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
