import type { HeartbeatSettings } from './heartbeat-settings.ts';
import { type News, patienceOf } from './probe.ts';

/** SNS takes no longer subject, in characters. */
const LONGEST_SUBJECT = 100;

/** `arn:aws:cloudwatch:<region>:<account>:alarm:<name>` */
export function alarmNameOf(arn: string): string {
  return arn.split(':').slice(6).join(':');
}

/**
 * News of the alarms, in the form in which CloudWatch publishes a change of the probe alarm: pagers and chats read it as
 * they read any other alarm, and take the all-clear for the end of the same incident.
 * @param at milliseconds since the epoch
 */
export function alarmMessage(
  news: News,
  settings: HeartbeatSettings,
  at: number,
): { readonly Subject: string; readonly Message: string } {
  const { probeAlarmArn, probeMinutes, onCall, owner, runbook, pageTopicArn } = settings;
  const [, , , region = '', account = ''] = probeAlarmArn.split(':');
  const name = alarmNameOf(probeAlarmArn);
  const [state, before] = news === 'outage' ? ['ALARM', 'OK'] : ['OK', 'ALARM'];
  const patience = patienceOf(probeMinutes) / 60_000;
  const reason =
    news === 'outage'
      ? `THE ALARMS DO NOT WORK. The metric of this alarm changes every ${probeMinutes} minutes, and for ${patience} minutes no notification of it has arrived: alarms are not evaluated, or may not publish. Until this ends, silence means nothing: look at the dashboards.`
      : 'The alarms work again: a notification of this alarm has arrived.';
  return {
    Subject: shortened(`${state}: "${name}" in ${region}`),
    Message: JSON.stringify({
      AlarmName: name,
      AlarmDescription: `Owner: ${owner}. Sent by the heartbeat, not by an alarm. First: Find out why alarms are silent. Runbook: ${runbook}`,
      AWSAccountId: account,
      NewStateValue: state,
      NewStateReason: reason,
      StateChangeTime: new Date(at).toISOString().replace('Z', '+0000'),
      Region: region,
      AlarmArn: probeAlarmArn,
      OldStateValue: before,
      OKActions: [pageTopicArn],
      AlarmActions: [pageTopicArn],
      InsufficientDataActions: [],
      Trigger: {
        MetricName: 'HeartbeatHeard',
        Namespace: 'Baton',
        StatisticType: 'Statistic',
        Statistic: 'MAXIMUM',
        Unit: null,
        Dimensions: [{ value: onCall, name: 'onCall' }],
        Period: 60,
        EvaluationPeriods: patience,
        DatapointsToAlarm: patience,
        ComparisonOperator: 'LessThanThreshold',
        Threshold: 1,
        TreatMissingData: 'breaching',
        EvaluateLowSampleCountPercentile: '',
      },
    }),
  };
}

function shortened(text: string): string {
  return text.length > LONGEST_SUBJECT ? `${text.slice(0, LONGEST_SUBJECT - 3)}...` : text;
}
