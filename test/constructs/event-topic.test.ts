import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { describe, expect, it } from 'vitest';
import { EventTopic, UnsafePropsError } from '../../lib/constructs/index.ts';
import { BookSeat, logicalIdAt, resourceAt, SeatBooked, SeatBookedV2, statements, wiring } from './fixtures/wiring.ts';

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

  it('measures what is published and what is given up', () => {
    expect(topic.metricPublished().metricName).toBe('NumberOfMessagesPublished');
    expect(topic.metricDeliveriesFailed().metricName).toBe('NumberOfNotificationsFailed');
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
