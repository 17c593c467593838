import type { CompatibilityMode } from '../compatibility-mode.ts';
import { InvalidContractError } from '../errors.ts';
import { BadSchemaError } from './bad-schema-error.ts';
import { type Change, type Direction, MODES } from './change.ts';
import { listAll } from './changes.ts';
import { openEngine } from './inclusion.ts';
import type { JsonSchema } from './keywords.ts';
import type { Listing } from './listing.ts';
import type { Policy } from './policy.ts';
import { openDocument } from './schema-document.ts';

export interface DiffOptions {
  /** @default STRICT */
  policy?: Policy;
  /** Which way it is looked; decides only how changes are worded. @default BACKWARD */
  direction?: Direction;
  /**
   * DECLARED: who wrote by the original wrote only what it declares, unless it says itself that there may be more. Same as comparing
   * `closed(original)`, but the closing is not listed as a change.
   * @default ALLOWED: whatever it allows may have been written
   */
  writers?: 'ALLOWED' | 'DECLARED';
  /** What messages call the original and the update. @default the old schema, the new schema; the other way round when FORWARD */
  names?: { original: string; update: string };
}

/**
 * Lists what changed from the original to the update, and for each change whether readers of the update read on all that the
 * original allowed. It errs on the safe side: no change is called compatible that breaks, but for a required property with a default,
 * which readers fill in.
 * @throws BadSchemaError when one of them is malformed, refers to another file, or the two are too much work to compare
 */
export function diff(original: JsonSchema, update: JsonSchema, options: DiffOptions = {}): Change[] {
  const { policy = 'STRICT', direction = 'BACKWARD', writers = 'ALLOWED' } = options;
  const forward = direction === 'FORWARD';
  const names = options.names ?? {
    original: forward ? 'the new schema' : 'the old schema',
    update: forward ? 'the old schema' : 'the new schema',
  };
  const engine = openEngine(policy === 'LENIENT' ? 'open' : writers === 'DECLARED' ? 'silent' : 'nothing');
  const from = openDocument(original, capitalized(names.original), engine.nextId);
  const to = openDocument(update, capitalized(names.update), engine.nextId);
  engine.writer = from;
  const listing: Listing = {
    engine,
    direction,
    changes: [],
    visited: new Map(),
    writer: names.original,
    reader: names.update,
    breaks: 0,
  };
  try {
    listAll(listing, from.root, to.root);
  } catch (error) {
    // The limits are for the usual stack; who runs us deep in their own has less.
    if (!(error instanceof RangeError)) throw error;
    const problem = 'it had to be given up: the schemas refer to one another too deeply for the stack.';
    throw new BadSchemaError('The comparison', undefined, problem, { cause: error });
  }
  return listing.changes.map((change) => ({ ...change, reason: capitalized(change.reason) }));
}

/** What came of comparing a schema with its past. */
export interface Verdict {
  /** Whether the mode's promise is kept. */
  readonly compatible: boolean;
  readonly changes: readonly Change[];
}

export interface CompareOptions extends Omit<DiffOptions, 'direction' | 'names'> {
  /** What the schemas of the history are called in `against`. @default `version 1`, `version 2`, ... */
  labels?: readonly string[];
}

/**
 * Compares a schema with those before it, oldest first, as a mode wants it: BACKWARD, FORWARD or both, with the last one before it or,
 * when TRANSITIVE, with all. With NONE everything is listed, and nothing is refused.
 * @throws BadSchemaError like {@link diff}; InvalidContractError for a mode that there is not
 */
export function compare(
  history: readonly JsonSchema[],
  next: JsonSchema,
  mode: CompatibilityMode,
  options: CompareOptions = {},
): Verdict {
  if (!MODES.includes(mode)) {
    throw new InvalidContractError(`The compatibility mode '${mode}' is not known. Use one of ${MODES.join(', ')}.`);
  }
  const { labels, ...rest } = options;
  const [promise, transitive] = mode.split('_');
  const earlier = history.map((schema, index) => ({ schema, label: labels?.[index] ?? `version ${index + 1}` }));
  const compared = transitive === undefined ? earlier.slice(-1) : earlier;
  const changes = compared.flatMap(({ schema, label }) => {
    const backward = promise === 'FORWARD' ? [] : diff(schema, next, { ...rest, direction: 'BACKWARD' });
    const forward =
      promise === 'BACKWARD' || promise === 'NONE' ? [] : diff(next, schema, { ...rest, direction: 'FORWARD' });
    return [...backward, ...forward].map((change) => (compared.length > 1 ? { ...change, against: label } : change));
  });
  return { compatible: promise === 'NONE' || changes.every(({ compatible }) => compatible), changes };
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
