import { RemovalPolicy, type Size, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct, IConstruct } from 'constructs';
import type { AnyContract } from '../contracts/index.ts';
import { Health } from './alarms/health.ts';
import { type TopicAlarmProps, type TopicAlarms, topicAlarms } from './alarms/topic-alarms.ts';
import type { IClaimCheck } from './claim-check.ts';
import { describeTopic } from './delivery/pipeline-facts.ts';
import { UnsafePropsError } from './errors.ts';
import { kebabCase, physicalName } from './names.ts';
import type { IOnCall } from './on-call/on-call.ts';
import { refuseUnfair } from './routing/fairness.ts';
import { type EventTopicAttributes, ImportedEventTopic } from './routing/imported-topic.ts';
import { DEFAULT_TOPIC_SIZE, refuseBadSize } from './routing/payload-limit.ts';
import { type Subscriptions, watchSubscriptions } from './routing/subscriptions.ts';
import { EventTopicBase, type IEventTopic } from './routing/topic-base.ts';
import { installRules } from './rules/rules.ts';
import { admitPublishers } from './security/encryption.ts';
import { customerKey } from './security/key.ts';

export type { EventTopicAttributes } from './routing/imported-topic.ts';
export type { IEventTopic } from './routing/topic-base.ts';

/** What an {@link EventTopic} takes. */
export interface EventTopicProps {
  /**
   * The event types that travel over this topic, each version by itself. At least one; commands belong on a
   * {@link CommandQueue}.
   */
  readonly events: readonly AnyContract[];

  /**
   * Whether the topic keeps the order of the events of one key (an SNS FIFO topic, in high-throughput mode: order and
   * deduplication per message group). Standard queues may subscribe to it as well.
   *
   * @default false
   */
  readonly ordered?: boolean;

  /**
   * Whether the backlog of one tenant may not make the others wait: every event has to declare its `tenant`, which becomes the
   * message group that SQS shares its queues out by. Not for an ordered topic, whose group is the key.
   *
   * @default false: an event that declares a tenant has it as its message group all the same, but none has to
   */
  readonly fair?: boolean;

  /**
   * The largest event that it takes, attributes included: 1 KiB to 1 MiB. Above 256 KiB SNS takes 100 subscriptions, above
   * 396 KiB no outbox can keep its events.
   *
   * @default Size.kibibytes(256)
   */
  readonly maxMessageSize?: Size;

  /**
   * Where the data of events goes that are larger than that. Its consumers may read there, and functions that are given the
   * topic in `publishes`, or an outbox of it, may write; others get `claimCheck.environment` and `claimCheck.grantWrite`.
   *
   * @default nothing larger is taken
   */
  readonly claimCheck?: IClaimCheck;

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

  /**
   * Who hears of its alarms. Needs `owner`.
   *
   * @default nobody: it has no alarms
   */
  readonly onCall?: IOnCall;

  /**
   * The team that answers for it; part of every alarm's description.
   *
   * @default nobody; needed with `onCall`
   */
  readonly owner?: string;

  /**
   * When its alarms fire.
   *
   * @default any delivery that fails, is redriven or lost; publishing halved against the same hour last week
   */
  readonly alarms?: TopicAlarmProps;
}

/**
 * A topic that says what it carries: encrypted with a customer managed key, open to TLS only.
 *
 * An event that no consumer of the app takes is a warning, `baton:eventWithoutConsumer`, which can be acknowledged with
 * `Validations.of(topic).acknowledge` when its consumers are elsewhere.
 *
 * @throws UnsafePropsError when it carries nothing, a command, a partial contract, or one event type twice in the same version;
 *   when it is fair and ordered, or an event of a fair one has no tenant; when `maxMessageSize` is out of bounds, or `owner` is missing
 */
export class EventTopic extends EventTopicBase {
  /** A topic that was made elsewhere, by its ARN: that of a FIFO topic ends in `.fifo`. */
  static fromTopicArn(scope: Construct, id: string, topicArn: string, events: readonly AnyContract[]): IEventTopic {
    return new ImportedEventTopic(scope, id, { topicArn, events });
  }

  /**
   * A topic that was made elsewhere, also in another account or region.
   *
   * @throws UnsafePropsError when it carries nothing, a command, or an event twice, or `ordered` and the ARN disagree
   */
  static fromTopicAttributes(scope: Construct, id: string, attributes: EventTopicAttributes): IEventTopic {
    return new ImportedEventTopic(scope, id, attributes);
  }

  readonly topic: sns.Topic;
  readonly encryptionKey: kms.IKey;
  /** Whether this is a FIFO topic. */
  readonly ordered: boolean;
  /** Whether each of its events has a tenant, so that queues can be shared out fairly. */
  readonly fair: boolean;
  /** The largest event that it takes, attributes included. */
  readonly maxMessageSize: Size;
  readonly claimCheck: IClaimCheck | undefined;
  /** Speaks for its alarms; undefined without `onCall`. */
  readonly health: Health | undefined;
  readonly alarms: TopicAlarms | undefined;
  readonly #subscriptions: Subscriptions;

  constructor(scope: Construct, id: string, props: EventTopicProps) {
    super(scope, id, props.events);
    installRules(this);
    this.ordered = props.ordered ?? false;
    this.fair = props.fair ?? false;
    if (this.fair) refuseUnfair(this, { ordered: this.ordered, contracts: props.events });
    this.maxMessageSize = props.maxMessageSize ?? DEFAULT_TOPIC_SIZE;
    refuseBadSize(this, this.maxMessageSize);
    this.claimCheck = props.claimCheck;
    this.encryptionKey =
      props.encryptionKey ??
      customerKey(this, {
        description: `Events on ${this.node.path}`,
        removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      });
    this.topic = new sns.Topic(this, 'Topic', {
      // SNS takes 256, but the name is also a dimension of its metrics, of which CDK takes 255.
      topicName: physicalName(this, '', 255, this.ordered ? '.fifo' : ''),
      masterKey: this.encryptionKey,
      enforceSSL: true,
      ...(this.ordered && { fifo: true, fifoThroughputScope: sns.FifoThroughputScope.MESSAGE_GROUP }),
    });
    if (this.maxMessageSize.toBytes() !== DEFAULT_TOPIC_SIZE.toBytes()) {
      (this.topic.node.defaultChild as sns.CfnTopic).maximumMessageSize = this.maxMessageSize.toBytes();
    }
    describeTopic(this, props.owner);
    this.#subscriptions = watchSubscriptions(this);
    this.health = this.#healthFor(props);
    this.alarms = this.health && topicAlarms(this.health, this.topic, props.alarms);
  }

  subscribed(subscriber: IConstruct, events: readonly AnyContract[]): void {
    this.#subscriptions.add(subscriber, events);
  }

  /**
   * Lets another account subscribe queues of its own. It makes the subscription itself, with a `Consumer` on
   * `EventTopic.fromTopicArn`.
   */
  grantSubscribe(account: iam.AccountPrincipal): iam.AddToResourcePolicyResult {
    const { partition } = Stack.of(this);
    return this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [account],
        actions: ['sns:Subscribe'],
        resources: [this.topic.topicArn],
        conditions: {
          StringEquals: { 'sns:Protocol': 'sqs' },
          StringLike: { 'sns:Endpoint': `arn:${partition}:sqs:*:${account.accountId}:*` },
        },
      }),
    );
  }

  /**
   * Lets another account publish, and use the topic's key for that. Who does so there needs `grantPublish` of its own, on
   * `EventTopic.fromTopicAttributes`. A key that was imported keeps its policy: its owner has to add the account.
   */
  grantPublishTo(account: iam.AccountPrincipal): iam.AddToResourcePolicyResult {
    admitPublishers(this.encryptionKey, account);
    return this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [account],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
      }),
    );
  }

  #healthFor({ onCall, owner }: EventTopicProps): Health | undefined {
    if (onCall === undefined) return undefined;
    if (owner === undefined) {
      throw new UnsafePropsError(this, 'It has `onCall`, but nobody answers for it.', 'Name the team in `owner`.');
    }
    return new Health(this, 'Health', { subject: kebabCase(this.node.id), owner, onCall });
  }
}
