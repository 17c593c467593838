import { Annotations, Aspects, RemovalPolicy } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { SOMETHING_ARRIVED } from '../alarms/queue-metrics.ts';
import { UnsafePropsError } from '../errors.ts';
import { physicalName } from '../names.ts';
import { installRules } from '../rules/rules.ts';
import { admitAlarms } from '../security/encryption.ts';
import { customerKey } from '../security/key.ts';
import { ChatChannels } from './chat-channels.ts';
import { handSetAlarm } from './hand-set-alarm.ts';
import { Heartbeat, type HeartbeatProps } from './heartbeat.ts';
import { HttpsTargets } from './https-targets.ts';
import { ImportedOnCall, notifyOf, type OnCallAttributes, runbookAt } from './imported-on-call.ts';
import { MaintenanceWindow } from './maintenance-window.ts';
import { OnCallTopic } from './on-call-topic.ts';
import { checkedTarget, type OnCallTarget } from './target.ts';

/** How urgent an alarm is: `page` wakes somebody, `ticket` waits for the morning. */
export type Urgency = 'page' | 'ticket';

/** The people on call, as alarms see them. */
export interface IOnCall {
  /** For what cannot wait: somebody is woken. */
  readonly page: sns.ITopic;
  /** For what can wait until the morning. */
  readonly ticket: sns.ITopic;
  /** For what lasts although somebody was woken: somebody else hears of it. */
  readonly escalate?: sns.ITopic;
  /** In ALARM while a maintenance window is open: the actions suppressor of composite alarms. */
  readonly maintenance?: cloudwatch.IAlarm;
  /** Where the page of a runbook is. */
  runbook(name: string): string;
  /** Sends an alarm to the people on call, and its end as well. */
  notify(alarm: cloudwatch.AlarmBase, urgency: Urgency): void;
  /**
   * Has the metric `PublishRatio` (namespace `Baton`, dimension `topic`) written once an hour: what was published to a topic in the
   * last full hour, divided by the same hour a week ago. Nothing is written when that had fewer than 10 publishes.
   */
  watchPublishRate?(topicName: string): void;
}

/** What an {@link OnCall} takes. */
export interface OnCallProps {
  /**
   * Who gets pages: e-mail addresses, and other targets by {@link OnCallTarget}. The end of an alarm goes to the same.
   *
   * @default none, with a warning
   */
  readonly page?: readonly OnCallTarget[];

  /**
   * Who gets tickets.
   *
   * @default none, with a warning
   */
  readonly ticket?: readonly OnCallTarget[];

  /**
   * Who gets what lasts although somebody was paged: a lead, or a second pager.
   *
   * @default there is no topic for it
   */
  readonly escalate?: readonly OnCallTarget[];

  /**
   * The team that answers for the alarms about alarms.
   *
   * @default 'on-call'
   */
  readonly owner?: string;

  /**
   * Whether a heartbeat watches the alarms themselves, and ends maintenance windows.
   *
   * @default true
   */
  readonly heartbeat?: boolean | HeartbeatProps;

  /**
   * Where the runbooks are, as the alarms link them: a URL such as `https://github.com/you/shop/blob/main/docs/runbooks`.
   *
   * @default 'docs/runbooks'
   */
  readonly runbooks?: string;

  /**
   * The customer managed key that encrypts topics, queue and log; its policy is extended to admit CloudWatch alarms, SNS (with an
   * `https` target) and CloudWatch Logs (with a heartbeat). An imported key has to admit them already.
   *
   * @default a new key, rotated yearly
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * What happens to the heartbeat's log, to notifications that no target took, and to the key that this makes, when they leave
   * the stack.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * The ways to the people on call, as encrypted topics that alarms may publish to; alarms to test them with; a maintenance window
 * that holds them back; and a heartbeat that pages when alarms themselves stop working.
 *
 * @throws UnsafePropsError when a target is a URL in plain text, or an address or id that is none
 */
export class OnCall extends Construct implements IOnCall {
  /** The people on call of another app: alarms of this one go to them. */
  static fromTopicArns(scope: Construct, id: string, attributes: OnCallAttributes): IOnCall {
    return new ImportedOnCall(scope, id, attributes);
  }

  /** For what cannot wait: somebody is woken. */
  readonly page: sns.Topic;
  /** For what can wait until the morning. */
  readonly ticket: sns.Topic;
  /** For what lasts although somebody was woken. Only with `escalate`. */
  readonly escalate?: sns.Topic;
  readonly maintenance: cloudwatch.Alarm;
  /** One for each topic, to be set by `baton oncall test`. Nothing else ever changes them. */
  readonly testAlarms: readonly cloudwatch.Alarm[];
  /** Only with a heartbeat. */
  readonly heartbeat?: Heartbeat;
  /** In ALARM when an `https` target did not take a notification for an hour. Only with such a target. */
  readonly undeliveredAlarm?: cloudwatch.Alarm;
  readonly encryptionKey: kms.IKey;
  readonly #runbooks: string | undefined;
  readonly #owner: string;
  readonly #removalPolicy: RemovalPolicy;
  readonly #topics: OnCallTopic[] = [];
  #https: HttpsTargets | undefined;
  #chat: ChatChannels | undefined;

  constructor(scope: Construct, id: string, props: OnCallProps = {}) {
    super(scope, id);
    installRules(this);
    this.#runbooks = props.runbooks;
    this.#owner = props.owner ?? 'on-call';
    this.#removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    if (this.#owner.trim() === '') {
      throw new UnsafePropsError(this, '`owner` is empty: nobody answers for it.', 'Name the team in `owner`.');
    }
    this.maintenance = new MaintenanceWindow(this, 'Maintenance', this.runbook('maintenance')).alarm;
    this.encryptionKey =
      props.encryptionKey ??
      customerKey(this, {
        description: `Alarm notifications of ${this.node.path}`,
        removalPolicy: this.#removalPolicy,
      });
    admitAlarms(this.encryptionKey);
    const page = this.#topic('Page', props.page ?? []);
    this.page = page;
    this.ticket = this.#topic('Ticket', props.ticket ?? []);
    if (props.escalate) this.escalate = this.#topic('Escalate', props.escalate);
    this.testAlarms = this.#topics.map((topic) => this.#testAlarm(topic));
    if (this.#https) this.undeliveredAlarm = this.#alarmOfUndelivered(this.#https);
    if (props.heartbeat !== false) {
      const surroundings = {
        name: physicalName(this, '', 255),
        owner: this.#owner,
        runbook: this.runbook('heartbeat'),
        page,
        maintenance: this.maintenance,
        encryptionKey: this.encryptionKey,
        removalPolicy: this.#removalPolicy,
      };
      this.heartbeat = new Heartbeat(
        this,
        'Heartbeat',
        surroundings,
        typeof props.heartbeat === 'object' ? props.heartbeat : {},
      );
      this.notify(this.heartbeat.alarm, 'page');
    }
    // Later, because whoever made this may subscribe to its topics.
    Aspects.of(this).add({ visit: (node) => node === this && this.#warn() });
  }

  runbook(name: string): string {
    return runbookAt(this.#runbooks, name);
  }

  notify(alarm: cloudwatch.AlarmBase, urgency: Urgency): void {
    notifyOf(alarm, this[urgency]);
  }

  /** Does nothing without a heartbeat: that is what writes the metric. */
  watchPublishRate(topicName: string): void {
    this.heartbeat?.watchPublishRate(topicName);
  }

  #topic(id: string, targets: readonly OnCallTarget[]): OnCallTopic {
    const topic = new OnCallTopic(this, id, this.encryptionKey);
    this.#topics.push(topic);
    for (const target of targets) {
      const checked = checkedTarget(this, target);
      if ('email' in checked) {
        topic.addSubscription(new EmailSubscription(checked.email));
      } else if ('https' in checked) {
        this.#https ??= new HttpsTargets(this, 'Https', {
          encryptionKey: this.encryptionKey,
          removalPolicy: this.#removalPolicy,
        });
        this.#https.subscribe(checked.https, topic);
      } else {
        this.#chat ??= new ChatChannels(this, 'Chat');
        this.#chat.subscribe(checked, topic);
      }
    }
    return topic;
  }

  #testAlarm(topic: OnCallTopic): cloudwatch.Alarm {
    const { id } = topic.node;
    const alarm = handSetAlarm(this, `Test${id}`, {
      alarmName: physicalName(this, `test-${id.toLowerCase()}`, 255),
      alarmDescription: `Owner: ${this.#owner}. A test by \`npx baton oncall test\`: nothing is wrong. First: Give the code in the reason to whoever is testing. Runbook: ${this.runbook('heartbeat')}`,
      metricName: 'OnCallTest',
      dimension: 'test',
    });
    notifyOf(alarm, topic);
    return alarm;
  }

  /** Tells everybody: which of the ways is broken, it does not know. */
  #alarmOfUndelivered(https: HttpsTargets): cloudwatch.Alarm {
    const alarm = new cloudwatch.Alarm(this, 'UndeliveredAlarm', {
      alarmName: physicalName(this, 'undelivered', 255),
      alarmDescription: `Owner: ${this.#owner}. A pager, or another HTTPS target, did not take a notification for an hour: somebody who should have been told was not. First: Read what is in the queue ${physicalName(this, 'undelivered', 80)}, and act on it. Runbook: ${this.runbook('heartbeat')}`,
      metric: https.metricUndelivered(),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      ...SOMETHING_ARRIVED,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    for (const topic of this.#topics) notifyOf(alarm, topic);
    return alarm;
  }

  #warn(): void {
    const mute = this.#topics.filter((topic) => !topic.reaches).map((topic) => topic.node.id.toLowerCase());
    if (mute.length === 0) return;
    Annotations.of(this).addWarningV2(
      'baton:onCallReachesNobody',
      `Nobody gets what is sent to ${mute.map((each) => `\`${each}\``).join(' and ')}. Name somebody there.`,
    );
  }
}
