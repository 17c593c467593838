import type { ConsumerFacts, PipelineFacts } from '../pipeline.ts';
import { order, sorted } from './sorting.ts';
import { type DescribedTopic, isFifo, sourceOf, targetsOf, topicsOf } from './topics.ts';

/** A topic, or a queue that is sent to directly. */
export interface Channel {
  /** Its id in the document. */
  readonly id: string;
  /** The key of the topic, or the name of the queue, by which the facts mean it. */
  readonly key: string;
  readonly protocol: 'sns' | 'sqs';
  /** Undefined when only a deployment knows it. */
  readonly address: string | undefined;
  /** What people call it. */
  readonly title: string;
  readonly owner: string | undefined;
  readonly ordered: boolean;
  /** The topic's; undefined for a queue. */
  readonly topic: DescribedTopic | undefined;
  /** Who handles what is in the queue; undefined for a topic. */
  readonly handler: ConsumerFacts | undefined;
  /** Dataschemas of what travels there. */
  readonly events: readonly string[];
}

/** Something that is done with a channel. */
export interface Traffic {
  readonly channel: Channel;
  readonly events: readonly string[];
}

/** A channel for each topic and each command queue. Queues of consumers are no channels: nobody but a topic sends there. */
export function channelsOf(facts: PipelineFacts, known: ReadonlyMap<string, unknown>): Channel[] {
  // a consumer may also list earlier versions that nobody has a schema of any more
  const events = (list: readonly string[]) => [...new Set(list.filter((one) => known.has(one)))].toSorted(order);
  const channels: Channel[] = [];
  const idOf = (wished: string, otherwise = wished) => {
    const taken = (id: string) => channels.some((channel) => channel.id === id);
    if (!taken(wished)) return wished;
    let free = otherwise;
    for (let count = 2; taken(free); count++) free = `${otherwise}.${count}`;
    return free;
  };
  for (const topic of topicsOf(facts)) {
    const { key, name, arn, title, owner, ordered } = topic;
    channels.push({
      id: idOf(`sns.${plainId(name ?? key)}`, `sns.${plainId(key)}`),
      key,
      protocol: 'sns',
      address: arn ?? name,
      title,
      owner,
      ordered,
      topic,
      handler: undefined,
      events: events(topic.events),
    });
  }
  for (const handler of sorted(facts.consumers.filter(({ kind }) => kind === 'commandQueue'))) {
    const { queue, owner, ordered } = handler;
    channels.push({
      id: idOf(`sqs.${plainId(queue)}`),
      key: queue,
      protocol: 'sqs',
      address: queue,
      title: queue,
      owner,
      ordered: ordered || isFifo(queue),
      topic: undefined,
      handler,
      events: events(handler.events),
    });
  }
  return channels.filter((channel) => channel.events.length > 0).toSorted((a, b) => order(a.id, b.id));
}

/** What a function receives, and from where. */
export function receivedBy(consumer: ConsumerFacts, channels: readonly Channel[]): Traffic | undefined {
  const source = sourceOf(consumer);
  const channel = channels.find(({ key, topic, handler }) =>
    source === undefined ? handler === consumer : topic !== undefined && key === source,
  );
  const events = channel?.events.filter((one) => consumer.events.includes(one)) ?? [];
  return channel === undefined || events.length === 0 ? undefined : { channel, events };
}

/** What a function sends, and where to: events to topics that {@link targetsOf} names, commands to the queues that take them. */
export function sentBy(producer: ConsumerFacts, channels: readonly Channel[]): Traffic[] {
  const topics = channels.flatMap(({ topic }) => topic ?? []);
  const targets = new Map(producer.produces.map((event) => [event, targetsOf(producer, event, topics)]));
  const isSaid = (event: string) => producer.publishesTo?.some(({ events }) => events.includes(event)) ?? false;
  return channels
    .map((channel) => ({
      channel,
      events: channel.events.filter((event) =>
        channel.topic === undefined
          ? producer.produces.includes(event) && !isSaid(event)
          : (targets.get(event)?.includes(channel.key) ?? false),
      ),
    }))
    .filter(({ events }) => events.length > 0);
}

/** Ids are for generators of code as well. */
export function plainId(name: string): string {
  return name.replace(/[^A-Za-z0-9_.-]/g, '_');
}
