import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import { MODES } from '../contracts/compatibility/change.ts';
import type { Change, CompatibilityMode, JsonSchema, Verdict } from '../contracts/compatibility/index.ts';
import { POLICIES, type Policy } from '../contracts/compatibility/policy.ts';
import { UsageError } from './failure.ts';
import { printable } from './printable.ts';

interface DiffCommandOptions {
  mode: CompatibilityMode;
  policy: Policy;
  closed?: boolean;
  json?: boolean;
  breaking?: boolean;
}

const HELP = `
Modes: BACKWARD, readers of the new schema read what the old one wrote; FORWARD, readers of the old schema read what the new one
writes; FULL, both. With _TRANSITIVE the new schema is compared with all old ones, otherwise with the last of them. NONE lists the
changes and refuses nothing. Schemas are of draft-07 or 2020-12, as their $schema says (default: 2020-12).

Examples:
  npx baton contracts diff old.json new.json
  npx baton contracts diff v1.json v2.json v3.json --mode FULL_TRANSITIVE        the last one is the new one
  git show main:order.json | npx baton contracts diff - order.json --json

The exit code is 0 when the schemas are compatible, 1 when they are not, 2 when something is wrong with a file or the call.
`;

/** Adds `baton contracts diff`: whether one JSON Schema may follow another. */
export function addContractsDiff(contracts: Command, ended: (code: number) => void): void {
  contracts
    .command('diff')
    .description('compare JSON Schemas: each change, whether it breaks, and why')
    .argument('<schemas...>', "the files, oldest first; the last one is the new schema; '-' is standard input")
    .addOption(new Option('--mode <mode>', 'what the new schema has to keep').choices(MODES).default('BACKWARD'))
    .addOption(
      new Option(
        '--policy <policy>',
        'LENIENT: properties that a schema neither names nor refuses are never written; STRICT: they may be',
      )
        .choices(POLICIES)
        .default('STRICT'),
    )
    .option('--closed', 'writers write what their schema declares, unless it says itself that there may be more')
    .option('--breaking', 'only the changes that break')
    .option('--json', 'as JSON: {compatible, changes: [{kind, path, compatible, reason, direction}]}')
    .addHelpText('after', HELP)
    .action(async (files: string[], options: DiffCommandOptions) => ended(await contractsDiff(files, options)));
}

/**
 * Compares the files and prints what changed. Returns the exit code.
 * @throws UsageError when a file cannot be read, or is not a schema that can be compared
 */
async function contractsDiff(files: readonly string[], options: DiffCommandOptions): Promise<number> {
  if (files.length < 2) {
    throw new UsageError(
      `There is only one schema, '${files[0]}'. Give at least two files, oldest first: npx baton contracts diff old.json new.json`,
    );
  }
  if (files.filter((file) => file === '-').length > 1) {
    throw new UsageError("'-' is there twice, and standard input can be read once. Give files for the others.");
  }
  const verdict = await judged(files, options);
  const shown = options.breaking ? verdict.changes.filter(({ compatible }) => !compatible) : verdict.changes;
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ compatible: verdict.compatible, changes: shown }, null, 2)}\n`
      : printable(written(verdict, shown, options)),
  );
  return verdict.compatible ? 0 : 1;
}

async function read(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = file === '-' ? await buffer(process.stdin) : await readFile(file);
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}. Give the path of a JSON Schema file.`);
  }
  const [first = 0, second = 0] = bytes;
  if ((first << 8) + second === 0xfffe || (first << 8) + second === 0xfeff) {
    throw new UsageError(`${named(file)} is UTF-16. Save it as UTF-8, which is what JSON is exchanged in.`);
  }
  return bytes.toString('utf8');
}

/** Reads the schemas and judges them; what is wrong with one is for the user to put right. */
async function judged(files: readonly string[], options: DiffCommandOptions): Promise<Verdict> {
  const { BadSchemaError, compare, readSchema } = await import('../contracts/compatibility/index.ts');
  const { mode, policy, closed = false } = options;
  try {
    const schemas: JsonSchema[] = [];
    for (const file of files) schemas.push(readSchema(await read(file), named(file)));
    return compare(schemas.slice(0, -1), schemas.at(-1)!, mode, {
      policy,
      writers: closed ? 'DECLARED' : 'ALLOWED',
      labels: files.slice(0, -1).map(named),
    });
  } catch (error) {
    if (error instanceof BadSchemaError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function named(file: string): string {
  return file === '-' ? 'standard input' : file;
}

/** The changes as text, those that break first; the verdict is the last line. */
function written({ compatible, changes }: Verdict, shown: readonly Change[], { mode }: DiffCommandOptions): string {
  const sorted = [...shown].sort((a, b) => Number(a.compatible) - Number(b.compatible));
  const breaks = changes.filter((change) => !change.compatible).length;
  const both = new Set(changes.map(({ direction }) => direction)).size > 1;
  const lines = sorted.flatMap((change) => [
    `${change.compatible ? 'ok    ' : 'breaks'}  ${change.path}  ${change.kind}${where(change, both)}`,
    `        ${change.reason}`,
  ]);
  const count = changes.length === 1 ? '1 change' : `${changes.length} changes`;
  const verdict =
    changes.length === 0
      ? `Compatible (${mode}): nothing changed.`
      : mode === 'NONE'
        ? `${count}, ${breaks} of which would break BACKWARD; NONE refuses nothing.`
        : compatible
          ? `Compatible (${mode}): ${count}, none of which breaks.`
          : `Not compatible (${mode}): ${breaks} of ${count} ${breaks === 1 ? 'breaks' : 'break'}.`;
  return `${[...lines, ...(lines.length === 0 ? [] : ['']), verdict].join('\n')}\n`;
}

function where({ direction, against }: Change, both: boolean): string {
  const words = [...(both ? [direction] : []), ...(against === undefined ? [] : [`against ${against}`])];
  return words.length === 0 ? '' : `  (${words.join(', ')})`;
}
