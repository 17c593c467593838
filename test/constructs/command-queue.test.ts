import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { describe, expect, it } from 'vitest';
import { UnsafePropsError } from '../../lib/constructs/index.ts';
import { defineCommand } from '../../lib/contracts/index.ts';
import { logicalIdAt, resourceAt, SeatBooked, SeatPriced, statements, wiring } from './fixtures/wiring.ts';

describe('a command queue', () => {
  const { commandQueue, stack, template } = wiring();
  const bookSeat = commandQueue();
  const sender = new Role(stack, 'Sender', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  bookSeat.grantSend(sender);
  const synthesized = template();

  it('is as safe as a consumer', () => {
    expect(resourceAt(synthesized, 'BookSeat/Queue').Properties).toMatchObject({
      VisibilityTimeout: 180,
      RedrivePolicy: { maxReceiveCount: 13 },
    });
    expect(resourceAt(synthesized, 'BookSeat/DeadLetters').Properties.MessageRetentionPeriod).toBe(14 * 86_400);
    expect(resourceAt(synthesized, 'BookSeat/EventSource').Properties.FunctionResponseTypes).toEqual([
      'ReportBatchItemFailures',
    ]);
    expect(resourceAt(synthesized, 'BookSeat/Function').Properties.Environment.Variables.BATON_CONSUMER).toBe(
      'book-seat',
    );
  });

  it('is encrypted with the key of the idempotency table', () => {
    const key = { 'Fn::GetAtt': [logicalIdAt(synthesized, 'Idempotency/Key'), 'Arn'] };
    expect(resourceAt(synthesized, 'BookSeat/Queue').Properties.KmsMasterKeyId).toEqual(key);
  });

  it('has no subscription, and admits nobody by its policy', () => {
    expect(JSON.stringify(synthesized.findResources('AWS::SNS::Subscription'))).not.toContain('BookSeat');
    const policy = statements(resourceAt(synthesized, 'BookSeat/Queue/Policy').Properties.PolicyDocument);
    expect(policy.map(({ Effect }) => Effect)).toEqual(['Deny']);
  });

  it('lets a sender send, and use the key for it', () => {
    const granted = statements(resourceAt(synthesized, 'Sender/DefaultPolicy').Properties.PolicyDocument);
    expect(granted.map(({ Action }) => Action)).toEqual([['sqs:SendMessage'], ['kms:Decrypt', 'kms:GenerateDataKey']]);
  });

  it('counts what is sent', () => {
    expect(bookSeat.metricSent()).toMatchObject({ metricName: 'NumberOfMessagesSent', statistic: 'Sum' });
    expect(bookSeat.queueUrl).toBe(bookSeat.queue.queueUrl);
  });

  it('refuses an event', () => {
    const build = () => wiring().commandQueue({ command: SeatBooked });
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(/^Theatre\/BookSeat: 'seat.booked' is an event.*EventTopic/);
  });
});

describe('a fair command queue', () => {
  const PriceSeat = defineCommand({ ...SeatPriced, type: 'seat.price' });

  it('takes a command that says whose it is', () => {
    const { commandQueue } = wiring();
    expect(() => commandQueue({ command: PriceSeat, fair: true })).not.toThrow();
  });

  it('refuses one that does not, and order', () => {
    const { commandQueue } = wiring();
    expect(() => commandQueue({ fair: true })).toThrow(/nobody knows whose work 'seat.book' is/);
    expect(() => commandQueue({ command: PriceSeat, fair: true, ordered: true }, 'Other')).toThrow(
      /^Theatre\/Other: .*`fair` and `ordered`/,
    );
  });
});

describe('an ordered command queue', () => {
  it('is a FIFO queue', () => {
    const { commandQueue, template } = wiring();
    commandQueue({ ordered: true });
    expect(resourceAt(template(), 'BookSeat/Queue').Properties).toMatchObject({
      FifoQueue: true,
      QueueName: 'Theatre-BookSeat.fifo',
    });
  });
});
