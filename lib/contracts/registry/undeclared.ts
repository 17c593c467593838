import { dataschemaOf, versionOf } from '../contract.ts';
import type { PipelineFacts } from '../pipeline.ts';
import { type KnownVersion, typeOf } from './declared.ts';
import type { Finding } from './finding.ts';
import type { ReaderView } from './reader-view.ts';

/** Who uses a version, in words, and whether that is only by a topic that is made elsewhere. */
export interface Use {
  readonly dataschema: string;
  readonly words: string;
  readonly foreign: boolean;
}

/**
 * Versions that the pipeline carries, publishes or reads, and that neither a module of the events nor the registry has: nobody
 * would notice a change of them. What only travels over topics that are made elsewhere is its owner's to keep, and a note.
 */
export function judgeUndeclared(
  known: ReadonlyMap<string, readonly KnownVersion[]>,
  readers: readonly ReaderView[],
  pipeline: PipelineFacts,
): Finding[] {
  const unknown = usesOf(readers, pipeline).filter(({ dataschema }) => {
    const version = versionOf(dataschema);
    return version !== undefined && !known.get(typeOf(dataschema))?.some((one) => one.version === version);
  });
  return [...Map.groupBy(unknown, ({ dataschema }) => dataschema)].map(([dataschema, uses]): Finding => {
    const [type, version] = [typeOf(dataschema), versionOf(dataschema)!];
    const words = [...new Set(uses.map((use) => use.words))].join(', ');
    if (uses.every(({ foreign }) => foreign)) {
      const message = `Its topic is made elsewhere (${words}), and no module here declares it: nobody here compares its versions.`;
      return { kind: 'undeclared', severity: 'note', type, version, message };
    }
    const message = `No module of the events declares it and the registry does not have it, but the pipeline uses it (${words}): nobody would notice a change. Declare it in the folder of the event modules (--events), or export it from there, and run \`npx baton contracts accept\`.`;
    return { kind: 'undeclared', severity: 'error', type, version, message };
  });
}

/** Every use of a version that the pipeline and the code of its consumers know. */
export function usesOf(readers: readonly ReaderView[], { topics, consumers }: PipelineFacts): Use[] {
  const carried = topics.flatMap(({ name, events }) =>
    events.map((dataschema): Use => ({ dataschema, words: `carried by ${name}`, foreign: false })),
  );
  const consumed = consumers.flatMap(({ name, kind, topic, importedTopic, events, produces, publishesTo = [] }) => {
    const foreign = importedTopic !== undefined || (kind === 'consumer' && !topics.some((one) => one.name === topic));
    const views = readers.filter(({ consumer }) => consumer === name);
    const read = views.flatMap(({ type, accepts }) => accepts.map((version) => dataschemaOf(type, version)));
    return [
      ...[...events, ...read].map((dataschema): Use => ({ dataschema, words: `read by ${name}`, foreign })),
      ...produces.map((dataschema): Use => {
        const targets = publishesTo.filter((one) => one.events.includes(dataschema));
        const leaves = targets.length > 0 && targets.every((one) => one.importedTopic !== undefined);
        return { dataschema, words: `published by ${name}`, foreign: leaves };
      }),
    ];
  });
  return [...carried, ...consumed];
}
