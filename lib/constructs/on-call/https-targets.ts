import { Duration, type RemovalPolicy, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { arrivals } from '../alarms/queue-metrics.ts';
import { physicalName } from '../names.ts';
import { admitSns } from '../security/encryption.ts';
import type { OnCallTopic } from './on-call-topic.ts';
import type { KeptUrl } from './target.ts';

/**
 * Two tries at once, then 28 over three quarters of an hour: SNS tries for an hour at the most, and by default for a minute only,
 * which is less than a pager takes to be deployed (source: Amazon SNS developer guide, "Amazon SNS message delivery retries").
 */
const PATIENTLY: sns.DeliveryPolicy = {
  healthyRetryPolicy: {
    numRetries: 30,
    numNoDelayRetries: 2,
    numMinDelayRetries: 5,
    minDelayTarget: Duration.seconds(5),
    numMaxDelayRetries: 13,
    maxDelayTarget: Duration.seconds(120),
    backoffFunction: sns.BackoffFunction.EXPONENTIAL,
  },
};

/** What {@link HttpsTargets} take. */
export interface HttpsTargetsProps {
  readonly encryptionKey: kms.IKey;
  readonly removalPolicy: RemovalPolicy;
}

/**
 * Pagers and other services that take notifications over HTTPS. What one of them did not take within the hour is kept in
 * {@link undelivered} for 14 days: nobody may have been woken.
 */
export class HttpsTargets extends Construct {
  readonly undelivered: sqs.Queue;

  constructor(scope: Construct, id: string, { encryptionKey, removalPolicy }: HttpsTargetsProps) {
    super(scope, id);
    admitSns(encryptionKey);
    this.undelivered = new sqs.Queue(this, 'Undelivered', {
      queueName: physicalName(scope, 'undelivered', 80),
      encryption: sqs.QueueEncryption.KMS,
      encryptionMasterKey: encryptionKey,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.DENY_ALL },
      removalPolicy,
    });
    Validations.of(this.undelivered).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is itself the dead-letter queue of SNS subscriptions; the rule knows those of queues only.',
    });
  }

  subscribe(url: KeptUrl, topic: OnCallTopic): void {
    topic.reached();
    const subscription = new sns.Subscription(topic, idOf(url), {
      topic,
      protocol: sns.SubscriptionProtocol.HTTPS,
      endpoint: referenceTo(url),
      deliveryPolicy: PATIENTLY,
      deadLetterQueue: this.undelivered,
    });
    // CDK writes EXPONENTIAL, and SNS documents small letters only (source: Amazon SNS developer guide,
    // "SetSubscriptionAttributes delivery policy JSON format").
    (subscription.node.defaultChild as sns.CfnSubscription).addPropertyOverride(
      'DeliveryPolicy.healthyRetryPolicy.backoffFunction',
      'exponential',
    );
  }

  /**
   * Notifications that no target took, over 5 minutes: what was sent to the queue, or by how much it has grown. The first of
   * them wakes a queue that was idle, of which SQS may report a quarter of an hour late: too late for a sum over a minute.
   */
  metricUndelivered(): cloudwatch.MathExpression {
    // SNS sends them as anybody would; only what SQS itself moves is not counted.
    return arrivals(this.undelivered, this.undelivered.metricNumberOfMessagesSent());
  }
}

/** CloudFormation puts the URL in when it deploys; the template has only this. */
function referenceTo(url: KeptUrl): string {
  if ('parameter' in url) {
    return `{{resolve:ssm:${url.parameter}${url.version === undefined ? '' : `:${url.version}`}}}`;
  }
  const { secret, field } = url;
  return (field === undefined ? secret.secretValue : secret.secretValueFromJson(field)).unsafeUnwrap();
}

/** By where the URL is kept, so that the order of targets does not matter. */
function idOf(url: KeptUrl): string {
  const text = 'parameter' in url ? url.parameter : [url.secret.node.path, url.field].filter(Boolean).join('-');
  return `Https-${text.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '')}`;
}
