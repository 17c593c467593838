import { Aspects, Size, Validations } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { AccountPrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { describe, expect, it } from 'vitest';
import { EventTopic, UnsafePropsError } from '../../lib/constructs/index.ts';
import {
  BookSeat,
  logicalIdAt,
  resourceAt,
  SeatBooked,
  SeatBookedV2,
  SeatFreed,
  SeatPriced,
  statements,
  wiring,
} from './fixtures/wiring.ts';

describe('an event topic', () => {
  const { topic, stack, template } = wiring();
  const publisher = new Role(stack, 'Publisher', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  topic.grantPublish(publisher);
  const synthesized = template();

  it('is encrypted with a key of its own that rotates', () => {
    expect(resourceAt(synthesized, 'Seats/Topic').Properties.KmsMasterKeyId).toEqual({
      'Fn::GetAtt': [logicalIdAt(synthesized, 'Seats/Key'), 'Arn'],
    });
    expect(resourceAt(synthesized, 'Seats/Key').Properties.EnableKeyRotation).toBe(true);
  });

  it('takes TLS only', () => {
    const policy = statements(resourceAt(synthesized, 'Seats/Topic/Policy').Properties.PolicyDocument);
    expect(policy).toMatchObject([{ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }]);
  });

  it('lets a publisher publish, and use the key for it', () => {
    const granted = statements(resourceAt(synthesized, 'Publisher/DefaultPolicy').Properties.PolicyDocument);
    expect(granted.map(({ Action }) => Action)).toEqual([['sns:Publish'], ['kms:Decrypt', 'kms:GenerateDataKey']]);
  });

  it('is a standard topic unless told otherwise', () => {
    expect(topic.ordered).toBe(false);
    expect(resourceAt(synthesized, 'Seats/Topic').Properties).not.toHaveProperty('FifoTopic');
  });

  it('knows what it carries, version by version', () => {
    expect([topic.carries(SeatBooked), topic.carries(SeatBookedV2)]).toEqual([true, false]);
  });

  it.each([
    ['published', topic.metricPublished(), 'NumberOfMessagesPublished'],
    ['delivered', topic.metricDelivered(), 'NumberOfNotificationsDelivered'],
    ['given up', topic.metricDeliveriesFailed(), 'NumberOfNotificationsFailed'],
    ['filtered out', topic.metricFilteredOut(), 'NumberOfNotificationsFilteredOut'],
    ['redriven', topic.metricRedriven(), 'NumberOfNotificationsRedrivenToDlq'],
    ['lost', topic.metricLost(), 'NumberOfNotificationsFailedToRedriveToDlq'],
  ] as const)('counts what is %s', (_, metric, name) => {
    expect(metric).toMatchObject({ namespace: 'AWS/SNS', metricName: name, statistic: 'Sum' });
    expect(metric.dimensions).toEqual({ TopicName: topic.topic.topicName });
  });

  it('measures the size of what is published', () => {
    expect(topic.metricPublishSize()).toMatchObject({ metricName: 'PublishSize', statistic: 'Average' });
  });

  it.each([
    ['nothing', [], /carries no events/],
    ['a command', [BookSeat], /'seat.book' is a command.*CommandQueue/],
    ['the same version twice', [SeatBooked, SeatBooked], /listed twice/],
  ] as const)('refuses to carry %s', (_, events, message) => {
    const build = () => wiring({ events });
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(message);
  });
});

describe('an ordered event topic', () => {
  it('is a FIFO topic whose keys do not wait for each other', () => {
    const { template } = wiring({ ordered: true });
    expect(resourceAt(template(), 'Seats/Topic').Properties).toMatchObject({
      FifoTopic: true,
      FifoThroughputScope: 'MessageGroup',
      TopicName: 'Theatre-Seats.fifo',
    });
  });
});

describe('an event topic with a given key', () => {
  it('makes none of its own', () => {
    const { stack, template } = wiring();
    const key = new Key(stack, 'Shared');
    const topic = new EventTopic(stack, 'Other', { events: [SeatBooked], encryptionKey: key });
    const synthesized = template();
    expect(topic.encryptionKey).toBe(key);
    expect(() => logicalIdAt(synthesized, 'Other/Key')).toThrow();
    expect(resourceAt(synthesized, 'Other/Topic').Properties.KmsMasterKeyId).toEqual({
      'Fn::GetAtt': [logicalIdAt(synthesized, 'Shared'), 'Arn'],
    });
  });
});

describe('a fair event topic', () => {
  it('takes events that say whose they are', () => {
    expect(wiring({ events: [SeatPriced], fair: true }).topic.fair).toBe(true);
  });

  it('refuses an event that does not', () => {
    expect(() => wiring({ events: [SeatPriced, SeatBooked, SeatFreed], fair: true })).toThrow(
      /^Theatre\/Seats: .*nobody knows whose work 'seat.booked', 'seat.freed' is. Declare `tenant`/,
    );
  });

  it('refuses order, which has its own groups', () => {
    expect(() => wiring({ events: [SeatPriced], fair: true, ordered: true })).toThrow(/`fair` and `ordered`/);
  });
});

describe('an event topic refuses', () => {
  it.each([Size.bytes(1023), Size.mebibytes(2)])('a message size that SNS does not take', (maxMessageSize) => {
    expect(() => wiring({ maxMessageSize })).toThrow(
      /Theatre\/Seats: `maxMessageSize` is \d+ bytes. Give 1 KiB to 1 MiB/,
    );
  });

  it('alarms that nobody answers for', () => {
    const { stack, onCall } = wiring();
    expect(() => new EventTopic(stack, 'Other', { events: [SeatBooked], onCall })).toThrow(/Name the team in `owner`/);
  });
});

describe('the alarms of a topic', () => {
  it('are there when somebody hears them', () => {
    const { stack, onCall, topic, template } = wiring();
    const watched = new EventTopic(stack, 'Watched', { events: [SeatBooked], onCall, owner: 'box-office' });
    expect(topic.health).toBeUndefined();
    expect([...watched.health!.alarms.keys()]).toContain('NotificationsFailedAlarm');
    expect(resourceAt(template(), 'Watched/NotificationsFailedAlarm').Properties.AlarmDescription).toMatch(
      /^Owner: box-office\./,
    );
  });
});

describe('events without a consumer', () => {
  const unheard = (build: (made: ReturnType<typeof wiring>) => void) => {
    const made = wiring({ events: [SeatBooked, SeatBookedV2, SeatFreed] });
    build(made);
    made.app.synth();
    return Annotations.fromStack(made.stack)
      .findWarning('/Theatre/Seats', Match.anyValue())
      .map(({ entry }) => /'(.*)' version (\d)/.exec(String(entry.data))?.slice(1).join(' '));
  };

  it('are a warning each, version by version', () => {
    expect(unheard(({ consumer }) => consumer({ pinVersions: true }))).toEqual(['seat.booked 2', 'seat.freed 1']);
  });

  it('are none when a pattern takes them all', () => {
    expect(unheard(({ consumer }) => consumer({ events: ['*'] }))).toEqual([]);
  });

  it('are told from those whose consumer an aspect adds', () => {
    const warned = unheard(({ app, consumer }) => {
      consumer({ pinVersions: true });
      let added = false;
      Aspects.of(app).add({
        visit() {
          if (!added) consumer({ events: [SeatBookedV2, SeatFreed], pinVersions: true }, 'Late');
          added = true;
        },
      });
    });
    expect(warned).toEqual([]);
  });

  it('can be acknowledged, one by one or all', () => {
    const acknowledged = (where?: { event: string }) =>
      unheard(({ topic }) =>
        Validations.of(topic).acknowledge({
          id: 'Annotation::baton:eventWithoutConsumer',
          reason: 'Another app listens.',
          ...(where && { where }),
        }),
      );
    expect(acknowledged()).toEqual([]);
    expect(acknowledged({ event: 'seat.booked' })).toEqual(['seat.freed 1']);
  });

  it('are not judged when the topic is of somebody else', () => {
    const { app, stack } = wiring({ events: [SeatBooked] });
    const arn = 'arn:aws:sns:eu-west-1:111122223333:plays';
    EventTopic.fromTopicArn(stack, 'Plays', arn, [SeatFreed]);
    app.synth();
    expect(Annotations.fromStack(stack).findWarning('/Theatre/Plays', Match.anyValue())).toEqual([]);
  });
});

describe('a topic with many subscriptions', () => {
  const subscribed = (count: number, props: Parameters<typeof wiring>[0]) => {
    const made = wiring(props);
    for (let n = 0; n < count; n++) made.topic.subscribed(made.stack, [SeatBooked, SeatFreed]);
    return made;
  };

  it.each([
    ['FIFO topic', { ordered: true }],
    ['topic with messages over 256 KiB', { maxMessageSize: Size.kibibytes(257) }],
  ])('is refused above 100 of a %s', (kind, props) => {
    expect(() => subscribed(100, props).app.synth()).not.toThrow();
    expect(() => subscribed(101, props).app.synth()).toThrow(new RegExp(`101 subscriptions; a ${kind} takes 100`));
  });

  it('warns above 200 filter policies, which is a quota', () => {
    const warnings = (count: number) => {
      const { app, stack } = subscribed(count, {});
      app.synth();
      return Annotations.fromStack(stack)
        .findWarning('/Theatre/Seats', Match.anyValue())
        .map(({ entry }) => entry.data);
    };
    expect(warnings(200)).toEqual([]);
    expect(warnings(201)).toEqual([expect.stringMatching(/201 filter policies, and SNS takes 200/)]);
  });
});

describe('an event topic that others may use', () => {
  const { stack, topic, template } = wiring();
  const partner = new AccountPrincipal('111122223333');
  topic.grantSubscribe(partner);
  topic.grantPublishTo(partner);
  const synthesized = template();
  const root = { AWS: { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':iam::111122223333:root']] } };
  const [, subscribe, publish] = statements(resourceAt(synthesized, 'Seats/Topic/Policy').Properties.PolicyDocument);

  it('lets an account subscribe its own queues, and nothing else', () => {
    expect(subscribe).toMatchObject({
      Action: ['sns:Subscribe'],
      Principal: root,
      Resource: [{ Ref: logicalIdAt(synthesized, 'Seats/Topic') }],
      Condition: {
        StringEquals: { 'sns:Protocol': 'sqs' },
        StringLike: {
          'sns:Endpoint': { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':sqs:*:111122223333:*']] },
        },
      },
    });
  });

  it('lets an account publish, and use the key by way of SNS', () => {
    expect(publish).toMatchObject({ Action: ['sns:Publish'], Principal: root });
    const key = statements(resourceAt(synthesized, 'Seats/Key').Properties.KeyPolicy);
    expect(key.find(({ Principal }) => JSON.stringify(Principal) === JSON.stringify(root))).toMatchObject({
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Condition: {
        StringEquals: {
          'kms:ViaService': { 'Fn::Join': ['', ['sns.', stack.resolve(stack.region), '.amazonaws.com']] },
        },
      },
    });
  });
});
