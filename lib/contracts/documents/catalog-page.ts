import type { AnyContract } from '../contract.ts';
import { accepted } from '../versions.ts';
import { dataReads } from './data-reads.ts';
import type { DescribedConsumer, DescribedType, DescribedVersion } from './described.ts';
import { type ExampleEvent, exampleEvent } from './example-event.ts';
import { historyOf } from './history.ts';
import { code, codeBlock, list, table, text } from './markdown.ts';
import { type SchemaRow, schemaRows } from './schema-rows.ts';

/** The first line of every page that is made, and the mark by which it is known again. */
export const PAGE_MARK = '<!-- Written by `baton contracts docs`. Change the contracts, then run it again. -->';

const NOBODY = 'nobody said so';

const PROMISES: Readonly<Record<string, string>> = {
  NONE: 'nothing is promised',
  BACKWARD: 'its readers can read what the version before wrote',
  BACKWARD_TRANSITIVE: 'its readers can read what all versions before wrote',
  FORWARD: 'readers of the version before can read what it writes',
  FORWARD_TRANSITIVE: 'readers of all versions before can read what it writes',
  FULL: 'it and the version before can read each other',
  FULL_TRANSITIVE: 'it and all versions before can read each other',
};

/** The name of a type's page. */
export function pageName(type: string): string {
  // README.md is the index, and some file systems take upper and lower case for the same
  return type === 'readme' ? 'readme-.md' : `${type}.md`;
}

/** The page of a type, as Markdown: the same text each time. */
export function catalogPage(described: DescribedType): string {
  const { type, current, versions } = described;
  const newest = versions.find(({ contract }) => contract === current)!;
  const example = exampleEvent(current, newest.schema);
  const parts = [
    PAGE_MARK,
    `# ${type}`,
    text(current.description),
    factsTable(described, example),
    '## Data',
    dataTable(newest),
    '## Example',
    example.envelope === undefined
      ? `No example could be made of the schema: ${text(example.problem)}. Give the schema one: \`.meta({ examples: [...] })\`.`
      : codeBlock('json', JSON.stringify(example.envelope, undefined, 2)),
    ...(current.kind === 'event' ? ['## Topics', topics(described)] : []),
    '## Producers',
    producers(described),
    '## Consumers',
    consumers(described),
    '## History',
    historyOf(versions),
    '[All events and commands](README.md)',
  ];
  return `${parts.join('\n\n')}\n`;
}

/** Who answers for a type: the owners of its topics, or of the queue that takes the command. */
export function ownersOf({ current, topics, consumers }: DescribedType): string[] {
  const owners =
    current.kind === 'command' && topics.length === 0
      ? consumers.map(({ facts }) => facts.owner)
      : topics.flatMap(({ owner }) => (owner === undefined ? [] : [owner]));
  return [...new Set(owners)];
}

function factsTable(described: DescribedType, { envelope }: ExampleEvent): string {
  const { current } = described;
  const owners = ownersOf(described);
  const versions = accepted(current).map(({ version }) => `${version}`);
  const rows: [string, string][] = [
    ['Kind', current.kind],
    ['Owner', owners.length === 0 ? NOBODY : list(owners.map(text))],
    ['Version', `${current.version} (major ${current.major})`],
    ['Accepted versions', list(versions)],
    ['Compatibility', `${code(current.compatibility)}: within a major, ${PROMISES[current.compatibility]}`],
    ['Schema', code(current.dataschema)],
    ['Key', madeOf(current, current.key, envelope?.data)],
    ...Object.entries(current.headers).map(([name, read]): [string, string] => [
      `Header ${code(name)}`,
      madeOf(current, read, envelope?.data),
    ]),
    ...(current.tenant === undefined
      ? []
      : [['Tenant', madeOf(current, current.tenant, envelope?.data)] as [string, string]]),
  ];
  return table(['', ''], rows);
}

/** What a function of the contract makes of the example, and of which fields. */
function madeOf(contract: AnyContract, read: (data: never) => unknown, data: unknown): string {
  if (data === undefined) return 'made of the data';
  const parsed: unknown = contract.parse(data);
  const paths = dataReads(read, parsed);
  const value = read(parsed as never);
  const from = paths === undefined || paths.length === 0 ? 'made of the data' : `made of ${list(paths.map(code))}`;
  return value === undefined ? from : `${from}: ${code(String(value))} in the example`;
}

function dataTable({ schema, contract }: DescribedVersion): string {
  const { rows, complete } = schemaRows(schema);
  const sensitive = contract?.sensitive ?? [];
  if (rows.length === 0) return 'Nothing is said about the data.';
  const cells = rows.map((row) => [
    row.path === '' ? 'the data itself' : code(row.path),
    row.type,
    row.required ? 'yes' : 'no',
    row.constraints.join('; '),
    [isSensitive(row, sensitive) ? '**Sensitive.**' : '', text(row.description)].filter(Boolean).join(' '),
  ]);
  const shown = table(['Field', 'Type', 'Required', 'Constraints', 'Description'], cells);
  return complete ? shown : `${shown}\n\nThe schema goes on; its file in the registry has everything.`;
}

/** Everything below a sensitive path is sensitive too; what an alternative is called after is no part of the path. */
function isSensitive({ path }: SchemaRow, sensitive: readonly string[]): boolean {
  const plain = path.replace(/\([^)]*\)/g, '').replace(/\[\d+\]/g, '[]');
  return sensitive.some((one) => plain === one || plain.startsWith(`${one}.`) || plain.startsWith(`${one}[`));
}

function topics({ type, topics }: DescribedType): string {
  if (topics.length === 0) return 'No topic of this pipeline carries it.';
  const rows = topics.map(({ name, owner, ordered, events }) => [
    code(name),
    owner === undefined ? NOBODY : text(owner),
    ordered ? 'by key' : 'no',
    versionsIn(events, type),
  ]);
  return table(['Topic', 'Owner', 'Order', 'Versions'], rows);
}

function producers({ type, current, producers }: DescribedType): string {
  if (producers.length === 0) {
    return `No function of this pipeline declares that it ${current.kind === 'event' ? 'publishes' : 'sends'} it.`;
  }
  const rows = producers.map(({ name, owner, produces }) => [text(name), text(owner), versionsIn(produces, type)]);
  return table(['Function', 'Owner', 'Versions'], rows);
}

function consumers({ current, consumers }: DescribedType): string {
  if (consumers.length === 0) return 'Nobody in this pipeline.';
  const rows = consumers.map((consumer) => [
    text(consumer.facts.name),
    text(consumer.facts.owner),
    code(consumer.facts.queue),
    consumer.facts.ordered ? 'by key' : 'no',
    list(consumer.versions.map(String)),
    readsWords(consumer, current),
  ]);
  return table(['Consumer', 'Owner', 'Queue', 'Order', 'Versions', 'Reads'], rows);
}

function readsWords({ facts, reader, versions }: DescribedConsumer, current: AnyContract): string {
  const words: string[] = [];
  if (reader === undefined) words.push('what its handler declares');
  else if (reader.partial) {
    const fields = schemaRows(reader.schema).rows.map(({ path }) => code(path));
    words.push(fields.length === 0 ? 'nothing of the data' : `only ${list(fields)}`);
  } else words.push('everything');
  if (reader !== undefined && reader.version !== current.version)
    words.push(`written against version ${reader.version}`);
  if (reader !== undefined && `${reader.accepts.toSorted((a, b) => b - a)}` !== `${versions}`) {
    words.push(`its code accepts ${list(reader.accepts.map((one) => `version ${one}`))}`);
  }
  if (facts.pinned) words.push('pinned: its filter lets no other version pass');
  return words.join('; ');
}

function versionsIn(events: readonly string[], type: string): string {
  const own = events.flatMap((one) => (one.split(':')[2] === type ? [Number(one.split(':')[3])] : []));
  return list(own.toSorted((a, b) => b - a).map(String));
}
