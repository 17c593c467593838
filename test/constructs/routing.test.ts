import { Size } from 'aws-cdk-lib';
import * as sns from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ConsumerProps } from '../../lib/constructs/index.ts';
import { UnsafePropsError } from '../../lib/constructs/index.ts';
import { defineEvent } from '../../lib/contracts/index.ts';
import { resourceAt, SeatBooked, SeatBookedV2, SeatFreed, SeatPriced, wiring } from './fixtures/wiring.ts';

const string = (...allowlist: string[]) => sns.SubscriptionFilter.stringFilter({ allowlist });
const { numericFilter, existsFilter, notExistsFilter } = sns.SubscriptionFilter;

const event = (type: string, headers: readonly string[] = []) =>
  defineEvent({
    type,
    version: 1,
    description: 'A test fixture.',
    key: (data) => data.id,
    headers: Object.fromEntries(headers.map((name) => [name, () => 'x'])),
    schema: z.object({ id: z.string() }),
  });

const everything = { events: [SeatBooked, SeatBookedV2, SeatFreed, SeatPriced, event('ticket.booked')] };

function routed(props: Partial<ConsumerProps>) {
  const { consumer, template } = wiring(everything);
  const { events } = consumer(props);
  return {
    policy: resourceAt(template(), 'SeatPlan/Subscription').Properties.FilterPolicy,
    events: events.map(({ type, version }) => `${type} ${version}`),
  };
}

describe('a consumer routes', () => {
  it('directly, by a type as a contract or a text', () => {
    expect(routed({ events: [SeatFreed, 'ticket.booked'] })).toEqual({
      policy: { type: ['seat.freed', 'ticket.booked'] },
      events: ['seat.freed 1', 'ticket.booked 1'],
    });
  });

  it('everything below a word', () => {
    expect(routed({ events: ['seat.*'] })).toEqual({
      policy: { type: [{ prefix: 'seat.' }] },
      events: ['seat.booked 1', 'seat.booked 2', 'seat.freed 1', 'seat.priced 1'],
    });
  });

  it('everything that ends in a word', () => {
    expect(routed({ events: ['*.booked'] })).toEqual({
      policy: { type: [{ suffix: '.booked' }] },
      events: ['seat.booked 1', 'seat.booked 2', 'ticket.booked 1'],
    });
  });

  it('everything there is', () => {
    const { policy, events } = routed({ events: ['*', SeatFreed] });
    expect(policy).toEqual({ type: [{ exists: true }] });
    expect(events).toHaveLength(5);
  });

  it('by several of them, and says nothing twice', () => {
    const { policy } = routed({ events: ['seat.*', SeatBooked, 'seat.*', '*.booked', 'ticket.booked'] });
    expect(policy).toEqual({ type: [{ prefix: 'seat.' }, { suffix: '.booked' }] });
  });

  it('by headers, all of which have to hold', () => {
    const headers = { row: string('A', 'B'), price: numericFilter({ between: { start: 10, stop: 20 } }) };
    expect(routed({ events: [SeatPriced], headers })).toEqual({
      policy: { row: ['A', 'B'], price: [{ numeric: ['>=', 10, '<=', 20] }], type: ['seat.priced'] },
      events: ['seat.priced 1'],
    });
  });

  it('of a pattern, only what has the headers', () => {
    expect(routed({ events: ['seat.*'], headers: { row: existsFilter() } }).events).toEqual(['seat.priced 1']);
    expect(routed({ events: ['seat.*'], headers: { row: notExistsFilter() } }).events).toHaveLength(4);
  });

  it('says so in the description of its function, as far as Lambda takes it', () => {
    const types = Array.from({ length: 30 }, (_, n) => `seat.moved-to-row-${String.fromCharCode(97 + (n % 26))}${n}`);
    const events = types.map((type) => event(type));
    const { consumer, template } = wiring({ events: [...events, SeatBooked] });
    consumer({ events });
    consumer({ events: ['*.booked', events[0]!] }, 'Posters');
    const synthesized = template();
    const description = (id: string): string => resourceAt(synthesized, `${id}/Function`).Properties.Description;
    expect(description('Posters')).toBe('Handles *.booked, seat.moved-to-row-a0 for box-office');
    expect(description('SeatPlan')).toMatch(/^Handles seat.moved-to-row-a0, .* and \d+ more for box-office$/);
    expect(description('SeatPlan').length).toBeLessThanOrEqual(256);
  });
});

describe('a consumer refuses, with its path and the remedy,', () => {
  it.each([
    ['seat.*.eu', /list the events/],
    ['*booked*', /list the events \(here 'seat.booked', 'ticket.booked'\)/],
    ['seat*', /here 'seat.booked'/],
    ['', /SNS compares beginnings and ends/],
    ['Seat.*', /SNS compares beginnings and ends/],
    ['*.*', /list the events/],
    ['#', /For every event, write '\*'/],
    ['seat.#', /For every type below, write 'seat.\*'/],
  ])("the pattern '%s', which SNS cannot express", (pattern, remedy) => {
    const build = () => wiring(everything).consumer({ events: [pattern] });
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(`Theatre/SeatPlan: It wants '${pattern}', a pattern that SNS cannot express.`);
    expect(build).toThrow(remedy);
  });

  it.each(['play.*', '*.cancelled', 'seat.stolen', 'seat.booked.*'])(
    "the pattern '%s', which no event matches",
    (pattern) => {
      const build = () => wiring(everything).consumer({ events: [SeatBooked, pattern] });
      expect(build).toThrow(`Theatre/SeatPlan: It wants '${pattern}', and no event of Theatre/Seats is called so`);
      expect(build).toThrow(/There are 'seat.booked', 'seat.freed'/);
    },
  );

  const row = { row: string('A') };
  it.each<[string, Partial<ConsumerProps>, RegExp]>([
    [
      'a header that none of its events has',
      { events: [SeatBooked], headers: row },
      /header 'row', which none of its events has \(seat.booked\).*there is none/,
    ],
    ['a header with a typo', { events: [SeatPriced], headers: { rwo: string('A') } }, /use one of theirs: row, price/],
    [
      'a header that one of its events lacks',
      { events: [SeatPriced, SeatFreed], headers: row },
      /wants 'seat.freed' by the header 'row', which 'seat.freed' does not have/,
    ],
    [
      'a pattern whose events all lack the header',
      { events: [SeatPriced, 'ticket.*'], headers: row },
      /wants 'ticket.booked' by the header 'row'/,
    ],
    [
      'a rule that has no value',
      { events: [SeatPriced], headers: { row: new sns.SubscriptionFilter([]) } },
      /'row' has no value/,
    ],
    [
      'a range with nothing in it',
      { events: [SeatPriced], headers: { price: numericFilter({ between: { start: 5, stop: 3 } }) } },
      /wants >= 5 <= 3: no number is both/,
    ],
    [
      'a range that ends where it begins',
      { events: [SeatPriced], headers: { price: numericFilter({ betweenStrict: { start: 5, stop: 5 } }) } },
      /no number is both/,
    ],
    [
      'a number that SNS does not compare',
      { events: [SeatPriced], headers: { price: numericFilter({ greaterThan: 2e9 }) } },
      /compares with 2000000000.*1,000,000,000/,
    ],
    [
      'more than 150 combinations',
      {
        events: [SeatPriced],
        headers: {
          row: string(...'ABCDEFGHIJKLMNOP'),
          price: numericFilter({ allowlist: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }),
        },
      },
      /16 x 10 x 1 = 160 combinations of values; SNS takes 150/,
    ],
    [
      'a policy over 256 KB',
      { events: [SeatPriced], headers: { row: string('x'.repeat(262_144)) } },
      /bytes long; SNS takes 262144/,
    ],
    [
      'a queue that takes less than the topic',
      { events: [SeatFreed], maxMessageSize: Size.kibibytes(128) },
      /takes 131072 bytes, and Theatre\/Seats takes 262144/,
    ],
    ['a size that SQS does not take', { events: [SeatFreed], maxMessageSize: Size.mebibytes(2) }, /1 KiB to 1 MiB/],
  ])('%s', (_, props, message) => {
    const build = () => wiring(everything).consumer(props);
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(/^Theatre\/SeatPlan: /);
    expect(build).toThrow(message);
  });

  it('more than five keys', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const wide = event('seat.wide', names);
    const headers = Object.fromEntries(names.map((name) => [name, string('x')]));
    expect(() => wiring({ events: [wide] }).consumer({ events: [wide], headers })).toThrow(
      /6 keys \(a, b, c, d, e, type\); SNS takes 5/,
    );
  });
});

describe('payload limits', () => {
  it('are said in the template, the largest unless told otherwise', () => {
    const { consumer, commandQueue, template } = wiring();
    consumer({ maxMessageSize: Size.kibibytes(512) });
    consumer({}, 'Posters');
    commandQueue({ maxMessageSize: Size.kibibytes(64) });
    const synthesized = template();
    const size = (path: string) => resourceAt(synthesized, path).Properties.MaximumMessageSize;
    expect(size('SeatPlan/Queue')).toBe(524_288);
    expect(size('Posters/Queue')).toBe(1_048_576);
    expect(size('BookSeat/Queue')).toBe(65_536);
    for (const last of ['SeatPlan/DeadLetters', 'SeatPlan/Undeliverable', 'BookSeat/DeadLetters']) {
      expect(size(last)).toBe(1_048_576);
    }
    expect(resourceAt(synthesized, 'Seats/Topic').Properties).not.toHaveProperty('MaximumMessageSize');
  });

  it('of a larger topic are told to whoever publishes there', () => {
    const { consumer, commandQueue, topic, template } = wiring({ maxMessageSize: Size.mebibytes(1) });
    consumer({ publishes: topic });
    commandQueue({ publishes: topic });
    consumer({}, 'Posters');
    const synthesized = template();
    const told = (id: string) =>
      resourceAt(synthesized, `${id}/Function`).Properties.Environment.Variables.BATON_TOPIC_MAX_BYTES;
    expect(resourceAt(synthesized, 'Seats/Topic').Properties.MaximumMessageSize).toBe(1_048_576);
    expect([told('SeatPlan'), told('BookSeat'), told('Posters')]).toEqual(['1048576', '1048576', undefined]);
  });
});
