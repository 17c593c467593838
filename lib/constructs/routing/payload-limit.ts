import { Size } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { UnsafePropsError } from '../errors.ts';
import type { IEventTopic } from './topic-base.ts';

/** What a topic takes unless it is told otherwise (source: Amazon SNS developer guide, "Publishing large messages"). */
export const DEFAULT_TOPIC_SIZE = Size.kibibytes(256);
/** The most that SNS and SQS take in one message, attributes included (source: the same; Amazon SQS quotas). */
export const LARGEST_MESSAGE = Size.kibibytes(1024);
const SMALLEST_MESSAGE = Size.kibibytes(1);
/** An item of DynamoDB has 400 KiB, and an outbox's entry needs some of it for itself. */
const LARGEST_OUTBOX_EVENT = Size.kibibytes(396);

/** @throws UnsafePropsError when it is not what SNS and SQS take */
export function refuseBadSize(scope: Construct, size: Size): void {
  if (size.toBytes() >= SMALLEST_MESSAGE.toBytes() && size.toBytes() <= LARGEST_MESSAGE.toBytes()) return;
  throw new UnsafePropsError(scope, `\`maxMessageSize\` is ${size.toBytes()} bytes.`, 'Give 1 KiB to 1 MiB.');
}

/** @throws UnsafePropsError when the topic takes what the queue would not */
export function refuseSmallerQueue(scope: Construct, topic: IEventTopic, size: Size): void {
  if (size.toBytes() >= topic.maxMessageSize.toBytes()) return;
  throw new UnsafePropsError(
    scope,
    `Its queue takes ${size.toBytes()} bytes, and ${topic.node.path} takes ${topic.maxMessageSize.toBytes()}: larger events could not be delivered.`,
    `Raise its \`maxMessageSize\`, or lower that of the topic.`,
  );
}

/** @throws UnsafePropsError when the topic takes events that its outbox could not keep */
export function refuseLargerThanOutbox(scope: Construct, topic: IEventTopic): void {
  if (topic.maxMessageSize.toBytes() <= LARGEST_OUTBOX_EVENT.toBytes()) return;
  throw new UnsafePropsError(
    scope,
    `${topic.node.path} takes events of ${topic.maxMessageSize.toBytes()} bytes; an outbox keeps them as items of DynamoDB, of up to ${LARGEST_OUTBOX_EVENT.toBytes()}.`,
    "Lower the topic's `maxMessageSize` to 396 KiB or less, or publish references to what is larger.",
  );
}

/** The variables by which a publishing function finds a topic and knows what it takes. */
export function topicEnvironment(topic: IEventTopic): Record<string, string> {
  const bytes = topic.maxMessageSize.toBytes();
  return {
    BATON_TOPIC_ARN: topic.topic.topicArn,
    ...(bytes !== DEFAULT_TOPIC_SIZE.toBytes() && { BATON_TOPIC_MAX_BYTES: String(bytes) }),
  };
}

/** The variable by which a producer knows what the topic behind its outbox takes, where the runtime would not guess it. */
export function outboxLimit(topic: IEventTopic): Record<string, string> {
  const size = topicEnvironment(topic).BATON_TOPIC_MAX_BYTES;
  return size === undefined ? {} : { BATON_OUTBOX_MAX_BYTES: size };
}

/** Tells a function that publishes what its topic takes, where that is not what the runtime takes for granted. */
export function announceTopicSize(fn: lambda.Function, topic: IEventTopic | undefined): void {
  const size = topic && topicEnvironment(topic).BATON_TOPIC_MAX_BYTES;
  if (size !== undefined) fn.addEnvironment('BATON_TOPIC_MAX_BYTES', size);
}

/** Says in the template what a queue takes. */
export function limitMessages(queue: sqs.Queue, size: Size): void {
  (queue.node.defaultChild as sqs.CfnQueue).maximumMessageSize = size.toBytes();
}
