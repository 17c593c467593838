import { diff, type JsonSchema } from '../compatibility/index.ts';
import { ContractError } from '../errors.ts';
import { schemaDocument } from '../registry/schema-document.ts';
import type { DescribedVersion } from './described.ts';
import { exampleEvent } from './example-event.ts';
import { code, codeBlock, text } from './markdown.ts';
import { rowWords, type SchemaRow, schemaRows } from './schema-rows.ts';

/** As many reasons as somebody reads; `baton contracts diff` has them all. */
const MOST_REASONS = 10;
const MOST_CHANGES = 50;

/**
 * The story of a type, newest version first, as Markdown.
 * @param live the versions that a topic carries, or somebody produces or consumes
 */
export function historyOf(versions: readonly DescribedVersion[], live: readonly number[]): string {
  const declared = versions.filter(({ contract }) => contract !== undefined);
  const newest = live[0] ?? declared[0]?.version ?? 0;
  return versions
    .map((one, index) => {
      const isAhead = one.contract !== undefined && one.version >= newest;
      return sectionOf(one, versions[index + 1], !live.includes(one.version) && !isAhead);
    })
    .join('\n\n');
}

function sectionOf(one: DescribedVersion, before: DescribedVersion | undefined, isOver: boolean): string {
  const parts = [`### Version ${one.version}`];
  if (isOver) parts.push('Retired: nobody in this pipeline carries, produces or consumes it any more.');
  if (before === undefined) parts.push(one.version === 1 ? 'The first version.' : 'The oldest version that is known.');
  else {
    parts.push(changeWords(before, one), 'Who can read whom:', readableWords(before, one));
    const upcast = upcastWords(one);
    if (upcast !== undefined) parts.push(upcast);
  }
  return parts.join('\n\n');
}

function changeWords(before: DescribedVersion, one: DescribedVersion): string {
  const changes = changesBetween(before.schema, one.schema);
  const major = one.major === before.major ? [] : [`a new major: ${one.major} after ${before.major}`];
  const shown = [...major, ...changes.slice(0, MOST_CHANGES)];
  if (changes.length > MOST_CHANGES) shown.push(`and ${changes.length - MOST_CHANGES} more changes`);
  if (shown.length === 0) return `Nothing in the table of its data changed since version ${before.version}.`;
  return `Since version ${before.version}:\n\n${shown.map((change) => `- ${change}`).join('\n')}`;
}

/** What the tables of two schemas do not have in common, in words. */
export function changesBetween(before: JsonSchema, after: JsonSchema): string[] {
  const old = new Map(schemaRows(before).rows.map((row) => [row.path, row]));
  const now = new Map(schemaRows(after).rows.map((row) => [row.path, row]));
  const place = (path: string) => (path === '' ? 'the data itself' : code(path));
  return [
    ...[...now.values()]
      .filter(({ path }) => !old.has(path))
      .map((row) => `added ${place(row.path)}: ${rowWords(row)}`),
    ...[...old.keys()].filter((path) => !now.has(path)).map((path) => `removed ${place(path)}`),
    ...[...now.values()].flatMap((row) => {
      const earlier = old.get(row.path);
      if (earlier === undefined || same(earlier, row)) return [];
      return [`changed ${place(row.path)}: was ${rowWords(earlier)}; is ${rowWords(row)}`];
    }),
  ];
}

function same(a: SchemaRow, b: SchemaRow): boolean {
  return rowWords(a) === rowWords(b);
}

function readableWords(before: DescribedVersion, one: DescribedVersion): string {
  const directions: [string, DescribedVersion, DescribedVersion][] = [
    [`Readers of version ${one.version} can read what version ${before.version} writes`, before, one],
    [`Readers of version ${before.version} can read what version ${one.version} writes`, one, before],
  ];
  return directions
    .map(([sentence, writer, reader]) => {
      const reasons = reasonsBetween(writer, reader);
      if (typeof reasons === 'string') return `- ${sentence}: could not be judged (${text(reasons)})`;
      if (reasons.length === 0) return `- ${sentence}: yes`;
      const more = reasons.length - MOST_REASONS;
      return [
        `- ${sentence}: no`,
        ...reasons.slice(0, MOST_REASONS).map((reason) => `  - ${reason}`),
        ...(more > 0 ? [`  - and ${more} more reasons`] : []),
      ].join('\n');
    })
    .join('\n');
}

/** What keeps one version's readers from reading what another writes, as far as schemas can tell; a text when that cannot be told. */
function reasonsBetween(writer: DescribedVersion, reader: DescribedVersion): string[] | string {
  const names = { original: `version ${writer.version}`, update: `version ${reader.version}` };
  try {
    const changes = diff(writer.schema, reader.schema, { writers: 'DECLARED', names });
    const breaking = changes.filter(({ compatible }) => !compatible);
    return [...new Set(breaking.map(({ path, reason }) => `${placeWords(path)}: ${text(reason)}`))];
  } catch (error) {
    if (error instanceof ContractError) return error.message;
    throw error;
  }
}

/** A place of the schema as the place of the data that it is about; a pointer where it is no such place. */
function placeWords(encoded: string): string {
  const pointer = decodeURIComponent(encoded);
  if (pointer === '#') return 'the data itself';
  if (!/^#(?:\/properties\/[\p{L}\p{N}_$-]+|\/items)+$/u.test(pointer)) return code(pointer);
  return code(pointer.slice(1).replaceAll('/items', '[]').replaceAll('/properties/', '.').replace(/^\./, ''));
}

/** What the upcaster does, shown by what it makes of the example of the version before. */
function upcastWords({ contract }: DescribedVersion): string | undefined {
  const previous = contract?.previous;
  if (contract === undefined || previous === undefined) return undefined;
  const how = `Events of version ${previous.contract.version} are upcast.`;
  const { envelope } = exampleEvent(previous.contract, schemaDocument(previous.contract));
  if (envelope === undefined) return how;
  try {
    const upcast = previous.upcast(previous.contract.parse(envelope.data));
    contract.parse(upcast);
    const made = JSON.stringify(upcast, undefined, 2);
    return `${how} The example of version ${previous.contract.version} becomes:\n\n${codeBlock('json', made)}`;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return `${how} The upcaster fails for the example of version ${previous.contract.version}: ${text(problem)}`;
  }
}
