import { describe, expect, it } from 'vitest';
import { messageOf, subjectOf, type Transition } from '../../lib/local/alarms/notification.ts';
import type { AlarmResource } from '../../lib/local/resources.ts';
import { alarmArn, compositeAlarm, metricAlarm } from './alarm-resources.ts';

const age = { namespace: 'AWS/SQS', name: 'ApproximateAgeOfOldestMessage', dimensions: { QueueName: 'inventory' } };
const topic = 'arn:aws:sns:eu-central-1:000000000000:on-call';

function transition(alarm: AlarmResource, more: Partial<Transition> = {}): Transition {
  return { alarm, from: 'OK', to: 'ALARM', at: 0, reason: 'because', ...more };
}

describe('a notification', () => {
  it('of an alarm on a metric is what CloudWatch publishes', () => {
    const alarm = metricAlarm('old', age, { description: 'Too old.', alarmActions: [topic], threshold: 300 });
    expect(subjectOf(transition(alarm))).toBe('ALARM: "old" in EU (Frankfurt)');
    expect(JSON.parse(messageOf(transition(alarm)))).toEqual({
      AlarmName: 'old',
      AlarmDescription: 'Too old.',
      AWSAccountId: '000000000000',
      NewStateValue: 'ALARM',
      NewStateReason: 'because',
      StateChangeTime: '1970-01-01T00:00:00.000+0000',
      Region: 'EU (Frankfurt)',
      AlarmArn: alarmArn('old'),
      OldStateValue: 'OK',
      OKActions: [],
      AlarmActions: [topic],
      InsufficientDataActions: [],
      Trigger: {
        MetricName: 'ApproximateAgeOfOldestMessage',
        Namespace: 'AWS/SQS',
        StatisticType: 'Statistic',
        Statistic: 'MAXIMUM',
        Unit: null,
        Dimensions: [{ name: 'QueueName', value: 'inventory' }],
        Period: 60,
        EvaluationPeriods: 1,
        DatapointsToAlarm: 1,
        ComparisonOperator: 'GreaterThanThreshold',
        Threshold: 300,
        TreatMissingData: 'missing',
        EvaluateLowSampleCountPercentile: '',
      },
    });
  });

  it.each([
    ['p99', { StatisticType: 'ExtendedStatistic', ExtendedStatistic: 'p99' }],
    ['SampleCount', { StatisticType: 'Statistic', Statistic: 'SAMPLE_COUNT' }],
  ])('names the statistic %s', (statistic, expected) => {
    const { Trigger } = JSON.parse(messageOf(transition(metricAlarm('a', age, { statistic }))));
    expect(Trigger).toMatchObject(expected);
  });

  it('of an alarm on an expression lists the metrics', () => {
    const alarm = metricAlarm('rate', age, {
      queries: [
        { id: 'e1', returnData: true, expression: 'm1 * 2' },
        { id: 'm1', returnData: false, metric: { metric: age, statistic: 'Sum', periodSeconds: 60 } },
      ],
    });
    const { Trigger } = JSON.parse(messageOf(transition(alarm)));
    expect(Trigger.MetricName).toBeUndefined();
    expect(Trigger.Metrics).toEqual([
      { Id: 'e1', Expression: 'm1 * 2', ReturnData: true },
      {
        Id: 'm1',
        MetricStat: {
          Metric: {
            MetricName: 'ApproximateAgeOfOldestMessage',
            Namespace: 'AWS/SQS',
            Dimensions: [{ name: 'QueueName', value: 'inventory' }],
          },
          Period: 60,
          Stat: 'Sum',
        },
        ReturnData: false,
      },
    ]);
  });

  it('of a composite alarm has its rule and the children that changed', () => {
    const triggeredBy = [{ arn: alarmArn('old'), state: 'ALARM' as const, at: 0 }];
    const message = JSON.parse(messageOf(transition(compositeAlarm('page', 'ALARM("old")'), { triggeredBy })));
    expect(message).toMatchObject({
      AlarmDescription: null,
      AlarmRule: 'ALARM("old")',
      TriggeringChildren: [
        { Arn: alarmArn('old'), State: { Value: 'ALARM', Timestamp: '1970-01-01T00:00:00.000+0000' } },
      ],
    });
    expect(message.Trigger).toBeUndefined();
  });

  it('has a subject that SNS takes', () => {
    const subject = subjectOf(transition(metricAlarm(`größe-${'x'.repeat(200)}`, age)));
    expect(subject).toHaveLength(100);
    expect(subject).toMatch(/^ALARM: "gr\?\?e-[\x20-\x7e]+\.\.\.$/);
  });
});
