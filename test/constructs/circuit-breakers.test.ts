import { existsSync } from 'node:fs';
import { Duration, Stack } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { CircuitBreakers, type DependencyProps } from '../../lib/constructs/circuit-breakers.ts';
import { IdempotencyTable, UnsafePropsError } from '../../lib/constructs/index.ts';
import { DEFAULT_SETTINGS, readDependencies } from '../../lib/runtime/dependencies/dependency-settings.ts';
import { logicalIdAt, resourceAt, statements, wiring } from './fixtures/wiring.ts';

const DEPENDENCIES = {
  payments: { openTime: Duration.minutes(1), rampStep: Duration.seconds(5), alarm: 'ticket' },
  stock: { maximumConcurrency: 4, timeout: Duration.millis(250) },
} as const satisfies Record<string, DependencyProps>;

/** A stack with a keeper, and a consumer in its care. */
function watched(dependencies: Record<string, DependencyProps> = DEPENDENCIES) {
  const wired = wiring();
  const { stack, idempotency, onCall } = wired;
  const breakers = new CircuitBreakers(stack, 'Circuits', { idempotency, onCall, owner: 'platform' });
  const consumer = wired.consumer({ maximumConcurrency: 30 });
  for (const [name, value] of Object.entries(breakers.environment(consumer, dependencies))) {
    consumer.function.addEnvironment(name, value);
  }
  breakers.grantWake(consumer);
  const watch = { name: consumer.name, health: consumer.health, eventSource: consumer.eventSource, idempotency };
  const alarms = breakers.watch(consumer, { ...watch, dependencies, batchSize: 10, maximumConcurrency: 30 });
  return { ...wired, breakers, consumer, watch, alarms };
}

describe('circuit breakers', () => {
  const { app, alarms, template } = watched();
  const synthesized = template();
  const keeper = resourceAt(synthesized, 'Circuits/Function').Properties;
  const eventSource = logicalIdAt(synthesized, 'SeatPlan/EventSource');
  const policy = (path: string) =>
    statements(resourceAt(synthesized, `${path}/Role/DefaultPolicy`).Properties.PolicyDocument);

  it('tell the keeper alone which event source is whose, and how it was deployed', () => {
    const [, [before, uuid, after]] = keeper.Environment.Variables.BATON_EVENT_SOURCES['Fn::Join'];
    expect(uuid).toEqual({ Ref: eventSource });
    expect(JSON.parse(`${before}the-uuid${after}`)).toEqual({
      'seat-plan': {
        uuid: 'the-uuid',
        batchSize: 10,
        maximumConcurrency: 30,
        dependencies: { payments: { rampStepSeconds: 5 }, stock: {} },
      },
    });
    const consumer = JSON.stringify(resourceAt(synthesized, 'SeatPlan/Function').Properties);
    expect(consumer).not.toContain(eventSource);
  });

  it('tell the consumer its settings, as the runtime reads them', () => {
    const { BATON_DEPENDENCIES, BATON_KEEPER_QUEUE_URL } = resourceAt(synthesized, 'SeatPlan/Function').Properties
      .Environment.Variables;
    expect(readDependencies(BATON_DEPENDENCIES)).toEqual({
      payments: { ...DEFAULT_SETTINGS, openSeconds: 60, rampStepSeconds: 5 },
      stock: { ...DEFAULT_SETTINGS, maximumConcurrency: 4, timeoutSeconds: 0.25 },
    });
    expect(BATON_KEEPER_QUEUE_URL).toEqual({ Ref: logicalIdAt(synthesized, 'Circuits/Queue') });
  });

  it('let the keeper change the event sources it watches, and no other', () => {
    const [change] = policy('Circuits').filter(({ Action }) => Action.some((action) => action.startsWith('lambda:')));
    expect(change!.Action).toEqual(['lambda:GetEventSourceMapping', 'lambda:UpdateEventSourceMapping']);
    expect(JSON.stringify(change!.Resource)).toMatch(
      new RegExp(`:lambda:.*:event-source-mapping:",\\{"Ref":"${eventSource}"\\}`),
    );
  });

  it('let the keeper read and write circuits, and no idempotency record', () => {
    const [table] = policy('Circuits').filter(({ Action }) => Action.some((action) => action.startsWith('dynamodb:')));
    expect(table!.Action).toEqual(['dynamodb:PartiQLSelect', 'dynamodb:UpdateItem']);
    expect(table!.Condition).toEqual({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['circuit#*'] } });
  });

  it('let the consumer wake the keeper', () => {
    const queue = { 'Fn::GetAtt': [logicalIdAt(synthesized, 'Circuits/Queue'), 'Arn'] };
    const wakes = policy('SeatPlan').filter(({ Resource }) => JSON.stringify(Resource).includes(JSON.stringify(queue)));
    expect(wakes.flatMap(({ Action }) => Action)).toEqual(['sqs:SendMessage']);
  });

  it('take one wake-up at a time, from an encrypted queue with a DLQ', () => {
    expect(resourceAt(synthesized, 'Circuits/EventSource').Properties).toMatchObject({
      BatchSize: 1,
      ScalingConfig: { MaximumConcurrency: 2 },
    });
    expect(resourceAt(synthesized, 'Circuits/Queue').Properties).toMatchObject({
      VisibilityTimeout: 6 * keeper.Timeout,
      RedrivePolicy: {
        deadLetterTargetArn: { 'Fn::GetAtt': [logicalIdAt(synthesized, 'Circuits/DeadLetters'), 'Arn'] },
      },
      KmsMasterKeyId: expect.anything(),
    });
  });

  it('may send messages to themselves without being taken for a loop', () => {
    expect(keeper.RecursiveLoop).toBe('Allow');
  });

  it('tell somebody when a circuit stays open, if asked to', () => {
    expect(Object.keys(alarms)).toEqual(['payments']);
    expect(resourceAt(synthesized, 'SeatPlan/CircuitAlarm-payments').Properties).toMatchObject({
      Namespace: 'Baton',
      MetricName: 'CircuitState',
      Dimensions: [
        { Name: 'dependency', Value: 'payments' },
        { Name: 'service', Value: 'seat-plan' },
      ],
      Statistic: 'Maximum',
      Period: 60,
      Threshold: 2,
      EvaluationPeriods: 5,
      TreatMissingData: 'notBreaching',
    });
    const { AlarmRule, AlarmActions } = resourceAt(synthesized, 'SeatPlan/Health/Ticket').Properties;
    expect(AlarmRule).toContain('ALARM("Theatre-SeatPlan-circuit-open-payments")');
    expect(AlarmActions).toEqual([{ Ref: logicalIdAt(synthesized, 'OnCall/Ticket') }]);
  });

  it('page when the keeper gave up', () => {
    expect(resourceAt(synthesized, 'Circuits/DeadLettersAlarm').Properties).toMatchObject({
      Threshold: 1,
    });
    expect(resourceAt(synthesized, 'Circuits/Health/Page').Properties).toMatchObject({
      AlarmRule: 'ALARM("Theatre-Circuits-circuit-open")',
      AlarmActions: [{ Ref: logicalIdAt(synthesized, 'OnCall/Page') }],
      OKActions: [{ Ref: logicalIdAt(synthesized, 'OnCall/Page') }],
    });
  });

  it.each(['SeatPlan/CircuitAlarm-payments', 'Circuits/DeadLettersAlarm'])('%s says what to do', (path) => {
    const { AlarmDescription } = resourceAt(synthesized, path).Properties;
    expect(AlarmDescription).toMatch(/^Owner: .+\. .{20,} First: .{20,} Runbook: docs\/runbooks\/circuit-open\.md$/);
    expect(existsSync('docs/runbooks/circuit-open.md')).toBe(true);
  });

  it('break no rule of AwsSolutions that is not acknowledged with a reason', () => {
    const report = new AwsSolutionsChecks(app).validateScope(app);
    const found = (report.violations ?? []).flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
    );
    expect(found.filter((each) => /Circuits|SeatPlan/.test(each))).toEqual([]);
  });
});

describe('circuit breakers refuse', () => {
  it.each<[string, string, DependencyProps]>([
    ['a rate above 100', 'pay', { failureRate: 101 }],
    ['half a probe', 'pay', { probes: 0.5 }],
    ['no places', 'pay', { maximumConcurrency: 0 }],
    ['an hour of open time', 'pay', { openTime: Duration.hours(1) }],
    ['a window below a second', 'pay', { window: Duration.millis(500) }],
    ['a timeout of nothing', 'pay', { timeout: Duration.millis(0) }],
    ['a name that is no dimension', 'pay ments', {}],
  ])('%s', (_, name, props) => {
    expect(() => watched({ [name]: props })).toThrow(UnsafePropsError);
    expect(() => watched({ [name]: props })).toThrow('Theatre/SeatPlan: ');
  });

  it('a consumer of another table, or of another stack', () => {
    const { app, stack, breakers, consumer, watch } = watched();
    const props = { ...watch, dependencies: {}, batchSize: 10 };
    const other = new IdempotencyTable(stack, 'Other');
    expect(() => breakers.watch(consumer, { ...props, name: 'b', idempotency: other })).toThrow('same `idempotency`');
    expect(() => breakers.watch(new Stack(app, 'Elsewhere'), { ...props, name: 'c' })).toThrow('another stack');
  });

  it('more consumers than the environment of the keeper has room for', () => {
    const { breakers, consumer, watch, template } = watched();
    for (let n = 0; n < 30; n++) {
      breakers.watch(consumer, {
        ...watch,
        name: `consumer-number-${n}`,
        dependencies: { payments: {} },
        batchSize: 10,
      });
    }
    expect(template).toThrow('a second CircuitBreakers');
  });
});
