import { versionOf } from '../contract.ts';
import type { ConsumerFacts, PipelineFacts } from '../pipeline.ts';
import { readableFrom } from '../versions.ts';
import { type DeclaredVersion, type KnownVersion, knownVersions } from './declared.ts';
import { unreadable } from './evolution.ts';
import type { Finding } from './finding.ts';
import type { ReaderView } from './reader-view.ts';
import type { Registry } from './registry.ts';

/**
 * What is wrong between a pipeline and the code of its consumers, whether anything changed or not: types and versions that
 * reach a handler that cannot read them, and views that need what the event does not have.
 * @param readers those of the consumers whose code could be opened; of others nothing is said
 */
export function judgeSubscriptions(
  declared: readonly DeclaredVersion[],
  registry: Pick<Registry, 'versions'>,
  readers: readonly ReaderView[],
  { topics, consumers }: PipelineFacts,
): Finding[] {
  const known = knownVersions(declared, registry);
  return [
    ...consumers.flatMap((consumer) => {
      const views = readers.filter((reader) => reader.consumer === consumer.name);
      if (views.length === 0) return [];
      const carried = topics.find(({ name }) => name === consumer.topic)?.events ?? [];
      return judgeConsumer(consumer, views, carried, known);
    }),
    ...readers.flatMap((reader) => judgeView(reader, known)),
  ];
}

function judgeConsumer(
  { name: consumer, owner, events, pinned }: ConsumerFacts,
  views: readonly ReaderView[],
  carried: readonly string[],
  known: ReadonlyMap<string, readonly KnownVersion[]>,
): Finding[] {
  const wanted = new Map(events.map((dataschema) => [dataschema, typeOf(dataschema)]));
  const types = new Set(wanted.values());
  // an unpinned subscription lets every version of its types pass that the topic carries
  if (!pinned) for (const one of carried) if (types.has(typeOf(one))) wanted.set(one, typeOf(one));
  return [...wanted].flatMap(([dataschema, type]): Finding[] => {
    const version = versionOf(dataschema);
    const ofType = views.filter((view) => view.type === type);
    const place = { severity: 'error', type, version, consumer, owner } as const;
    if (ofType.length === 0) {
      const message = `${consumer} (${owner}) gets ${type}, and its handler does not know the type: it would be a dead letter. Give its contract to \`consume\`, or take it out of the consumer's 'events'.`;
      return [{ ...place, kind: 'unhandled', message }];
    }
    if (version === undefined || canRead(ofType, type, version, known)) return [];
    const accepts = [...new Set(ofType.flatMap((view) => view.accepts))].toSorted((a, b) => b - a).join(', ');
    const message = `${consumer} (${owner}) gets version ${version} of ${type}, and its handler reads ${accepts}: it would be a dead letter. Write the handler against a version that has it as its 'previous', or set 'pinVersions'.`;
    return [{ ...place, kind: 'cannotRead', message }];
  });
}

function canRead(
  views: readonly ReaderView[],
  type: string,
  version: number,
  known: ReadonlyMap<string, readonly KnownVersion[]>,
): boolean {
  const accepts = views.flatMap((view) => view.accepts);
  if (accepts.includes(version)) return true;
  const contract = known.get(type)?.find((one) => one.version === version)?.declared?.contract;
  const oldest = contract === undefined ? version : readableFrom(contract);
  return accepts.some((one) => one < version && one >= oldest);
}

/** A view that was wrong from the start would dead-letter what its producer is right to write. */
function judgeView(
  { partial, type, version, schema, consumer, owner }: ReaderView,
  known: ReadonlyMap<string, readonly KnownVersion[]>,
): Finding[] {
  const one = partial ? known.get(type)?.find((each) => each.version === version) : undefined;
  if (one === undefined) return [];
  const missed = unreadable(one.document, schema as KnownVersion['document'], {
    written: `version ${version}`,
    reader: `what ${consumer} needs`,
  });
  if (missed.length === 0) return [];
  return [
    {
      kind: 'unsatisfied',
      severity: 'error',
      type,
      version,
      consumer,
      owner,
      message: `${consumer} (${owner}) needs what version ${version} of ${type} does not promise. Make its view (\`needs\`) fit the event.`,
      places: missed,
    },
  ];
}

function typeOf(dataschema: string): string {
  return dataschema.replace(/^urn:baton:/, '').replace(/:\d+$/, '');
}
