import { ArnFormat, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';

/** A topic, encrypted and for TLS only, that the alarms of its own account may publish to. */
export class OnCallTopic extends sns.Topic {
  #reaches = false;

  constructor(scope: Construct, id: string, encryptionKey: kms.IKey) {
    super(scope, id, { masterKey: encryptionKey, enforceSSL: true });
    const alarms = Stack.of(this).formatArn({
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: '*',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    // With a policy of its own the topic no longer trusts its account by default, so alarms are named.
    this.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsPublish',
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topicArn],
        conditions: { ArnLike: { 'aws:SourceArn': alarms } },
      }),
    );
  }

  /** Whether anybody gets what is published here, as far as this app knows. */
  get reaches(): boolean {
    return this.#reaches;
  }

  /** Says that something outside the topic's own subscriptions takes what is published here. */
  reached(): void {
    this.#reaches = true;
  }

  override addSubscription(subscription: sns.ITopicSubscription): sns.Subscription {
    this.#reaches = true;
    return super.addSubscription(subscription);
  }
}
