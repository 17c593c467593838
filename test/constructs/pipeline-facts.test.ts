import { Duration, Fn, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { expect, it } from 'vitest';
import { Consumer, EventTopic } from '../../lib/constructs/index.ts';
import { CONSUMER_METADATA, TOPIC_METADATA } from '../../lib/contracts/pipeline.ts';
import { SellTicketV2, TicketSold, TicketSoldV2, TicketSoldV3 } from './fixtures/versions.ts';
import { ECHO, resourceAt, SeatBooked, SeatFreed, wiring } from './fixtures/wiring.ts';

const factsOf = (template: Template, path: string) => {
  const { Metadata = {} } = resourceAt(template, path);
  return Metadata[TOPIC_METADATA] ?? Metadata[CONSUMER_METADATA];
};

it('a topic says in its template what it carries, and whose it is', () => {
  const { stack, onCall, template } = wiring({ ordered: true });
  new EventTopic(stack, 'Tickets', { events: [TicketSold, TicketSoldV2], onCall, owner: 'sales' });
  const synthesized = template();
  expect(factsOf(synthesized, 'Seats/Topic')).toEqual({
    name: 'Theatre-Seats.fifo',
    ordered: true,
    events: ['urn:baton:seat.booked:1', 'urn:baton:seat.freed:1'],
  });
  expect(factsOf(synthesized, 'Tickets/Topic')).toEqual({
    name: 'Theatre-Tickets',
    owner: 'sales',
    ordered: false,
    events: ['urn:baton:ticket.sold:1', 'urn:baton:ticket.sold:2'],
  });
  expect(resourceAt(synthesized, 'Tickets/Topic').Properties.TopicName).toBe('Theatre-Tickets');
});

it('a consumer says what reaches it, by which queues, and what it publishes', () => {
  const { topic, consumer, template } = wiring({ events: [SeatBooked, SeatFreed, TicketSold], ordered: true });
  consumer({ events: [TicketSoldV3, 'seat.*'], ordered: false, publishes: topic, produces: [SeatFreed], name: 'plan' });
  const synthesized = template();
  expect(factsOf(synthesized, 'SeatPlan/Function')).toEqual({
    name: 'plan',
    owner: 'box-office',
    kind: 'consumer',
    queue: 'Theatre-SeatPlan',
    deadLetterQueue: 'Theatre-SeatPlan-dead-letters',
    topic: 'Theatre-Seats.fifo',
    ordered: false,
    events: [
      'urn:baton:seat.booked:1',
      'urn:baton:seat.freed:1',
      'urn:baton:ticket.sold:1',
      'urn:baton:ticket.sold:3',
      'urn:baton:ticket.sold:2',
    ],
    pinned: false,
    produces: ['urn:baton:seat.freed:1'],
  });
  const { QueueName } = resourceAt(synthesized, 'SeatPlan/DeadLetters').Properties;
  expect(QueueName).toBe('Theatre-SeatPlan-dead-letters');
});

it('a pinned consumer says so', () => {
  const { consumer, template } = wiring({ events: [TicketSold, TicketSoldV2, TicketSoldV3] });
  consumer({ events: [TicketSoldV2], pinVersions: true });
  expect(factsOf(template(), 'SeatPlan/Function')).toMatchObject({
    pinned: true,
    events: ['urn:baton:ticket.sold:1', 'urn:baton:ticket.sold:2'],
  });
});

it('a command queue says which commands its handler accepts, and has no topic', () => {
  const { commandQueue, template } = wiring();
  commandQueue({ command: SellTicketV2, ordered: true });
  expect(factsOf(template(), 'BookSeat/Function')).toEqual({
    name: 'book-seat',
    owner: 'box-office',
    kind: 'commandQueue',
    queue: 'Theatre-BookSeat.fifo',
    deadLetterQueue: 'Theatre-BookSeat-dead-letters.fifo',
    ordered: true,
    events: ['urn:baton:ticket.sell:2', 'urn:baton:ticket.sell:1'],
    pinned: false,
    produces: [],
  });
});

it('names are said as texts across stacks, and a topic from elsewhere by its name, if that is known', () => {
  const { app, topic, idempotency, onCall } = wiring();
  const other = new Stack(app, 'Annex');
  const shared = {
    entry: ECHO,
    maxAge: Duration.minutes(5),
    owner: 'box-office',
    idempotency,
    onCall,
    events: [SeatBooked],
  };
  new Consumer(other, 'Near', { ...shared, topic });
  const arn = 'arn:aws:sns:eu-west-1:111122223333:plays';
  const far = EventTopic.fromTopicArn(other, 'Plays', arn, [SeatBooked]);
  new Consumer(other, 'Far', { ...shared, topic: far });
  const unknown = EventTopic.fromTopicArn(other, 'Unknown', Fn.importValue('Plays'), [SeatBooked]);
  new Consumer(other, 'Nowhere', { ...shared, topic: unknown });
  const template = Template.fromStack(other);
  expect(factsOf(template, 'Near/Function')).toMatchObject({ topic: 'Theatre-Seats' });
  expect(factsOf(template, 'Far/Function')).toMatchObject({ topic: 'plays' });
  expect(factsOf(template, 'Nowhere/Function')).not.toHaveProperty('topic');
  expect(JSON.stringify(factsOf(template, 'Near/Function'))).not.toMatch(/Fn::|Ref"|Token/);
});
