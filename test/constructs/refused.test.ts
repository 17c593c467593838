import { App, Duration, Size, Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ClaimCheck } from '../../lib/constructs/claim-check.ts';
import {
  AuditTrail,
  CircuitBreakers,
  type ConsumerProps,
  EventTopic,
  Flow,
  IdempotencyTable,
  OnCall,
  Outbox,
} from '../../lib/constructs/index.ts';
import { defineEvent, needs } from '../../lib/contracts/index.ts';
import { DoorOpened, DoorOpenedV2 } from './fixtures/versions.ts';
import { SeatBooked, SeatBookedV2, SeatFreed, SeatPriced, wiring } from './fixtures/wiring.ts';

type Theatre = ReturnType<typeof wiring>;

/** What somebody does, and what the refusal has to say: where, what with which values, and what to do instead. */
interface Unsafe {
  readonly what: string;
  readonly how: (theatre: Theatre) => unknown;
  readonly path: string;
  readonly problem: RegExp;
  readonly remedy: RegExp;
}

let theatre: Theatre;

beforeEach(() => {
  theatre = wiring();
});

/** The message by which an app is refused, by its constructs or when it is synthesized. */
function refusal(how: Unsafe['how']): string {
  try {
    how(theatre);
    theatre.app.synth();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It was taken.');
}

function consumer(what: string, props: Partial<ConsumerProps>, problem: RegExp, remedy: RegExp): Unsafe {
  return { what, how: (theatre) => theatre.consumer(props), path: 'Theatre/SeatPlan', problem, remedy };
}

/** The template says something else than the props did: an escape hatch, or plain CDK. */
function resource<Resource>(construct: { readonly node: { readonly defaultChild?: unknown } }): Resource {
  return construct.node.defaultChild as Resource;
}

const PROPS: readonly Unsafe[] = [
  consumer(
    'visibility below 6 x timeout',
    { timeout: Duration.seconds(40), visibilityTimeout: Duration.seconds(239) },
    /`visibilityTimeout` is 239 s/,
    /at least 240 s \(6 x timeout \+ batchWindow\)/,
  ),
  consumer(
    'visibility below 6 x timeout plus window',
    { batchWindow: Duration.seconds(20), visibilityTimeout: Duration.seconds(199) },
    /`visibilityTimeout` is 199 s/,
    /at least 200 s/,
  ),
  consumer('maxReceiveCount below 5', { maxAttempts: 1, maxReceiveCount: 4 }, /`maxReceiveCount` is 4/, /Use 5 to/),
  consumer(
    'runtime attempts not below maxReceiveCount',
    { maxAttempts: 7, maxReceiveCount: 7 },
    /`maxReceiveCount` is 7 and `maxAttempts` is 7/,
    /Use at least 8/,
  ),
  consumer(
    'DLQ retention not longer than that of the source',
    { retention: Duration.days(14) },
    /`retention` is 1209600 s.*14 days/,
    /less than 14 days/,
  ),
  {
    what: 'idempotency TTL shorter than every way back',
    how: ({ stack, consumer }) =>
      consumer({ idempotency: new IdempotencyTable(stack, 'Forgetful', { ttl: Duration.days(18) }) }),
    path: 'Theatre/SeatPlan',
    problem: /live 18 days.*come back after 18 days/,
    remedy: /Raise `ttl` of Theatre\/Forgetful above 18 days/,
  },
  consumer(
    'provisioned pollers with a maximum concurrency',
    { provisionedPollers: {}, maximumConcurrency: 20 },
    /`provisionedPollers` and a `maximumConcurrency` of 20/,
    /Bound it by `provisionedPollers\.maximum`.*or leave the pollers out/,
  ),
  consumer(
    'a FIFO consumer on a standard topic',
    { ordered: true },
    /It is ordered, but Theatre\/Seats is not/,
    /Make the topic ordered as well, or leave `ordered` out/,
  ),
  consumer(
    'a filter policy for an event that is not declared',
    { events: [SeatBookedV2] },
    /'seat\.booked' version 2, which Theatre\/Seats does not carry/,
    /Add the event to the topic's `events`/,
  ),
  consumer(
    'a filter policy by a pattern that no declared event can match',
    { events: ['play.*'] },
    /'play\.\*', and no event of Theatre\/Seats is called so/,
    /There are 'seat\.booked', 'seat\.freed'/,
  ),
  consumer(
    'a filter policy by a pattern that SNS cannot express',
    { events: ['*.seat.*'] },
    /'\*\.seat\.\*', a pattern that SNS cannot express/,
    /write 'order\.\*', '\*\.placed' or '\*'/,
  ),
  {
    what: 'a version of its event that it could not read',
    how: ({ stack, consumer }) => {
      const topic = new EventTopic(stack, 'Doors', { events: [DoorOpened, DoorOpenedV2] });
      consumer({ topic, events: [DoorOpened] });
    },
    path: 'Theatre/SeatPlan',
    problem:
      /would get 'door\.opened' version 2, which Theatre\/Doors carries too; its contracts accept version 1 only/,
    remedy: /whose `previous` leads from 2 there, or set `pinVersions`/,
  },
  consumer(
    'pinned versions of a pattern',
    { events: ['seat.*'], pinVersions: true },
    /`pinVersions` is set, and it wants 'seat\.\*'/,
    /List contracts instead, or leave `pinVersions` out/,
  ),
  {
    what: 'a topic of what one consumer needs of an event',
    how: ({ stack }) =>
      new EventTopic(stack, 'Parts', { events: [needs(SeatPriced, z.object({ price: z.number() }))] }),
    path: 'Theatre/Parts',
    problem: /'seat\.priced' version 1 is given as what one consumer needs of it/,
    remedy: /List the event's own contract/,
  },
  consumer(
    'events that its handler could not publish anywhere',
    { produces: [SeatFreed] },
    /produces 'seat\.freed' version 1, and has nowhere to publish it/,
    /Set `publishes` or `outbox`/,
  ),
  {
    what: 'events that its handler publishes to a topic that does not carry them',
    how: ({ topic, commandQueue }) => commandQueue({ publishes: topic, produces: [SeatPriced] }),
    path: 'Theatre/BookSeat',
    problem: /produces 'seat\.priced' version 1, which Theatre\/Seats does not carry/,
    remedy: /Add the event to the topic's `events`/,
  },
  {
    what: 'a claim check of parts of days',
    how: ({ stack }) => new ClaimCheck(stack, 'ClaimCheck', { retention: Duration.hours(30) }),
    path: 'Theatre/ClaimCheck',
    problem: /`retention` is 1\.25 days/,
    remedy: /whole days/,
  },
  {
    what: 'a claim check that forgets before every way back',
    how: ({ stack, commandQueue }) => {
      commandQueue({ claimCheck: new ClaimCheck(stack, 'ClaimCheck', { retention: Duration.days(18) }) });
    },
    path: 'Theatre/BookSeat',
    problem: /Theatre\/ClaimCheck keeps data 18 days, .*come back after 18 days/,
    remedy: /Raise `retention` of Theatre\/ClaimCheck above 18 days/,
  },
  {
    what: 'two claim checks of one function',
    how: ({ stack, consumer }) => {
      const [from, to] = ['From', 'To'].map(
        (id) => new EventTopic(stack, id, { events: [SeatBooked], claimCheck: new ClaimCheck(stack, `${id}Data`) }),
      );
      consumer({ topic: from!, publishes: to! });
    },
    path: 'Theatre/SeatPlan',
    problem: /Its claim check is Theatre\/FromData, and Theatre\/To, where it publishes, has Theatre\/ToData/,
    remedy: /Give both the same ClaimCheck/,
  },
  {
    what: 'a filter policy by a header that no declared event has',
    how: ({ consumer }) => consumer({ headers: { row: sns.SubscriptionFilter.existsFilter() } }),
    path: 'Theatre/SeatPlan',
    problem: /the header 'row', which none of its events has \(seat\.booked\)/,
    remedy: /Declare it in `headers` of their contracts/,
  },
  {
    what: 'payload limits that disagree: a queue smaller than its topic',
    how: ({ consumer }) => consumer({ maxMessageSize: Size.kibibytes(128) }),
    path: 'Theatre/SeatPlan',
    problem: /takes 131072 bytes, and Theatre\/Seats takes 262144/,
    remedy: /Raise its `maxMessageSize`, or lower that of the topic/,
  },
  {
    what: 'payload limits that disagree: an outbox smaller than its topic',
    how: ({ stack, onCall }) => {
      const topic = new EventTopic(stack, 'Large', { events: [SeatFreed], maxMessageSize: Size.mebibytes(1) });
      new Outbox(stack, 'Outbox', { topic, onCall, owner: 'box-office' });
    },
    path: 'Theatre/Outbox',
    problem: /Theatre\/Large takes events of 1048576 bytes/,
    remedy: /396 KiB or less/,
  },
  consumer('a consumer without an owner', { owner: ' ' }, /`owner` is empty/, /Name the team in `owner`/),
  {
    what: 'a command queue without an owner',
    how: ({ commandQueue }) => commandQueue({ owner: '' }),
    path: 'Theatre/BookSeat',
    problem: /`owner` is empty/,
    remedy: /Name the team in `owner`/,
  },
  {
    what: 'a topic with alarms, without an owner',
    how: ({ stack, onCall }) => new EventTopic(stack, 'Plays', { events: [SeatFreed], onCall }),
    path: 'Theatre/Plays',
    problem: /`onCall`, but nobody answers for it/,
    remedy: /Name the team in `owner`/,
  },
  {
    what: 'a table with alarms, without an owner',
    how: ({ stack, onCall }) => new IdempotencyTable(stack, 'Watched', { onCall }),
    path: 'Theatre/Watched',
    problem: /`onCall`, but no `owner`/,
    remedy: /Name the team/,
  },
  {
    what: 'an outbox without an owner',
    how: ({ stack, topic, onCall }) => new Outbox(stack, 'Outbox', { topic, onCall, owner: '' }),
    path: 'Theatre/Outbox',
    problem: /`owner` is empty/,
    remedy: /Name the team in `owner`/,
  },
  {
    what: 'circuit breakers without an owner',
    how: ({ stack, idempotency, onCall }) => new CircuitBreakers(stack, 'Circuits', { idempotency, onCall, owner: '' }),
    path: 'Theatre/Circuits',
    problem: /`owner` is empty/,
    remedy: /Name the team in `owner`/,
  },
  {
    what: 'a flow without an owner',
    how: ({ stack, consumer, onCall }) => new Flow(stack, 'Sales', { parts: [consumer()], onCall, owner: '' }),
    path: 'Theatre/Sales',
    problem: /`owner` is empty/,
    remedy: /Name the team in `owner`/,
  },
  {
    what: 'on-call without an owner',
    how: ({ stack }) => new OnCall(stack, 'Nobody', { owner: '' }),
    path: 'Theatre/Nobody',
    problem: /`owner` is empty/,
    remedy: /Name the team in `owner`/,
  },
  consumer('an owner that AWS takes for no tag', { owner: 'R&D' }, /`owner` is 'R&D'/, /letters, digits, spaces/),
  consumer('a name that is no name', { name: 'seat#plan' }, /`name` is 'seat#plan'/, /letters, digits, dots/),
  consumer('a name of 256 characters', { name: 'x'.repeat(256) }, /`name` is 'x{256}'/, /up to 255/),
  consumer('the name of other records', { name: 'circuit' }, /`name` is 'circuit', as the idempo/, /another `name`/),
  consumer('memory that Lambda has not', { memorySize: 64 }, /`memorySize` is 64 MiB/, /128 to 10,240/),
  consumer('half a MiB', { memorySize: 128.5 }, /`memorySize` is 128\.5 MiB/, /Use whole MiB/),
  consumer('the name of parked keys', { name: 'parked' }, /`name` is 'parked', as the idempo/, /another `name`/),
  {
    what: 'an id that makes no name',
    how: ({ consumer }) => consumer({}, '座席表'),
    path: 'Theatre/座席表',
    problem: /`name` is ''/,
    remedy: /Set it, or the id that it follows from/,
  },
  consumer(
    'a latency objective that no clock can tell',
    { latencyObjective: Duration.millis(1500) },
    /`latencyObjective` is 1500 ms/,
    /Use whole seconds/,
  ),
];

const TEMPLATES: readonly Unsafe[] = [
  {
    what: 'visibility below 6 x timeout plus window',
    how: ({ consumer }) => {
      const seats = consumer({ batchWindow: Duration.seconds(20) });
      resource<sqs.CfnQueue>(seats.queue).visibilityTimeout = 180;
    },
    path: 'Theatre/SeatPlan/Queue',
    problem: /is 180 s.*may run 30 s with a window of 20 s/,
    remedy: /at least 200 s/,
  },
  {
    what: 'maxReceiveCount below 5',
    how: ({ consumer }) => {
      const seats = consumer({ maxAttempts: 1 });
      resource<sqs.CfnQueue>(seats.queue).addPropertyOverride('RedrivePolicy.maxReceiveCount', 4);
    },
    path: 'Theatre/SeatPlan/Queue',
    problem: /maxReceiveCount is 4/,
    remedy: /Use 5 or more/,
  },
  {
    what: 'runtime attempts not below maxReceiveCount',
    how: ({ consumer }) => {
      const seats = consumer({ maxAttempts: 7 });
      resource<sqs.CfnQueue>(seats.queue).addPropertyOverride('RedrivePolicy.maxReceiveCount', 7);
    },
    path: 'Theatre/SeatPlan/Queue',
    problem: /maxReceiveCount is 7, and the runtime makes 7 attempts/,
    remedy: /maxReceiveCount of 8 or more/,
  },
  {
    what: 'no way to the dead letters at all',
    how: ({ consumer }) => {
      resource<sqs.CfnQueue>(consumer().queue).redrivePolicy = undefined;
    },
    path: 'Theatre/SeatPlan/Queue',
    problem: /no redrive policy/,
    remedy: /Give it a dead-letter queue/,
  },
  {
    what: 'DLQ retention not longer than that of the source',
    how: ({ consumer }) => {
      resource<sqs.CfnQueue>(consumer().deadLetterQueue).messageRetentionPeriod = 4 * 86_400;
    },
    path: 'Theatre/SeatPlan/DeadLetters',
    problem: /keeps dead letters 345600 s.*Theatre\/SeatPlan\/Queue keeps messages 345600 s/,
    remedy: /Keep dead letters 1209600 s/,
  },
  {
    what: 'idempotency TTL shorter than every way back',
    how: ({ consumer }) => {
      const variable = 'Environment.Variables.BATON_IDEMPOTENCY_TTL_SECONDS';
      resource<lambda.CfnFunction>(consumer({}, 'Mails').function).addPropertyOverride(variable, String(18 * 86_400));
    },
    path: 'Theatre/Mails/Function',
    problem: /live 1555200 s.*come back after 1555200 s/,
    remedy: /Raise the `ttl` of its idempotency table above 1555200 s/,
  },
  {
    what: 'provisioned pollers with a maximum concurrency',
    how: ({ consumer }) => {
      const { eventSource } = consumer({ maximumConcurrency: 20 });
      resource<lambda.CfnEventSourceMapping>(eventSource).provisionedPollerConfig = { minimumPollers: 2 };
    },
    path: 'Theatre/SeatPlan/EventSource',
    problem: /provisioned pollers.*maximum concurrency \(20\)/,
    remedy: /Bound it by MaximumPollers/,
  },
  {
    what: 'a FIFO queue on a standard topic',
    how: ({ stack, topic }) => {
      const endpoint = new sqs.Queue(stack, 'Ordered', { fifo: true }).queueArn;
      new sns.Subscription(stack, 'ByHand', { topic: topic.topic, protocol: sns.SubscriptionProtocol.SQS, endpoint });
    },
    path: 'Theatre/ByHand',
    problem: /Theatre\/Seats\/Topic, a standard topic, into Theatre\/Ordered, a FIFO queue/,
    remedy: /Make the topic FIFO as well, or the queue a standard one/,
  },
  {
    what: 'a filter policy that nothing can match',
    how: ({ consumer }) => {
      resource<sns.CfnSubscription>(consumer().subscription).filterPolicy = { type: [] };
    },
    path: 'Theatre/SeatPlan/Subscription',
    problem: /no value for 'type'/,
    remedy: /List the values that it wants/,
  },
  {
    what: 'payload limits that disagree',
    how: ({ consumer }) => {
      resource<sqs.CfnQueue>(consumer().queue).maximumMessageSize = 131_072;
    },
    path: 'Theatre/SeatPlan/Queue',
    problem: /takes messages of 131072 bytes, and Theatre\/Seats\/Topic, which it is behind, takes 262144/,
    remedy: /Raise its MaximumMessageSize to 262144/,
  },
  {
    what: 'payload limits that disagree, of a topic that was made larger',
    how: ({ topic, consumer }) => {
      resource<sqs.CfnQueue>(consumer().undeliverable as sqs.Queue).maximumMessageSize = 262_144;
      resource<sns.CfnTopic>(topic.topic).maximumMessageSize = 524_288;
    },
    path: 'Theatre/SeatPlan/Undeliverable',
    problem: /takes messages of 262144 bytes, and Theatre\/Seats\/Topic, which it is behind, takes 524288/,
    remedy: /lower that of the topic/,
  },
  {
    what: 'an alarm without an action',
    how: ({ stack, consumer }) => {
      consumer().queue.metricApproximateNumberOfMessagesVisible().createAlarm(stack, 'ByHand', {
        threshold: 1,
        evaluationPeriods: 1,
      });
    },
    path: 'Theatre/ByHand',
    problem: /no action, and no composite alarm that has one names it/,
    remedy: /`onCall\.notify\(alarm, urgency\)`/,
  },
  {
    what: 'a composite alarm without an action',
    how: ({ stack, consumer }) => {
      const metric = consumer().metricDepth();
      const alarm = new cloudwatch.Alarm(stack, 'Part', { metric, threshold: 1, evaluationPeriods: 1 });
      new cloudwatch.CompositeAlarm(stack, 'ByHand', { alarmRule: cloudwatch.AlarmRule.anyOf(alarm) });
    },
    path: 'Theatre/ByHand',
    problem: /no action/,
    remedy: /`onCall\.notify\(alarm, urgency\)`/,
  },
  {
    what: 'a stack over 500 resources',
    how: ({ stack, consumer }) => {
      consumer();
      for (let n = 0; n < 500; n++) new sns.CfnTopic(stack, `Topic${n}`, {});
    },
    path: 'Theatre',
    problem: /The stack has \d{3} resources, and CloudFormation takes 500/,
    remedy: /SplittingStack, which opens further stacks/,
  },
];

describe.each([
  ['by their props', PROPS],
  ['by what is in the template, whoever put it there', TEMPLATES],
] as const)('consumers and what is around them are refused %s', (_, table) => {
  it.each(table)('$what', ({ how, path, problem, remedy }) => {
    const message = refusal(how);
    expect(message).toMatch(new RegExp(`^${path}: `));
    expect(message).toMatch(problem);
    expect(message.slice(message.search(problem))).toMatch(remedy);
  });

  it('and would be taken without', () => {
    theatre.consumer();
    theatre.commandQueue();
    expect(() => theatre.app.synth()).not.toThrow();
  });
});

describe('an app with one construct of Baton is checked as a whole', () => {
  it.each<[string, (stack: Stack) => unknown]>([
    ['AuditTrail', (stack) => new AuditTrail(stack, 'Audit')],
    ['ClaimCheck', (stack) => new ClaimCheck(stack, 'ClaimCheck')],
    ['EventTopic', (stack) => new EventTopic(stack, 'Seats', { events: [SeatBooked] })],
    ['IdempotencyTable', (stack) => new IdempotencyTable(stack, 'Idempotency')],
    ['OnCall', (stack) => new OnCall(stack, 'OnCall')],
  ])('%s', (_, make) => {
    const stack = new Stack(new App(), 'Shop');
    const metric = new cloudwatch.Metric({ namespace: 'Shop', metricName: 'Sales' });
    new cloudwatch.Alarm(stack, 'ByHand', { metric, threshold: 1, evaluationPeriods: 1 });
    make(stack);
    expect(() => (stack.node.root as App).synth()).toThrow(/^Shop\/ByHand: It has no action/);
  });
});

describe('what is refused where it is declared', () => {
  const headers = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`h${n}`, () => 'x'] as const));
  const declare = (count: number) =>
    defineEvent({
      type: 'seat.marked',
      version: 1,
      description: 'A test fixture.',
      key: (seat: { id: string }) => seat.id,
      headers: headers(count),
      schema: z.object({ id: z.string() }),
    });

  it('an event with more than 10 attributes under raw delivery, by the name of the event', () => {
    expect(() => declare(7)).not.toThrow();
    expect(() => declare(8)).toThrow(/^seat\.marked: it has 8 headers \(h0, .*more than 10 attributes.*Keep 7 at most/);
  });
});

describe('what is warned of, with path and remedy', () => {
  it('an event with no consumer', () => {
    theatre.consumer({ events: [SeatBooked] });
    theatre.app.synth();
    Annotations.fromStack(theatre.stack).hasWarning(
      '/Theatre/Seats',
      Match.stringLikeRegexp(
        "takes 'seat\\.freed' version 1: .*Give it a Consumer, take it off the topic, or acknowledge",
      ),
    );
    expect(Annotations.fromStack(theatre.stack).findWarning('*', Match.stringLikeRegexp('seat\\.booked'))).toEqual([]);
  });

  it('a header rule that leaves an event with no consumer', () => {
    theatre = wiring({ events: [SeatPriced, SeatBooked] });
    theatre.consumer({ events: ['seat.*'], headers: { row: sns.SubscriptionFilter.existsFilter() } });
    theatre.app.synth();
    Annotations.fromStack(theatre.stack).hasWarning('/Theatre/Seats', Match.stringLikeRegexp("takes 'seat\\.booked'"));
  });

  it('a stack that is nearly full', () => {
    theatre.consumer();
    for (let n = 0; n < 400; n++) new sns.CfnTopic(theatre.stack, `Topic${n}`, {});
    theatre.app.synth();
    Annotations.fromStack(theatre.stack).hasWarning(
      '/Theatre',
      Match.stringLikeRegexp('The stack has \\d{3} resources, .*SplittingStack'),
    );
  });
});
