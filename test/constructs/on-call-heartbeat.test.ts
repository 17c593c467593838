import { statSync } from 'node:fs';
import path from 'node:path';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { bundleFolder } from '../../lib/constructs/code/function-code.ts';
import { OnCall, type OnCallProps, UnsafePropsError } from '../../lib/constructs/index.ts';
import { OnCallTarget } from '../../lib/constructs/on-call/target.ts';
import { logicalIdAt, resourceAt, statements } from './fixtures/wiring.ts';

function theatre(props: OnCallProps = {}) {
  const app = new App({ context: { ...cdkJson.context, 'aws:cdk:enable-path-metadata': true } });
  const stack = new Stack(app, 'Theatre');
  return {
    app,
    stack,
    onCall: new OnCall(stack, 'Night', { page: ['night@theatre.test'], ticket: ['day@theatre.test'], ...props }),
  };
}

const { app, stack, onCall } = theatre({ owner: 'front-of-house' });
onCall.watchPublishRate('Theatre-Seats');
onCall.watchPublishRate('Theatre-Bookings.fifo');
onCall.watchPublishRate('Theatre-Seats');
const synthesized = Template.fromStack(stack);
const refTo = (id: string) => ({ Ref: logicalIdAt(synthesized, id) });
const arnOf = (id: string) => ({ 'Fn::GetAtt': [logicalIdAt(synthesized, id), 'Arn'] });
const policyOf = (template: Template, id: string) => statements(resourceAt(template, id).Properties.PolicyDocument);

describe('the heartbeat', () => {
  it('is a function that knows its alarms and whom to page', () => {
    const { Properties } = resourceAt(synthesized, 'Night/Heartbeat/Function');
    expect(Properties.FunctionName).toBe('Theatre-Night-Heartbeat');
    expect(Properties.Environment.Variables).toMatchObject({
      BATON_ON_CALL: 'Theatre-Night',
      BATON_OWNER: 'front-of-house',
      BATON_RUNBOOK: 'docs/runbooks/heartbeat.md',
      BATON_PAGE_TOPIC_ARN: refTo('Night/Page'),
      BATON_PROBE_ALARM_ARN: arnOf('Night/Heartbeat/Probe'),
      BATON_PROBE_MINUTES: '15',
      BATON_MAINTENANCE_ALARM: refTo('Night/Maintenance/Alarm'),
      BATON_PUBLISH_RATES: '["Theatre-Seats","Theatre-Bookings.fifo"]',
    });
  });

  it('runs every minute, by a role that may do only that', () => {
    expect(resourceAt(synthesized, 'Night/Heartbeat/Schedule').Properties).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      Target: { Arn: arnOf('Night/Heartbeat/Function'), RoleArn: arnOf('Night/Heartbeat/ScheduleRole') },
    });
    expect(policyOf(synthesized, 'Night/Heartbeat/ScheduleRole/DefaultPolicy')).toEqual([
      { Effect: 'Allow', Action: ['lambda:InvokeFunction'], Resource: [arnOf('Night/Heartbeat/Function')] },
    ]);
  });

  it('may page, look at and close the maintenance window, and read metrics', () => {
    const policy = policyOf(synthesized, 'Night/Heartbeat/Role/DefaultPolicy');
    const granted = (action: string) => policy.filter(({ Action }) => Action.includes(action));
    expect(granted('sns:Publish')).toMatchObject([{ Resource: [refTo('Night/Page')] }]);
    expect(granted('kms:GenerateDataKey')).toMatchObject([{ Resource: [arnOf('Night/Key')] }]);
    expect(granted('cloudwatch:SetAlarmState')).toMatchObject([
      { Action: ['cloudwatch:SetAlarmState'], Resource: [arnOf('Night/Maintenance/Alarm')] },
    ]);
    // a list that is refused would page every minute
    expect(policyOf(synthesized, 'Night/Heartbeat/Reads')).toEqual([
      { Effect: 'Allow', Action: ['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricData'], Resource: ['*'] },
    ]);
    expect(policy.filter(({ Resource }) => Resource.includes('*')).flatMap(({ Action }) => Action)).toEqual([
      'xray:PutTelemetryRecords',
      'xray:PutTraceSegments',
    ]);
  });

  it('pages when it is missing, whatever maintenance is going on', () => {
    const { Properties } = resourceAt(synthesized, 'Night/Heartbeat/Alarm');
    expect(Properties).toMatchObject({
      AlarmName: 'Theatre-Night-heartbeat',
      Namespace: 'Baton',
      MetricName: 'Heartbeat',
      Dimensions: [{ Name: 'onCall', Value: 'Theatre-Night' }],
      Statistic: 'Minimum',
      Threshold: 1,
      ComparisonOperator: 'LessThanThreshold',
      EvaluationPeriods: 5,
      TreatMissingData: 'breaching',
      AlarmActions: [refTo('Night/Page')],
      OKActions: [refTo('Night/Page')],
    });
  });

  it('hears its probe on a topic of its own: nobody else is told', () => {
    const topic = refTo('Night/Heartbeat/ProbeTopic');
    expect(resourceAt(synthesized, 'Night/Heartbeat/Probe').Properties).toMatchObject({
      AlarmName: 'Theatre-Night-heartbeat-probe',
      MetricName: 'HeartbeatProbe',
      Threshold: 1,
      TreatMissingData: 'ignore',
      AlarmActions: [topic],
      OKActions: [topic],
    });
    const subscriptions = Object.values(synthesized.findResources('AWS::SNS::Subscription'));
    expect(subscriptions.filter(({ Properties }) => Properties.TopicArn.Ref === topic.Ref)).toMatchObject([
      { Properties: { Protocol: 'lambda', Endpoint: arnOf('Night/Heartbeat/Function') } },
    ]);
  });

  it('has a log that is encrypted and ends', () => {
    expect(resourceAt(synthesized, 'Night/Heartbeat/Logs').Properties).toMatchObject({
      KmsKeyId: arnOf('Night/Key'),
      RetentionInDays: 90,
    });
  });

  it('is small', () => {
    const folder = bundleFolder(path.resolve('lib/runtime/on-call/heartbeat-handler.ts'));
    expect(statSync(path.join(folder, 'handler.mjs')).size).toBeLessThan(80_000);
  });

  it('may be left out', () => {
    const { stack, onCall } = theatre({ heartbeat: false });
    onCall.watchPublishRate('Theatre-Seats');
    expect(onCall.heartbeat).toBeUndefined();
    Template.fromStack(stack).resourceCountIs('AWS::Lambda::Function', 0);
  });

  it.each([Duration.minutes(4), Duration.minutes(61), Duration.seconds(450)])('refuses a probe of %s', (probe) => {
    expect(() => theatre({ heartbeat: { probe } })).toThrow(UnsafePropsError);
  });

  it('refuses a topic whose name only another stack knows', () => {
    const { stack, onCall } = theatre();
    expect(() => onCall.watchPublishRate(stack.stackId)).toThrow(/Theatre\/Night: The name of a topic.*`topicName`/);
  });

  it('says when it is to watch more topics than fit', () => {
    const { stack, onCall } = theatre();
    for (let topic = 0; topic < 70; topic++)
      onCall.watchPublishRate(`Theatre-with-a-long-name-and-topic-number-${topic}`);
    expect(() => Template.fromStack(stack)).toThrow(/Theatre\/Night\/Heartbeat: the names of 70 topics/);
  });
});

describe("a dead man's switch", () => {
  it('in a secret is read by the function, and is in no template', () => {
    const { stack } = theatre({ heartbeat: false });
    const secret = new Secret(stack, 'Switch');
    new OnCall(stack, 'Day', { heartbeat: { deadMansSwitch: { secret, field: 'url' } } });
    const template = Template.fromStack(stack);
    const Ref = logicalIdAt(template, 'Switch');
    expect(resourceAt(template, 'Day/Heartbeat/Function').Properties.Environment.Variables).toMatchObject({
      BATON_SWITCH_SECRET: { Ref },
      BATON_SWITCH_FIELD: 'url',
    });
    expect(JSON.stringify(template.toJSON())).not.toContain('{{resolve:secretsmanager');
    expect(policyOf(template, 'Day/Heartbeat/Role/DefaultPolicy')).toContainEqual(
      expect.objectContaining({
        Action: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'],
        Resource: [{ Ref }],
      }),
    );
  });

  it('in a parameter is read by the function', () => {
    const { stack } = theatre({ heartbeat: { deadMansSwitch: { parameter: '/theatre/switch' } } });
    const template = Template.fromStack(stack);
    expect(resourceAt(template, 'Night/Heartbeat/Function').Properties.Environment.Variables).toMatchObject({
      BATON_SWITCH_PARAMETER: '/theatre/switch',
    });
    const [ssm] = policyOf(template, 'Night/Heartbeat/Role/DefaultPolicy').filter(({ Action }) =>
      Action.includes('ssm:GetParameter'),
    );
    expect(JSON.stringify(ssm?.Resource)).toMatch(/:ssm:.*:parameter\/theatre\/switch"/);
  });

  it('is refused as text', () => {
    const deadMansSwitch = { parameter: 'https://switch.test/key' };
    expect(() => theatre({ heartbeat: { deadMansSwitch } })).toThrow(/in plain text/);
  });

  it('may be kept where a target is', () => {
    const kept = { parameter: '/theatre/url' };
    expect(() => theatre({ ticket: [OnCallTarget.https(kept)], heartbeat: { deadMansSwitch: kept } })).not.toThrow();
  });
});

it('breaks no rule of AwsSolutions', () => {
  const { violations = [] } = new AwsSolutionsChecks(app).validateScope(app);
  const found = violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
  );
  expect(found).toEqual([]);
});
