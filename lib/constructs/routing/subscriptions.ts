import { AspectPriority, Aspects, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { AnyContract } from '../../contracts/index.ts';
import { DEFAULT_TOPIC_SIZE } from './payload-limit.ts';
import type { IEventTopic } from './topic-base.ts';

/** Who gets what of a topic. */
export interface Subscriptions {
  add(subscriber: IConstruct, events: readonly AnyContract[]): void;
}

/** Of a FIFO topic, and of one with large messages (source: Amazon SNS endpoints and quotas; "Publishing large messages"). */
const FEW_SUBSCRIPTIONS = 100;
/** Of a topic, until the quota is raised (source: Amazon SNS developer guide, "Filter policy constraints"). */
const FILTER_POLICIES = 200;

/**
 * Watches who subscribes to a topic, and judges it when the app is complete: an event that nobody takes is a warning
 * (`baton:eventWithoutConsumer`), so are more filter policies than the quota (`baton:manyFilterPolicies`); more
 * subscriptions than SNS takes are an error.
 */
export function watchSubscriptions(topic: IEventTopic): Subscriptions {
  const subscribers: { readonly events: readonly AnyContract[] }[] = [];
  topic.node.addValidation({ validate: () => tooMany(topic, subscribers.length) });
  // Whatever is made later in the app, and by other aspects, is there by then.
  Aspects.of(topic).add(
    {
      visit(node) {
        if (node !== topic) return;
        warnOfUnheard(topic, subscribers);
        warnOfQuota(topic, subscribers.length);
      },
    },
    { priority: AspectPriority.READONLY },
  );
  return { add: (_, events) => subscribers.push({ events }) };
}

function tooMany(topic: IEventTopic, count: number): string[] {
  if (count <= FEW_SUBSCRIPTIONS) return [];
  const isLarge = topic.maxMessageSize.toBytes() > DEFAULT_TOPIC_SIZE.toBytes();
  if (!topic.ordered && !isLarge) return [];
  const kind = topic.ordered ? 'a FIFO topic' : 'a topic with messages over 256 KiB';
  return [
    `It has ${count} subscriptions; ${kind} takes ${FEW_SUBSCRIPTIONS}. Split its events over several topics${topic.ordered ? '' : ', or lower `maxMessageSize`'}.`,
  ];
}

function warnOfUnheard(topic: IEventTopic, subscribers: readonly { readonly events: readonly AnyContract[] }[]): void {
  const heard = new Set(subscribers.flatMap(({ events }) => events.map(({ dataschema }) => dataschema)));
  for (const { type, version, dataschema } of topic.events) {
    if (heard.has(dataschema)) continue;
    Validations.of(topic).addWarning(
      'baton:eventWithoutConsumer',
      `No consumer of this app takes '${type}' version ${version}: it is published and forgotten. Give it a Consumer, take it off the topic, or acknowledge this when its consumers are elsewhere.`,
      { context: { event: type } },
    );
  }
}

function warnOfQuota(topic: IEventTopic, count: number): void {
  if (count <= FILTER_POLICIES) return;
  Validations.of(topic).addWarning(
    'baton:manyFilterPolicies',
    `It has ${count} filter policies, and SNS takes ${FILTER_POLICIES} a topic unless the quota is raised. Ask for a higher quota, or split its events over several topics.`,
  );
}
