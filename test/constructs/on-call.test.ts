import { existsSync } from 'node:fs';
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { OnCall, type OnCallProps, UnsafePropsError } from '../../lib/constructs/index.ts';
import { OnCallTarget } from '../../lib/constructs/on-call/target.ts';
import { logicalIdAt, type Resource, resourceAt, statements } from './fixtures/wiring.ts';

const UUID = '0f0f0f0f-1111-2222-3333-444444444444';
const slack = OnCallTarget.slack({ workspaceId: 'T012ABCDE', channelId: 'C012ABCDE' });
const teams = OnCallTarget.teams({ tenantId: UUID, teamId: UUID, channelId: '19:ab-cd_ef@thread.tacv2' });

function theatre() {
  const app = new App({ context: { ...cdkJson.context, 'aws:cdk:enable-path-metadata': true } });
  const stack = new Stack(app, 'Theatre');
  return { app, stack, onCall: (props: OnCallProps = {}) => new OnCall(stack, 'Night', props) };
}

const { app, stack, onCall } = theatre();
const pager = new Secret(stack, 'Pager');
const night = onCall({
  page: ['night@theatre.test', OnCallTarget.https({ secret: pager, field: 'url' }), slack],
  ticket: [OnCallTarget.email('day@theatre.test'), slack, teams],
  escalate: [OnCallTarget.https({ parameter: '/theatre/lead-url', version: 3 })],
  owner: 'front-of-house',
});
const synthesized = Template.fromStack(stack);
const TOPICS = ['Page', 'Ticket', 'Escalate'];
const refTo = (path: string) => ({ Ref: logicalIdAt(synthesized, path) });
const arnOf = (path: string) => ({ 'Fn::GetAtt': [logicalIdAt(synthesized, path), 'Arn'] });
const resources = (type: string) => Object.values(synthesized.findResources(type)) as Resource[];
const keyPolicy = statements(resourceAt(synthesized, 'Night/Key').Properties.KeyPolicy);

describe('the topics of on-call', () => {
  it.each([...TOPICS, 'Heartbeat/ProbeTopic'])('are encrypted: %s', (id) => {
    expect(resourceAt(synthesized, `Night/${id}`).Properties.KmsMasterKeyId).toEqual(arnOf('Night/Key'));
  });

  it.each([...TOPICS, 'Heartbeat/ProbeTopic'])('admit the alarms of their own account, over TLS only: %s', (id) => {
    const policy = statements(resourceAt(synthesized, `Night/${id}/Policy`).Properties.PolicyDocument);
    expect(policy).toMatchObject([
      { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      { Effect: 'Allow', Action: ['sns:Publish'], Principal: { Service: 'cloudwatch.amazonaws.com' } },
    ]);
    expect(policy[1]!.Resource).toEqual([refTo(`Night/${id}`)]);
    expect(JSON.stringify(policy[1]?.Condition)).toMatch(/cloudwatch:.*AWS::AccountId.*:alarm:\*/);
  });

  it('let alarms use the key: otherwise they fire and nobody hears them', () => {
    expect(keyPolicy).toContainEqual({
      Sid: 'AlarmsPublish',
      Effect: 'Allow',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      Resource: ['*'],
    });
  });

  it('are two without `escalate`, and say when they reach nobody', () => {
    const { stack, onCall } = theatre();
    const alone = onCall({ ticket: ['day@theatre.test'], heartbeat: false });
    expect(alone.escalate).toBeUndefined();
    expect(alone.testAlarms).toHaveLength(2);
    Annotations.fromStack(stack).hasWarning('/Theatre/Night', Match.stringLikeRegexp('Nobody gets .* `page`\\.'));
  });

  it('reach somebody who subscribes by other means, and then say nothing', () => {
    const { stack, onCall } = theatre();
    const { page } = onCall({ ticket: ['day@theatre.test'], heartbeat: false });
    page.addSubscription(new EmailSubscription('night@theatre.test'));
    Annotations.fromStack(stack).hasNoWarning('*', Match.stringLikeRegexp('Nobody'));
  });
});

describe('an e-mail target', () => {
  it.each([
    ['Page', 'night@theatre.test'],
    ['Ticket', 'day@theatre.test'],
  ])('of %s gets mail', (id, address) => {
    synthesized.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: address,
      TopicArn: refTo(`Night/${id}`),
    });
  });
});

describe('an https target', () => {
  const [fromSecret, fromParameter] = ['Page', 'Escalate'].map((id) =>
    resources('AWS::SNS::Subscription').find(
      ({ Properties }) =>
        Properties.Protocol === 'https' && Properties.TopicArn.Ref === logicalIdAt(synthesized, `Night/${id}`),
    ),
  );

  it('gets its URL from the secret or the parameter when it is deployed', () => {
    expect(fromSecret?.Properties.Endpoint).toEqual({
      'Fn::Join': [
        '',
        ['{{resolve:secretsmanager:', { Ref: logicalIdAt(synthesized, 'Pager') }, ':SecretString:url::}}'],
      ],
    });
    expect(fromParameter?.Properties.Endpoint).toBe('{{resolve:ssm:/theatre/lead-url:3}}');
  });

  it('is tried for most of an hour, which is what SNS takes', () => {
    const policy = fromSecret?.Properties.DeliveryPolicy.healthyRetryPolicy;
    const { numRetries, numNoDelayRetries, numMinDelayRetries, numMaxDelayRetries } = policy;
    // in the letters in which SNS documents it
    expect(policy.backoffFunction).toBe('exponential');
    const between = numRetries - numNoDelayRetries - numMinDelayRetries - numMaxDelayRetries;
    const { minDelayTarget, maxDelayTarget } = policy;
    const longest = numMinDelayRetries * minDelayTarget + (between + numMaxDelayRetries) * maxDelayTarget;
    expect(longest).toBeGreaterThan(1_800);
    expect(longest).toBeLessThanOrEqual(3_600);
    expect(between).toBeGreaterThan(0);
    expect(fromParameter?.Properties.DeliveryPolicy).toEqual(fromSecret?.Properties.DeliveryPolicy);
  });

  it('leaves what it did not take in an encrypted queue for 14 days, and everybody is told', () => {
    const queue = resourceAt(synthesized, 'Night/Https/Undelivered').Properties;
    expect(queue).toMatchObject({ MessageRetentionPeriod: 14 * 86_400, KmsMasterKeyId: arnOf('Night/Key') });
    expect(fromSecret?.Properties.RedrivePolicy).toEqual({ deadLetterTargetArn: arnOf('Night/Https/Undelivered') });
    expect(keyPolicy.map(({ Sid }) => Sid)).toContain('SnsDelivers');
    const topics = TOPICS.map((id) => refTo(`Night/${id}`));
    const alarm = resourceAt(synthesized, 'Night/UndeliveredAlarm').Properties;
    const watched = alarm.Metrics.map((each: { MetricStat?: { Metric: { MetricName: string } } }) => each.MetricStat);
    expect(watched.map((each?: { Metric: { MetricName: string } }) => each?.Metric.MetricName)).toEqual(
      expect.arrayContaining(['NumberOfMessagesSent', 'ApproximateNumberOfMessagesVisible']),
    );
    expect(alarm).toMatchObject({
      AlarmName: 'Theatre-Night-undelivered',
      Threshold: 1,
      // SQS may report of a queue that was idle a quarter of an hour late
      EvaluationPeriods: 4,
      DatapointsToAlarm: 1,
      TreatMissingData: 'notBreaching',
      AlarmActions: topics,
      OKActions: topics,
    });
  });

  it('needs neither queue nor alarm where there is none', () => {
    const { stack, onCall } = theatre();
    expect(onCall({ page: ['night@theatre.test'], heartbeat: false }).undeliveredAlarm).toBeUndefined();
    Template.fromStack(stack).resourceCountIs('AWS::SQS::Queue', 0);
  });
});

describe('a chat channel', () => {
  it('has one configuration, with the topic of each list that names it', () => {
    const configurations = resources('AWS::Chatbot::SlackChannelConfiguration');
    expect(configurations).toHaveLength(1);
    expect(configurations[0]!.Properties).toMatchObject({
      ConfigurationName: 'Theatre-Night-Chat-Slack-C012ABCDE',
      SlackWorkspaceId: 'T012ABCDE',
      SlackChannelId: 'C012ABCDE',
      SnsTopicArns: [refTo('Night/Page'), refTo('Night/Ticket')],
      IamRoleArn: arnOf('Night/Chat/Role'),
      GuardrailPolicies: [refTo('Night/Chat/Reads')],
    });
  });

  it('may be one of Teams, with the id as it is copied', () => {
    expect(resources('AWS::Chatbot::MicrosoftTeamsChannelConfiguration')[0]!.Properties).toMatchObject({
      ConfigurationName: 'Theatre-Night-Chat-Teams-19-3Aab-cd-ef-40thread-tacv2',
      TeamsTenantId: UUID,
      TeamId: UUID,
      TeamsChannelId: '19%3Aab-cd_ef%40thread.tacv2',
      SnsTopicArns: [refTo('Night/Ticket')],
      GuardrailPolicies: [refTo('Night/Chat/Reads')],
    });
  });

  it('may look, and nothing else', () => {
    const [reads] = statements(resourceAt(synthesized, 'Night/Chat/Reads').Properties.PolicyDocument);
    for (const action of reads!.Action) expect(action).toMatch(/^cloudwatch:(Describe|Get|List)[A-Za-z]+$/);
    expect(resourceAt(synthesized, 'Night/Chat/Role').Properties).toMatchObject({
      AssumeRolePolicyDocument: { Statement: [{ Principal: { Service: 'chatbot.amazonaws.com' } }] },
      ManagedPolicyArns: [refTo('Night/Chat/Reads')],
    });
  });
});

describe('a target that is none', () => {
  const id = 'T012ABCDE';
  it.each<[string, OnCallTarget, RegExp]>([
    ['a URL', 'https://events.pager.test/secret-key', /Theatre\/Night: A target is a URL in plain text.*SSM parameter/],
    ['a URL as an address', OnCallTarget.email('http://pager.test'), /in plain text/],
    ['a URL as the name of a parameter', OnCallTarget.https({ parameter: 'https://pager.test' }), /in plain text/],
    ['a URL instead of a place', { https: 'https://pager.test' } as unknown as OnCallTarget, /in plain text/],
    ['a word', 'night', /'night' is not an e-mail address/],
    ['a parameter that would end the reference', OnCallTarget.https({ parameter: 'a}}b' }), /not the name of an SSM/],
    ['a workspace', OnCallTarget.slack({ workspaceId: 'theatre', channelId: 'C012ABCDE' }), /of a Slack workspace/],
    ['a channel', OnCallTarget.slack({ workspaceId: id, channelId: '#night' }), /'#night' is not .* Slack channel/],
    ['a tenant', OnCallTarget.teams({ tenantId: 'x', teamId: UUID, channelId: '19:a@b' }), /Teams tenant/],
    ['a Teams channel', OnCallTarget.teams({ tenantId: UUID, teamId: UUID, channelId: 'night' }), /Teams channel/],
  ])('is refused: %s', (_, target, message) => {
    expect(() => theatre().onCall({ page: [target] })).toThrow(message);
    expect(() => theatre().onCall({ ticket: [target] })).toThrow(UnsafePropsError);
  });

  it('does not repeat a URL in what it says', () => {
    expect(() => theatre().onCall({ page: ['https://pager.test/secret-key'] })).not.toThrow(/secret-key/);
  });
});

describe('the test alarms', () => {
  it.each(TOPICS)('of %s has a metric that nothing writes, keeps its state, and goes straight to its topic', (id) => {
    const { Properties } = resourceAt(synthesized, `Night/Test${id}`);
    const name = `Theatre-Night-test-${id.toLowerCase()}`;
    expect(Properties).toMatchObject({
      AlarmName: name,
      MetricName: 'OnCallTest',
      Dimensions: [{ Name: 'test', Value: name }],
      TreatMissingData: 'ignore',
      AlarmActions: [refTo(`Night/${id}`)],
      OKActions: [refTo(`Night/${id}`)],
    });
    expect(Properties.AlarmDescription).toContain('nothing is wrong');
  });
});

describe('every alarm of on-call', () => {
  const alarms = resources('AWS::CloudWatch::Alarm').map(({ Properties }) => Properties);

  it.each(alarms.map((each) => [each.AlarmName as string, each.AlarmDescription as string]))(
    '%s names a runbook that exists, in a description that fits',
    (_, description) => {
      const [, runbook] = description.match(/ Runbook: docs\/runbooks\/([a-z-]+)\.md$/) ?? [];
      expect(existsSync(`docs/runbooks/${runbook}.md`)).toBe(true);
      expect(description.length).toBeLessThanOrEqual(1_024);
      if (runbook === 'heartbeat') expect(description).toMatch(/^Owner: front-of-house\. .{20,} First: .{10,}/);
    },
  );

  it('has an action, but for the maintenance window', () => {
    const mute = alarms.filter(({ AlarmActions = [] }) => AlarmActions.length === 0);
    expect(mute.map(({ AlarmName }) => AlarmName)).toEqual(['Theatre-Night-Maintenance']);
  });
});

describe('an on-call of another app', () => {
  it('is what its ARNs say', () => {
    const { stack } = theatre();
    const topic = (name: string) => `arn:aws:sns:eu-west-1:123456789012:${name}`;
    const there = OnCall.fromTopicArns(stack, 'There', {
      pageTopicArn: topic('page'),
      ticketTopicArn: topic('ticket'),
      escalateTopicArn: topic('lead'),
      runbooks: 'https://theatre.test/runbooks/',
      maintenanceAlarmName: 'Theatre-Night-Maintenance',
    });
    expect(there.runbook('age')).toBe('https://theatre.test/runbooks/age.md');
    expect(there.escalate?.topicArn).toBe(topic('lead'));
    expect(there.maintenance?.alarmName).toBe('Theatre-Night-Maintenance');
    const metric = new cloudwatch.Metric({ namespace: 'Theatre', metricName: 'Draught' });
    there.notify(new cloudwatch.Alarm(stack, 'Draught', { metric, threshold: 1, evaluationPeriods: 1 }), 'ticket');
    Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmActions: [topic('ticket')],
      OKActions: [topic('ticket')],
    });
  });

  it('may lack what is optional', () => {
    const arns = { pageTopicArn: 'arn:aws:sns:eu-west-1:1:p', ticketTopicArn: 'arn:aws:sns:eu-west-1:1:t' };
    const there = OnCall.fromTopicArns(theatre().stack, 'There', arns);
    expect(there.runbook('age')).toBe('docs/runbooks/age.md');
    expect([there.escalate, there.maintenance]).toEqual([undefined, undefined]);
  });
});

it('breaks no rule of AwsSolutions', () => {
  const { violations = [] } = new AwsSolutionsChecks(app).validateScope(app);
  const found = violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
  );
  expect(found.filter((each) => each.includes('Theatre/Night'))).toEqual([]);
});

it('refuses an owner without a name', () => {
  expect(() => theatre().onCall({ owner: ' ' })).toThrow(/Theatre\/Night: `owner` is empty/);
});

it('takes a key that is there, and makes none then', () => {
  const { stack, onCall } = theatre();
  const key = new Key(stack, 'Key', { removalPolicy: RemovalPolicy.DESTROY });
  expect(onCall({ encryptionKey: key, heartbeat: { probe: Duration.minutes(5) } }).encryptionKey).toBe(key);
  Template.fromStack(stack).resourceCountIs('AWS::KMS::Key', 1);
  expect(night.encryptionKey).not.toBe(key);
});
