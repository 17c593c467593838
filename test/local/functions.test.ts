import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { InvocationRecord, InvokeResult } from '../../lib/local/functions/invocation.ts';
import {
  createFunction,
  FunctionLoadError,
  type FunctionOptions,
  type LambdaFunction,
} from '../../lib/local/functions/lambda-function.ts';
import type { FunctionResource } from '../../lib/local/resources.ts';

const fixtures = join(import.meta.dirname, 'fixtures/functions');

let log: string[];
let records: InvocationRecord[];
const started: LambdaFunction[] = [];

beforeEach(() => {
  log = [];
  records = [];
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((fn) => fn.stop()));
});

function resource(handler: string, overrides: Partial<FunctionResource> = {}): FunctionResource {
  return {
    stack: 'orders',
    logicalId: 'Inventory',
    path: 'orders/Inventory',
    name: 'inventory',
    arn: 'arn:aws:lambda:eu-central-1:000000000000:function:inventory',
    codeDirectory: fixtures,
    handler,
    timeoutSeconds: 5,
    memoryMb: 128,
    environment: {},
    ...overrides,
  };
}

function start(
  handler: string,
  overrides: Partial<FunctionResource> = {},
  options: FunctionOptions = {},
): LambdaFunction {
  const fn = createFunction(resource(handler, overrides), {
    onLog: (line) => log.push(line),
    onInvocation: (record) => records.push(record),
    ...options,
  });
  started.push(fn);
  return fn;
}

function payloadOf(result: InvokeResult): unknown {
  if (result.status !== 'succeeded') throw new Error(`not a success: ${JSON.stringify(result)}`);
  return result.payload;
}

describe('an invocation', () => {
  test('carries JSON to the handler and its answer back', async () => {
    const fn = start('handlers.echo');
    expect(payloadOf(await fn.invoke({ at: new Date(0), gone: undefined }))).toEqual({
      at: '1970-01-01T00:00:00.000Z',
    });
    expect(payloadOf(await fn.invoke(undefined))).toBeNull();
    expect(records).toMatchObject([{ functionName: 'inventory' }, { functionName: 'inventory' }]);
    expect(records[0]).not.toHaveProperty('error');
  });

  test('finds a handler that is nested in an export, and one that answers by callback', async () => {
    expect(payloadOf(await start('handlers.nested.deep.handler').invoke({}))).toBe('nested');
    const byCallback = start('handlers.callback');
    expect(payloadOf(await byCallback.invoke({ a: 1 }))).toEqual({ answered: { a: 1 } });
    expect(await byCallback.invoke({ fail: true })).toMatchObject({
      status: 'failed',
      error: { errorMessage: 'by callback' },
    });
  });

  test('sees the template environment and what Lambda reserves, and nothing of this process', async () => {
    vi.stubEnv('SECRET_OF_THE_SHELL', 'x');
    const fn = start(
      'handlers.environment',
      { environment: { TABLE: 'orders' } },
      { environment: { AWS_ENDPOINT_URL: 'http://x' } },
    );
    const seen = payloadOf(await fn.invoke({})) as Record<string, string>;
    expect(seen).toMatchObject({
      TABLE: 'orders',
      AWS_ENDPOINT_URL: 'http://x',
      AWS_REGION: 'eu-central-1',
      AWS_LAMBDA_FUNCTION_NAME: 'inventory',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      LAMBDA_TASK_ROOT: fixtures,
      TZ: 'UTC',
    });
    expect(seen).not.toHaveProperty('SECRET_OF_THE_SHELL');
    expect(seen).not.toHaveProperty('VITEST');
    vi.unstubAllEnvs();
  });

  test('may have NODE_OPTIONS that only a process could follow', async () => {
    const NODE_OPTIONS = '--enable-source-maps --max-old-space-size=64 --title=inventory';
    expect(payloadOf(await start('handlers.echo', { environment: { NODE_OPTIONS } }).invoke(1))).toBe(1);
  });

  test('has a Lambda context', async () => {
    const result = await start('handlers.context').invoke({});
    const seen = payloadOf(result) as { remaining: number };
    expect(seen).toMatchObject({
      functionName: 'inventory',
      functionVersion: '$LATEST',
      invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:inventory',
      memoryLimitInMB: '128',
      awsRequestId: result.requestId,
      logGroupName: '/aws/lambda/inventory',
      callbackWaitsForEmptyEventLoop: true,
    });
    expect(seen.remaining).toBeGreaterThan(4_000);
    expect(seen.remaining).toBeLessThanOrEqual(5_000);
  });

  test('delivers every line it wrote, in order, before its result', async () => {
    await start('handlers.writing').invoke({});
    const lines = Array.from({ length: 200 }, (_, line) => `line ${line}`);
    expect(log).toEqual(['first line', ...lines, 'from stderr', 'no newline at the end']);
  });
});

describe('a handler that misbehaves', () => {
  test.each([
    ['throws', 'throwing', 'Unhandled', 'RangeError', 'the warehouse is full'],
    ['exits', 'exiting', 'Exit', 'Runtime.ExitError', 'exit status 3'],
    ['loops without end', 'looping', 'Timeout', 'Sandbox.Timedout', 'Task timed out after 1.00 seconds'],
    ['never answers', 'hanging', 'Timeout', 'Sandbox.Timedout', 'Task timed out after 1.00 seconds'],
    ['leaves a rejection behind', 'rejecting', 'Unhandled', 'Runtime.UnhandledPromiseRejection', 'nobody waits for me'],
    ['throws out of a timer', 'crashing', 'Unhandled', 'TypeError', 'thrown later'],
    ['answers what is not JSON', 'unserializable', 'Unhandled', 'Runtime.MarshalError', 'BigInt'],
  ])('%s: the invocation fails, and the function goes on', async (_what, handler, kind, errorType, message) => {
    const fn = start(`handlers.${handler}`, { timeoutSeconds: 1 });
    for (const _round of [1, 2]) {
      const result = await fn.invoke({});
      expect(result).toMatchObject({ status: 'failed', kind, error: { errorType } });
      if (result.status === 'failed') expect(result.error.errorMessage).toContain(message);
    }
    expect(records.map((record) => record.error)).toEqual([kind, kind]);
    fn.replaceCode(resource('handlers.echo'));
    expect(payloadOf(await fn.invoke('still here'))).toBe('still here');
  });

  test('leaks: it ends at its memory, and the next invocation has a fresh environment', async () => {
    const fn = start('handlers.leaking', { memoryMb: 32, timeoutSeconds: 30 });
    expect(await fn.invoke({})).toMatchObject({
      status: 'failed',
      kind: 'OutOfMemory',
      error: { errorType: 'Runtime.OutOfMemory' },
    });
    fn.replaceCode(resource('handlers.echo'));
    expect(payloadOf(await fn.invoke(1))).toBe(1);
  });

  test('shows the trace of its own code, and logs the error', async () => {
    const result = await start('handlers.throwing').invoke({});
    if (result.status !== 'failed') throw new Error('it did not fail');
    expect(result.error.trace[0]).toBe('RangeError: the warehouse is full');
    expect(result.error.trace[1]).toContain('handlers.mjs');
    expect(result.error.trace.join('\n')).not.toMatch(/node:internal|baton:worker/);
    expect(log.join('\n')).toContain('the warehouse is full');
  });

  test('keeps the lines written before a timeout', async () => {
    await start('handlers.looping', { timeoutSeconds: 1 }).invoke({});
    expect(log[0]).toBe('round and round');
  });
});

describe('code that cannot be loaded', () => {
  test.each([
    ['missing-import.handler', 'Runtime.ImportModuleError', /missing-import\.mjs: .*not-there\.mjs/],
    ['failing-start.handler', 'Error', /failing-start\.mjs: Error: no configuration/],
    ['not-there.handler', 'Runtime.ImportModuleError', /Cannot find the module of handler 'not-there\.handler'/],
    ['handlers.nothing', 'Runtime.HandlerNotFound', /nothing is not exported by .*handlers\.mjs/],
    ['handlers', 'Runtime.MalformedHandlerName', /Bad handler 'handlers'/],
  ])('%s fails as %s and says which file and why', async (handler, errorType, message) => {
    const fn = start(handler);
    expect(await fn.invoke({})).toMatchObject({
      status: 'failed',
      kind: 'Init',
      error: { errorType, errorMessage: expect.stringMatching(message) },
    });
    await expect(fn.warm(1)).rejects.toThrow(FunctionLoadError);
    await expect(fn.warm(1)).rejects.toThrow(/^Function inventory does not start: /);
  });
});

describe('the pool', () => {
  test('keeps an execution environment for the next invocation', async () => {
    const fn = start('handlers.counting');
    expect(payloadOf(await fn.invoke({}))).toBe(1);
    expect(payloadOf(await fn.invoke({}))).toBe(2);
    expect(fn.stats().environments).toBe(1);
  });

  test('starts another when all are busy, up to the concurrency', async () => {
    const fn = start('handlers.counting', {}, { concurrency: 2 });
    const calls = [0, 1, 2, 3, 4].map(() => fn.invoke({ waitMs: 20 }));
    expect(fn.stats()).toEqual({ environments: 2, busy: 0, waiting: 5 });
    await Promise.all(calls);
    expect(fn.stats()).toEqual({ environments: 2, busy: 0, waiting: 0 });
  });

  test('serves what waits first come, first served', async () => {
    const fn = start('handlers.echo', {}, { concurrency: 1 });
    const finished: unknown[] = [];
    await Promise.all(
      [0, 1, 2, 3, 4].map((call) => fn.invoke(call).then((result) => finished.push(payloadOf(result)))),
    );
    expect(finished).toEqual([0, 1, 2, 3, 4]);
  });

  test('respects a lower reserved concurrency, and throttles at 0', async () => {
    expect(start('handlers.echo', { reservedConcurrency: 3 }, { concurrency: 8 }).concurrency).toBe(3);
    const off = start('handlers.echo', { reservedConcurrency: 0 });
    expect(await off.invoke({})).toMatchObject({ status: 'throttled' });
    expect(records.at(-1)).toMatchObject({ throttled: true });
  });

  test('loses only the invocation whose environment is killed', async () => {
    const fn = start('handlers.counting', {}, { concurrency: 2 });
    await fn.warm(2);
    expect(await fn.killOne()).toBe(false);
    const calls = [fn.invoke({ waitMs: 300 }), fn.invoke({ waitMs: 300 }), fn.invoke({})];
    expect(await fn.killOne()).toBe(true);
    const results = await Promise.all(calls);
    expect(results.map((result) => result.status).sort()).toEqual(['failed', 'succeeded', 'succeeded']);
    expect(results.find((result) => result.status === 'failed')).toMatchObject({
      kind: 'Exit',
      error: { errorMessage: expect.stringContaining('killed') },
    });
  });

  test('fails what runs and what waits when it is stopped', async () => {
    const fn = start('handlers.hanging', {}, { concurrency: 1 });
    await fn.warm(1);
    const calls = [fn.invoke({}), fn.invoke({})];
    await fn.stop();
    expect(await Promise.all(calls)).toMatchObject([{ kind: 'Exit' }, { kind: 'Exit' }]);
    expect(await fn.invoke({})).toMatchObject({ status: 'throttled' });
  });
});

describe('a hot reload', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'baton-function-'));
    cpSync(join(fixtures, 'handlers.mjs'), join(folder, 'handlers.mjs'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  test('lets running invocations end on the old code and gives the next ones the new', async () => {
    const fn = start('handlers.counting', { codeDirectory: folder }, { concurrency: 2 });
    await fn.warm(1);
    const running = fn.invoke({ waitMs: 200 });
    writeFileSync(join(folder, 'handlers.mjs'), `export const counting = async () => 'new code';`);
    fn.replaceCode(resource('handlers.counting', { codeDirectory: folder }));
    const next = fn.invoke({});
    expect(payloadOf(await running)).toBe(1);
    expect(payloadOf(await next)).toBe('new code');
    expect(payloadOf(await fn.invoke({}))).toBe('new code');
  });

  test('reports broken code once it is used, and recovers with the next reload', async () => {
    const fn = start('handlers.echo', { codeDirectory: folder });
    expect(payloadOf(await fn.invoke(1))).toBe(1);
    writeFileSync(join(folder, 'handlers.mjs'), 'export const echo = ;');
    fn.replaceCode(resource('handlers.echo', { codeDirectory: folder }));
    expect(await fn.invoke(2)).toMatchObject({ kind: 'Init', error: { errorType: 'Runtime.UserCodeSyntaxError' } });
    writeFileSync(join(folder, 'handlers.mjs'), 'export const echo = async (event) => event;');
    fn.replaceCode(resource('handlers.echo', { codeDirectory: folder }));
    expect(payloadOf(await fn.invoke(3))).toBe(3);
  });
});
