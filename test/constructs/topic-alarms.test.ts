import type { Template } from 'aws-cdk-lib/assertions';
import { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { Health } from '../../lib/constructs/alarms/health.ts';
import { type TopicAlarmProps, topicAlarms } from '../../lib/constructs/alarms/topic-alarms.ts';
import { UnsafePropsError } from '../../lib/constructs/index.ts';
import { logicalIdAt, type Resource, resourceAt, wiring } from './fixtures/wiring.ts';

function watched(props?: TopicAlarmProps) {
  const { stack, topic, onCall, template } = wiring();
  const scope = new Construct(stack, 'Watch');
  const health = new Health(scope, 'Health', { subject: 'seats', owner: 'box-office', onCall });
  const alarms = topicAlarms(health, topic.topic, props);
  return { health, alarms, template };
}

describe('the alarms of a topic', () => {
  const { health, template } = watched();
  const synthesized = template();
  const alarm = (id: string): Resource['Properties'] => resourceAt(synthesized, `Watch/${id}`).Properties;
  const topicName = { 'Fn::GetAtt': [logicalIdAt(synthesized, 'Seats/Topic'), 'TopicName'] };

  it.each([
    ['NotificationsFailedAlarm', 'NumberOfNotificationsFailed', 'page'],
    ['NotificationsRedrivenAlarm', 'NumberOfNotificationsRedrivenToDlq', 'ticket'],
    ['NotificationsLostAlarm', 'NumberOfNotificationsFailedToRedriveToDlq', 'page'],
  ])('%s fires at the first %s, as a %s', (id, MetricName, urgency) => {
    expect(alarm(id)).toMatchObject({
      Namespace: 'AWS/SNS',
      MetricName,
      Dimensions: [{ Name: 'TopicName', Value: topicName }],
      Statistic: 'Sum',
      Period: 300,
      Threshold: 1,
      DatapointsToAlarm: 1,
      EvaluationPeriods: 3,
      TreatMissingData: 'notBreaching',
    });
    expect(health.alarms.get(id)?.urgency).toBe(urgency);
  });

  it('make a ticket when publishing is less than half of the same hour a week ago', () => {
    expect(alarm('PublishRateAlarm')).toMatchObject({
      Namespace: 'Baton',
      MetricName: 'PublishRatio',
      Dimensions: [{ Name: 'topic', Value: 'Theatre-Seats' }],
      Period: 3600,
      Threshold: 0.5,
      ComparisonOperator: 'LessThanThreshold',
      EvaluationPeriods: 1,
      TreatMissingData: 'notBreaching',
    });
    expect(health.alarms.get('PublishRateAlarm')?.urgency).toBe('ticket');
    expect(alarm('PublishRateAlarm').AlarmDescription).toContain('Less than 50% of the events');
  });

  it('have the share of last week written, by name', () => {
    const heartbeat = (synthesizedApp: Template) => {
      const functions = Object.values(synthesizedApp.findResources('AWS::Lambda::Function')) as Resource[];
      return functions.map(({ Properties }) => Properties.Environment?.Variables?.BATON_PUBLISH_RATES).find(Boolean);
    };
    expect(heartbeat(synthesized)).toBe('["Theatre-Seats"]');
    expect(heartbeat(watched({ publishRatio: false }).template())).toBe('[]');
  });

  it('can be set, and left out', () => {
    const { alarms } = watched({ failed: 5, redriven: false, lost: false, publishRatio: false });
    expect(Object.keys(alarms)).toEqual(['failed']);
  });

  it.each<[TopicAlarmProps, string]>([
    [{ failed: 0 }, '`alarms.failed` is 0. Use a whole number'],
    [{ lost: 1.5 }, '`alarms.lost` is 1.5'],
    [{ publishRatio: 0 }, '`alarms.publishRatio` is 0'],
  ])('refuse %j', (props, message) => {
    expect(() => watched(props)).toThrow(UnsafePropsError);
    expect(() => watched(props)).toThrow(`Theatre/Watch: ${message}`);
  });
});
