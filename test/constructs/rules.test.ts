import { App, Aws, Duration, Stack, Stage, Validations } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { beforeEach, describe, expect, it } from 'vitest';
import { Health } from '../../lib/constructs/alarms/health.ts';
import { tableAlarms } from '../../lib/constructs/alarms/table-alarms.ts';
import type { Finding } from '../../lib/constructs/rules/finding.ts';
import { findingsIn, installRules } from '../../lib/constructs/rules/rules.ts';
import { pathOf } from '../../lib/constructs/rules/unsafe-app-error.ts';
import { wiring } from './fixtures/wiring.ts';

let app: App;
let stack: Stack;

beforeEach(() => {
  app = new App();
  stack = new Stack(app, 'Plain');
});

/** What the rules say of an app, a line each: severity, rule, path. */
function told(root: App | Stage = app): string[] {
  return findingsIn(root).map((each) => `${each.severity} ${each.rule} ${pathOf(each.construct)}`);
}

function only(rule: string): Finding {
  const found = findingsIn(app).filter((each) => each.rule === rule);
  expect(found).toHaveLength(1);
  return found[0]!;
}

/** A queue and what takes its messages, in plain CDK: all is well with them unless told otherwise. */
function plain(
  queueProps: sqs.QueueProps = {},
  handlerProps: Partial<lambda.FunctionProps> = {},
  mappingProps: lambda.EventSourceMappingOptions = {},
  scope = stack,
) {
  const deadLetters = new sqs.Queue(scope, 'DeadLetters', {
    fifo: queueProps.fifo,
    retentionPeriod: Duration.days(14),
  });
  const queue = new sqs.Queue(scope, 'Queue', {
    visibilityTimeout: Duration.seconds(180),
    deadLetterQueue: { queue: deadLetters, maxReceiveCount: 10 },
    ...queueProps,
  });
  const handler = new lambda.Function(scope, 'Handler', {
    code: lambda.Code.fromInline('exports.handler = async () => {};'),
    handler: 'index.handler',
    runtime: lambda.Runtime.NODEJS_22_X,
    timeout: Duration.seconds(30),
    ...handlerProps,
  });
  const mapping = new lambda.EventSourceMapping(scope, 'Mapping', {
    target: handler,
    eventSourceArn: queue.queueArn,
    ...mappingProps,
  });
  return { deadLetters, queue, handler, mapping };
}

/** The variable by which a function is known as a consumer of Baton. */
const OURS = { BATON_CONSUMER: 'seats' };

function alarm(id: string): cloudwatch.Alarm {
  const metric = new cloudwatch.Metric({ namespace: 'Shop', metricName: id });
  return new cloudwatch.Alarm(stack, id, { metric, threshold: 1, evaluationPeriods: 1 });
}

function page() {
  return { bind: () => ({ alarmActionArn: 'arn:aws:sns:eu-central-1:111111111111:page' }) };
}

describe('an app as it should be', () => {
  it('has no findings: what Baton makes, and plain CDK that follows the rules', () => {
    const { app: theatre, consumer, commandQueue } = wiring({ ordered: true });
    consumer();
    consumer({ ordered: false, timeout: Duration.minutes(2) }, 'Unordered');
    commandQueue();
    expect(told(theatre)).toEqual([]);
    plain();
    expect(told()).toEqual([]);
  });
});

describe('the visibility timeout', () => {
  it('is at least six times the timeout of the function, plus the window', () => {
    plain({}, { timeout: Duration.seconds(29) }, { maxBatchingWindow: Duration.seconds(6) });
    expect(told()).toEqual([]);
  });

  it('is refused when it is shorter, with the values and the least', () => {
    plain(
      { visibilityTimeout: Duration.seconds(179) },
      { environment: OURS },
      { maxBatchingWindow: Duration.seconds(5) },
    );
    expect(only('baton:visibility-timeout')).toMatchObject({
      severity: 'error',
      problem: expect.stringMatching(/is 179 s.*may run 30 s with a window of 5 s/),
      remedy: 'Use at least 185 s (6 x timeout + window).',
    });
  });

  it('is a warning for functions that are not consumers of Baton', () => {
    plain({ visibilityTimeout: Duration.seconds(60) });
    expect(told()).toEqual(['warning baton:visibility-timeout Plain/Queue']);
  });

  it('is seen behind aliases and versions, and in another stack', () => {
    const { handler } = plain({}, {}, {});
    const other = new Stack(app, 'Other');
    const queue = new sqs.Queue(other, 'Slow', { deadLetterQueue: deadLetterQueue(other, 10) });
    const alias = new lambda.Alias(stack, 'Live', { aliasName: 'live', version: handler.currentVersion });
    new lambda.EventSourceMapping(stack, 'Second', { target: alias, eventSourceArn: queue.queueArn });
    expect(told()).toEqual(['warning baton:visibility-timeout Other/Slow']);
    installRules(stack);
    app.synth();
    expect(told()).toEqual(['warning baton:visibility-timeout Other/Slow']);
  });

  it('takes the defaults of SQS and Lambda for what is left out', () => {
    plain({ visibilityTimeout: undefined }, { timeout: undefined });
    expect(told()).toEqual([]);
    const { queue } = plain(
      { visibilityTimeout: undefined },
      { timeout: Duration.seconds(6) },
      {},
      new Stack(app, 'B'),
    );
    expect(told()).toEqual([`warning baton:visibility-timeout ${queue.node.path}`]);
  });

  it('is not judged when it cannot be known', () => {
    const { queue } = plain();
    const parameter = { Ref: 'Seconds' };
    (queue.node.defaultChild as sqs.CfnQueue).addPropertyOverride('VisibilityTimeout', parameter);
    expect(told()).toEqual([]);
  });
});

describe('the safety net', () => {
  it('is missed where there is none', () => {
    plain({ deadLetterQueue: undefined }, { environment: OURS });
    expect(told()).toEqual(['error baton:safety-net Plain/Queue']);
    expect(only('baton:safety-net').problem).toContain('no redrive policy');
  });

  it('catches after five receives or more', () => {
    plain({ deadLetterQueue: deadLetterQueue(stack, 4) }, { environment: OURS });
    expect(only('baton:safety-net')).toMatchObject({
      severity: 'error',
      problem: expect.stringContaining('maxReceiveCount is 4'),
      remedy: 'Use 5 or more.',
    });
  });

  it('comes after the last attempt of the runtime', () => {
    plain({}, { environment: { ...OURS, BATON_MAX_ATTEMPTS: '10' } });
    expect(told()).toEqual(['error baton:attempts Plain/Queue']);
    expect(only('baton:attempts').remedy).toContain('maxReceiveCount of 11');
  });

  it('keeps dead letters longer than the queue keeps messages', () => {
    const { deadLetters } = plain({ retentionPeriod: Duration.days(14) });
    expect(told()).toEqual([`warning baton:dead-letter-retention ${deadLetters.node.path}`]);
    expect(only('baton:dead-letter-retention').problem).toMatch(/1209600 s.*Plain\/Queue.*1209600 s/);
  });
});

describe('idempotency records', () => {
  const environment = (days: number) => ({ ...OURS, BATON_IDEMPOTENCY_TTL_SECONDS: String(days * 86_400) });

  it('outlive the queue and the dead letters together', () => {
    plain({}, { environment: environment(18) });
    expect(told()).toEqual(['error baton:idempotency-ttl Plain/Handler']);
    expect(only('baton:idempotency-ttl').problem).toMatch(/live 1555200 s.*345600 s in the queue, 1209600 s/);
  });

  it('are well when they do', () => {
    plain({}, { environment: environment(19) });
    expect(told()).toEqual([]);
  });
});

describe('an event source', () => {
  it('has provisioned pollers or a maximum concurrency, not both', () => {
    const { mapping } = plain({}, {}, { maxConcurrency: 10 });
    expect(told()).toEqual([]);
    const pollers = { minimumPollers: 2, maximumPollers: 4 };
    (mapping.node.defaultChild as lambda.CfnEventSourceMapping).provisionedPollerConfig = pollers;
    expect(told()).toEqual(['error baton:pollers Plain/Mapping']);
    expect(only('baton:pollers').problem).toMatch(/"MinimumPollers":2.*concurrency \(10\)/);
  });
});

describe('a subscription', () => {
  const subscribe = (topicIsFifo: boolean, queueIsFifo: boolean, deadLettersAreFifo: boolean) =>
    new sns.CfnSubscription(stack, 'Subscription', {
      topicArn: new sns.Topic(stack, 'Topic', topicIsFifo ? { fifo: true } : {}).topicArn,
      protocol: 'sqs',
      endpoint: new sqs.Queue(stack, 'Q', queueIsFifo ? { fifo: true } : {}).queueArn,
      redrivePolicy: {
        deadLetterTargetArn: new sqs.Queue(stack, 'D', deadLettersAreFifo ? { fifo: true } : {}).queueArn,
      },
    });

  it.each([
    [false, false, false],
    [true, true, true],
    [true, false, true],
  ])('fits: FIFO topic %s, FIFO queue %s, FIFO dead letters %s', (...kinds) => {
    subscribe(...kinds);
    expect(told()).toEqual([]);
  });

  it('does not put messages of a standard topic into a FIFO queue', () => {
    subscribe(false, true, false);
    expect(only('baton:fifo-subscription').problem).toMatch(/Plain\/Topic.*Plain\/Q/);
  });

  it('has a dead-letter queue of the kind of the topic', () => {
    subscribe(true, true, false);
    expect(only('baton:fifo-subscription')).toMatchObject({
      problem: expect.stringContaining('is standard'),
      remedy: expect.stringContaining('FIFO'),
    });
  });

  it('wants something', () => {
    const subscription = subscribe(false, false, false);
    subscription.filterPolicy = { type: ['seat.booked'], tenant: [{ 'anything-but': [] }] };
    expect(only('baton:empty-filter').problem).toContain("'tenant.anything-but'");
    subscription.filterPolicy = { type: [] };
    expect(only('baton:empty-filter').problem).toContain("'type'");
    subscription.filterPolicy = { type: ['seat.booked'] };
    expect(told()).toEqual([]);
  });
});

describe('an alarm', () => {
  it('has an action', () => {
    alarm('Heard').addAlarmAction(page());
    expect(told()).toEqual([]);
    alarm('Silent');
    expect(told()).toEqual(['error baton:silent-alarm Plain/Silent']);
  });

  it('does not act when its actions are off', () => {
    const off = alarm('Off');
    off.addAlarmAction(page());
    (off.node.defaultChild as cloudwatch.CfnAlarm).actionsEnabled = false;
    expect(told()).toEqual(['error baton:silent-alarm Plain/Off']);
  });

  it('is heard through composites, by reference, name or ARN, and as their suppressor', () => {
    const inner = new cloudwatch.CompositeAlarm(stack, 'Inner', {
      alarmRule: cloudwatch.AlarmRule.fromAlarm(alarm('ByReference'), cloudwatch.AlarmState.ALARM),
    });
    (alarm('ByName').node.defaultChild as cloudwatch.CfnAlarm).alarmName = 'Shop-By-Name';
    (alarm('ByArn').node.defaultChild as cloudwatch.CfnAlarm).alarmName = 'Shop-By-Arn';
    new cloudwatch.CfnCompositeAlarm(stack, 'Outer', {
      alarmRule: `ALARM("${inner.alarmName}") OR (ALARM(Shop-By-Name) AND NOT OK("arn:aws:cloudwatch:eu-central-1:1:alarm:Shop-By-Arn"))`,
      alarmActions: ['arn:aws:sns:eu-central-1:111111111111:page'],
      actionsSuppressor: alarm('Suppressor').alarmArn,
    });
    expect(told()).toEqual([]);
  });

  it('is not heard through a composite that nobody hears: the composite is told, once', () => {
    new cloudwatch.CompositeAlarm(stack, 'Mute', {
      alarmRule: cloudwatch.AlarmRule.anyOf(alarm('One'), alarm('Two')),
    });
    expect(told()).toEqual(['error baton:silent-alarm Plain/Mute']);
  });

  it('may be shown in a composite without an action when it is heard otherwise', () => {
    const heard = alarm('Heard');
    heard.addAlarmAction(page());
    new cloudwatch.CompositeAlarm(stack, 'View', { alarmRule: cloudwatch.AlarmRule.anyOf(heard) });
    expect(told()).toEqual([]);
  });
});

describe('the names of a stack', () => {
  it('are taken once: ids that read alike joined, and alarms of both kinds', () => {
    new sqs.Queue(stack, 'One', { queueName: 'Shop-Seat-Plan' });
    new sqs.Queue(stack, 'Other', { queueName: 'Shop-Seat-Plan' });
    new sns.Topic(stack, 'Topic', { topicName: 'Shop-Seat-Plan' });
    const heard = { alarmName: 'Shop-health', alarmActions: ['arn:aws:sns:eu-central-1:1:a'] };
    new cloudwatch.CfnAlarm(stack, 'Page', {
      ...heard,
      comparisonOperator: 'GreaterThanThreshold',
      evaluationPeriods: 1,
      threshold: 1,
    });
    new cloudwatch.CfnCompositeAlarm(stack, 'Health', { ...heard, alarmRule: 'TRUE' });
    expect(told()).toEqual(['error baton:same-name Plain/Health', 'error baton:same-name Plain/Other']);
    expect(findingsIn(app)[0]).toMatchObject({
      problem: 'It is called Shop-health, as Plain/Page is: the alarm of one of them could not be made.',
    });
  });

  it('may be those of another stack, left to CloudFormation, or known at deployment only', () => {
    const other = new Stack(app, 'Elsewhere');
    for (const scope of [stack, other]) new sqs.Queue(scope, 'Queue', { queueName: 'shop' });
    for (const id of ['A', 'B']) new sqs.Queue(stack, id);
    for (const id of ['C', 'D']) new sqs.Queue(stack, id, { queueName: `${Aws.REGION}-shop` });
    expect(told()).toEqual([]);
  });

  it('are told apart for two tables of one scope', () => {
    const { stack: theatre, onCall, template } = wiring();
    for (const prefix of ['Plans', 'Plays']) {
      const table = new dynamodb.Table(theatre, prefix, {
        partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING },
      });
      tableAlarms(new Health(theatre, `${prefix}Health`, { subject: prefix, owner: 'house', onCall }), table, {
        prefix,
      });
    }
    expect(() => template()).toThrow(/PlaysHealth\/Ticket.* is called Theatre-degraded, as .*\(baton:same-name\)/);
  });
});

describe('the size of a stack', () => {
  const fill = (count: number) => {
    for (let n = 0; n < count; n++) new sns.CfnTopic(stack, `Topic${n}`, {});
  };

  it('is warned of above 450 resources', () => {
    fill(450);
    expect(told()).toEqual([]);
    new sns.CfnTopic(stack, 'OneMore', {});
    expect(told()).toEqual(['warning baton:stack-size Plain']);
  });

  it('is refused above 500, before CloudFormation does', () => {
    fill(501);
    expect(only('baton:stack-size')).toMatchObject({
      severity: 'error',
      problem: expect.stringContaining('501 resources'),
      remedy: expect.stringContaining('SplittingStack'),
    });
    installRules(stack);
    expect(() => app.synth()).toThrow(/^Plain: The stack has 501 resources/);
  });
});

describe('the rules, installed', () => {
  it('refuse plain CDK too, in Template.fromStack as in app.synth, each finding with path, value and remedy', () => {
    installRules(stack);
    installRules(app);
    plain({ visibilityTimeout: Duration.seconds(10), deadLetterQueue: undefined }, { environment: OURS });
    alarm('Silent');
    const refused =
      /^Plain\/Queue: The visibility timeout is 10 s.*Use at least 180 s.*\(baton:visibility-timeout\)\nPlain\/Queue: It has no redrive policy.*\nPlain\/Silent: It has no action.*\(baton:silent-alarm\)$/;
    expect(() => app.synth()).toThrow(refused);
    expect(() => Template.fromStack(stack)).toThrow(refused);
  });

  it('see through the escape hatches of what Baton makes', () => {
    const { stack: theatre, consumer, template } = wiring();
    const seats = consumer();
    (seats.queue.node.defaultChild as sqs.CfnQueue).addPropertyOverride('VisibilityTimeout', 20);
    (seats.queue.node.defaultChild as sqs.CfnQueue).addPropertyOverride('RedrivePolicy.maxReceiveCount', 5);
    (seats.function.node.defaultChild as lambda.CfnFunction).addPropertyOverride(
      'Environment.Variables.BATON_IDEMPOTENCY_TTL_SECONDS',
      '60',
    );
    (seats.subscription.node.defaultChild as sns.CfnSubscription).filterPolicy = { type: [] };
    installRules(theatre);
    expect(() => template()).toThrow(
      /^Theatre\/SeatPlan\/Queue: .*is 20 s.*\nTheatre\/SeatPlan\/Queue: maxReceiveCount is 5, and the runtime makes 5 attempts.*\nTheatre\/SeatPlan\/Function: .*live 60 s.*\nTheatre\/SeatPlan\/Subscription: .*'type'/,
    );
  });

  it('warn where somebody else is responsible, and are silent once acknowledged with a reason', () => {
    installRules(stack);
    const { queue } = plain({ visibilityTimeout: Duration.seconds(60) });
    Template.fromStack(stack);
    Annotations.fromStack(stack).hasWarning('/Plain/Queue/Resource', Match.stringLikeRegexp('is 60 s.*at least 180 s'));
    Validations.of(queue).acknowledge({ id: 'baton:visibility-timeout', reason: 'The handler is idempotent.' });
    expect(told()).toEqual([]);
  });

  it('take an acknowledgement of an error, too', () => {
    installRules(stack);
    const forRollback = alarm('ForRollback');
    Validations.of(forRollback).acknowledge({ id: 'baton:silent-alarm', reason: 'CodeDeploy looks at it.' });
    expect(() => app.synth()).not.toThrow();
  });

  it('look at each stage of a pipeline by itself', () => {
    const stage = new Stage(app, 'Prod');
    const inStage = new Stack(stage, 'Shop');
    installRules(inStage);
    new cloudwatch.CfnAlarm(inStage, 'Silent', {
      comparisonOperator: 'GreaterThanThreshold',
      evaluationPeriods: 1,
      threshold: 1,
    });
    expect(told()).toEqual([]);
    expect(told(stage)).toEqual(['error baton:silent-alarm Prod/Shop/Silent']);
    expect(() => app.synth()).toThrow(/^Prod\/Shop\/Silent: /);
  });
});

function deadLetterQueue(scope: Stack, maxReceiveCount: number): sqs.DeadLetterQueue {
  return {
    queue: new sqs.Queue(scope, 'LongDeadLetters', { retentionPeriod: Duration.days(14) }),
    maxReceiveCount,
  };
}
