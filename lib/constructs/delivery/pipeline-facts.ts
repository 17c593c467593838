import { Token } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { CONSUMER_METADATA, type ConsumerFacts, TOPIC_METADATA, type TopicFacts } from '../../contracts/pipeline.ts';
import type { EventTopic } from '../event-topic.ts';
import type { QueueFunction } from './queue-function.ts';

// Names are those of the resources' own properties: an attribute would be a reference, and in another stack an export.

/** Says in the template what a topic carries. */
export function describeTopic({ topic, ordered, events }: EventTopic, owner: string | undefined): void {
  const resource = topic.node.defaultChild as sns.CfnTopic;
  const facts: TopicFacts = {
    name: resource.topicName!,
    ...(owner !== undefined && { owner }),
    ordered,
    events: events.map(({ dataschema }) => dataschema),
  };
  resource.addMetadata(TOPIC_METADATA, facts);
}

/** What the construct of a consumer knows of it that its function does not. */
type Told = Pick<ConsumerFacts, 'kind' | 'owner' | 'ordered' | 'events' | 'pinned'> & {
  readonly topic?: string | undefined;
};

/** Says in the template what a function consumes and publishes. */
export function describeConsumer(consumer: QueueFunction, { kind, owner, topic, ...told }: Told): void {
  const facts: ConsumerFacts = {
    name: consumer.name,
    owner,
    kind,
    queue: nameOfQueue(consumer.queue),
    deadLetterQueue: nameOfQueue(consumer.deadLetterQueue),
    ...(topic !== undefined && { topic }),
    ...told,
    produces: consumer.produces.map(({ dataschema }) => dataschema),
  };
  (consumer.function.node.defaultChild as lambda.CfnFunction).addMetadata(CONSUMER_METADATA, facts);
}

/** The name of a topic; undefined when it is known at deployment only. */
export function nameOfTopic(topic: sns.ITopic): string | undefined {
  const resource = topic.node.defaultChild as sns.CfnTopic | undefined;
  const name = resource?.topicName ?? topic.topicName;
  return Token.isUnresolved(name) ? undefined : name;
}

function nameOfQueue(queue: sqs.Queue): string {
  return (queue.node.defaultChild as sqs.CfnQueue).queueName!;
}
