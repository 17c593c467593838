import type { JsonSchema } from '../compatibility/index.ts';
import { type AnyContract, versionOf } from '../contract.ts';
import type { ConsumerFacts, PipelineFacts } from '../pipeline.ts';
import type { ReaderView } from '../registry/reader-view.ts';
import type { RegisteredVersion } from '../registry/registry.ts';
import { schemaDocument } from '../registry/schema-document.ts';
import { accepted } from '../versions.ts';
import { order, sorted } from './sorting.ts';
import { type DescribedTopic, sourceOf, targetsOf, topicsOf } from './topics.ts';

/** Everything that the documents are made of. */
export interface DescribedPipeline {
  /** What code declares; the versions reached by `previous` need not be listed. Consumers' views (`needs`) are left out. */
  readonly contracts: readonly AnyContract[];
  readonly facts: PipelineFacts;
  /** What was published, for the versions that code no longer has. @default nothing */
  readonly registered?: readonly RegisteredVersion[];
  /** What the consumers' code reads. @default only what they subscribe to is told */
  readonly readers?: readonly ReaderView[];
}

/** A version of a type. */
export interface DescribedVersion {
  readonly version: number;
  readonly major: number;
  readonly compatibility: string;
  readonly dataschema: string;
  readonly schema: JsonSchema;
  /** The paths that are masked wherever data is shown. */
  readonly sensitive: readonly string[];
  /** Missing when only the registry knows the version. */
  readonly contract: AnyContract | undefined;
  /** The name of its file in the registry; missing when it is not published. */
  readonly file: string | undefined;
}

/** A consumer of a type. */
export interface DescribedConsumer {
  readonly facts: ConsumerFacts;
  /** The versions that reach it, newest first. */
  readonly versions: readonly number[];
  /** Where they come from; undefined for a command queue. */
  readonly topic: DescribedTopic | undefined;
  /** What its code reads, where that is known. */
  readonly reader: ReaderView | undefined;
}

/** A function that publishes a type. */
export interface DescribedProducer {
  readonly facts: ConsumerFacts;
  /** Newest first. */
  readonly versions: readonly number[];
  /** Where it may publish them. */
  readonly topics: readonly DescribedTopic[];
}

/** A type of events or commands with all its versions, and who has to do with it. */
export interface DescribedType {
  readonly type: string;
  /** The newest version that code declares. */
  readonly current: AnyContract;
  /** Newest first. */
  readonly versions: readonly DescribedVersion[];
  /** The versions that a topic carries, or somebody produces or consumes, newest first; nobody may have the schema of one. */
  readonly live: readonly number[];
  /** The pipeline's own first. */
  readonly topics: readonly DescribedTopic[];
  readonly consumers: readonly DescribedConsumer[];
  readonly producers: readonly DescribedProducer[];
}

/** Every type that code declares, by name. */
export function describedTypes(pipeline: DescribedPipeline): DescribedType[] {
  const types = new Map<string, AnyContract[]>();
  for (const contract of pipeline.contracts.filter(({ partial }) => !partial).flatMap(accepted)) {
    const known = types.get(contract.type);
    if (known === undefined) types.set(contract.type, [contract]);
    else if (!known.some(({ version }) => version === contract.version)) known.push(contract);
  }
  return [...types].toSorted(([a], [b]) => order(a, b)).map(([type, contracts]) => describe(type, contracts, pipeline));
}

/** The types that only the registry knows, by name. */
export function retiredTypes(pipeline: DescribedPipeline): string[] {
  const declared = new Set(pipeline.contracts.map(({ type }) => type));
  const registered = (pipeline.registered ?? []).map(({ type }) => type);
  return [...new Set(registered)].filter((type) => !declared.has(type)).toSorted(order);
}

/** The type and version that a dataschema names; undefined when it is not one of ours. */
export function namedBy(dataschema: string): { type: string; version: number } | undefined {
  const version = versionOf(dataschema);
  return version === undefined ? undefined : { type: dataschema.split(':')[2]!, version };
}

function describe(type: string, contracts: readonly AnyContract[], pipeline: DescribedPipeline): DescribedType {
  const { facts, registered = [], readers = [] } = pipeline;
  const declared = contracts.map((contract): DescribedVersion => {
    const { version, major, compatibility, dataschema, sensitive } = contract;
    const published = registered.find((one) => one.type === type && one.version === version);
    const schema = schemaDocument(contract);
    return { version, major, compatibility, dataschema, schema, sensitive, contract, file: published?.file };
  });
  const history = registered
    .filter((one) => one.type === type && !contracts.some(({ version }) => version === one.version))
    .map(
      ({ version, document, facts, file }): DescribedVersion => ({
        version,
        major: facts.major,
        compatibility: facts.compatibility,
        dataschema: String(document.$id),
        schema: document,
        sensitive: facts.sensitive ?? [],
        contract: undefined,
        file,
      }),
    );
  const topics = topicsOf(facts);
  const versionsIn = (events: readonly string[]) =>
    [...new Set(events)]
      .map(namedBy)
      .flatMap((named) => (named?.type === type ? [named.version] : []))
      .toSorted((a, b) => b - a);
  const everywhere = [...topics, ...facts.consumers].flatMap(({ events }) => events);
  return {
    type,
    live: versionsIn([...everywhere, ...facts.consumers.flatMap(({ produces }) => produces)]),
    current: contracts.reduce((newest, one) => (one.version > newest.version ? one : newest)),
    versions: [...declared, ...history].toSorted((a, b) => b.version - a.version),
    topics: topics.filter(({ events }) => versionsIn(events).length > 0),
    producers: sorted(facts.consumers)
      .map((producer) => {
        const own = producer.produces.filter((event) => namedBy(event)?.type === type);
        const targets = own.flatMap((event) => targetsOf(producer, event, topics));
        return {
          facts: producer,
          versions: versionsIn(own),
          topics: topics.filter(({ key }) => targets.includes(key)),
        };
      })
      .filter(({ versions }) => versions.length > 0),
    consumers: sorted(facts.consumers)
      .map((consumer) => ({
        facts: consumer,
        versions: versionsIn(consumer.events),
        topic: topics.find(({ key }) => key === sourceOf(consumer)),
        reader: readers.find((reader) => reader.consumer === consumer.name && reader.type === type),
      }))
      .filter(({ versions }) => versions.length > 0),
  };
}

/** The versions that are described in full, newest first: those that are live, and those that code declares for later. */
export function shownVersions({ current, live, versions }: DescribedType): number[] {
  const later = versions
    .filter(({ contract, version }) => contract !== undefined && version > (live[0] ?? current.version - 1))
    .map(({ version }) => version);
  return [...later, ...live];
}
