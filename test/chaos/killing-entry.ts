import { flushCompileCache } from 'node:module';
import type { Context } from 'aws-lambda';

/** What the test asks of the process. */
export interface Invocation {
  event: unknown;
  requestId: string;
  /** Milliseconds. */
  timeoutMs: number;
}

/** What the process answers. */
export type Reply = { response: unknown } | { error: string };

/**
 * What a function process runs, as Lambda's own loop does: it loads the handler that its argument names, and calls it for every
 * message. Engines and the rest of the surroundings are in its environment.
 */
const loading: Promise<{ handler: (event: unknown, context: Context) => unknown }> = import(process.argv[2]!);

// a process that is killed would not leave its compiled code to the next one
void loading.then(() => flushCompileCache());

process.on('message', async ({ event, requestId, timeoutMs }: Invocation) => {
  reply(
    await loading
      .then(({ handler }) => handler(event, contextOf(requestId, timeoutMs)))
      .then(
        (response) => ({ response }),
        (error: Error) => ({ error: String(error.stack) }),
      ),
  );
});

function reply(message: Reply): void {
  process.send!(message);
}

function contextOf(awsRequestId: string, timeoutMs: number): Context {
  const end = performance.now() + timeoutMs;
  const nothing = () => undefined;
  return {
    awsRequestId,
    functionName: 'function',
    functionVersion: '1',
    invokedFunctionArn: 'arn:aws:lambda:eu-west-1:000000000000:function:function',
    memoryLimitInMB: '256',
    logGroupName: 'group',
    logStreamName: 'stream',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(end - performance.now(), 0),
    done: nothing,
    fail: nothing,
    succeed: nothing,
  };
}
