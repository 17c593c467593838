import { Annotations, Match } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CommandQueue, type ConsumerProps, EventTopic, Outbox, UnsafePropsError } from '../../lib/constructs/index.ts';
import { type AnyContract, defineEvent, needs } from '../../lib/contracts/index.ts';
import {
  DoorOpened,
  DoorOpenedV2,
  SellTicket,
  SellTicketV2,
  TicketSold,
  TicketSoldV2,
  TicketSoldV3,
} from './fixtures/versions.ts';
import { resourceAt, SeatBooked, SeatFreed, SeatPriced, wiring } from './fixtures/wiring.ts';

function routed(carried: readonly AnyContract[], props: Partial<ConsumerProps>) {
  const { consumer, template } = wiring({ events: carried });
  const { events } = consumer(props);
  return {
    policy: resourceAt(template(), 'SeatPlan/Subscription').Properties.FilterPolicy,
    events: events.map(({ type, version }) => `${type} ${version}`),
  };
}

const allTickets = [TicketSold, TicketSoldV2, TicketSoldV3];
const row = { row: sns.SubscriptionFilter.stringFilter({ allowlist: ['A', 'B'] }) };

describe('a consumer of a topic that carries several versions', () => {
  it('gets all that its contract accepts, by their type', () => {
    expect(routed(allTickets, { events: [TicketSoldV3] })).toEqual({
      policy: { type: ['ticket.sold'] },
      events: ['ticket.sold 1', 'ticket.sold 2', 'ticket.sold 3'],
    });
  });

  it('gets a later version that promises to be readable', () => {
    expect(routed([TicketSold, TicketSoldV2], { events: [TicketSold] }).events).toEqual([
      'ticket.sold 1',
      'ticket.sold 2',
    ]);
    expect(routed([TicketSoldV2], { events: [TicketSold] }).events).toEqual(['ticket.sold 2']);
  });

  it('may know a version that nobody publishes yet, as long as it accepts what they do', () => {
    expect(routed([TicketSold], { events: [TicketSoldV3] }).events).toEqual(['ticket.sold 1']);
    expect(() => routed([DoorOpened], { events: [DoorOpenedV2] })).toThrow(
      /'door.opened' version 2, which Theatre\/Seats does not carry: .* It carries version 1, which version 2 does not read\./,
    );
  });

  it('may need a part of what it gets', () => {
    const part = needs(TicketSoldV2, z.object({ id: z.string() }));
    expect(routed([TicketSold, TicketSoldV2], { events: [part] }).events).toEqual(['ticket.sold 1', 'ticket.sold 2']);
  });

  it('may give each version a contract of its own', () => {
    expect(routed([DoorOpened, DoorOpenedV2], { events: [DoorOpened, DoorOpenedV2] }).events).toHaveLength(2);
  });

  it('is refused when it would get one that it cannot read', () => {
    const build = () => routed([DoorOpened, DoorOpenedV2], { events: [DoorOpened] });
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(
      /^Theatre\/SeatPlan: It would get 'door.opened' version 2, which Theatre\/Seats carries too; its contracts accept version 1 only.*`previous` leads from 2 there, or set `pinVersions`/,
    );
    // the older ones as well
    expect(() => routed([DoorOpened, DoorOpenedV2], { events: [DoorOpenedV2] })).toThrow(/get 'door.opened' version 1/);
    // a major breaks its promise
    expect(() => routed(allTickets, { events: [TicketSoldV2] })).toThrow(/get 'ticket.sold' version 3.*1 and 2 only/);
  });

  it('is not, when it asks for a pattern, or its headers keep that version out', () => {
    expect(routed([DoorOpened, DoorOpenedV2], { events: [DoorOpened, 'door.*'] }).events).toHaveLength(2);
    const { type: _, ...rest } = SeatPriced;
    const Unpriced = defineEvent({ ...rest, type: 'seat.priced', version: 2, previous: undefined, headers: {} });
    expect(routed([SeatPriced, Unpriced], { events: [SeatPriced], headers: row }).events).toEqual(['seat.priced 1']);
  });
});

describe('a consumer that pins versions', () => {
  it('gets those alone that its contract accepts, and later ones by no promise', () => {
    expect(routed(allTickets, { events: [TicketSoldV2], pinVersions: true })).toEqual({
      policy: { type: ['ticket.sold'], version: ['1', '2'] },
      events: ['ticket.sold 1', 'ticket.sold 2'],
    });
    expect(routed(allTickets, { events: [TicketSold], pinVersions: true })).toEqual({
      policy: { type: ['ticket.sold'], version: ['1'] },
      events: ['ticket.sold 1'],
    });
  });

  it('writes types that accept the same versions into one rule', () => {
    const events = [SeatBooked, SeatFreed, DoorOpened];
    expect(routed(events, { events, pinVersions: true }).policy).toEqual({
      type: ['seat.booked', 'seat.freed', 'door.opened'],
      version: ['1'],
    });
  });

  it('writes others into alternatives, beside its headers', () => {
    const { type: _, ...rest } = SeatPriced;
    const PricedV2 = defineEvent({
      ...rest,
      type: 'seat.priced',
      version: 2,
      previous: { contract: SeatPriced, upcast: (data) => data },
    });
    const Sold = defineEvent({ ...rest, type: 'seat.sold', previous: undefined });
    const carried = [SeatPriced, PricedV2, Sold];
    expect(routed(carried, { events: [PricedV2, Sold], pinVersions: true, headers: row })).toEqual({
      policy: {
        row: ['A', 'B'],
        $or: [
          { type: ['seat.priced'], version: ['1', '2'] },
          { type: ['seat.sold'], version: ['1'] },
        ],
      },
      events: ['seat.priced 1', 'seat.priced 2', 'seat.sold 1'],
    });
  });

  it.each(['ticket.*', '*', 'ticket.sold'])("is refused with '%s', which says nothing about versions", (pattern) => {
    const build = () => routed(allTickets, { events: [TicketSoldV3, pattern], pinVersions: true });
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(
      `Theatre/SeatPlan: \`pinVersions\` is set, and it wants '${pattern}', a text that no contract says the versions of. List contracts instead`,
    );
  });

  it('is refused when the topic has none of these versions', () => {
    expect(() => routed([TicketSoldV2], { events: [TicketSold], pinVersions: true })).toThrow(
      /'ticket.sold' version 1, which Theatre\/Seats does not carry.*version 2, which version 1 does not accept/,
    );
  });

  it('is refused when SNS could not hold its rules', () => {
    const wide = defineEvent({
      type: 'seat.wide',
      version: 1,
      description: 'A test fixture.',
      key: (data) => data.id,
      headers: Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, () => 'x'])),
      schema: z.object({ id: z.string() }),
    });
    const headers = Object.fromEntries(
      ['a', 'b', 'c', 'd'].map((name) => [name, sns.SubscriptionFilter.existsFilter()]),
    );
    expect(() => routed([wide], { events: [wide], headers, pinVersions: true })).toThrow(
      /6 keys \(a, b, c, d, type, version\); SNS takes 5, of which two are type and version/,
    );
    expect(() =>
      routed([wide], { events: [wide], headers: { a: headers.a!, b: headers.b!, c: headers.c! } }),
    ).not.toThrow();

    const many = Array.from({ length: 149 }, (_, n) => {
      const { type: _type, ...rest } = SeatFreed;
      return defineEvent({ ...rest, type: `seat.moved-${n}`, previous: undefined });
    });
    const build = () =>
      routed([...many, TicketSold, TicketSoldV2], { events: [...many, TicketSoldV2], pinVersions: true });
    expect(build).toThrow(/has \(149 x 1 \+ 1 x 2\) = 151 combinations of values; SNS takes 150\. Split it into/);
    expect(() =>
      routed([...many.slice(1), TicketSold], { events: [...many.slice(1), TicketSoldV2], pinVersions: true }),
    ).not.toThrow();
  });
});

describe('a consumer that routes by a header which some versions do not have', () => {
  const { type, ...rest } = SeatPriced;
  const { row: _, ...others } = SeatPriced.headers;
  const Bare = defineEvent({ ...rest, type, previous: undefined, headers: others });
  const Again = defineEvent({ ...rest, type, version: 2, previous: { contract: Bare, upcast: (data) => data } });
  const Lost = defineEvent({
    ...rest,
    type,
    version: 2,
    headers: others,
    previous: { contract: SeatPriced, upcast: (data) => data },
  });
  const Major = defineEvent({ ...Lost, major: 2, previous: undefined });

  it.each<[string, readonly AnyContract[], Partial<ConsumerProps>, number]>([
    ['a later one that it would read by promise', [SeatPriced, Lost], { events: [SeatPriced] }, 2],
    ['a later one that it would read as it needs only some fields', [SeatPriced, Major], { events: [part()] }, 2],
    ['its own', [SeatPriced, Lost], { events: [Lost] }, 2],
    ['an earlier one that it accepts', [Bare, Again], { events: [Again] }, 1],
    ['an earlier one that its pins let through', [Bare, Again], { events: [Again], pinVersions: true }, 1],
    ['one of a type that its pattern means', [SeatPriced, Lost], { events: ['seat.*'] }, 2],
  ])('is refused, as SNS would drop it and nobody would know: %s', (_, carried, props, version) => {
    const build = () => routed(carried, { ...props, headers: row });
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(
      new RegExp(
        `'seat.priced' by the header 'row', which version ${version} does not have, and Theatre/Seats carries`,
      ),
    );
    expect(build).toThrow(/\{ exists: false \}/);
    const lenient = { row: new sns.SubscriptionFilter(['A', { exists: false }]) };
    expect(routed(carried, { ...props, headers: lenient }).events).toHaveLength(2);
  });

  it('is not, where it would not read that version, or pins keep it out', () => {
    expect(routed([SeatPriced, Major], { events: [SeatPriced], headers: row }).events).toEqual(['seat.priced 1']);
    const pinned = { events: [SeatPriced], headers: row, pinVersions: true };
    expect(routed([SeatPriced, Lost], pinned).events).toEqual(['seat.priced 1']);
  });

  function part() {
    return needs(SeatPriced, z.object({ id: z.string() }));
  }
});

describe('events without a consumer', () => {
  const unheard = (props: Partial<ConsumerProps>) => {
    const { app, stack, consumer } = wiring({ events: allTickets });
    consumer(props);
    app.synth();
    return Annotations.fromStack(stack)
      .findWarning('/Theatre/Seats', Match.anyValue())
      .map(({ entry }) => /'(.*)' version (\d)/.exec(String(entry.data))?.[2]);
  };

  it('are not those that a contract accepts beside its own', () => {
    expect(unheard({ events: [TicketSoldV3] })).toEqual([]);
  });

  it('are those that a pinned consumer does not accept', () => {
    expect(unheard({ events: [TicketSoldV2], pinVersions: true })).toEqual(['3']);
  });
});

describe('what only one consumer needs of an event', () => {
  const part = needs(TicketSold, z.object({ id: z.string() }));

  it('is no event of a topic', () => {
    expect(() => wiring({ events: [part] })).toThrow(
      /^Theatre\/Seats: 'ticket.sold' version 1 is given as what one consumer needs.*List the event's own contract/,
    );
  });

  it('is no command of a queue, made here or elsewhere', () => {
    const command = needs(SellTicket, z.object({ id: z.string() }));
    const { stack, commandQueue } = wiring();
    expect(() => commandQueue({ command })).toThrow(/^Theatre\/BookSeat: 'ticket.sell' version 1 is given as what its/);
    expect(() => CommandQueue.fromQueueArn(stack, 'Far', 'arn:aws:sqs:eu-west-1:111122223333:far', command)).toThrow(
      /^Theatre\/Far: 'ticket.sell' version 1.*Give the command's own contract/,
    );
  });
});

describe('what a handler publishes', () => {
  it('is told by its construct', () => {
    const { topic, consumer, commandQueue } = wiring();
    expect(consumer({ publishes: topic, produces: [SeatFreed] }).produces).toEqual([SeatFreed]);
    expect(commandQueue({ command: SellTicketV2, publishes: topic, produces: [SeatBooked] }).produces).toEqual([
      SeatBooked,
    ]);
    expect(consumer({}, 'Silent').produces).toEqual([]);
  });

  it('may travel over either of two topics', () => {
    const { stack, topic, onCall, consumer } = wiring();
    const tickets = new EventTopic(stack, 'Tickets', { events: [TicketSold] });
    const outbox = new Outbox(stack, 'Outbox', { topic: tickets, onCall, owner: 'box-office' });
    expect(outbox.topic).toBe(tickets);
    const produces = [TicketSold, SeatFreed];
    expect(consumer({ publishes: topic, outbox, produces }).produces).toEqual(produces);
  });

  it.each<[string, (made: ReturnType<typeof wiring>) => Partial<ConsumerProps>, RegExp]>([
    [
      'without a topic',
      () => ({ produces: [SeatFreed] }),
      /'seat.freed' version 1, and has nowhere.*Set `publishes` or `outbox`/,
    ],
    [
      'that its topic does not carry, not in this version',
      ({ topic }) => ({ publishes: topic, produces: [TicketSold] }),
      /'ticket.sold' version 1, which Theatre\/Seats does not carry/,
    ],
    ['that is a command', ({ topic }) => ({ publishes: topic, produces: [SellTicket] }), /'ticket.sell', a command/],
    [
      'that is a part of one',
      ({ topic }) => ({ publishes: topic, produces: [needs(SeatFreed, z.object({ id: z.string() }))] }),
      /given as what a consumer needs of it.*own contract in `produces`/,
    ],
  ])('is refused: an event %s', (_, props, message) => {
    const build = () => {
      const made = wiring();
      made.consumer(props(made));
    };
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(/^Theatre\/SeatPlan: It says that it produces /);
    expect(build).toThrow(message);
  });
});
