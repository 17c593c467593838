import { expect, it } from 'vitest';
import { CircuitBreakers, EventTopic, IdempotencyTable, Outbox } from '../../lib/constructs/index.ts';
import { type Resource, SeatFreed, wiring } from './fixtures/wiring.ts';

/** A resource's tags by key; tables and event source mappings write them like all others. */
function tagsOf({ Properties }: Resource): Record<string, string> {
  const tags = (Properties.Tags ?? []) as { Key: string; Value: string }[];
  return Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));
}

/** Every resource below a construct that AWS takes tags for, with what says whose it is. */
function ownersBelow(resources: readonly Resource[], id: string, types: readonly string[]) {
  const below = resources.filter((each) => String(each.Metadata?.['aws:cdk:path']).startsWith(`Theatre/${id}/`));
  return types.map((type) => {
    const found = below.filter(({ Type }) => Type === type);
    expect(found.length, `${id}: ${type}`).toBeGreaterThan(0);
    return [type, ...new Set(found.map((each) => tagsOf(each)['baton:owner']))];
  });
}

const QUEUE_FUNCTION = [
  'AWS::CloudWatch::Alarm',
  'AWS::IAM::Role',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Function',
  'AWS::Logs::LogGroup',
  'AWS::SQS::Queue',
];

it.each([
  ['SeatPlan', 'box-office', QUEUE_FUNCTION],
  ['BookSeat', 'box-office', QUEUE_FUNCTION],
  ['Plays', 'programme', ['AWS::CloudWatch::Alarm', 'AWS::KMS::Key', 'AWS::SNS::Topic']],
  ['Memory', 'platform', ['AWS::CloudWatch::Alarm', 'AWS::DynamoDB::Table', 'AWS::KMS::Key']],
  [
    'Outbox',
    'sales',
    ['AWS::CloudWatch::Alarm', 'AWS::DynamoDB::Table', 'AWS::Lambda::Function', 'AWS::Logs::LogGroup'],
  ],
  ['Circuits', 'platform', ['AWS::CloudWatch::Alarm', 'AWS::Lambda::Function', 'AWS::SQS::Queue']],
] as const)('%s says on every bill and in every list that it belongs to %s', (id, owner, types) => {
  const { stack, onCall, topic, idempotency, consumer, commandQueue, template } = wiring();
  consumer();
  commandQueue();
  new EventTopic(stack, 'Plays', { events: [SeatFreed], onCall, owner: 'programme' });
  new IdempotencyTable(stack, 'Memory', { onCall, owner: 'platform' });
  new Outbox(stack, 'Outbox', { topic, onCall, owner: 'sales' });
  new CircuitBreakers(stack, 'Circuits', { idempotency, onCall, owner: 'platform' });
  const resources = Object.values(template().toJSON().Resources as Record<string, Resource>);
  expect(ownersBelow(resources, id, types)).toEqual(types.map((type) => [type, owner]));
});

it('a consumer says by its name whose queues, function and log they are', () => {
  const { consumer, template } = wiring();
  consumer({ name: 'seating' });
  const resources = Object.values(template().toJSON().Resources as Record<string, Resource>);
  const queues = resources.filter(({ Type }) => Type === 'AWS::SQS::Queue' || Type === 'AWS::Lambda::Function');
  const named = queues.filter((each) => String(each.Metadata?.['aws:cdk:path']).startsWith('Theatre/SeatPlan/'));
  expect(named.map((each) => tagsOf(each)['baton:consumer'])).toEqual(['seating', 'seating', 'seating', 'seating']);
});
