import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { FunctionResource } from '../resources.ts';
import { environmentVariablesOf, logGroupNameOf } from './environment-variables.ts';
import type { FailureKind, InvocationError, InvokeMessage, WorkerMessage, WorkerSettings } from './invocation.ts';
import { workerEntry } from './worker-entry.ts';

/** Lambda's limit on loading the code, in milliseconds. */
const INIT_TIMEOUT_MS = 10_000;
/**
 * Threads share one machine: left to itself, V8 gives each up to 48 MB for what is new, and hardly collects it. Garbage
 * of a batch is gone with the batch, so a quarter of that costs nothing measurable and halves the memory of a run.
 */
const YOUNG_GENERATION_MB = 12;
/** A thread that sits in a blocking system call ends only after it. Nobody waits longer than this for that, in milliseconds. */
const TERMINATION_PATIENCE_MS = 1_000;

/** How an invocation ended, seen from its execution environment. */
export type Outcome = { ok: true; payload: unknown } | { ok: false; kind: FailureKind; error: InvocationError };

/** One thread with one copy of the code loaded: it runs one invocation at a time. */
export interface ExecutionEnvironment {
  /** Settles when the code is loaded, or cannot be: with the failure. Never rejects. */
  readonly ready: Promise<Outcome>;
  /** Settles when the thread is gone. */
  readonly gone: Promise<void>;
  /** False as soon as the thread is known to end: nothing may be run in it any more. */
  readonly alive: boolean;
  /** Runs the handler. The caller makes sure that nothing else runs here. Never rejects. */
  run(requestId: string, event: string): Promise<Outcome>;
  /** Ends the thread, whatever it is doing. What runs there fails as `Exit`. */
  terminate(reason: string): Promise<void>;
}

/**
 * Starts a thread and loads the function's code in it.
 *
 * The JavaScript heap may fill the function's whole memory: what fits in Lambda fits here, and a leak still ends. The
 * thread's own 10 MB or so, and buffers outside the heap, are not counted.
 */
export function startExecutionEnvironment(
  resource: FunctionResource,
  extraEnvironment: Record<string, string>,
  onLog: (line: string) => void,
): ExecutionEnvironment {
  const logStreamName = `[$LATEST]${randomUUID().replaceAll('-', '')}`;
  const settings: WorkerSettings = {
    functionName: resource.name,
    functionArn: resource.arn,
    memoryMb: resource.memoryMb,
    logGroupName: logGroupNameOf(resource),
    logStreamName,
    codeDirectory: resource.codeDirectory,
    handler: resource.handler,
  };
  const { NODE_OPTIONS, ...env } = environmentVariablesOf(resource, extraEnvironment, logStreamName);
  const worker = new Worker(workerEntry(), {
    name: resource.name,
    workerData: settings,
    env,
    argv: [],
    // A thread refuses every option that is about a whole process; of the others, this is the one that functions set.
    execArgv: NODE_OPTIONS?.includes('--enable-source-maps') ? ['--enable-source-maps'] : [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: resource.memoryMb, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
  const lines = lineSplitter(onLog);
  // Nothing but code that reaches below `process.stdout.write` arrives this way.
  worker.stdout.on('data', (chunk) => lines.write(String(chunk)));
  worker.stderr.on('data', (chunk) => lines.write(String(chunk)));

  const ready = Promise.withResolvers<Outcome>();
  const gone = Promise.withResolvers<void>();
  let running: ((outcome: Outcome) => void) | undefined;
  let crash: { kind: FailureKind; error: InvocationError } | undefined;
  let terminating: string | undefined;
  let loaded = false;
  let alive = true;

  const initTimer = setTimeout(() => {
    const message = `Init phase timed out after ${(INIT_TIMEOUT_MS / 1000).toFixed(2)} seconds`;
    crash ??= { kind: 'Init', error: { errorType: 'Sandbox.Timedout', errorMessage: message, trace: [] } };
    void terminate(message);
  }, INIT_TIMEOUT_MS);

  const settle = (outcome: Outcome): void => {
    lines.flush();
    running?.(outcome);
    running = undefined;
  };

  worker.on('message', (message: WorkerMessage) => {
    switch (message.type) {
      case 'output':
        return lines.write(message.text);
      case 'ready':
        clearTimeout(initTimer);
        loaded = true;
        return ready.resolve({ ok: true, payload: null });
      case 'initFailed':
        crash = { kind: 'Init', error: message.error };
        return;
      case 'succeeded':
        return settle({ ok: true, payload: JSON.parse(message.payload) });
      case 'failed':
        if (!message.fatal) return settle({ ok: false, kind: 'Unhandled', error: message.error });
        // The thread is about to end: only then may its place be taken.
        crash = { kind: !loaded ? 'Init' : running === undefined ? 'Exit' : 'Unhandled', error: message.error };
        alive = false;
    }
  });
  worker.on('error', (error: Error & { code?: string }) => {
    crash =
      error.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? { kind: 'OutOfMemory', error: outOfMemory(resource) }
        : { kind: 'Exit', error: { errorType: error.name, errorMessage: error.message, trace: [] } };
  });
  worker.on('exit', (code) => {
    alive = false;
    clearTimeout(initTimer);
    const reason = terminating ?? `exit status ${code}`;
    const error = { errorType: 'Runtime.ExitError', errorMessage: `Runtime exited with error: ${reason}`, trace: [] };
    const outcome: Outcome = { ok: false, ...(crash ?? { kind: 'Exit', error }) };
    ready.resolve(outcome);
    settle(outcome);
    gone.resolve();
  });

  const terminate = async (reason: string): Promise<void> => {
    terminating ??= reason;
    alive = false;
    await Promise.race([worker.terminate(), delay(TERMINATION_PATIENCE_MS, undefined, { ref: false })]);
  };

  return {
    ready: ready.promise,
    gone: gone.promise,
    terminate,
    get alive() {
      return alive;
    },
    run(requestId, event) {
      const { promise, resolve } = Promise.withResolvers<Outcome>();
      const timer = setTimeout(() => {
        crash = { kind: 'Timeout', error: timedOut(resource) };
        // The thread's last lines come before its end does; a thread that cannot end must not hold up the answer.
        void terminate('timeout').then(() => settle({ ok: false, kind: 'Timeout', error: timedOut(resource) }));
      }, resource.timeoutSeconds * 1000);
      running = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      const message: InvokeMessage = { requestId, event, deadline: Date.now() + resource.timeoutSeconds * 1000 };
      worker.postMessage(message);
      return promise;
    },
  };
}

function timedOut({ timeoutSeconds }: FunctionResource): InvocationError {
  const errorMessage = `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`;
  return { errorType: 'Sandbox.Timedout', errorMessage, trace: [] };
}

function outOfMemory({ memoryMb }: FunctionResource): InvocationError {
  const errorMessage = `Runtime exited with error: the function used up its ${memoryMb} MB of memory`;
  return { errorType: 'Runtime.OutOfMemory', errorMessage, trace: [] };
}

function lineSplitter(onLine: (line: string) => void): { write(text: string): void; flush(): void } {
  let rest = '';
  return {
    write(text) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    },
    flush() {
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}
