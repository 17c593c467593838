import { versionOf } from '../contract.ts';
import type { ConsumerFacts } from '../pipeline.ts';
import { type KnownVersion, typeOf } from './declared.ts';
import type { Finding } from './finding.ts';
import { leadFrom } from './impact.ts';
import type { ReaderView } from './reader-view.ts';
import { readingOf } from './reading.ts';
import type { RegisteredVersion } from './registry.ts';

/** What is known of the pipeline around a consumer. */
interface Surroundings {
  /** What its topic carries. */
  readonly carried: readonly string[];
  readonly known: ReadonlyMap<string, readonly KnownVersion[]>;
  readonly consumers: readonly ConsumerFacts[];
  readonly published: readonly RegisteredVersion[];
}

/**
 * Versions that a consumer's code has left behind though they still reach it: the one that was current when the branch began,
 * which is in flight and is written until every producer is deployed, and those that only producers know of. What its topic
 * carries and lets pass to it is judged with its subscription.
 */
export function judgeLeft(
  consumer: ConsumerFacts,
  views: readonly ReaderView[],
  { carried, known, consumers, published }: Surroundings,
): Finding[] {
  const { name, owner, pinned, headers = [] } = consumer;
  const types = [...new Set(consumer.events.map(typeOf))];
  return types.flatMap((type) => {
    const ofType = views.filter((view) => view.type === type);
    if (ofType.length === 0) return [];
    const newest = Math.max(...ofType.map(({ version }) => version));
    const current = Math.max(...published.flatMap((one) => (one.type === type ? [one.version] : [])));
    const passing = versionsOf(type, carried);
    const written = versionsOf(type, writtenFor(consumer, consumers));
    const left = new Map<number, string>();
    const leave = (version: number, words: string) => {
      // a later version is another story, and what the filter lets pass is told of already
      if (version > newest || left.has(version) || (!pinned && passing.includes(version))) return;
      const one = known.get(type)?.find((each) => each.version === version) ?? { version, declared: undefined };
      const reads = pinned ? ofType.some(({ accepts }) => accepts.includes(version)) : readingOf(ofType, one);
      if (reads) return;
      if ('headers' in one && headers.some((header) => !one.headers.includes(header))) return;
      left.set(version, words);
    };
    if (Number.isFinite(current)) leave(current, 'is what it reads today');
    // side by side, whoever is pinned has its own copy
    const reaching = written.length > 0 ? written : passing;
    const hasOwn = pinned && reaching.some((version) => ofType.some(({ accepts }) => accepts.includes(version)));
    if (!hasOwn)
      for (const version of reaching) leave(version, written.length > 0 ? 'is still published' : 'is carried');
    return [...left].map(([version, words]): Finding => {
      const accepts = [...new Set(ofType.flatMap((view) => view.accepts))].toSorted((a, b) => b - a).join(', ');
      const fate = pinned ? 'its filter would drop it' : 'it would be a dead letter';
      const message = `${name} (${owner}): version ${version} of ${type} ${words}, and its new code accepts ${accepts} only. What is in flight, or comes from producers that are deployed later, is lost on it: ${fate}. ${leadFrom(ofType, version)}`;
      return { kind: 'leftBehind', severity: 'error', type, version, consumer: name, owner, message };
    });
  });
}

function versionsOf(type: string, dataschemas: readonly string[]): number[] {
  const found = dataschemas.filter((one) => typeOf(one) === type).flatMap((one) => versionOf(one) ?? []);
  return [...new Set(found)];
}

/** What the functions of the pipeline publish to where the consumer gets it from, as far as they say. */
function writtenFor({ kind, topic }: ConsumerFacts, consumers: readonly ConsumerFacts[]): string[] {
  return consumers.flatMap(({ produces, publishesTo }) => {
    if (kind === 'commandQueue' || publishesTo === undefined) return produces;
    return publishesTo.flatMap((one) => (topic !== undefined && one.topic === topic ? one.events : []));
  });
}
