/**
 * What a synthesized pipeline says of itself: who owns, carries, consumes and publishes which version of which event. Constructs
 * write it into their templates as `Metadata`, tools read it there. Events are named by their `dataschema`.
 */
export interface PipelineFacts {
  readonly topics: readonly TopicFacts[];
  readonly consumers: readonly ConsumerFacts[];
}

/** The key of {@link TopicFacts} in the metadata of an `AWS::SNS::Topic`. */
export const TOPIC_METADATA = 'baton:topic';

/** The key of {@link ConsumerFacts} in the metadata of an `AWS::Lambda::Function`. */
export const CONSUMER_METADATA = 'baton:consumer';

/** A topic. */
export interface TopicFacts {
  /** The topic's name. */
  readonly name: string;
  /** The team that answers for it; missing when nobody said so. */
  readonly owner?: string;
  /** Whether it keeps the order of the events of one key. */
  readonly ordered: boolean;
  /** What it carries. */
  readonly events: readonly string[];
}

/** What is known of a topic that is made elsewhere. */
export interface ImportedTopicFacts {
  /** The path of the construct that stands for it: all there is when only a deployment knows its name. */
  readonly path: string;
  /** Missing when only a deployment knows it. */
  readonly arn?: string;
  readonly ordered: boolean;
}

/** A topic that a handler publishes to. */
export interface PublicationFacts {
  /** Its name; missing when only a deployment knows it. */
  readonly topic?: string;
  /** Missing when the pipeline itself makes the topic. */
  readonly importedTopic?: ImportedTopicFacts;
  /** What is published there. */
  readonly events: readonly string[];
}

/** A function that handles events of a topic, or the commands of a queue. */
export interface ConsumerFacts {
  /** As in metrics and dead letters. */
  readonly name: string;
  /** The team that answers for it. */
  readonly owner: string;
  readonly kind: 'consumer' | 'commandQueue';
  /** The names of its queues. */
  readonly queue: string;
  readonly deadLetterQueue: string;
  /** How many receives a message has before SQS itself takes it to the dead letters. */
  readonly maxReceives?: number;
  /** The name of the topic that it subscribes to; missing for a command queue, or when only a deployment knows it. */
  readonly topic?: string;
  /** Missing for a command queue, or when the pipeline itself makes the topic. */
  readonly importedTopic?: ImportedTopicFacts;
  readonly ordered: boolean;
  /** What reaches it, by its declaration: those that it lists and the earlier versions that it accepts. */
  readonly events: readonly string[];
  /** Whether its filter lets only these versions pass. */
  readonly pinned: boolean;
  /** The headers that its filter asks for: SNS drops what lacks one. Missing when it asks for none. */
  readonly headers?: readonly string[];
  /** What its handler publishes, as far as declared. */
  readonly produces: readonly string[];
  /** Where it publishes that. Missing when nobody said so: then it may be any topic that carries it. */
  readonly publishesTo?: readonly PublicationFacts[];
}
