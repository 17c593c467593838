import { RemovalPolicy, type Size, Token, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { AnyContract } from '../contracts/index.ts';
import { undeliverableAlarm } from './alarms/consumer-alarms.ts';
import { DEAD_LETTER_RETENTION, lastResort } from './delivery/guarded-queue.ts';
import { describeConsumer, nameOfTopic } from './delivery/pipeline-facts.ts';
import { QueueFunction, type QueueFunctionProps } from './delivery/queue-function.ts';
import { UnsafePropsError } from './errors.ts';
import { describe } from './routing/description.ts';
import { type HeaderRules, requiredHeaders } from './routing/header-rule.ts';
import {
  announceTopicSize,
  LARGEST_MESSAGE,
  limitMessages,
  refuseBadSize,
  refuseSmallerQueue,
} from './routing/payload-limit.ts';
import { type Distance, deliveringPrincipal, distanceBetween, isNear } from './routing/places.ts';
import { namesOf, policyOf, routingOf, type Wanted } from './routing/subscription-routing.ts';
import type { IEventTopic } from './routing/topic-base.ts';
import { admitForeignTopic, admitSns } from './security/encryption.ts';
import { roomFor } from './splitting-stack.ts';

export type { HeaderRules } from './routing/header-rule.ts';
export type { Wanted } from './routing/subscription-routing.ts';

/** What a {@link Consumer} takes. */
export interface ConsumerProps extends QueueFunctionProps {
  /** Also one of another stack, account or region: see `EventTopic.fromTopicAttributes`. */
  readonly topic: IEventTopic;

  /**
   * The events it wants; the topic has to carry them. A text is a pattern of types: `order.*` for everything below,
   * `*.placed` for everything that ends so, `*` for everything. A pattern also takes what the topic will carry one day; the
   * handler dead-letters what it has no contract for. Of a contract all versions of its type come; it accepts its own and
   * those that lead there by `previous`.
   */
  readonly events: Wanted;

  /**
   * Whether SNS lets only those versions pass that the contracts in `events` accept. Others never reach the queue: right while
   * a topic carries versions side by side, of which this consumer wants one. Otherwise what it cannot read is refused here,
   * or ends in its DLQ, where somebody sees it. Contracts only: no patterns.
   *
   * @default false
   */
  readonly pinVersions?: boolean;

  /**
   * What the headers of an event have to be, by name: `{ region: sns.SubscriptionFilter.stringFilter({ allowlist: ['eu'] }) }`.
   * All rules have to hold; four at most. Each wanted event has to declare the header.
   *
   * @default whatever they are
   */
  readonly headers?: HeaderRules;

  /**
   * Whether it gets the events of one key one after the other, in the order they were published (a FIFO queue; the
   * topic has to be ordered as well). Otherwise it gets them side by side, in any order.
   *
   * @default as the topic
   */
  readonly ordered?: boolean;

  /**
   * The largest message that its queue takes, attributes included: 1 KiB to 1 MiB, not less than the topic.
   *
   * @default Size.mebibytes(1)
   */
  readonly maxMessageSize?: Size;

  /**
   * Where SNS puts what it cannot deliver: a queue in the account and region of the topic's subscription, of the kind of the
   * topic. Its policy and key have to admit SNS.
   *
   * @default a queue of its own; needed when the topic is in another region
   */
  readonly undeliverable?: sqs.IQueue;

  /**
   * The customer managed key that encrypts queues and log; its policy is extended to admit SNS and CloudWatch Logs. An
   * imported key has to admit both already.
   *
   * @default the topic's key; that of the idempotency table when the topic has none, or is in another account or region
   */
  readonly encryptionKey?: kms.IKey;
}

/**
 * A function that handles events of a topic: subscription with a filter, queue, DLQ, function and alarms.
 *
 * What SNS itself cannot put into the queue is kept in `undeliverable`, a queue of its own with an alarm of its own:
 * it never was in the consumer's hands, and `StartMessageMoveTask` does not accept the DLQ of a subscription.
 *
 * @throws UnsafePropsError when messages could be lost, blocked or repeated, SNS could not express or deliver what it wants, the
 *   topic does not carry it or carries a version that it cannot read, or data that is too large to travel would be out of reach
 * @throws BundleError when the handler is missing or does not compile
 */
export class Consumer extends QueueFunction {
  readonly topic: IEventTopic;
  /** The events of the topic that reach it. */
  readonly events: readonly AnyContract[];
  readonly subscription: sns.Subscription;
  /** What SNS could not deliver. Of the kind of the topic: a FIFO topic takes a FIFO queue only. */
  readonly undeliverable: sqs.IQueue;
  /** Undefined when `undeliverable` is in another region or account, where its metrics are: its owner has to watch it. */
  readonly undeliverableAlarm: cloudwatch.Alarm | undefined;

  constructor(scope: Construct, id: string, props: ConsumerProps) {
    const { topic } = props;
    const distance = distanceBetween(topic.topic.env, scope);
    super(roomFor(scope, id, props.dependencies && props.circuitBreakers), id, props, {
      ordered: props.ordered ?? topic.ordered,
      encryptionKey: keyFor(props, distance),
      description: describe('Handles', namesOf(props.events), props.owner),
      claimCheck: topic.claimCheck,
      undeliverable: DEAD_LETTER_RETENTION,
    });
    refuseOrderWithoutTopic(this, props);
    const routing = routingOf(this, topic, props.events, props);
    this.topic = topic;
    this.events = routing.events;
    this.#limitMessages(props);

    const principal = deliveringPrincipal(this, topic.topic.env);
    admitSns(this.encryptionKey);
    if (!isNear(distance)) admitForeignTopic(this.encryptionKey, topic.topic.topicArn, principal);
    this.undeliverable = props.undeliverable ?? this.#undeliverable(props, distance);
    refuseOtherKind(this, topic, this.undeliverable);
    const { policyDependable } = this.queue.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'TopicDelivers',
        principals: [principal],
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
      filterPolicy: routing.filterPolicy,
      deadLetterQueue: this.undeliverable,
      ...(distance.region !== 'same' && { region: topic.topic.env.region }),
    });
    // CDK knows no alternatives.
    if (routing.anyOf.length > 0) {
      (this.subscription.node.defaultChild as sns.CfnSubscription).filterPolicy = policyOf(routing);
    }
    // Otherwise events that are published in between are refused by the queue, and end undeliverable.
    if (policyDependable) this.subscription.node.addDependency(policyDependable);
    topic.subscribed(this, routing.events);
    describeConsumer(this, {
      kind: 'consumer',
      owner: props.owner,
      topic: nameOfTopic(topic.topic),
      ordered: props.ordered ?? topic.ordered,
      events: routing.dataschemas,
      pinned: props.pinVersions ?? false,
      headers: requiredHeaders(props.headers ?? {}),
    });
    this.undeliverableAlarm = isHere(this.undeliverable, this.queue)
      ? undeliverableAlarm(this.health, this.undeliverable)
      : undefined;
  }

  /** Events that SNS could not deliver and nobody has received from `undeliverable`. Maximum over 5 minutes unless told otherwise. */
  metricUndeliverable(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.undeliverable.metricApproximateNumberOfMessagesVisible(props);
  }

  #limitMessages({ topic, publishes, maxMessageSize = LARGEST_MESSAGE }: ConsumerProps): void {
    refuseBadSize(this, maxMessageSize);
    refuseSmallerQueue(this, topic, maxMessageSize);
    limitMessages(this.queue, maxMessageSize);
    // Dead letters carry their failure context on top.
    limitMessages(this.deadLetterQueue, LARGEST_MESSAGE);
    announceTopicSize(this.function, publishes);
  }

  #undeliverable({ topic, removalPolicy }: ConsumerProps, { region }: Distance): sqs.IQueue {
    if (region === 'other') {
      throw new UnsafePropsError(
        this,
        `${topic.node.path} is in ${topic.topic.env.region}, and SNS keeps what it cannot deliver in a queue of that region only.`,
        'Make a queue there and give it in `undeliverable`.',
      );
    }
    const queue = lastResort(this, 'Undeliverable', {
      name: 'undeliverable',
      ordered: topic.ordered,
      encryptionKey: this.encryptionKey,
      removalPolicy: removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.DENY_ALL },
    });
    limitMessages(queue, LARGEST_MESSAGE);
    Validations.of(queue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is itself the dead-letter queue of the SNS subscription; the rule knows those of queues only.',
    });
    return queue;
  }
}

/** A key of another account or region does not encrypt what is here. */
function keyFor({ encryptionKey, topic, idempotency }: ConsumerProps, distance: Distance): kms.IKey {
  const isFar = distance.account === 'other' || distance.region === 'other';
  const key = encryptionKey ?? (isFar ? undefined : topic.encryptionKey) ?? idempotency.encryptionKey;
  if (key !== undefined) return key;
  throw new UnsafePropsError(
    topic,
    'Nobody said what key encrypts it, nor what key encrypts the idempotency table of its consumer.',
    'Set `encryptionKey` of the consumer.',
  );
}

function refuseOrderWithoutTopic(scope: Construct, { topic, ordered }: ConsumerProps): void {
  if (!ordered || topic.ordered) return;
  throw new UnsafePropsError(
    scope,
    `It is ordered, but ${topic.node.path} is not, and hands events on in any order.`,
    'Make the topic ordered as well, or leave `ordered` out.',
  );
}

function refuseOtherKind(scope: Construct, topic: IEventTopic, undeliverable: sqs.IQueue): void {
  if (Token.isUnresolved(undeliverable.queueName) || undeliverable.fifo === topic.ordered) return;
  throw new UnsafePropsError(
    scope,
    `Its \`undeliverable\` is ${kindOf(undeliverable.fifo)} queue, and ${topic.node.path} ${kindOf(topic.ordered)} topic: SNS would not put anything there.`,
    `Give it ${kindOf(topic.ordered)} queue.`,
  );
}

function kindOf(fifo: boolean): string {
  return fifo ? 'a FIFO' : 'a standard';
}

function isHere({ env }: sqs.IQueue, queue: sqs.IQueue): boolean {
  return env.account === queue.env.account && env.region === queue.env.region;
}
