import type { Size } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct, type IConstruct } from 'constructs';
import type { AnyContract } from '../../contracts/index.ts';
import type { IClaimCheck } from '../claim-check.ts';
import { UnsafePropsError } from '../errors.ts';
import { grantMessageKey } from '../security/encryption.ts';

/** A topic that says what it carries, made in this app or elsewhere. */
export interface IEventTopic extends IConstruct {
  readonly topic: sns.ITopic;
  readonly events: readonly AnyContract[];
  /** Whether this is a FIFO topic. */
  readonly ordered: boolean;
  /** The largest event that it takes, attributes included. */
  readonly maxMessageSize: Size;
  /** The key that encrypts it; undefined when nobody said so. */
  readonly encryptionKey: kms.IKey | undefined;
  /** Where the data of its events is when it is too large to travel; undefined when nothing larger is taken. */
  readonly claimCheck: IClaimCheck | undefined;

  /** Whether this event type travels here in this version. */
  carries(event: AnyContract): boolean;

  /** Lets a principal publish to the topic, and use its key for that. Both accounts have to agree if they differ. */
  grantPublish(grantee: iam.IGrantable): iam.Grant;

  /**
   * Takes note of who gets what. Called by a `Consumer`; call it for a subscription of your own, so that its events count as
   * consumed.
   */
  subscribed(subscriber: IConstruct, events: readonly AnyContract[]): void;

  /** Events published, as SNS counts them. Sum over 5 minutes unless told otherwise. */
  metricPublished(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Deliveries to subscriptions. Sum over 5 minutes unless told otherwise. */
  metricDelivered(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Deliveries that SNS gave up, over all subscriptions. Sum over 5 minutes unless told otherwise. */
  metricDeliveriesFailed(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Deliveries that were not made because a subscription's filter did not want the event. Sum over 5 minutes unless told otherwise. */
  metricFilteredOut(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Deliveries that ended in a subscription's last resort. Sum over 5 minutes unless told otherwise. */
  metricRedriven(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Deliveries that even the last resort did not take: lost. Sum over 5 minutes unless told otherwise. */
  metricLost(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Size of what is published, in bytes. Average over 5 minutes unless told otherwise. */
  metricPublishSize(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** What topics have in common, wherever they were made. */
export abstract class EventTopicBase extends Construct implements IEventTopic {
  abstract readonly topic: sns.ITopic;
  abstract readonly ordered: boolean;
  abstract readonly maxMessageSize: Size;
  abstract readonly encryptionKey: kms.IKey | undefined;
  abstract readonly claimCheck: IClaimCheck | undefined;
  readonly events: readonly AnyContract[];

  /** @throws UnsafePropsError when it carries nothing, a command, a partial contract, or one event type twice in the same version */
  protected constructor(scope: Construct, id: string, events: readonly AnyContract[]) {
    super(scope, id);
    refuseBadEvents(this, events);
    this.events = events;
  }

  abstract subscribed(subscriber: IConstruct, events: readonly AnyContract[]): void;

  /** Whether this event type travels here in this version. */
  carries(event: AnyContract): boolean {
    return this.events.some((carried) => carried.type === event.type && carried.version === event.version);
  }

  /** Lets a principal publish to the topic, and use its key for that. Both accounts have to agree if they differ. */
  grantPublish(grantee: iam.IGrantable): iam.Grant {
    const grant = iam.Grant.addToPrincipal({
      grantee,
      actions: ['sns:Publish'],
      resourceArns: [this.topic.topicArn],
    });
    return this.encryptionKey ? grant.combine(grantMessageKey(this.encryptionKey, grantee)) : grant;
  }

  metricPublished(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.topic.metricNumberOfMessagesPublished(props);
  }

  metricDelivered(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.topic.metricNumberOfNotificationsDelivered(props);
  }

  metricDeliveriesFailed(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.topic.metricNumberOfNotificationsFailed(props);
  }

  metricFilteredOut(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.topic.metricNumberOfNotificationsFilteredOut(props);
  }

  metricRedriven(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.topic.metric('NumberOfNotificationsRedrivenToDlq', { statistic: 'Sum', ...props });
  }

  metricLost(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.topic.metric('NumberOfNotificationsFailedToRedriveToDlq', { statistic: 'Sum', ...props });
  }

  metricPublishSize(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.topic.metricPublishSize(props);
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
    if (event.partial) {
      throw new UnsafePropsError(
        scope,
        `'${event.type}' version ${event.version} is given as what one consumer needs of it, which is less than what is published.`,
        "List the event's own contract; `needs` belongs into the `events` of a Consumer.",
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
