import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The project under test. */
export const project = resolve(import.meta.dirname, '../..');

/** Variables that would change what a command does here. */
// Under CI the record of what is in which stack is only checked; some projects here add a consumer.
const { AWS_ENDPOINT_URL_SQS: _sqs, AWS_ENDPOINT_URL_DYNAMODB: _dynamodb, CI: _ci, ...environment } = process.env;

export interface Ended {
  /** Undefined when a signal ended it. */
  code: number | undefined;
  stdout: string;
  stderr: string;
}

/** A `baton` that runs, in a process group of its own as a terminal would have it. */
export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Waits until standard output has this text. */
  says(text: string): Promise<void>;
  /** Writes to its standard input, which has to be a pipe. */
  types(text: string): void;
  /** What Ctrl-C does: the signal goes to every process of the group. */
  signal(name: NodeJS.Signals): void;
}

/** Starts `bin/baton.ts`; it is killed after `withinMs` at the latest. */
export function startBaton(
  args: readonly string[],
  {
    cwd = project,
    env = {},
    withinMs = 60_000,
    stdin = 'ignore',
  }: { cwd?: string; env?: NodeJS.ProcessEnv; withinMs?: number; stdin?: 'ignore' | 'pipe' } = {},
): Running {
  const child = spawn(process.execPath, [join(cwd, 'bin/baton.ts'), ...args], {
    cwd,
    env: { ...environment, ...env },
    stdio: [stdin, 'pipe', 'pipe'],
    detached: true,
  });
  const signal = (name: NodeJS.Signals) => signalGroup(child, name);
  const timer = setTimeout(() => signal('SIGKILL'), withinMs);
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr!.setEncoding('utf8').on('data', (chunk) => {
    stderr += chunk;
  });
  let over = false;
  const ended = new Promise<Ended>((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => {
      over = true;
      clearTimeout(timer);
      done({ code: code ?? undefined, stdout, stderr });
    });
  });
  return {
    pid: child.pid!,
    ended,
    signal,
    types: (text) => void child.stdin!.write(text),
    async says(text) {
      while (!stdout.includes(text)) {
        if (over) throw new Error(`baton ended and never said '${text}':\n${stdout}\n${stderr}`);
        await sleep(20);
      }
    },
  };
}

/** Runs `baton` to its end. */
export async function baton(args: readonly string[], options: Parameters<typeof startBaton>[1] = {}): Promise<Ended> {
  return await startBaton(args, options).ended;
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    process.kill(-pid!, name);
  } catch {
    // All of them have ended.
  }
}

/** The processes that a process started, and those that these started. */
export function descendants(root: number): number[] {
  const tree = [root];
  const all = processes();
  for (const one of tree) tree.push(...all.filter(({ parent }) => parent === one).map(({ pid }) => pid));
  return tree.slice(1);
}

/** Those of the processes that are still there after a second, as `ps` shows them. */
export async function survivors(pids: readonly number[]): Promise<string[]> {
  for (let waited = 0; ; waited += 50) {
    const alive = processes().filter(({ pid }) => pids.includes(pid));
    if (alive.length === 0 || waited >= 1_000) return alive.map(({ pid, command }) => `${pid} ${command}`);
    await sleep(50);
  }
}

/** Every process that runs; one that has ended and that nobody has asked about yet does not. */
function processes(): { pid: number; parent: number; command: string }[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).trim().split('\n');
  return rows.flatMap((row) => {
    const [pid, parent, state = '', ...command] = row.trim().split(/\s+/);
    return state.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent), command: command.join(' ') }];
  });
}

/** Listens on a port of the loopback interface until it is disposed of. */
export async function occupyPort(port = 0): Promise<{ port: number } & AsyncDisposable> {
  // Nobody reads from a connection here, so its end would go unnoticed: what is open goes with the server.
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', done);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return {
    port: address.port,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())),
  };
}

/** A copy of the project, to be broken: its sources are its own, its packages those of the project. */
export interface ProjectCopy extends Disposable {
  readonly folder: string;
}

/** Copies the project; `withoutPackages` names packages, or scopes, that are to be missing there. */
export function copyProject(withoutPackages: readonly string[] = []): ProjectCopy {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'baton-copy-'));
  const left = new Set(['node_modules', 'cdk.out', '.baton', '.git', 'coverage', 'test']);
  for (const entry of readdirSync(project)) {
    if (!left.has(entry)) cpSync(join(project, entry), join(folder, entry), { recursive: true });
  }
  const packages = join(folder, 'node_modules');
  if (withoutPackages.length === 0) symlinkSync(join(project, 'node_modules'), packages);
  else {
    mkdirSync(packages);
    for (const entry of readdirSync(join(project, 'node_modules'))) {
      if (!withoutPackages.includes(entry)) {
        symlinkSync(join(project, 'node_modules', entry), join(packages, entry));
      }
    }
  }
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
