import type { JsonSchema } from '../compatibility/index.ts';
import { type AnyContract, versionOf } from '../contract.ts';
import type { ConsumerFacts, PipelineFacts, TopicFacts } from '../pipeline.ts';
import type { ReaderView } from '../registry/reader-view.ts';
import type { RegisteredVersion } from '../registry/registry.ts';
import { schemaDocument } from '../registry/schema-document.ts';
import { accepted } from '../versions.ts';

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
  readonly dataschema: string;
  readonly schema: JsonSchema;
  /** Missing when only the registry knows the version. */
  readonly contract: AnyContract | undefined;
}

/** A consumer of a type. */
export interface DescribedConsumer {
  readonly facts: ConsumerFacts;
  /** The versions that reach it, newest first. */
  readonly versions: readonly number[];
  /** What its code reads, where that is known. */
  readonly reader: ReaderView | undefined;
}

/** A type of events or commands with all its versions, and who has to do with it. */
export interface DescribedType {
  readonly type: string;
  /** The newest version that code declares. */
  readonly current: AnyContract;
  /** Newest first. */
  readonly versions: readonly DescribedVersion[];
  readonly topics: readonly TopicFacts[];
  readonly consumers: readonly DescribedConsumer[];
  readonly producers: readonly ConsumerFacts[];
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
  const declared = contracts.map(
    (contract): DescribedVersion => ({
      version: contract.version,
      major: contract.major,
      dataschema: contract.dataschema,
      schema: schemaDocument(contract),
      contract,
    }),
  );
  const history = registered
    .filter((one) => one.type === type && !contracts.some(({ version }) => version === one.version))
    .map(
      ({ version, document, facts }): DescribedVersion => ({
        version,
        major: facts.major,
        dataschema: String(document.$id),
        schema: document,
        contract: undefined,
      }),
    );
  const versionsIn = (events: readonly string[]) =>
    events
      .map(namedBy)
      .flatMap((named) => (named?.type === type ? [named.version] : []))
      .toSorted((a, b) => b - a);
  return {
    type,
    current: contracts.reduce((newest, one) => (one.version > newest.version ? one : newest)),
    versions: [...declared, ...history].toSorted((a, b) => b.version - a.version),
    topics: sorted(facts.topics.filter(({ events }) => versionsIn(events).length > 0)),
    producers: sorted(facts.consumers.filter(({ produces }) => versionsIn(produces).length > 0)),
    consumers: sorted(facts.consumers)
      .map((consumer) => ({
        facts: consumer,
        versions: versionsIn(consumer.events),
        reader: readers.find((reader) => reader.consumer === consumer.name && reader.type === type),
      }))
      .filter(({ versions }) => versions.length > 0),
  };
}

/** By name, whatever order the templates came in. */
export function sorted<Named extends { readonly name: string }>(list: readonly Named[]): Named[] {
  return list.toSorted((a, b) => order(a.name, b.name));
}

/** By code points: the same everywhere, whatever the machine's language is. */
export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
