import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { AnyContract } from '../contracts/index.ts';
import { undeliverableAlarm } from './alarms/consumer-alarms.ts';
import { lastResort } from './delivery/guarded-queue.ts';
import { QueueFunction, type QueueFunctionProps } from './delivery/queue-function.ts';
import { UnsafePropsError } from './errors.ts';
import type { EventTopic } from './event-topic.ts';
import { admitSns } from './security/encryption.ts';

/** What a {@link Consumer} takes. */
export interface ConsumerProps extends QueueFunctionProps {
  readonly topic: EventTopic;

  /** The events it wants; the topic has to carry them. */
  readonly events: readonly AnyContract[];

  /**
   * Whether it gets the events of one key one after the other, in the order they were published (a FIFO queue; the
   * topic has to be ordered as well). Otherwise it gets them side by side, in any order.
   *
   * @default as the topic
   */
  readonly ordered?: boolean;

  /**
   * The customer managed key that encrypts queues and log; its policy is extended to admit SNS and CloudWatch Logs. An
   * imported key has to admit both already.
   *
   * @default the topic's key
   */
  readonly encryptionKey?: kms.IKey;
}

/**
 * A function that handles events of a topic: subscription with a filter, queue, DLQ, function and alarms.
 *
 * The filter is on the event's type. It is not on its version: a version that this consumer does not know yet ends in
 * its DLQ, where somebody sees it, and not in SNS's filter, where nobody does.
 *
 * What SNS itself cannot put into the queue is kept in `undeliverable`, a queue of its own with an alarm of its own:
 * it never was in the consumer's hands, and `StartMessageMoveTask` does not accept the DLQ of a subscription.
 *
 * @throws UnsafePropsError when messages could be lost, blocked or repeated, or the topic does not carry an event
 * @throws BundleError when the handler is missing or does not compile
 */
export class Consumer extends QueueFunction {
  readonly subscription: sns.Subscription;
  /** What SNS could not deliver. Of the kind of the topic: a FIFO topic takes a FIFO queue only. */
  readonly undeliverable: sqs.Queue;
  readonly undeliverableAlarm: cloudwatch.Alarm;

  constructor(scope: Construct, id: string, props: ConsumerProps) {
    const { topic, events } = props;
    super(scope, id, props, {
      ordered: props.ordered ?? topic.ordered,
      encryptionKey: props.encryptionKey ?? topic.encryptionKey,
      description: `Handles ${events.map((event) => event.type).join(', ')} for ${props.owner}`,
    });
    refuseBadSubscription(this, props);
    admitSns(this.encryptionKey);
    this.undeliverable = lastResort(this, 'Undeliverable', {
      name: 'undeliverable',
      ordered: topic.ordered,
      encryptionKey: this.encryptionKey,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.DENY_ALL },
    });
    Validations.of(this.undeliverable).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is itself the dead-letter queue of the SNS subscription; the rule knows those of queues only.',
    });
    const { policyDependable } = this.queue.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'TopicDelivers',
        principals: [new iam.ServicePrincipal('sns.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.queue.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': topic.topic.topicArn } },
      }),
    );
    this.subscription = new sns.Subscription(this, 'Subscription', {
      topic: topic.topic,
      protocol: sns.SubscriptionProtocol.SQS,
      endpoint: this.queue.queueArn,
      rawMessageDelivery: true,
      filterPolicy: {
        type: sns.SubscriptionFilter.stringFilter({ allowlist: [...new Set(events.map((event) => event.type))] }),
      },
      deadLetterQueue: this.undeliverable,
    });
    // Otherwise events that are published in between are refused by the queue, and end undeliverable.
    if (policyDependable) this.subscription.node.addDependency(policyDependable);
    this.undeliverableAlarm = undeliverableAlarm(this.health, this.undeliverable);
  }
}

function refuseBadSubscription(scope: Construct, { topic, events, ordered }: ConsumerProps): void {
  if (ordered && !topic.ordered) {
    throw new UnsafePropsError(
      scope,
      `It is ordered, but ${topic.node.path} is not, and hands events on in any order.`,
      'Make the topic ordered as well, or leave `ordered` out.',
    );
  }
  if (events.length === 0) {
    throw new UnsafePropsError(scope, 'It wants no events.', 'List at least one in `events`.');
  }
  const foreign = events.find((event) => !topic.carries(event));
  if (foreign) {
    throw new UnsafePropsError(
      scope,
      `It wants '${foreign.type}' version ${foreign.version}, which ${topic.node.path} does not carry: it would wait forever.`,
      "Add the event to the topic's `events`, or take it off this list.",
    );
  }
}
