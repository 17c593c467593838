import { Duration, Size, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import {
  CommandQueue,
  Consumer,
  EventTopic,
  type EventTopicAttributes,
  IdempotencyTable,
  OnCall,
  Outbox,
  UnsafePropsError,
} from '../../lib/constructs/index.ts';
import {
  BookSeat,
  ECHO,
  logicalIdAt,
  resourceAt,
  SeatBooked,
  SeatFreed,
  statements,
  wiring,
} from './fixtures/wiring.ts';

const HERE = { account: '111122223333', region: 'eu-west-1' };
const KEY_ARN = 'arn:aws:kms:eu-west-1:444455556666:key/0000';
const arn = (region: string, account: string, name = 'plays') => `arn:aws:sns:${region}:${account}:${name}`;

/** A consumer in our account of a topic somewhere. */
function consuming(topicArn: string, env: { account: string; region: string } | undefined = HERE) {
  const made = wiring({}, env && { env });
  const topic = EventTopic.fromTopicArn(made.stack, 'Plays', topicArn, [SeatBooked, SeatFreed]);
  return { ...made, topic };
}

const deliveries = (template: Template, path: string) =>
  statements(resourceAt(template, path).Properties.PolicyDocument).filter(({ Effect }) => Effect === 'Allow');
const keyStatements = (template: Template) => statements(resourceAt(template, 'Idempotency/Key').Properties.KeyPolicy);
const foreign = (template: Template, topicArn: string) =>
  keyStatements(template).filter(({ Condition }) => JSON.stringify(Condition ?? {}).includes(topicArn));

describe('an imported topic', () => {
  it('knows what it carries, and its kind by its ARN', () => {
    const { stack } = wiring();
    const plays = EventTopic.fromTopicArn(stack, 'Plays', arn('eu-west-1', HERE.account, 'plays.fifo'), [SeatBooked]);
    expect([plays.ordered, plays.carries(SeatBooked), plays.carries(SeatFreed)]).toEqual([true, true, false]);
    expect(plays.metricDelivered().dimensions).toEqual({ TopicName: 'plays.fifo' });
  });

  it.each<[string, Pick<EventTopicAttributes, 'events' | 'ordered'>, RegExp]>([
    [
      'a kind that its ARN denies',
      { ordered: true, events: [SeatBooked] },
      /`ordered` is true, but .*is not a FIFO topic/,
    ],
    ['no events', { events: [] }, /carries no events/],
    ['a command', { events: [BookSeat] }, /is a command/],
  ])('refuses %s', (_, props, message) => {
    const { stack } = wiring();
    let imports = 0;
    const build = () =>
      EventTopic.fromTopicAttributes(stack, `Plays${imports++}`, {
        topicArn: arn('eu-west-1', HERE.account),
        ...props,
      });
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(message);
  });

  it('lets a role publish, and use its key where it is named', () => {
    const { stack, template } = wiring();
    const granted = (id: string, withKey: boolean) => {
      const role = new Role(stack, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
      EventTopic.fromTopicAttributes(stack, `${id}Plays`, {
        topicArn: arn('eu-west-1', '444455556666'),
        events: [SeatBooked],
        ...(withKey && { encryptionKey: Key.fromKeyArn(stack, `${id}Key`, KEY_ARN) }),
      }).grantPublish(role);
      return () =>
        statements(resourceAt(template(), `${id}/DefaultPolicy`).Properties.PolicyDocument).map(
          ({ Action, Resource }) => [Action, Resource],
        );
    };
    const [plain, encrypted] = [granted('Plain', false), granted('Encrypted', true)];
    const publish = [['sns:Publish'], [arn('eu-west-1', '444455556666')]];
    expect(plain()).toEqual([publish]);
    expect(encrypted()).toEqual([publish, [['kms:Decrypt', 'kms:GenerateDataKey'], [KEY_ARN]]]);
  });
});

describe('a consumer of a topic of its own place', () => {
  it('names no region, and leaves the key as it is', () => {
    const { consumer, topic, template } = consuming(arn(HERE.region, HERE.account));
    consumer({ topic });
    const synthesized = template();
    expect(resourceAt(synthesized, 'SeatPlan/Subscription').Properties).not.toHaveProperty('Region');
    expect(foreign(synthesized, arn(HERE.region, HERE.account))).toEqual([]);
  });

  it('takes the key of the idempotency table, when the topic has none to give', () => {
    const { consumer, topic, template } = consuming(arn(HERE.region, HERE.account));
    consumer({ topic });
    const synthesized = template();
    expect(resourceAt(synthesized, 'SeatPlan/Queue').Properties.KmsMasterKeyId).toEqual({
      'Fn::GetAtt': [logicalIdAt(synthesized, 'Idempotency/Key'), 'Arn'],
    });
  });
});

describe('a consumer of a topic of another account', () => {
  const topicArn = arn(HERE.region, '444455556666');
  const { consumer, topic, template } = consuming(topicArn);
  const seatPlan = consumer({ topic });
  const synthesized = template();

  it('admits exactly this topic to its queue, its last resort and its key', () => {
    for (const path of ['SeatPlan/Queue/Policy', 'SeatPlan/Undeliverable/Policy']) {
      expect(deliveries(synthesized, path)).toMatchObject([
        { Principal: { Service: 'sns.amazonaws.com' }, Condition: { ArnEquals: { 'aws:SourceArn': topicArn } } },
      ]);
    }
    expect(foreign(synthesized, topicArn)).toMatchObject([
      {
        Principal: { Service: 'sns.amazonaws.com' },
        Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
        Condition: { ArnEquals: { 'aws:SourceArn': topicArn } },
      },
    ]);
  });

  it('makes the subscription itself, with an alarm on what cannot be delivered', () => {
    expect(resourceAt(synthesized, 'SeatPlan/Subscription').Properties).toMatchObject({
      TopicArn: topicArn,
      FilterPolicy: { type: ['seat.booked'] },
    });
    expect(seatPlan.undeliverableAlarm).toBeDefined();
    expect(seatPlan.metricUndeliverable().dimensions).toEqual({ QueueName: seatPlan.undeliverable.queueName });
  });

  it('does not encrypt its queue with a key of that account', () => {
    const made = wiring({}, { env: HERE });
    const plays = EventTopic.fromTopicAttributes(made.stack, 'Plays', {
      topicArn,
      events: [SeatBooked],
      encryptionKey: Key.fromKeyArn(made.stack, 'PlaysKey', KEY_ARN),
    });
    expect(made.consumer({ topic: plays }).encryptionKey).toBe(made.idempotency.encryptionKey);
  });
});

describe('a consumer of a topic of another region', () => {
  const lastResort = (stack: Stack, region: string, name = 'lost') =>
    Queue.fromQueueArn(stack, 'Lost', `arn:aws:sqs:${region}:${HERE.account}:${name}`);
  const consumed = (region: string, env = HERE) => {
    const made = consuming(arn(region, HERE.account), env);
    const seatPlan = made.consumer({ topic: made.topic, undeliverable: lastResort(made.stack, region) });
    return { seatPlan, synthesized: made.template() };
  };
  const principals = (synthesized: Template, region: string) => [
    deliveries(synthesized, 'SeatPlan/Queue/Policy')[0]?.Principal,
    foreign(synthesized, arn(region, HERE.account))[0]?.Principal,
  ];

  it('subscribes there, with the last resort that it is given', () => {
    const { seatPlan, synthesized } = consumed('us-east-1');
    expect(resourceAt(synthesized, 'SeatPlan/Subscription').Properties).toMatchObject({
      Region: 'us-east-1',
      RedrivePolicy: { deadLetterTargetArn: `arn:aws:sqs:us-east-1:${HERE.account}:lost` },
    });
    expect(seatPlan.undeliverableAlarm).toBeUndefined();
    expect(() => resourceAt(synthesized, 'SeatPlan/Undeliverable')).toThrow(/0 resources/);
  });

  it('is delivered to by SNS as itself', () => {
    const { synthesized } = consumed('us-east-1');
    const sns = { Service: 'sns.amazonaws.com' };
    expect(principals(synthesized, 'us-east-1')).toEqual([sns, sns]);
  });

  it.each([
    ['from', 'ap-east-1', HERE],
    ['into', 'us-east-1', { ...HERE, region: 'eu-south-1' }],
  ])('is delivered to by SNS of the region, %s an opt-in region', (_, region, env) => {
    const { synthesized } = consumed(region, env);
    const optIn = { Service: `sns.${region === 'ap-east-1' ? 'ap-east-1' : 'eu-south-1'}.amazonaws.com` };
    expect(principals(synthesized, region)).toEqual([optIn, optIn]);
  });

  it('is refused without a last resort there', () => {
    const { consumer, topic } = consuming(arn('us-east-1', HERE.account));
    expect(() => consumer({ topic })).toThrow(
      /^Theatre\/SeatPlan: Theatre\/Plays is in us-east-1.*Make a queue there and give it in `undeliverable`/,
    );
  });

  it('is refused with a last resort of the wrong kind', () => {
    const { consumer, topic, stack } = consuming(arn('us-east-1', HERE.account));
    expect(() => consumer({ topic, undeliverable: lastResort(stack, 'us-east-1', 'lost.fifo') })).toThrow(
      /`undeliverable` is a FIFO queue, and Theatre\/Plays a standard topic.*Give it a standard queue/,
    );
  });

  it('is refused between two opt-in regions', () => {
    expect(() => consumed('ap-east-1', { ...HERE, region: 'eu-south-1' })).toThrow(/does not deliver between those/);
  });
});

describe('a consumer that does not know where it will be', () => {
  it('is made for either case: exact grants, and the region of the topic', () => {
    const made = wiring();
    const topicArn = arn('us-east-1', '444455556666');
    const topic = EventTopic.fromTopicArn(made.stack, 'Plays', topicArn, [SeatBooked]);
    made.consumer({ topic });
    const synthesized = made.template();
    expect(resourceAt(synthesized, 'SeatPlan/Subscription').Properties.Region).toBe('us-east-1');
    expect(foreign(synthesized, topicArn)).toHaveLength(1);
  });
});

describe('a topic of another region of the same app', () => {
  const made = wiring({}, { env: { ...HERE, region: 'us-east-1' } });
  const here = new Stack(made.app, 'Foyer', { env: HERE });
  const seatPlan = new Consumer(here, 'SeatPlan', {
    topic: made.topic,
    events: [SeatBooked],
    entry: ECHO,
    maxAge: Duration.minutes(5),
    owner: 'box-office',
    idempotency: new IdempotencyTable(here, 'Idempotency'),
    onCall: new OnCall(here, 'OnCall'),
    undeliverable: Queue.fromQueueArn(here, 'Lost', `arn:aws:sqs:us-east-1:${HERE.account}:lost`),
  });
  const synthesized = Template.fromStack(here);

  it('is subscribed to by its name, where it is', () => {
    expect(resourceAt(synthesized, 'SeatPlan/Subscription').Properties).toMatchObject({
      Region: 'us-east-1',
      TopicArn: `arn:aws:sns:us-east-1:${HERE.account}:Theatre-Seats`,
    });
  });

  it('is named in the key here, and leaves its own key there', () => {
    const key = statements(resourceAt(synthesized, 'Idempotency/Key').Properties.KeyPolicy);
    expect(JSON.stringify(key)).toContain(`:sns:us-east-1:${HERE.account}:Theatre-Seats`);
    expect(seatPlan.encryptionKey).not.toBe(made.topic.encryptionKey);
  });
});

describe('an imported command queue', () => {
  const queueArn = `arn:aws:sqs:eu-west-1:444455556666:book-seat`;

  it('can be sent to, with its key where it is named', () => {
    const { stack, template } = wiring();
    const bookSeat = CommandQueue.fromQueueAttributes(stack, 'Book', {
      queueArn,
      command: BookSeat,
      encryptionKey: Key.fromKeyArn(stack, 'BookKey', KEY_ARN),
    });
    bookSeat.grantSend(new Role(stack, 'Sender', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') }));
    const granted = statements(resourceAt(template(), 'Sender/DefaultPolicy').Properties.PolicyDocument);
    expect(granted).toMatchObject([
      { Action: ['sqs:SendMessage'], Resource: [queueArn] },
      { Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: [KEY_ARN] },
    ]);
    expect(stack.resolve(bookSeat.queueUrl)).toEqual({
      'Fn::Join': ['', ['https://sqs.eu-west-1.', { Ref: 'AWS::URLSuffix' }, '/444455556666/book-seat']],
    });
    expect(bookSeat.metricSent().dimensions).toEqual({ QueueName: 'book-seat' });
  });

  it('refuses an event', () => {
    const { stack } = wiring();
    expect(() => CommandQueue.fromQueueArn(stack, 'Book', queueArn, SeatBooked)).toThrow(/is an event/);
  });
});

describe('an imported idempotency table', () => {
  const tableArn = 'arn:aws:dynamodb:eu-west-1:111122223333:table/records';

  it('can be guarded by, with its key where it is named', () => {
    const { stack, template } = wiring();
    const records = IdempotencyTable.fromTableAttributes(stack, 'Records', {
      tableArn,
      encryptionKey: Key.fromKeyArn(stack, 'RecordsKey', KEY_ARN),
    });
    records.grantGuard(new Role(stack, 'Handler', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') }));
    const [guard, key] = statements(resourceAt(template(), 'Handler/DefaultPolicy').Properties.PolicyDocument);
    expect(guard).toMatchObject({ Resource: [tableArn] });
    expect(key).toMatchObject({ Resource: [KEY_ARN] });
    expect(records.table.tableName).toBe('records');
    expect(records.ttl.toDays()).toBe(30);
  });

  it('keeps names apart and remembers long enough, as far as this app sees', () => {
    const { stack } = wiring();
    const records = IdempotencyTable.fromTableAttributes(stack, 'Records', { tableArn, ttl: Duration.days(18) });
    records.guard(stack, 'seat-plan', Duration.days(17));
    expect(() => records.guard(stack, 'seat-plan', Duration.days(17))).toThrow(/'seat-plan' is taken by Theatre/);
    expect(() => records.guard(stack, 'posters', Duration.days(18))).toThrow(
      /Raise `ttl` of Theatre\/Records above 18/,
    );
  });
});

describe('what is imported', () => {
  const tableArn = 'arn:aws:dynamodb:eu-west-1:111122223333:table/records';

  it('can be published to, and guarded by', () => {
    const { consumer, topic, stack, template } = consuming(arn(HERE.region, '444455556666'));
    const idempotency = IdempotencyTable.fromTableAttributes(stack, 'Records', { tableArn });
    consumer({ idempotency, publishes: topic, encryptionKey: new Key(stack, 'Key') });
    const synthesized = template();
    expect(resourceAt(synthesized, 'SeatPlan/Function').Properties.Environment.Variables).toMatchObject({
      BATON_TOPIC_ARN: topic.topic.topicArn,
      BATON_IDEMPOTENCY_TABLE: 'records',
    });
    const granted = statements(resourceAt(synthesized, 'SeatPlan/Role/DefaultPolicy').Properties.PolicyDocument);
    expect(granted.find(({ Action }) => Action.includes('sns:Publish'))?.Resource).toEqual([topic.topic.topicArn]);
    expect(granted.find(({ Action }) => Action.includes('dynamodb:PutItem'))?.Resource).toEqual([tableArn]);
  });

  it('needs a key for what is made here', () => {
    const { consumer, topic, stack } = consuming(arn(HERE.region, '444455556666'));
    const idempotency = IdempotencyTable.fromTableAttributes(stack, 'Records', { tableArn });
    expect(() => consumer({ topic, idempotency })).toThrow(
      /^Theatre\/Plays: Nobody said what key.*Set `encryptionKey`/,
    );
  });

  it('can be relayed to by an outbox', () => {
    const { topic, stack, onCall, template } = consuming(arn(HERE.region, '444455556666'));
    const props = { topic, onCall, owner: 'box-office' };
    expect(() => new Outbox(stack, 'Keyless', props)).toThrow(/Nobody said what key encrypts Theatre\/Plays/);
    new Outbox(stack, 'Outbox', { ...props, encryptionKey: new Key(stack, 'Key') });
    expect(resourceAt(template(), 'Outbox/Function').Properties.Environment.Variables).toMatchObject({
      BATON_TOPIC_ARN: topic.topic.topicArn,
    });
  });
});

describe('an outbox of a topic with large messages', () => {
  it('says what the topic takes, to the relay and to producers', () => {
    const { topic, stack, onCall, consumer, template } = wiring({ maxMessageSize: Size.kibibytes(396) });
    const outbox = new Outbox(stack, 'Outbox', { topic, onCall, owner: 'box-office' });
    consumer({ outbox });
    const synthesized = template();
    const variables = (id: string) => resourceAt(synthesized, `${id}/Function`).Properties.Environment.Variables;
    expect(variables('Outbox').BATON_TOPIC_MAX_BYTES).toBe('405504');
    expect(variables('SeatPlan').BATON_OUTBOX_MAX_BYTES).toBe('405504');
  });

  it('is refused where it could not keep them', () => {
    const { topic, stack, onCall } = wiring({ maxMessageSize: Size.kibibytes(397) });
    expect(() => new Outbox(stack, 'Outbox', { topic, onCall, owner: 'box-office' })).toThrow(
      /^Theatre\/Outbox: Theatre\/Seats takes events of 406528 bytes; an outbox .*up to 405504/,
    );
  });
});
