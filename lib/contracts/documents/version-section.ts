import type { AnyContract } from '../contract.ts';
import type { Envelope } from '../envelope.ts';
import { messageAttributes } from '../headers.ts';
import { isRecord } from '../registry/subschemas.ts';
import { accepted } from '../versions.ts';
import { dataReads } from './data-reads.ts';
import type { DescribedVersion } from './described.ts';
import { exampleData } from './example-data.ts';
import { exampleEvent } from './example-event.ts';
import { code, codeBlock, list, table, text } from './markdown.ts';
import { type SchemaRow, schemaRows } from './schema-rows.ts';

const PROMISES: Readonly<Record<string, string>> = {
  NONE: 'nothing is promised',
  BACKWARD: 'its readers can read what the version before wrote',
  BACKWARD_TRANSITIVE: 'its readers can read what all versions before wrote',
  FORWARD: 'readers of the version before can read what it writes',
  FORWARD_TRANSITIVE: 'readers of all versions before can read what it writes',
  FULL: 'it and the version before can read each other',
  FULL_TRANSITIVE: 'it and all versions before can read each other',
};

/**
 * What one version of a type looks like, as Markdown.
 * @param described undefined when neither code nor the registry has its schema
 * @param registry where the registry is, seen from the page; undefined when its files are not to be linked
 */
export function versionSection(
  version: number,
  described: DescribedVersion | undefined,
  registry: string | undefined,
): string {
  const heading = `## Version ${version}`;
  if (described === undefined) {
    return `${heading}\n\nNeither the event modules nor the registry have its schema.`;
  }
  const file = fileLink(described, registry);
  const data = dataTable(described, file);
  const { facts, example } =
    described.contract === undefined ? ofRegistry(described) : ofContract(described.contract, described);
  const link: [string, string][] = file === undefined ? [] : [['Published as', file]];
  const { dataschema, major, compatibility } = described;
  const rows: [string, string][] = [
    ['Schema', code(dataschema)],
    ...link,
    ['Major', `${major}`],
    ['Compatibility', `${code(compatibility)}: within a major, ${PROMISES[compatibility] ?? 'what it says'}`],
    ...facts,
  ];
  const parts = [heading, table(['Version', `${version}`], rows), '### Data', data, '### Example', example];
  return parts.join('\n\n');
}

interface Told {
  readonly facts: readonly [string, string][];
  readonly example: string;
}

/** Its key, headers and tenant are functions of code, and so is the envelope. */
function ofContract(contract: AnyContract, { schema }: DescribedVersion): Told {
  const { envelope, problem } = exampleEvent(contract, schema);
  const read = accepted(contract).map(({ version }) => `${version}`);
  return {
    facts: [
      ['Its readers accept', `${read.length === 1 ? 'version' : 'versions'} ${list(read)}`],
      ['Key', madeOf(contract, contract.key, envelope?.data)],
      ...Object.entries(contract.headers).map(([name, read]): [string, string] => [
        `Header ${code(name)}`,
        madeOf(contract, read, envelope?.data),
      ]),
      ...(contract.tenant === undefined
        ? []
        : [['Tenant', madeOf(contract, contract.tenant, envelope?.data)] as [string, string]]),
    ],
    example: envelope === undefined ? noExample(problem) : exampleWords(envelope),
  };
}

/** A file of the registry has a schema and nothing that could be run. */
function ofRegistry({ schema }: DescribedVersion): Told {
  const made = exampleData(schema, () => undefined);
  const why = 'Only the registry has this version, no event module does: this is the data alone.';
  return {
    facts: [],
    example:
      'data' in made
        ? `${codeBlock('json', JSON.stringify(made.data, undefined, 2))}\n\n${why}`
        : noExample(made.problem),
  };
}

function noExample(problem: string): string {
  return `No example could be made of the schema: ${text(problem)}. Give the schema one: \`.meta({ examples: [...] })\`.`;
}

/** A link to the file of a version, where it is published. */
function fileLink({ file }: DescribedVersion, registry: string | undefined): string | undefined {
  if (file === undefined || registry === undefined) return undefined;
  const path = [...registry.split('/').filter(Boolean), file].map((step) =>
    encodeURIComponent(step).replace(/[()]/g, (sign) => (sign === '(' ? '%28' : '%29')),
  );
  return `[${text(file)}](${path.join('/')})`;
}

/** What a function of the contract makes of the example, and of which fields. */
function madeOf(contract: AnyContract, read: (data: never) => unknown, data: unknown): string {
  if (data === undefined) return 'made of the data';
  const parsed: unknown = contract.parse(data);
  const paths = dataReads(read, parsed) ?? [];
  const value = read(parsed as never);
  const isField = paths.length === 1 && valueAt(parsed, paths[0]!) === value;
  const from = paths.length === 0 ? 'made of the data' : `${isField ? '' : 'made of '}${list(paths.map(code))}`;
  return value === undefined ? from : `${from} (in the example ${code(String(value))})`;
}

function valueAt(data: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((found, name) => (isRecord(found) && Object.hasOwn(found, name) ? found[name] : undefined), data);
}

/** The body of the message, and what stands beside it. */
function exampleWords(envelope: Envelope): string {
  const attributes = Object.entries(messageAttributes(envelope)).map(([name, { StringValue }]) =>
    [code(name), code(StringValue)].join(' '),
  );
  const body = codeBlock('json', JSON.stringify(envelope, undefined, 2));
  return `${body}\n\nMessage attributes beside it: ${list(attributes)}.`;
}

function dataTable({ schema, sensitive }: DescribedVersion, file: string | undefined): string {
  const { rows, complete } = schemaRows(schema);
  if (rows.length === 0) return 'Nothing is said about the data.';
  const cells = rows.map((row) => [
    row.path === '' ? 'the data itself' : code(row.path),
    row.type,
    row.required ? 'yes' : 'no',
    row.constraints.join('; '),
    [isSensitive(row, sensitive) ? '**Sensitive.**' : '', text(row.description)].filter(Boolean).join(' '),
  ]);
  const head = ['Field', 'Type', 'Required', 'Constraints', 'Description'];
  // a column of nothing is only wide
  const told = head.map((_, column) => cells.some((row) => row[column] !== ''));
  const [columns, ...lines] = [head, ...cells].map((row) => row.filter((_, column) => told[column]));
  const shown = table(columns!, lines);
  if (complete) return shown;
  return `${shown}\n\nThere is more to it than the table shows: ${file === undefined ? 'the schema has' : `${file} has`} everything.`;
}

/** Everything below a sensitive path is sensitive too; what an alternative is called after is no part of the path. */
function isSensitive({ path }: SchemaRow, sensitive: readonly string[]): boolean {
  const plain = path.replace(/\([^)]*\)/g, '').replace(/\[\d+\]/g, '[]');
  return sensitive.some((one) => plain === one || plain.startsWith(`${one}.`) || plain.startsWith(`${one}[`));
}
