import type { FunctionLoadError } from '../local/functions/lambda-function.ts';

/** Something the user can put right: told in a sentence, without a stack trace. */
export class UserError extends Error {
  override name = 'UserError';
}

/** The command lacks something, or has something that cannot be: nothing was done. */
export class UsageError extends UserError {
  override name = 'UsageError';
}

/** The errors of other rooms that speak to the user, by name: they say what happened and what to do. */
const speaking = new Set([
  'UserError',
  'UsageError',
  'AssemblyError',
  'UnresolvedError',
  'DataDirectoryBusyError',
  'EngineCrashedError',
  'EngineError',
  'EngineMissingError',
  'EngineUnreachableError',
  'PortBusyError',
  'ProvisionError',
  'SynthError',
]);

/** What to print for an error: a sentence for what the user can put right, the stack for what only we can. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return `Baton failed: ${String(error)}`;
  if (error.name === 'FunctionLoadError') return explainLoad(error as FunctionLoadError);
  if (speaking.has(error.name)) return error.message;
  return `Baton failed in a way it should not; please report this.\n${error.stack ?? error.message}`;
}

/** The bundle is at fault only in name: what somebody has to open is the source file, which the stack knows. */
function explainLoad({ message, reported }: FunctionLoadError): string {
  const frames = reported.trace.map((line) => /((?:functions|events|lib)\/[^():]+\.ts:\d+:\d+)/.exec(line)?.[1]);
  const place = frames.find((frame) => frame !== undefined);
  return place === undefined ? message : `${message}\n  at ${place}`;
}
