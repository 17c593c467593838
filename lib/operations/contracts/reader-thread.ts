import { Worker } from 'node:worker_threads';
import { BUCKET_VARIABLE } from './claim-check-bucket.ts';
import type { ConsumerCode } from './pipeline.ts';
import type { FromThread, Judged, JudgeRequest, MessageToJudge, ThreadSettings } from './thread-messages.ts';

/** What a thread may use. */
export interface ThreadLimits {
  /** How long it may take to load, in milliseconds. */
  timeoutMs: number;
  /** How long it may take to judge one message, in milliseconds. */
  messageMs: number;
  /** Of its heap, in MiB. */
  memoryMb: number;
  signal?: AbortSignal;
}

/** A thread with the bundle of one consumer in it. It is asked one thing after the other, and ends when it is disposed of. */
export interface ReaderThread extends AsyncDisposable {
  /** What it found in the bundle. Rejects when the bundle ends the thread, or takes too long. */
  opened(): Promise<Exclude<FromThread, { kind: 'judged' }>>;
  /** Rejects as {@link opened} does. */
  judge(message: MessageToJudge): Promise<Judged>;
}

/** What a bundle finds where it looks for values that only a deployment knows; code that insists on one loads all the same. */
export const UNKNOWN_VALUE = 'unknown-until-deployed';

/**
 * Instead of a function's own: code that only loads needs some, and nothing that it might call on loading may reach an account.
 */
const SURROUNDINGS = {
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
  AWS_EC2_METADATA_DISABLED: 'true',
  TZ: ':UTC',
} as const;

/** Starts a thread, which begins to load its bundle at once. */
export function startThread(
  code: ConsumerCode,
  { timeoutMs, messageMs, memoryMb, signal }: ThreadLimits,
): ReaderThread {
  signal?.throwIfAborted();
  const { directory, handler, environment, unknown } = code;
  const bucket = environment[BUCKET_VARIABLE];
  const workerData: ThreadSettings = {
    directory,
    handler,
    strict: environment.BATON_ORDERING === 'strict',
    ...(bucket && { bucket }),
    bucketUnknown: unknown.includes(BUCKET_VARIABLE),
  };
  const standIns = Object.fromEntries(unknown.map((name) => [name, UNKNOWN_VALUE]));
  const worker = new Worker(new URL('./thread-entry.ts', import.meta.url), {
    workerData,
    // Node takes no NODE_OPTIONS for a thread that are for a whole process
    env: { ...standIns, ...environment, ...SURROUNDINGS, NODE_OPTIONS: '' },
    execArgv: [],
    // what a bundle prints is no part of an operator's report
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
  });
  worker.stdout.resume();
  worker.stderr.resume();
  let last: Promise<unknown> = Promise.resolve();
  let ended: Error | undefined;
  let settle: { resolve: (message: FromThread) => void; reject: (error: Error) => void } | undefined;
  const end = (error: Error) => {
    ended ??= error;
    settle?.reject(ended);
  };
  worker.on('message', (message: FromThread) => settle?.resolve(message));
  worker.on('error', (error) => end(error instanceof Error ? error : new Error(String(error))));
  worker.on('exit', (status) => end(new Error(`it ended by itself, with exit code ${status}`)));
  const onAbort = () => end(new Error('it was called off'));
  signal?.addEventListener('abort', onAbort);

  /** The next message of the thread: it answers in the order in which it is asked. */
  function answer(to: string, withinMs: number, request?: JudgeRequest): Promise<FromThread> {
    const { promise, resolve, reject } = Promise.withResolvers<FromThread>();
    if (ended) return Promise.reject(ended);
    settle = { resolve, reject };
    const timer = setTimeout(() => {
      end(new Error(`it took more than ${withinMs / 1_000} seconds to ${to}`));
      void worker.terminate();
    }, withinMs);
    if (request) worker.postMessage(request);
    return promise.finally(() => clearTimeout(timer));
  }

  // listens from the start: a bundle may answer before anybody asks
  const opening = answer('load', timeoutMs);
  opening.catch(() => undefined);
  return {
    opened: () => opening as ReturnType<ReaderThread['opened']>,
    judge(message) {
      const judged = last.then(async () => {
        const answered = await answer('judge it', messageMs, { message });
        if (answered.kind === 'judged') return answered.judgement;
        throw new Error(`it answered with '${answered.kind}' instead of a judgement`);
      });
      last = judged.catch(() => undefined);
      return judged;
    },
    async [Symbol.asyncDispose]() {
      signal?.removeEventListener('abort', onAbort);
      await worker.terminate();
    },
  };
}
