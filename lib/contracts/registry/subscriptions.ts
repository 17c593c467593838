import { versionOf } from '../contract.ts';
import type { ConsumerFacts, PipelineFacts } from '../pipeline.ts';
import { type DeclaredVersion, type KnownVersion, knownVersions, typeOf } from './declared.ts';
import type { Finding } from './finding.ts';
import { judgeLeft } from './left-behind.ts';
import type { ReaderView } from './reader-view.ts';
import { readingOf, unsatisfied } from './reading.ts';
import type { Registry } from './registry.ts';
import { judgeUndeclared } from './undeclared.ts';

/**
 * What is wrong between a pipeline and the code of its consumers, whether anything changed or not: types and versions that
 * reach a handler that cannot read them, or that it has left behind, views that need what the event does not have, types that
 * a handler waits for in vain, and versions that nobody declares.
 * @param readers those of the consumers whose code could be opened; of others nothing is said
 * @param published the versions that were published before. @default those of the registry
 */
export function judgeSubscriptions(
  declared: readonly DeclaredVersion[],
  registry: Pick<Registry, 'versions'>,
  readers: readonly ReaderView[],
  { topics, consumers }: PipelineFacts,
  published: Pick<Registry, 'versions'> = registry,
): Finding[] {
  const known = knownVersions(declared, registry);
  return [
    ...consumers.flatMap((consumer) => {
      const views = readers.filter((reader) => reader.consumer === consumer.name);
      if (views.length === 0) return [];
      const carried = topics.find(({ name }) => name === consumer.topic)?.events ?? [];
      return [
        ...judgeConsumer(consumer, views, carried, known),
        ...judgeLeft(consumer, views, { carried, known, consumers, published: published.versions }),
        ...judgeUndelivered(consumer, views),
      ];
    }),
    ...readers.flatMap((reader) => judgeView(reader, known)),
    ...judgeUndeclared(known, readers, { topics, consumers }),
  ];
}

function judgeConsumer(
  { name: consumer, owner, events, pinned, headers = [] }: ConsumerFacts,
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
    if (version === undefined) return [];
    const one = known.get(type)?.find((each) => each.version === version);
    if (one !== undefined && headers.some((name) => !one.headers.includes(name))) return [];
    const reading = readingOf(ofType, one ?? { version, declared: undefined });
    if (reading !== undefined) {
      const { view, as } = reading;
      // its own version is judged by itself, an earlier one is read in full
      const missed = one && view.partial && as === 'later' ? unsatisfied(view, one, `version ${version}`) : [];
      if (missed.length === 0) return [];
      const message = `${consumer} (${owner}) gets version ${version} of ${type}, and that does not promise what it needs: it would be a dead letter. Write its view (\`needs\`) against version ${version}, or set 'pinVersions'.`;
      return [{ ...place, kind: 'unsatisfied', message, places: missed }];
    }
    const accepts = [...new Set(ofType.flatMap((view) => view.accepts))].toSorted((a, b) => b - a).join(', ');
    const message = `${consumer} (${owner}) gets version ${version} of ${type}, and its handler reads ${accepts}: it would be a dead letter. Write the handler against a version that has it as its 'previous', or set 'pinVersions'.`;
    return [{ ...place, kind: 'cannotRead', message }];
  });
}

/** A handler that waits for what its subscription does not ask for: nothing is lost, and somebody may wonder. */
function judgeUndelivered({ name: consumer, owner, events }: ConsumerFacts, views: readonly ReaderView[]): Finding[] {
  const delivered = new Set(events.map(typeOf));
  const waiting = new Map(views.filter(({ type }) => !delivered.has(type)).map((view) => [view.type, view.version]));
  return [...waiting].map(([type, version]): Finding => {
    const message = `${consumer} (${owner}) has a handler for ${type}, and nothing delivers the type to it. Add the event to the consumer's 'events', or take it out of the handler.`;
    return { kind: 'undelivered', severity: 'note', type, version, consumer, owner, message };
  });
}

/** A view that needs what its own version does not promise would dead-letter what its producer is right to write. */
function judgeView(view: ReaderView, known: ReadonlyMap<string, readonly KnownVersion[]>): Finding[] {
  const { partial, type, version, consumer, owner } = view;
  const one = partial ? known.get(type)?.find((each) => each.version === version) : undefined;
  const missed = one === undefined ? [] : unsatisfied(view, one, `version ${version}`);
  if (missed.length === 0) return [];
  const message = `${consumer} (${owner}) needs what version ${version} of ${type} does not promise. Make its view (\`needs\`) fit the event.`;
  return [{ kind: 'unsatisfied', severity: 'error', type, version, consumer, owner, message, places: missed }];
}
