import type { Order } from '../../events/order.ts';
import { FAILURE_CONTEXT } from '../contracts/index.ts';
import type { DeadLetter } from './dead-letters.ts';
import { type Effects, expectedSales } from './effects.ts';
import type { Payment } from './payment-provider.ts';
import type { Poison } from './poison.ts';

/** What one consumer did with its deliveries; the counts are records. */
export interface ConsumerCounts {
  delivered: number;
  handled: number;
  duplicates: number;
  retried: number;
  deadLettered: number;
}

/** A promise, and whether this run kept it. */
export interface Invariant {
  name: string;
  held: boolean;
  /** What was found: the figures when it held, what is wrong when not. */
  found: string;
}

/** Everything a run left behind. */
export interface Outcome {
  orders: readonly Order[];
  poison: readonly Poison[];
  consumers: ReadonlyMap<string, ConsumerCounts>;
  effects: Effects;
  /** True when an earlier run left queues and tables: what that run handled and charged is not counted here. */
  resumed: boolean;
  ledger: ReadonlyMap<string, Payment>;
  deadLetters: readonly DeadLetter[];
  /** FIFO records that were handled before an earlier one of their group. */
  outOfOrder: number;
}

/** How many events each consumer of the shop subscribes to, per order, and how many effects it has. */
export const subscriptions: Readonly<Record<string, { deliveries: number; effects: readonly string[] }>> = {
  'place-order': { deliveries: 1, effects: [''] },
  inventory: { deliveries: 1, effects: [''] },
  billing: { deliveries: 1, effects: [''] },
  shipping: { deliveries: 2, effects: [''] },
  invoicing: { deliveries: 1, effects: [''] },
  notifications: { deliveries: 2, effects: [' order.placed', ' order.shipped'] },
  analytics: { deliveries: 1, effects: [''] },
};

/** The effects that a consumer owes and does not have. */
export function lostEffects(consumer: string, orders: readonly Order[], effects: Effects): string[] {
  const found = effects.byConsumer.get(consumer) ?? new Set();
  const owed = subscriptions[consumer]?.effects ?? [];
  return orders
    .flatMap((order) => owed.map((kind) => `${order.orderId}${kind}`))
    .filter((effect) => !found.has(effect));
}

/** Judges a run that has come to rest. */
export function judge(outcome: Outcome): Invariant[] {
  return [
    nothingLost(outcome),
    nothingTwice(outcome),
    chargedOnce(outcome),
    salesRight(outcome),
    inOrder(outcome),
    onlyPoisonDead(outcome),
  ];
}

function nothingLost({ orders, effects }: Outcome): Invariant {
  const lost = Object.keys(subscriptions).flatMap((consumer) =>
    lostEffects(consumer, orders, effects).map((effect) => `${consumer}: ${effect}`),
  );
  return verdict('nothing is lost', lost, `${orders.length} orders, each with every effect`);
}

function nothingTwice({ orders, consumers, effects, resumed }: Outcome): Invariant {
  const wrong: string[] = [];
  for (const [consumer, { deliveries, effects: kinds }] of Object.entries(subscriptions)) {
    const handled = consumers.get(consumer)?.handled ?? 0;
    const wanted = orders.length * deliveries;
    if (resumed ? handled > wanted : handled !== wanted)
      wrong.push(`${consumer} handled ${handled} events of ${wanted}`);
    const effectsFound = effects.byConsumer.get(consumer)?.size ?? 0;
    if (effectsFound !== orders.length * kinds.length) {
      wrong.push(`${consumer} has ${effectsFound} effects for ${orders.length * kinds.length}`);
    }
  }
  return verdict('no event is handled twice', wrong, 'every event handled exactly once, duplicates recognised');
}

function chargedOnce({ orders, ledger, resumed }: Outcome): Invariant {
  const charges = new Map<string, number>();
  for (const { orderId } of ledger.values()) charges.set(orderId, (charges.get(orderId) ?? 0) + 1);
  const wrong = orders
    .map(({ orderId }) => ({ orderId, times: charges.get(orderId) ?? 0 }))
    .filter(({ times }) => times > 1 || (times === 0 && !resumed))
    .map(({ orderId, times }) => `${orderId} was charged ${times} times`);
  if (ledger.size !== orders.length && !resumed)
    wrong.push(`the provider took ${ledger.size} payments for ${orders.length} orders`);
  return verdict('every order is charged once', wrong, `${ledger.size} payments at the provider`);
}

function salesRight({ orders, effects }: Outcome): Invariant {
  const wanted = expectedSales(orders);
  const wrong: string[] = [];
  for (const key of new Set([...wanted.keys(), ...effects.sales.keys()])) {
    const want = wanted.get(key);
    const found = effects.sales.get(key);
    if (want?.orders !== found?.orders || want?.revenueCents !== found?.revenueCents) {
      wrong.push(`${key} is ${JSON.stringify(found)} instead of ${JSON.stringify(want)}`);
    }
  }
  return verdict('sales add up to the cent', wrong, `${wanted.size} regions and months agree with the source`);
}

function inOrder({ outOfOrder }: Outcome): Invariant {
  const wrong = outOfOrder === 0 ? [] : [`${outOfOrder} records overtook an earlier one of their group`];
  return verdict('ordered consumers stay in order', wrong, 'no record overtook another of its key');
}

/** A poisoned message that SQS delivers twice is dead-lettered twice: both letters are that one message. */
function onlyPoisonDead({ poison, deadLetters }: Outcome): Invariant {
  const wrong: string[] = [];
  const found = new Set<Poison>();
  for (const { body, context } of deadLetters) {
    const expected = poison.find((candidate) => candidate.body === body && candidate.consumer === context.consumer);
    if (expected === undefined) {
      wrong.push(`an event nobody poisoned: ${context.consumer} ${context.errorMessage}`);
      continue;
    }
    found.add(expected);
    if (context.errorClass !== expected.errorClass) {
      wrong.push(`${expected.consumer} died of ${context.errorClass}, not ${expected.errorClass}`);
    }
    const missing = FAILURE_CONTEXT.filter((part) => !context[part]);
    if (missing.length > 0) wrong.push(`${expected.consumer}: a dead letter without ${missing.join(', ')}`);
  }
  for (const lost of poison) {
    if (!found.has(lost)) wrong.push(`a poisoned ${lost.consumer} message is in no dead-letter queue`);
  }
  return verdict(
    'the poison, and only it, is dead-lettered',
    wrong,
    `${poison.length} messages, each with its full failure context`,
  );
}

function verdict(name: string, wrong: readonly string[], right: string): Invariant {
  if (wrong.length === 0) return { name, held: true, found: right };
  const shown = wrong.slice(0, 5).join('; ');
  return { name, held: false, found: wrong.length > 5 ? `${shown}; and ${wrong.length - 5} more` : shown };
}
