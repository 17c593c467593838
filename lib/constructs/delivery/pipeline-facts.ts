import { Token } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import {
  CONSUMER_METADATA,
  type ConsumerFacts,
  type ImportedTopicFacts,
  type PublicationFacts,
  TOPIC_METADATA,
  type TopicFacts,
} from '../../contracts/pipeline.ts';
import type { EventTopic, IEventTopic } from '../event-topic.ts';
import type { Publication } from './produced-events.ts';
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
  readonly headers?: readonly string[];
};

/** Says in the template what a function consumes and publishes. */
export function describeConsumer(
  consumer: QueueFunction & { readonly topic?: IEventTopic },
  { kind, owner, topic, headers = [], ...told }: Told,
): void {
  const importedTopic = consumer.topic && importedTopicFacts(consumer.topic);
  const maxReceives = consumer.queue.deadLetterQueue?.maxReceiveCount;
  const facts: ConsumerFacts = {
    name: consumer.name,
    owner,
    kind,
    queue: nameOfQueue(consumer.queue),
    deadLetterQueue: nameOfQueue(consumer.deadLetterQueue),
    ...(maxReceives !== undefined && { maxReceives }),
    ...(topic !== undefined && { topic }),
    ...(importedTopic !== undefined && { importedTopic }),
    ...told,
    ...(headers.length > 0 && { headers }),
    produces: consumer.produces.map(({ dataschema }) => dataschema),
    ...(consumer.publications.length > 0 && { publishesTo: consumer.publications.map(publicationFacts) }),
  };
  (consumer.function.node.defaultChild as lambda.CfnFunction).addMetadata(CONSUMER_METADATA, facts);
}

function publicationFacts({ topic, events }: Publication): PublicationFacts {
  const name = nameOfTopic(topic.topic);
  const importedTopic = importedTopicFacts(topic);
  return {
    ...(name !== undefined && { topic: name }),
    ...(importedTopic !== undefined && { importedTopic }),
    events: events.map(({ dataschema }) => dataschema),
  };
}

/** What is known of a topic that is made elsewhere; undefined when it is made here. */
function importedTopicFacts({ topic, ordered, node }: IEventTopic): ImportedTopicFacts | undefined {
  if (topic.node.defaultChild !== undefined) return undefined;
  return { path: node.path, ...(!Token.isUnresolved(topic.topicArn) && { arn: topic.topicArn }), ordered };
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
