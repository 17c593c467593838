import { existsSync, readdirSync } from 'node:fs';
import { Duration } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { logicalIdAt, type Resource, resourceAt, wiring } from './fixtures/wiring.ts';

const ALARMS = [
  ['DepthAlarm', 'Ticket', 'depth'],
  ['AgeAlarm', 'Page', 'age'],
  ['DeadLettersAlarm', 'Page', 'dead-letters'],
  ['FailureRateAlarm', 'Ticket', 'failure-rate'],
  ['UndeliverableAlarm', 'Page', 'undeliverable'],
] as const;

describe('the alarms of a consumer', () => {
  const { consumer, template } = wiring();
  consumer({ maxAge: Duration.minutes(7), alarms: { depth: 40, failurePercent: 12.5 } });
  const synthesized = template();
  const alarm = (id: string): Resource['Properties'] => resourceAt(synthesized, `SeatPlan/${id}`).Properties;
  const queueName = (id: string) => [
    { Name: 'QueueName', Value: { 'Fn::GetAtt': [logicalIdAt(synthesized, `SeatPlan/${id}`), 'QueueName'] } },
  ];

  it.each(ALARMS)('%s goes to the %s topic, its end as well', (id, topic) => {
    const target = [{ Ref: logicalIdAt(synthesized, `OnCall/${topic}`) }];
    expect([alarm(id).AlarmActions, alarm(id).OKActions]).toEqual([target, target]);
  });

  it.each(ALARMS)('%s (%s) says who, what, what first, and where to read on', (id, _, runbook) => {
    expect(alarm(id).AlarmName).toBe(`Theatre-SeatPlan-${runbook}`);
    expect(alarm(id).AlarmDescription).toMatch(
      new RegExp(`^Owner: box-office\\. .{20,} First: .{20,} Runbook: docs/runbooks/${runbook}\\.md$`),
    );
    expect(alarm(id).AlarmDescription.length).toBeLessThan(1024);
    expect(existsSync(`docs/runbooks/${runbook}.md`)).toBe(true);
  });

  it.each(ALARMS)('%s is quiet when there is nothing to measure', (id) => {
    expect(alarm(id).TreatMissingData).toBe('notBreaching');
  });

  it('page for age at the promise itself', () => {
    expect(alarm('AgeAlarm')).toMatchObject({
      MetricName: 'ApproximateAgeOfOldestMessage',
      Dimensions: queueName('Queue'),
      Statistic: 'Maximum',
      Period: 60,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: 420,
    });
  });

  it('watch the depth of the queue', () => {
    expect(alarm('DepthAlarm')).toMatchObject({
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: queueName('Queue'),
      Threshold: 40,
    });
  });

  it.each([
    ['DeadLettersAlarm', 'DeadLetters'],
    ['UndeliverableAlarm', 'Undeliverable'],
  ])('%s counts what waits and what is in flight', (id, queue) => {
    const [expression, ...parts] = alarm(id).Metrics;
    expect(expression.Expression).toBe('visible + inFlight');
    expect(parts.map((part: { MetricStat: { Metric: unknown } }) => part.MetricStat.Metric)).toEqual([
      expect.objectContaining({ MetricName: 'ApproximateNumberOfMessagesVisible', Dimensions: queueName(queue) }),
      expect.objectContaining({ MetricName: 'ApproximateNumberOfMessagesNotVisible', Dimensions: queueName(queue) }),
    ]);
    expect(alarm(id)).toMatchObject({ Threshold: 1, EvaluationPeriods: 1 });
  });

  it("take the failure rate from the runtime's own metrics", () => {
    const [expression, ...parts] = alarm('FailureRateAlarm').Metrics;
    expect(expression.Expression).toBe('IF(handled + failed > 0, 100 * failed / (handled + failed), 0)');
    expect(
      parts.map((part: { Id: string; MetricStat: { Metric: unknown } }) => [part.Id, part.MetricStat.Metric]),
    ).toEqual(
      ['handled', 'failed'].map((id) => [
        id,
        {
          Namespace: 'Baton',
          MetricName: id === 'handled' ? 'Handled' : 'Failed',
          Dimensions: [{ Name: 'service', Value: 'seat-plan' }],
        },
      ]),
    );
    expect(alarm('FailureRateAlarm').Threshold).toBe(12.5);
  });
});

describe('the runbooks', () => {
  it('are one for each alarm, and no more', () => {
    const runbooks = [...ALARMS.map(([, , runbook]) => runbook), 'outbox-lag', 'circuit-open'];
    expect(readdirSync('docs/runbooks').toSorted()).toEqual(runbooks.map((name) => `${name}.md`).toSorted());
  });
});
