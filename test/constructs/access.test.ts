import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { CommandQueue, Consumer, EventTopic, IdempotencyTable, OnCall } from '../../lib/constructs/index.ts';
import { OperatorAccess, type OperatorAccessProps } from '../../lib/constructs/security/access.ts';
import { AuditTrail } from '../../lib/constructs/security/audit-trail.ts';
import { BookSeat, ECHO, resourceAt, SeatBooked, type Statement, statements, wiring } from './fixtures/wiring.ts';

const people = { assumedBy: new iam.AccountPrincipal('111111111111') };

function theatre(props: Partial<OperatorAccessProps> = {}) {
  const { stack, consumer, commandQueue, idempotency, onCall, template } = wiring();
  const audit = new AuditTrail(stack, 'Audit');
  const consumers = [consumer(), commandQueue()];
  const settings = { consumers, audit, idempotency, onCall, reader: people, operator: people, ...props };
  const access = () => new OperatorAccess(stack, 'Access', settings);
  return { stack, access, template };
}

function granted(template: Template, role: 'Reader' | 'Operator'): Statement[] {
  return statements(resourceAt(template, `Access/${role}/DefaultPolicy`).Properties.PolicyDocument);
}

/** What an action may be done to: ARNs with their tokens as `<Name>`. */
function reach(policy: readonly Statement[], action: string): string[] {
  const resources = policy.filter((each) => each.Action.includes(action)).flatMap((each) => each.Resource);
  return resources.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).toSorted();
}

/** With the joins of ARNs carried out, as IAM counts their characters. */
function writtenOut(document: object): object {
  return JSON.parse(JSON.stringify(document), (_, value) => {
    const parts = (value as { 'Fn::Join'?: [string, unknown[]] } | null)?.['Fn::Join']?.[1];
    return parts ? parts.map((part) => (typeof part === 'string' ? part : 'aws')).join('') : value;
  });
}

describe('access for people', () => {
  const { stack, access, template } = theatre();
  const { reader, operator } = access();
  const synthesized = template();
  const [reading, operating] = [granted(synthesized, 'Reader'), granted(synthesized, 'Operator')];

  it('demands a second factor of operators, and sessions of an hour of both', () => {
    expect(resourceAt(synthesized, 'Access/Operator').Properties).toMatchObject({
      MaxSessionDuration: 3600,
      AssumeRolePolicyDocument: {
        Statement: [{ Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } } }],
      },
    });
    const trust = resourceAt(synthesized, 'Access/Reader').Properties;
    expect(trust.MaxSessionDuration).toBe(3600);
    expect(trust.AssumeRolePolicyDocument.Statement[0].Condition).toBeUndefined();
    expect(reader.node.path).not.toBe(operator.node.path);
  });

  it('lets readers look at dead letters and at what was undeliverable, and at no queue that is being worked on', () => {
    const receive = reach(reading, 'sqs:ReceiveMessage');
    expect(receive).toHaveLength(2);
    expect(receive[0]).toContain(':Theatre-*-dead-letters*');
    expect(receive[1]).toContain(':Theatre-*-undeliverable*');
  });

  it('lets readers change nothing', () => {
    const actions = [...new Set(reading.flatMap((each) => each.Action))];
    const looking = /^(cloudwatch|logs):(Describe|Get|List|Filter|StartQuery|StopQuery)|^sqs:(Get|List|Receive)/;
    const others = actions.filter((action) => !looking.test(action));
    expect(others.toSorted()).toEqual([
      'dynamodb:GetItem',
      'dynamodb:Query',
      'kms:Decrypt',
      'kms:DescribeKey',
      'sqs:ChangeMessageVisibility',
    ]);
  });

  it('lets readers see the logs of the functions', () => {
    expect(reach(reading, 'logs:FilterLogEvents')).toEqual([expect.stringContaining('/Theatre-*:*')]);
  });

  it('lets operators do what readers do', () => {
    const actions = new Set(operating.flatMap((each) => each.Action));
    expect(reading.flatMap((each) => each.Action).filter((action) => !actions.has(action))).toEqual([]);
  });

  it('lets operators send to every queue, and delete from DLQs only', () => {
    expect(reach(operating, 'sqs:SendMessage')[0]).toContain(':Theatre-*"');
    for (const action of ['sqs:DeleteMessage', 'sqs:StartMessageMoveTask']) {
      for (const resource of reach(operating, action)) {
        expect(resource).toMatch(/Theatre-\*-(dead-letters|undeliverable)\*/);
      }
    }
  });

  it('lets operators free parked keys, and change no other record', () => {
    const writing = operating.filter((each) => each.Action.includes('dynamodb:UpdateItem'));
    expect(writing).toHaveLength(1);
    expect(writing[0]!.Condition).toEqual({
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['parked#*'] },
    });
  });

  it('lets operators add to the audit trail, which readers cannot', () => {
    expect(reach(operating, 'dynamodb:PartiQLInsert')).toHaveLength(1);
    expect(reach(reading, 'dynamodb:PartiQLInsert')).toEqual([]);
    expect(reach(operating, 'dynamodb:DeleteItem')).toEqual([]);
  });

  it('lets operators set the maintenance window and the test alarms, and no other alarm', () => {
    const alarms = reach(operating, 'cloudwatch:SetAlarmState');
    expect(alarms).toHaveLength(3);
    expect(alarms.join()).toMatch(/Maintenance.*Test.*Test/);
    expect(reach(operating, 'sns:ListSubscriptionsByTopic')).toHaveLength(2);
  });

  it('has no action with a wildcard, and every resource with one is explained', () => {
    for (const action of [...reading, ...operating].flatMap((each) => each.Action)) expect(action).not.toContain('*');
    const report = new AwsSolutionsChecks().validateScope(stack.node.findChild('Access'));
    expect(report.violations).toEqual([]);
    const reasons = [reader, operator].flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => type.includes('acknowledged'))
        .flatMap(({ data }) => Object.values(data as Record<string, string>)),
    );
    expect(reasons.length).toBeGreaterThan(8);
    for (const reason of reasons) expect(reason.length).toBeGreaterThan(40);
  });
});

describe('the settings of access', () => {
  it('leave the second factor to an identity provider', () => {
    const { access, template } = theatre({
      operator: { ...people, mfa: false, sessionDuration: Duration.hours(8) },
      reader: { ...people, mfa: true },
    });
    access();
    const synthesized = template();
    const conditionOf = (id: string) =>
      resourceAt(synthesized, id).Properties.AssumeRolePolicyDocument.Statement[0].Condition;
    expect(conditionOf('Access/Operator')).toBeUndefined();
    expect(conditionOf('Access/Reader')).toBeDefined();
    expect(resourceAt(synthesized, 'Access/Operator').Properties.MaxSessionDuration).toBe(28_800);
  });

  it('refuse sessions that IAM does not know', () => {
    const { access } = theatre({ reader: { ...people, sessionDuration: Duration.minutes(30) } });
    expect(access).toThrow('Theatre/Access: `sessionDuration` is 0.5 h. IAM takes 1 to 12 hours.');
  });

  it('refuse to be for nobody', () => {
    expect(theatre({ consumers: [] }).access).toThrow('It has no consumers');
  });
});

describe('access to two hundred consumers in twenty stacks', () => {
  it('fits into the policies of a role, and makes no stack export its queues', { timeout: 120_000 }, () => {
    const env = { account: '111111111111', region: 'eu-central-1' };
    // as many resources as there are: how stacks are split is not the matter here
    const app = new App({ context: { '@aws-cdk/core:stackResourceLimit': 0 } });
    const foundation = new Stack(app, 'Baton-prod-Foundation', { env });
    const shared = {
      idempotency: new IdempotencyTable(foundation, 'Idempotency'),
      onCall: new OnCall(foundation, 'OnCall'),
      entry: ECHO,
      maxAge: Duration.minutes(5),
      owner: 'box-office',
    };
    const topic = new EventTopic(foundation, 'Seats', { events: [SeatBooked] });
    const consumers = Array.from({ length: 20 }, (_, n) => new Stack(app, `Baton-prod-Orders${n}`, { env })).flatMap(
      (stack, n) =>
        Array.from({ length: 10 }, (_, m) =>
          m % 2 === 0
            ? new Consumer(stack, `Consumer${n}x${m}`, { ...shared, topic, events: [SeatBooked] })
            : new CommandQueue(stack, `Commands${n}x${m}`, { ...shared, command: BookSeat }),
        ),
    );
    const home = new Stack(app, 'Baton-prod-Access', { env });
    const audit = new AuditTrail(home, 'Audit');
    new OperatorAccess(home, 'Access', { ...shared, consumers, audit, reader: people, operator: people });
    const template = Template.fromStack(home);
    const sizes = (type: string) =>
      Object.values(template.findResources(type)).map(
        (each) => JSON.stringify(writtenOut(each.Properties.PolicyDocument)).length,
      );
    // a role takes ten managed policies; what stays here is a reference, which becomes an ARN of about the same length
    const [inline, managed] = [sizes('AWS::IAM::Policy'), sizes('AWS::IAM::ManagedPolicy')];
    expect(inline).toHaveLength(2);
    expect(Math.max(...inline)).toBeLessThan(10_240);
    expect(managed.length).toBeLessThanOrEqual(10);
    expect(Math.max(...managed)).toBeLessThan(6_144);
    expect(new AwsSolutionsChecks().validateScope(home).violations).toEqual([]);
    const exported = Object.values(Template.fromStack(Stack.of(consumers[0]!)).findOutputs('*')).filter((each) =>
      JSON.stringify(each).includes('Queue'),
    );
    expect(exported).toEqual([]);
  });
});
