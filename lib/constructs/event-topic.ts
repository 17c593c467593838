import { RemovalPolicy } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { AnyContract } from '../contracts/index.ts';
import { UnsafePropsError } from './errors.ts';
import { physicalName } from './names.ts';
import { grantMessageKey } from './security/encryption.ts';

/** What an {@link EventTopic} takes. */
export interface EventTopicProps {
  /** The event types that travel over this topic. At least one; commands belong on a {@link CommandQueue}. */
  readonly events: readonly AnyContract[];

  /**
   * Whether the topic keeps the order of the events of one key (an SNS FIFO topic, in high-throughput mode: order and
   * deduplication per message group). Standard queues may subscribe to it as well.
   *
   * @default false
   */
  readonly ordered?: boolean;

  /**
   * The customer managed key that encrypts the topic.
   *
   * @default a new key, rotated yearly
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * What happens to the key when it leaves the stack. Only looked at when the topic makes its own key.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A topic that says what it carries: encrypted with a customer managed key, open to TLS only.
 *
 * @throws UnsafePropsError when it carries nothing, a command, or one event type twice in the same version.
 */
export class EventTopic extends Construct {
  readonly topic: sns.Topic;
  readonly encryptionKey: kms.IKey;
  readonly events: readonly AnyContract[];
  /** Whether this is a FIFO topic. */
  readonly ordered: boolean;

  constructor(scope: Construct, id: string, props: EventTopicProps) {
    super(scope, id);
    refuseBadEvents(this, props.events);
    this.events = props.events;
    this.ordered = props.ordered ?? false;
    this.encryptionKey =
      props.encryptionKey ??
      new kms.Key(this, 'Key', {
        description: `Events on ${this.node.path}`,
        enableKeyRotation: true,
        removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      });
    this.topic = new sns.Topic(this, 'Topic', {
      topicName: physicalName(this, '', 256, this.ordered ? '.fifo' : ''),
      masterKey: this.encryptionKey,
      enforceSSL: true,
      ...(this.ordered && { fifo: true, fifoThroughputScope: sns.FifoThroughputScope.MESSAGE_GROUP }),
    });
  }

  /** Whether this event type travels here in this version. */
  carries(event: AnyContract): boolean {
    return this.events.some((carried) => carried.type === event.type && carried.version === event.version);
  }

  /** Lets a principal publish to the topic, and use its key for that. */
  grantPublish(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['sns:Publish'],
      resourceArns: [this.topic.topicArn],
    }).combine(grantMessageKey(this.encryptionKey, grantee));
  }

  /** Events published, as SNS counts them. Sum over 5 minutes unless told otherwise. */
  metricPublished(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.topic.metricNumberOfMessagesPublished(props);
  }

  /** Deliveries that SNS gave up, over all subscriptions. Sum over 5 minutes unless told otherwise. */
  metricDeliveriesFailed(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.topic.metricNumberOfNotificationsFailed(props);
  }
}

function refuseBadEvents(scope: Construct, events: readonly AnyContract[]): void {
  if (events.length === 0) {
    throw new UnsafePropsError(scope, 'The topic carries no events.', 'List its event contracts in `events`.');
  }
  const seen = new Set<string>();
  for (const event of events) {
    if (event.kind !== 'event') {
      throw new UnsafePropsError(
        scope,
        `'${event.type}' is a command, and every subscriber of a topic would carry it out.`,
        'Give it to a CommandQueue instead.',
      );
    }
    if (seen.has(event.dataschema)) {
      throw new UnsafePropsError(
        scope,
        `'${event.type}' version ${event.version} is listed twice.`,
        'List each version of an event once.',
      );
    }
    seen.add(event.dataschema);
  }
}
