import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Envelope } from '../../lib/contracts/index.ts';
import { readEntry } from '../../lib/runtime/outbox/outbox-entry.ts';
import { heardIn, isEmpty, itemsOf, pendingIn, type World } from './killing-world.ts';

/** What is left when all is done: a line for each thing, in no order. */
export interface Aftermath {
  /** Of the shop's table. */
  rows: string[];
  /** Published, as guards see it: copies under one id are one event. */
  events: string[];
  /** Of each key, its events as they were first heard. */
  order: string[];
  /** Idempotency records with their status. */
  records: string[];
  /** What the payment provider took. */
  charges: string[];
  /** What should not be: messages, dead letters and outbox entries that are still there. */
  left: string[];
}

/** The event that each row of the shop's table goes with, by the row's sort key. */
const SAID_OF: Readonly<Record<string, string>> = {
  ORDER: 'order.placed',
  RESERVATION: 'inventory.reserved',
  PAYMENT: 'payment.captured',
  SHIPMENT: 'order.shipped',
};

export async function aftermathOf(world: World): Promise<Aftermath> {
  const charges = [...world.provider.ledger.values()];
  // the provider numbers its payments in the order in which they come in, which differs from run to run
  const withoutNumbers = (row: string) =>
    charges.reduce((line, { paymentId, orderId }) => line.replace(`"${paymentId}"`, `"of ${orderId}"`), row);
  const events = [...new Map(heardIn(world).map((event) => [`${event.source}#${event.id}`, event])).values()];
  return {
    rows: (await itemsOf(world, world.shop)).map((row) => withoutNumbers(lineOf(row))),
    events: events.map(({ type, subject, data }) => withoutNumbers(JSON.stringify([type, subject, data]))),
    order: [...Map.groupBy(events, ({ subject }) => subject)].map(
      ([subject, itsEvents]) => `${subject}: ${itsEvents.map(({ type }) => type).join(', ')}`,
    ),
    // circuits of dependencies are in the same table, and have no status
    records: (await itemsOf(world, world.records))
      .filter(({ status }) => status !== undefined)
      .map(({ id, status }) => `${id!.S} ${status!.S}`),
    charges: charges.map(({ orderId, amountCents }) => `${orderId} ${amountCents}`),
    left: [
      ...(await pendingIn(world)).map(({ sk }) => `the outbox entry ${sk!.S}`),
      ...(isEmpty(world, world.queue) ? [] : ['a message in the queue']),
      ...(isEmpty(world, world.deadLetters) ? [] : ['a dead letter']),
    ],
  };
}

/** What one aftermath has and the other has not. */
export function differences(found: Aftermath, wanted: Aftermath): string[] {
  return (Object.keys(wanted) as (keyof Aftermath)[]).flatMap((kind) => {
    const surplus = new Map<string, number>();
    for (const line of found[kind]) surplus.set(line, (surplus.get(line) ?? 0) + 1);
    for (const line of wanted[kind]) surplus.set(line, (surplus.get(line) ?? 0) - 1);
    return [...surplus]
      .filter(([, count]) => count !== 0)
      .map(([line, count]) => `${kind}: ${count < 0 ? 'missing' : 'one too many'}: ${line}`);
  });
}

/** At any moment: rows whose event is neither published nor on its way, and events without their row. */
export async function tornIn(world: World): Promise<string[]> {
  const entries = (await pendingIn(world)).flatMap((item) => readEntry(item).events);
  const said = [...heardIn(world), ...entries.map((text) => JSON.parse(text) as Envelope)];
  const events = new Set(said.map(({ type, subject }) => `${type} of ${subject}`));
  const implied = new Set(
    (await itemsOf(world, world.shop))
      // the row of a shipment that waits for the other half says nothing yet
      .filter(({ sk, shipmentId }) => sk!.S! in SAID_OF && (sk!.S !== 'SHIPMENT' || shipmentId !== undefined))
      .map(({ pk, sk }) => `${SAID_OF[sk!.S!]} of ${pk!.S!.replace('ORDER#', '')}`),
  );
  return [
    ...[...implied].filter((event) => !events.has(event)).map((event) => `torn: a row without its ${event}`),
    ...[...events].filter((event) => !implied.has(event)).map((event) => `torn: ${event} without its row`),
  ];
}

function lineOf(row: Record<string, AttributeValue>): string {
  return JSON.stringify(Object.entries(row).sort(([a], [b]) => a.localeCompare(b)));
}
