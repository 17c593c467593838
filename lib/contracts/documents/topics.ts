import type { ConsumerFacts, ImportedTopicFacts, PipelineFacts } from '../pipeline.ts';
import { order, sorted } from './sorting.ts';

/** A topic that the pipeline has to do with, its own or one that is made elsewhere. */
export interface DescribedTopic {
  /** The same for all who mean this topic. */
  readonly key: string;
  /** Missing when only a deployment knows it. */
  readonly name: string | undefined;
  readonly arn: string | undefined;
  /** What people call it: its name, or what stands for it. */
  readonly title: string;
  /** Whether the pipeline makes it. */
  readonly own: boolean;
  readonly owner: string | undefined;
  readonly ordered: boolean;
  /** What it carries; of one that is made elsewhere, what is taken from it or published there. */
  readonly events: readonly string[];
}

/** How somebody names a topic. */
interface Reference {
  readonly topic?: string;
  readonly importedTopic?: ImportedTopicFacts;
}

/** All topics of a pipeline: first its own, then the others. */
export function topicsOf({ topics, consumers }: PipelineFacts): DescribedTopic[] {
  const own = sorted(topics).map(
    ({ name, owner, ordered, events }): DescribedTopic => ({
      key: name,
      name,
      arn: undefined,
      title: name,
      own: true,
      owner,
      ordered: ordered || isFifo(name),
      events,
    }),
  );
  const known = new Set(own.map(({ key }) => key));
  const imported = new Map<string, DescribedTopic>();
  const meet = (consumer: ConsumerFacts, reference: Reference, isOrdered: boolean, events: readonly string[]) => {
    const key = keyOf(consumer, reference);
    if (known.has(key)) return;
    const { topic: name, importedTopic: { path, arn, ordered } = {} } = reference;
    const there = imported.get(key);
    imported.set(key, {
      key,
      name,
      arn,
      title: name ?? (path === undefined ? `the topic of ${consumer.name}` : `the topic behind ${path}`),
      own: false,
      owner: undefined,
      ordered: there?.ordered || (name === undefined ? (ordered ?? isOrdered) : isFifo(name)),
      events: [...(there?.events ?? []), ...events],
    });
  };
  for (const consumer of sorted(consumers)) {
    const { ordered, events, publishesTo = [] } = consumer;
    if (consumer.kind === 'consumer') meet(consumer, consumer, ordered, events);
    for (const publication of publishesTo) meet(consumer, publication, false, publication.events);
  }
  return [...own, ...[...imported.values()].toSorted((a, b) => order(a.key, b.key))];
}

/** The key of the topic that a consumer subscribes to; undefined for a command queue. */
export function sourceOf(consumer: ConsumerFacts): string | undefined {
  return consumer.kind === 'consumer' ? keyOf(consumer, consumer) : undefined;
}

/**
 * The keys of the topics that a function publishes an event to. Where nobody said so, it may be any topic of this pipeline that
 * carries the event; one that is made elsewhere has to be named.
 */
export function targetsOf(producer: ConsumerFacts, event: string, topics: readonly DescribedTopic[]): string[] {
  const said = (producer.publishesTo ?? []).filter(({ events }) => events.includes(event));
  if (said.length > 0) return said.map((publication) => keyOf(producer, publication));
  return topics.filter(({ own, events }) => own && events.includes(event)).map(({ key }) => key);
}

/** Whether a topic or queue is a FIFO one: AWS has those, and only those, end so. */
export function isFifo(name: string): boolean {
  return name.endsWith('.fifo');
}

/** A name says which topic it is, unless it has an owner elsewhere who may use the same: then the ARN does. */
function keyOf({ name }: ConsumerFacts, { topic, importedTopic }: Reference): string {
  return importedTopic?.arn ?? topic ?? importedTopic?.path ?? `of ${name}`;
}
