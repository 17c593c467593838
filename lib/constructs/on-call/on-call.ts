import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { admitAlarms } from '../security/encryption.ts';
import { MaintenanceWindow } from './maintenance-window.ts';

/** How urgent an alarm is: `page` wakes somebody, `ticket` waits for the morning. */
export type Urgency = 'page' | 'ticket';

/** The people on call, as alarms see them. */
export interface IOnCall {
  /** For what cannot wait: somebody is woken. */
  readonly page: sns.ITopic;
  /** For what can wait until the morning. */
  readonly ticket: sns.ITopic;
  /** In ALARM while a maintenance window is open: the actions suppressor of composite alarms. */
  readonly maintenance?: cloudwatch.IAlarm;
  /** Where the page of a runbook is. */
  runbook(name: string): string;
  /** Sends an alarm to the people on call, and its end as well. */
  notify(alarm: cloudwatch.AlarmBase, urgency: Urgency): void;
}

/** What an {@link OnCall} takes. */
export interface OnCallProps {
  /**
   * E-mail addresses that get pages. Each has to confirm its subscription once. Other targets (chat, a pager's HTTPS
   * endpoint) subscribe through the {@link OnCall.page} topic.
   *
   * @default none
   */
  readonly page?: readonly string[];

  /**
   * E-mail addresses that get tickets.
   *
   * @default none
   */
  readonly ticket?: readonly string[];

  /**
   * Where the runbooks are, as the alarms link them: a URL such as `https://github.com/you/shop/blob/main/docs/runbooks`.
   *
   * @default 'docs/runbooks'
   */
  readonly runbooks?: string;

  /**
   * The customer managed key that encrypts both topics; its policy is extended to admit CloudWatch alarms. An imported
   * key has to admit `cloudwatch.amazonaws.com` already.
   *
   * @default a new key, rotated yearly
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * What happens to the key when it leaves the stack. Only looked at when this makes its own key.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** The two ways to the people on call, as encrypted topics that alarms may publish to. */
export class OnCall extends Construct implements IOnCall {
  /** For what cannot wait: somebody is woken. */
  readonly page: sns.Topic;
  /** For what can wait until the morning. */
  readonly ticket: sns.Topic;
  readonly maintenance: cloudwatch.Alarm;
  readonly encryptionKey: kms.IKey;
  readonly #runbooks: string;

  constructor(scope: Construct, id: string, props: OnCallProps = {}) {
    super(scope, id);
    this.#runbooks = (props.runbooks ?? 'docs/runbooks').replace(/\/$/, '');
    this.maintenance = new MaintenanceWindow(this, 'Maintenance').alarm;
    this.encryptionKey =
      props.encryptionKey ??
      new kms.Key(this, 'Key', {
        description: `Alarm notifications of ${this.node.path}`,
        enableKeyRotation: true,
        removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      });
    admitAlarms(this.encryptionKey);
    this.page = this.#topic('Page', props.page ?? []);
    this.ticket = this.#topic('Ticket', props.ticket ?? []);
  }

  runbook(name: string): string {
    return `${this.#runbooks}/${name}.md`;
  }

  notify(alarm: cloudwatch.AlarmBase, urgency: Urgency): void {
    const action = new SnsAction(this[urgency]);
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
  }

  #topic(id: string, emails: readonly string[]): sns.Topic {
    const stack = Stack.of(this);
    const topic = new sns.Topic(this, id, { masterKey: this.encryptionKey, enforceSSL: true });
    // With a policy of its own the topic no longer trusts its account by default, so alarms are named.
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsPublish',
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: {
          ArnLike: {
            'aws:SourceArn': stack.formatArn({
              service: 'cloudwatch',
              resource: 'alarm',
              resourceName: '*',
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
    for (const email of emails) topic.addSubscription(new EmailSubscription(email));
    return topic;
  }
}
