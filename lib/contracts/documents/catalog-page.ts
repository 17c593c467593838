import type { AnyContract } from '../contract.ts';
import { type DescribedConsumer, type DescribedType, namedBy, shownVersions } from './described.ts';
import { historyOf } from './history.ts';
import { code, list, table, text } from './markdown.ts';
import { schemaRows } from './schema-rows.ts';
import type { DescribedTopic } from './topics.ts';
import { versionSection } from './version-section.ts';

/** The first line of every page that is made, and the mark by which it is known again. */
export const PAGE_MARK = '<!-- Written by `baton contracts docs`. Change the contracts, then run it again. -->';

const NOBODY = 'nobody said so';
const BY_KEY = 'by key';
const UNORDERED = 'none';

/** The name of a type's page. */
export function pageName(type: string): string {
  // README.md is the index, and some file systems take upper and lower case for the same
  return type === 'readme' ? 'readme-.md' : `${type}.md`;
}

/**
 * The page of a type, as Markdown: the same text each time.
 * @param registry where the registry is, seen from the page; undefined when its files are not to be linked
 */
export function catalogPage(described: DescribedType, registry?: string): string {
  const { type, current, versions, live } = described;
  const shown = shownVersions(described);
  const parts = [
    PAGE_MARK,
    `# ${type}`,
    text(current.description),
    factsTable(described),
    ...(shown.length > 1 ? ['## Versions', versionsTable(described, shown)] : []),
    ...shown.map((version) =>
      versionSection(
        version,
        versions.find((one) => one.version === version),
        registry,
      ),
    ),
    ...(current.kind === 'event' ? ['## Topics', topics(described)] : []),
    '## Producers',
    producers(described),
    '## Consumers',
    consumers(described),
    '## History',
    historyOf(versions, live),
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

function factsTable(described: DescribedType): string {
  const { current } = described;
  const owners = ownersOf(described);
  const rows: [string, string][] = [
    ['Kind', current.kind],
    ['Owner', owners.length === 0 ? NOBODY : list(owners.map(text))],
    ['Versions', versionsWords(described)],
  ];
  return table(['Contract', ''], rows);
}

/** The versions that are live, and those that code declares for later: `2 and 1; declared: 3`. */
export function versionsWords(described: DescribedType): string {
  const { live } = described;
  const later = shownVersions(described).filter((version) => !live.includes(version));
  return [
    ...(live.length > 0 ? [list(live.map(String))] : []),
    ...(later.length > 0 ? [`declared: ${list(later.map(String))}`] : []),
  ].join('; ');
}

/** Who has to do with which version: what somebody looks at in the middle of a migration. */
function versionsTable({ current, live, topics, producers, consumers, type }: DescribedType, shown: readonly number[]) {
  const head = [...(current.kind === 'event' ? ['Topics'] : []), 'Producers', 'Consumers'];
  const rows = shown.map((version) => {
    const link = `[${version}](#version-${version})`;
    if (!live.includes(version)) return [link, ...head.map(() => 'nobody yet')];
    const carrying = topics.filter(({ events }) => events.some((event) => isVersion(event, type, version)));
    const named = (those: readonly { facts: { name: string }; versions: readonly number[] }[]) =>
      list(those.filter(({ versions }) => versions.includes(version)).map(({ facts }) => text(facts.name)));
    return [
      link,
      ...(current.kind === 'event' ? [list(carrying.map(topicName))] : []),
      named(producers),
      named(consumers),
    ];
  });
  return table(['Version', ...head], rows);
}

function isVersion(event: string, type: string, version: number): boolean {
  const named = namedBy(event);
  return named?.type === type && named.version === version;
}

function topics({ type, topics }: DescribedType): string {
  if (topics.length === 0) return 'No topic of this pipeline carries it.';
  const rows = topics.map((topic) => [
    topicName(topic),
    topic.own ? (topic.owner === undefined ? NOBODY : text(topic.owner)) : 'made elsewhere',
    topic.ordered ? BY_KEY : UNORDERED,
    versionsIn(topic.events, type),
  ]);
  return table(['Topic', 'Owner', 'Order', 'Versions'], rows);
}

function producers({ current, producers, topics }: DescribedType): string {
  if (producers.length === 0) {
    return `No function of this pipeline declares that it ${current.kind === 'event' ? 'publishes' : 'sends'} it.`;
  }
  // with one topic, there is nothing to tell apart
  const tellsTopics = topics.length > 1;
  const rows = producers.map(({ facts, versions, topics }) => [
    text(facts.name),
    text(facts.owner),
    list(versions.map(String)),
    ...(tellsTopics ? [list(topics.map(topicName))] : []),
  ]);
  return table(['Function', 'Owner', 'Versions', ...(tellsTopics ? ['Publishes to'] : [])], rows);
}

function consumers({ current, consumers, topics }: DescribedType): string {
  if (consumers.length === 0) return 'Nobody in this pipeline.';
  const tellsTopics = topics.length > 1;
  const rows = consumers.map((consumer) => [
    text(consumer.facts.name),
    text(consumer.facts.owner),
    ...(tellsTopics ? [consumer.topic === undefined ? '' : topicName(consumer.topic)] : []),
    code(consumer.facts.queue),
    consumer.facts.ordered ? BY_KEY : UNORDERED,
    list(consumer.versions.map(String)),
    readsWords(consumer, current),
  ]);
  const from = tellsTopics ? ['From'] : [];
  return table(['Consumer', 'Owner', ...from, 'Queue', 'Order', 'Versions', 'Reads'], rows);
}

/** A name as code; what stands for a topic without one as words. */
function topicName({ name, title }: DescribedTopic): string {
  return name === undefined ? text(title) : code(name);
}

function readsWords({ facts, reader, versions }: DescribedConsumer, current: AnyContract): string {
  const words: string[] = [];
  if (reader === undefined) words.push('what its handler declares');
  else if (reader.partial) {
    const paths = schemaRows(reader.schema).rows.flatMap(({ path }) => (path === '' ? [] : [path]));
    // what something is read of is read as well
    const fields = paths.filter(
      (path) => !paths.some((one) => one.startsWith(path) && ['.', '[', '('].includes(one[path.length]!)),
    );
    words.push(fields.length === 0 ? 'nothing of the data' : `only ${list(fields.map(code))}`);
  } else words.push('everything');
  if (reader !== undefined && reader.version !== current.version)
    words.push(`written against version ${reader.version}`);
  if (reader !== undefined && `${reader.accepts.toSorted((a, b) => b - a)}` !== `${versions}`) {
    words.push(`its code accepts ${list(reader.accepts.map((one) => `version ${one}`))}`);
  }
  if (facts.headers !== undefined) words.push(`only what its filter on ${list(facts.headers.map(code))} lets pass`);
  if (facts.pinned) words.push('pinned: its filter lets no other version pass');
  return words.join('; ');
}

function versionsIn(events: readonly string[], type: string): string {
  const own = [...new Set(events)].map(namedBy).flatMap((named) => (named?.type === type ? [named.version] : []));
  return list(own.toSorted((a, b) => b - a).map(String));
}
