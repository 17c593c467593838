/**
 * The inside of an execution environment: loads one handler and runs one invocation after the other. It imports nothing
 * of Baton but types, since it runs on its own in a thread, compiled by `execution-environment.ts`.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import type { InvocationError, InvokeMessage, WorkerMessage, WorkerSettings } from './invocation.ts';

/** An error of the runtime itself, with the type that Lambda gives it. */
class RuntimeError extends Error {
  readonly reported: InvocationError;

  constructor(errorType: string, errorMessage: string, trace: string[] = []) {
    super(errorMessage);
    this.reported = { errorType, errorMessage, trace };
  }
}

type Callback = (error: unknown, result?: unknown) => void;
type Handler = (event: unknown, context: object, callback: Callback) => unknown;

/** Lambda's limit on a synchronous response, in bytes. */
const MAX_RESPONSE_BYTES = 6 * 1024 * 1024;

const settings = workerData as WorkerSettings;
const port = parentPort!;
const send = (message: WorkerMessage): void => port.postMessage(message);

captureOutput(process.stdout);
captureOutput(process.stderr);
process.on('uncaughtException', (error) => die(describe(error), 129));
process.on('unhandledRejection', (reason) => {
  const { errorMessage, trace } = describe(reason);
  die({ errorType: 'Runtime.UnhandledPromiseRejection', errorMessage, trace }, 128);
});

try {
  const handler = await loadHandler();
  port.on('message', (message: InvokeMessage) => void run(handler, message));
  send({ type: 'ready' });
} catch (error) {
  send({ type: 'initFailed', error: error instanceof RuntimeError ? error.reported : describe(error) });
  process.exit(1);
}

/** The streams of a thread reach its parent on a path of their own, and late; over the port the order is kept. */
function captureOutput(stream: NodeJS.WriteStream): void {
  const write = (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    const asEncoding = typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    send({ type: 'output', text: asEncoding === 'utf8' ? text : Buffer.from(text, asEncoding).toString('utf8') });
    const callback = typeof encoding === 'function' ? encoding : done;
    if (typeof callback === 'function') queueMicrotask(() => callback(null));
    return true;
  };
  stream.write = write;
}

async function run(handler: Handler, { requestId, event, deadline }: InvokeMessage): Promise<void> {
  try {
    const result = await call(handler, JSON.parse(event), contextOf(requestId, deadline));
    send({ type: 'succeeded', payload: serialize(result) });
  } catch (error) {
    send({ type: 'failed', error: error instanceof RuntimeError ? error.reported : describe(error), fatal: false });
  }
}

/** A handler that takes three parameters and returns no promise answers by its callback. */
function call(handler: Handler, event: unknown, context: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const callback: Callback = (error, result) =>
      error === null || error === undefined ? resolve(result) : reject(error);
    const returned = handler(event, context, callback);
    if (handler.length < 3 || isThenable(returned)) resolve(returned);
  });
}

function serialize(result: unknown): string {
  let payload: string;
  try {
    payload = JSON.stringify(result) ?? 'null';
  } catch (cause) {
    throw new RuntimeError('Runtime.MarshalError', `Unable to stringify the response: ${describe(cause).errorMessage}`);
  }
  const bytes = Buffer.byteLength(payload);
  if (bytes <= MAX_RESPONSE_BYTES) return payload;
  const message = `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`;
  throw new RuntimeError('Function.ResponseSizeTooLarge', message);
}

function contextOf(awsRequestId: string, deadline: number): object {
  return {
    functionName: settings.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: settings.functionArn,
    memoryLimitInMB: String(settings.memoryMb),
    awsRequestId,
    logGroupName: settings.logGroupName,
    logStreamName: settings.logStreamName,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

/** `folder/file.name.nested`: the export `name.nested` of `folder/file` with `.js`, `.mjs` or `.cjs`, as Lambda looks it up. */
async function loadHandler(): Promise<Handler> {
  const { handler: name, codeDirectory } = settings;
  const [, file, path] = /^([^.]*)\.(.+)$/.exec(basename(name)) ?? [];
  if (file === undefined || path === undefined) {
    throw new RuntimeError('Runtime.MalformedHandlerName', `Bad handler '${name}': it must be 'file.export'`);
  }
  const root = join(codeDirectory, dirname(name), file);
  const found = ['.js', '.mjs', '.cjs'].map((extension) => root + extension).find(existsSync);
  if (found === undefined) {
    throw new RuntimeError(
      'Runtime.ImportModuleError',
      `Cannot find the module of handler '${name}': no ${root}.js, .mjs or .cjs`,
    );
  }
  const module = await importModule(found);
  const handler = lookUp(module, path) ?? lookUp(module.default, path);
  if (typeof handler === 'function') return handler as Handler;
  const reason = handler === undefined ? 'is not exported' : 'is not a function';
  throw new RuntimeError('Runtime.HandlerNotFound', `Handler '${name}': ${path} ${reason} by ${found}`);
}

async function importModule(file: string): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    const { errorType, errorMessage, trace } = describe(error);
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    if (missing) throw new RuntimeError('Runtime.ImportModuleError', `Cannot load ${file}: ${errorMessage}`, trace);
    const type = error instanceof SyntaxError ? 'Runtime.UserCodeSyntaxError' : errorType;
    throw new RuntimeError(type, `Cannot load ${file}: ${errorType}: ${errorMessage}`, trace);
  }
}

function lookUp(module: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => {
    return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  }, module);
}

/** A process that Lambda's runtime ends itself: the invocation under way fails, and the environment with it. */
function die(error: InvocationError, exitCode: number): void {
  send({ type: 'failed', error, fatal: true });
  process.exit(exitCode);
}

function describe(thrown: unknown): InvocationError {
  if (!(thrown instanceof Error)) {
    const errorMessage = typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? String(thrown));
    return { errorType: typeof thrown, errorMessage, trace: [] };
  }
  const lines = (thrown.stack ?? '').split('\n').map((line) => line.trim());
  const trace = lines.filter((line) => !/baton:worker|\(?node:internal\//.test(line));
  return { errorType: thrown.name, errorMessage: thrown.message, trace };
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
