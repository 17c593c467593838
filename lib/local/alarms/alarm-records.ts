import type { AlarmResource } from '../resources.ts';
import type { AlarmState } from './composite-rule.ts';
import { type Transition, timestamp } from './notification.ts';
import type { Notification } from './notifier.ts';
import type { SuppressedBy } from './suppression.ts';

/** How one alarm is. Moments are ms of the wall clock. */
export interface AlarmRecord {
  readonly alarm: AlarmResource;
  state: AlarmState;
  /** Since when it is in this state. */
  since: number;
  /** When its state was last set, the same one included. */
  updatedAt: number;
  reason: string;
  /** What the reason says, for programs. */
  reasonData: object | undefined;
  /** Set while the actions of a composite alarm are held back. */
  readonly suppressedBy: SuppressedBy | undefined;
  /** False when nothing evaluates it: its state changes only when somebody sets it. */
  readonly evaluated: boolean;
}

/** An entry of an alarm's history. */
export interface HistoryItem {
  readonly alarm: AlarmResource;
  readonly type: 'ConfigurationUpdate' | 'StateUpdate' | 'Action';
  /** ms of the wall clock. */
  readonly at: number;
  readonly summary: string;
  readonly data: object;
}

const MAXIMUM_SUMMARY = 255;

/** That an alarm is there. */
export function createdItem(alarm: AlarmResource, at: number): HistoryItem {
  const data = { version: '1.0', type: 'Create', createdAlarm: { alarmName: alarm.name, alarmArn: alarm.arn } };
  return { alarm, type: 'ConfigurationUpdate', at, summary: `Alarm "${alarm.name}" created`, data };
}

/** That an alarm has changed its state. `before` is how it was. */
export function stateItem(before: AlarmRecord, transition: Transition): HistoryItem {
  const { alarm, from, to, at, reason, reasonData } = transition;
  const data = {
    version: '1.0',
    oldState: {
      stateValue: from,
      stateReason: before.reason,
      ...(before.reasonData && { stateReasonData: before.reasonData }),
    },
    newState: { stateValue: to, stateReason: reason, ...(reasonData && { stateReasonData: reasonData }) },
  };
  return { alarm, type: 'StateUpdate', at, summary: `Alarm updated from ${from} to ${to}`, data };
}

/** What came of an action, in the words of CloudWatch; undefined when there is nothing to tell. */
export function actionItem({ alarm, action, outcome, at, error, transition }: Notification): HistoryItem | undefined {
  if (outcome === 'abandoned') return undefined;
  const common = { stateUpdateTimestamp: transition.at, notificationResource: action };
  if (outcome === 'delivered') {
    const summary = `Successfully executed action ${action}`;
    return { alarm, type: 'Action', at, summary, data: { actionState: 'Succeeded', ...common, error: null } };
  }
  const problem =
    outcome === 'unsupported'
      ? 'The local cloud executes actions of SNS topics only.'
      : error instanceof Error
        ? error.message
        : String(error);
  const summary = `Failed to execute action ${action}. Received error: "${problem}"`.slice(0, MAXIMUM_SUMMARY);
  return { alarm, type: 'Action', at, summary, data: { actionState: 'Failed', ...common, error: problem } };
}

/** That the actions of a transition are held back. */
export function suppressedItem({ alarm, at }: Transition, by: SuppressedBy, suppressor: string): HistoryItem {
  const data = {
    actionState: 'Suppressed',
    stateUpdateTimestamp: at,
    actionsSuppressedBy: by,
    actionsSuppressor: suppressor,
    timestamp: timestamp(at),
  };
  return { alarm, type: 'Action', at, summary: suppressedReason(by), data };
}

/** Why the actions of a composite alarm are held back, as DescribeAlarms tells. */
export function suppressedReason(by: SuppressedBy): string {
  return `Actions suppressed by ${by}`;
}
