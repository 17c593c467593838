import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** A `baton` command that runs in a process of its own. */
export interface CommandLine {
  readonly child: ChildProcess;
  /** What it printed so far, on either stream. */
  said(): string;
  /** Resolves with the exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Resolves when it has printed this; rejects when it ends without. */
  untilItSays(text: string): Promise<void>;
  /** Ends it at once, if it is still there, and waits for its end. */
  kill(): Promise<void>;
}

/** Starts `baton` with these arguments, on the Node that runs the tests. */
export function baton(...args: string[]): CommandLine {
  const child = spawn(process.execPath, ['bin/baton.ts', ...args], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: withoutEndpoints(),
  });
  let said = '';
  const listen = (chunk: string) => {
    said += chunk;
  };
  child.stdout.setEncoding('utf8').on('data', listen);
  child.stderr.setEncoding('utf8').on('data', listen);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return {
    child,
    ended,
    said: () => said,
    untilItSays: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (said.includes(text)) resolve();
        };
        child.stdout.on('data', look);
        child.stderr.on('data', look);
        look();
        void ended.then((code) => reject(new Error(`baton ended (${code}) and never said '${text}':\n${said}`)));
      }),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** The shell of whoever runs the tests must not lead them to other engines. */
function withoutEndpoints(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_ENDPOINT_URL')));
}
