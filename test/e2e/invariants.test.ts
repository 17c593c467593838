import { describe, expect, it } from 'vitest';
import { FAILURE_CONTEXT } from '../../lib/contracts/index.ts';
import { expectedSales } from '../../lib/superstore/effects.ts';
import { judge, lostEffects, type Outcome, subscriptions } from '../../lib/superstore/invariants.ts';
import { readOrders } from '../../lib/superstore/orders.ts';
import { brewPoison } from '../../lib/superstore/poison.ts';

const orders = readOrders(20);
const [first] = orders;
const consumers = Object.keys(subscriptions);

/** What a run leaves behind that went well; every call gives a new one to spoil. */
function goodOutcome() {
  const poison = brewPoison(
    10,
    consumers.map((consumer) => ({ consumer, queueUrl: `http://queues/${consumer}`, fifo: false })),
    first!,
  );
  return {
    orders,
    poison,
    consumers: new Map(
      Object.entries(subscriptions).map(([name, { deliveries }]) => [
        name,
        { delivered: 0, handled: orders.length * deliveries, duplicates: 3, retried: 2, deadLettered: 1 },
      ]),
    ),
    effects: {
      byConsumer: new Map(
        Object.entries(subscriptions).map(([name, owed]) => [
          name,
          new Set(orders.flatMap(({ orderId }) => owed.effects.map((kind) => `${orderId}${kind}`))),
        ]),
      ),
      sales: expectedSales(orders),
    },
    ledger: new Map(
      orders.map(({ orderId }) => [`key-${orderId}`, { paymentId: `pay-${orderId}`, orderId, amountCents: 1 }]),
    ),
    deadLetters: poison.map(({ consumer, body, errorClass }) => ({
      body,
      context: { ...Object.fromEntries(FAILURE_CONTEXT.map((part) => [part, `some ${part}`])), consumer, errorClass },
    })),
    outOfOrder: 0,
    resumed: false as boolean,
  } satisfies Outcome;
}

/** The names of the invariants that do not hold, with what was found. */
function broken(outcome: Outcome): Record<string, string> {
  return Object.fromEntries(
    judge(outcome)
      .filter(({ held }) => !held)
      .map(({ name, found }) => [name, found]),
  );
}

type Good = ReturnType<typeof goodOutcome>;

const LOST = 'nothing is lost';
const TWICE = 'no event is handled twice';
const CHARGED = 'every order is charged once';
const SALES = 'sales add up to the cent';
const ORDER = 'ordered consumers stay in order';
const POISON = 'the poison, and only it, is dead-lettered';

/** What goes wrong, the invariants that must say so, and what they must name. */
const flaws: [what: string, spoil: (outcome: Good) => void, invariants: string[], named: RegExp][] = [
  [
    'a lost effect',
    ({ effects }) => effects.byConsumer.get('invoicing')!.delete(first!.orderId),
    // It is also one effect too few for the count.
    [LOST, TWICE],
    new RegExp(`invoicing: ${first!.orderId}`),
  ],
  [
    'one of two mails',
    ({ effects }) => effects.byConsumer.get('notifications')!.delete(`${first!.orderId} order.shipped`),
    [LOST, TWICE],
    new RegExp(`notifications: ${first!.orderId} order.shipped`),
  ],
  ['a consumer that did nothing', ({ effects }) => effects.byConsumer.delete('shipping'), [LOST, TWICE], /and 15 more/],
  [
    'an event that was handled twice',
    ({ consumers: counts }) => counts.get('inventory')!.handled++,
    [TWICE],
    /inventory handled 21 events of 20/,
  ],
  [
    'an effect that nobody asked for',
    ({ effects }) => effects.byConsumer.get('shipping')!.add('another order'),
    [TWICE],
    /shipping has 21 effects for 20/,
  ],
  [
    'a double charge',
    ({ ledger }) => ledger.set('another key', { paymentId: 'pay-again', orderId: first!.orderId, amountCents: 1 }),
    [CHARGED],
    new RegExp(`${first!.orderId} was charged 2 times`),
  ],
  [
    'a charge that was not made',
    ({ ledger }) => ledger.delete(`key-${first!.orderId}`),
    [CHARGED],
    new RegExp(`${first!.orderId} was charged 0 times`),
  ],
  [
    'a charge for an order that was not placed',
    ({ ledger }) => ledger.set('another key', { paymentId: 'pay-other', orderId: 'another order', amountCents: 1 }),
    [CHARGED],
    /21 payments for 20 orders/,
  ],
  [
    'sales that are a cent too high',
    ({ effects: { sales } }) => {
      const [key, sum] = [...sales][0]!;
      sales.set(key, { ...sum, revenueCents: sum.revenueCents + 1 });
    },
    [SALES],
    /instead of/,
  ],
  [
    'sales of a month without orders',
    ({ effects }) => effects.sales.set('Moon 2001-01', { orders: 1, revenueCents: 1 }),
    [SALES],
    /Moon 2001-01/,
  ],
  [
    'an event that overtook another',
    (outcome) => Object.assign(outcome, { outOfOrder: 1 }),
    [ORDER],
    /1 records overtook/,
  ],
  [
    'a dead letter that is no poison',
    ({ deadLetters }) => deadLetters.push({ ...deadLetters[0]!, body: 'a sound event' }),
    [POISON],
    /an event nobody poisoned: place-order/,
  ],
  [
    'poison that is in no dead-letter queue',
    ({ deadLetters }) => deadLetters.pop(),
    [POISON],
    /a poisoned billing message is in no dead-letter queue/,
  ],
  [
    'poison in the dead letters of another consumer',
    ({ deadLetters }) => Object.assign(deadLetters[0]!.context, { consumer: 'analytics' }),
    [POISON],
    /a poisoned place-order message is in no dead-letter queue/,
  ],
  [
    'poison that died of something else',
    ({ deadLetters }) => Object.assign(deadLetters[0]!.context, { errorClass: 'TypeError' }),
    [POISON],
    /place-order died of TypeError, not MalformedEnvelopeError/,
  ],
  ...FAILURE_CONTEXT.filter((part) => !['consumer', 'errorClass'].includes(part)).map(
    (part): (typeof flaws)[number] => [
      `a dead letter without ${part}`,
      ({ deadLetters }) => Object.assign(deadLetters[0]!.context, { [part]: '' }),
      [POISON],
      new RegExp(`place-order: a dead letter without ${part}`),
    ],
  ),
];

describe('the judge of a run', () => {
  it('finds nothing wrong with a run that went well', () => {
    expect(broken(goodOutcome())).toEqual({});
  });

  it.each(flaws)('finds %s', (_, spoil, invariants, named) => {
    const outcome = goodOutcome();
    spoil(outcome);
    const found = broken(outcome);
    expect(Object.keys(found)).toEqual(invariants);
    expect(Object.values(found).join('\n')).toMatch(named);
  });

  it('takes two dead letters of one poisoned message for what they are: SQS delivers at least once', () => {
    const outcome = goodOutcome();
    outcome.deadLetters.push(outcome.deadLetters[0]!);
    expect(broken(outcome)).toEqual({});
  });

  describe('of a run that goes on where another ended', () => {
    /** The first five orders were handled and charged before. */
    function resumedOutcome() {
      const outcome = goodOutcome();
      for (const [name, counts] of outcome.consumers) counts.handled -= 5 * subscriptions[name]!.deliveries;
      for (const { orderId } of orders.slice(0, 5)) outcome.ledger.delete(`key-${orderId}`);
      return { ...outcome, resumed: true };
    }

    it('does not ask for what was counted there', () => {
      expect(broken(resumedOutcome())).toEqual({});
      expect(Object.keys(broken({ ...resumedOutcome(), resumed: false }))).toEqual([TWICE, CHARGED]);
    });

    it.each([
      ['a lost effect', (outcome: Good) => outcome.effects.byConsumer.get('billing')!.delete(first!.orderId), LOST],
      [
        'more events handled than there are',
        (outcome: Good) => (outcome.consumers.get('billing')!.handled = 21),
        TWICE,
      ],
      [
        'a double charge',
        ({ ledger }: Good) =>
          ledger.set('again', { paymentId: 'pay-again', orderId: orders[9]!.orderId, amountCents: 1 }),
        CHARGED,
      ],
    ])('finds %s', (_, spoil, invariant) => {
      const outcome = resumedOutcome();
      spoil(outcome);
      expect(Object.keys(broken(outcome))).toContain(invariant);
    });
  });

  it('counts what a consumer owes and does not have', () => {
    const { effects } = goodOutcome();
    expect(consumers.flatMap((consumer) => lostEffects(consumer, orders, effects))).toEqual([]);
    effects.byConsumer.get('notifications')!.delete(`${first!.orderId} order.placed`);
    expect(lostEffects('notifications', orders, effects)).toEqual([`${first!.orderId} order.placed`]);
  });
});
