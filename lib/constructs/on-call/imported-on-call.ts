import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { IOnCall, Urgency } from './on-call.ts';

/** What is known of an `OnCall` that another app, or another tool, made. */
export interface OnCallAttributes {
  /** Where pages go. */
  readonly pageTopicArn: string;
  /** Where tickets go. */
  readonly ticketTopicArn: string;
  /**
   * Where goes what lasts although somebody was paged.
   *
   * @default none: a flow that escalates pages again
   */
  readonly escalateTopicArn?: string;
  /** Where the runbooks are, as the alarms link them. @default 'docs/runbooks' */
  readonly runbooks?: string;
  /**
   * The alarm that is in ALARM while a maintenance window is open; of the same account and region.
   *
   * @default none: nothing holds back the actions of alarms
   */
  readonly maintenanceAlarmName?: string;
}

/** An `OnCall` that is somewhere else. Its topics and their key have to admit `cloudwatch.amazonaws.com` already. */
export class ImportedOnCall extends Construct implements IOnCall {
  readonly page: sns.ITopic;
  readonly ticket: sns.ITopic;
  readonly escalate?: sns.ITopic;
  readonly maintenance?: cloudwatch.IAlarm;
  readonly #runbooks: string | undefined;

  constructor(scope: Construct, id: string, attributes: OnCallAttributes) {
    super(scope, id);
    const { pageTopicArn, ticketTopicArn, escalateTopicArn, runbooks, maintenanceAlarmName } = attributes;
    this.page = sns.Topic.fromTopicArn(this, 'Page', pageTopicArn);
    this.ticket = sns.Topic.fromTopicArn(this, 'Ticket', ticketTopicArn);
    if (escalateTopicArn !== undefined) this.escalate = sns.Topic.fromTopicArn(this, 'Escalate', escalateTopicArn);
    if (maintenanceAlarmName !== undefined) {
      this.maintenance = cloudwatch.Alarm.fromAlarmName(this, 'Maintenance', maintenanceAlarmName);
    }
    this.#runbooks = runbooks;
  }

  runbook(name: string): string {
    return runbookAt(this.#runbooks, name);
  }

  notify(alarm: cloudwatch.AlarmBase, urgency: Urgency): void {
    notifyOf(alarm, this[urgency]);
  }
}

/** The page of a runbook. @param runbooks @default 'docs/runbooks' */
export function runbookAt(runbooks: string | undefined, name: string): string {
  return `${(runbooks ?? 'docs/runbooks').replace(/\/$/, '')}/${name}.md`;
}

/** Sends an alarm to a topic, and its end as well. */
export function notifyOf(alarm: cloudwatch.AlarmBase, topic: sns.ITopic): void {
  const action = new SnsAction(topic);
  alarm.addAlarmAction(action);
  alarm.addOkAction(action);
}
