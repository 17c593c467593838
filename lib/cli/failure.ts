/** Something the user can put right: told in a sentence, without a stack trace. */
export class UserError extends Error {
  override name = 'UserError';
}

/** The errors of other rooms that speak to the user, by name: they say what happened and what to do. */
const speaking = new Set([
  'UserError',
  'AssemblyError',
  'UnresolvedError',
  'EngineMissingError',
  'PortBusyError',
  'ProvisionError',
  'SynthError',
]);

/** What to print for an error: a sentence for what the user can put right, the stack for what only we can. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return `Baton failed: ${String(error)}`;
  if (speaking.has(error.name)) return error.message;
  return `Baton failed in a way it should not; please report this.\n${error.stack ?? error.message}`;
}
