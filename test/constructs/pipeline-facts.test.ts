import { Duration, Fn, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { expect, it } from 'vitest';
import { Consumer, EventTopic, Outbox } from '../../lib/constructs/index.ts';
import { CONSUMER_METADATA, TOPIC_METADATA } from '../../lib/contracts/pipeline.ts';
import { SellTicketV2, TicketSold, TicketSoldV2, TicketSoldV3 } from './fixtures/versions.ts';
import { ECHO, resourceAt, SeatBooked, SeatFreed, SeatPriced, wiring } from './fixtures/wiring.ts';

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
    maxReceives: 13,
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
    publishesTo: [{ topic: 'Theatre-Seats.fifo', events: ['urn:baton:seat.freed:1'] }],
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

it('a consumer says which headers its filter asks for', () => {
  const { consumer, template } = wiring({ events: [SeatPriced] });
  const headers = {
    row: sns.SubscriptionFilter.existsFilter(),
    price: new sns.SubscriptionFilter([1, { exists: false }]),
  };
  consumer({ events: [SeatPriced], headers });
  expect(factsOf(template(), 'SeatPlan/Function')).toMatchObject({ headers: ['row'] });
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
    maxReceives: 53,
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
  expect(factsOf(template, 'Near/Function')).not.toHaveProperty('importedTopic');
  expect(factsOf(template, 'Far/Function')).toMatchObject({
    topic: 'plays',
    importedTopic: { path: 'Annex/Plays', arn, ordered: false },
  });
  expect(factsOf(template, 'Nowhere/Function')).not.toHaveProperty('topic');
  expect(factsOf(template, 'Nowhere/Function')).toHaveProperty('importedTopic', {
    path: 'Annex/Unknown',
    ordered: false,
  });
  expect(JSON.stringify(factsOf(template, 'Near/Function'))).not.toMatch(/Fn::|Ref"|Token/);
});

it('a producer says which of its topics gets what, also of one that is made elsewhere', () => {
  const { stack, topic, onCall, consumer, template } = wiring({ events: [SeatBooked, TicketSold] });
  const outbox = new Outbox(stack, 'Outbox', { topic, onCall, owner: 'box-office' });
  const arn = 'arn:aws:sns:eu-west-1:111122223333:plays.fifo';
  const publishes = EventTopic.fromTopicArn(stack, 'Plays', arn, [SeatFreed, TicketSold]);
  consumer({ events: [SeatBooked], publishes, outbox, produces: [SeatFreed, TicketSold] });
  expect(factsOf(template(), 'SeatPlan/Function')).toHaveProperty('publishesTo', [
    {
      topic: 'plays.fifo',
      importedTopic: { path: 'Theatre/Plays', arn, ordered: true },
      events: ['urn:baton:seat.freed:1', 'urn:baton:ticket.sold:1'],
    },
    // either topic carries it, and only the handler knows which one it takes
    { topic: 'Theatre-Seats', events: ['urn:baton:ticket.sold:1'] },
  ]);
});
