import { type AttributeValue, type DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { type Order, totalCents } from '../../events/order.ts';

/** What the consumers of the shop did, read back from its table. */
export interface Effects {
  /** The orders that each consumer has an effect for, by consumer; a mail counts as `<order> <event type>`. */
  byConsumer: Map<string, Set<string>>;
  /** The sales by `<region> <month>`, as the rows of analytics add up. */
  sales: Map<string, { orders: number; revenueCents: number }>;
}

/** Whose effect the rows of an order are, by sort key. */
const consumers: Readonly<Record<string, string>> = {
  ORDER: 'place-order',
  RESERVATION: 'inventory',
  PAYMENT: 'billing',
  SHIPMENT: 'shipping',
  INVOICE: 'invoicing',
};

/** Reads every row of the shop's table. */
export async function readEffects(dynamodb: DynamoDBClient, table: string): Promise<Effects> {
  const effects: Effects = { byConsumer: new Map(), sales: new Map() };
  for await (const page of paginateScan(
    { client: dynamodb },
    {
      TableName: table,
      ConsistentRead: true,
      ProjectionExpression: 'pk, sk, revenueCents, shipmentId',
    },
  )) {
    for (const row of page.Items ?? []) record(effects, row);
  }
  return effects;
}

/** The sales that analytics must arrive at. */
export function expectedSales(orders: readonly Order[]): Effects['sales'] {
  const sales: Effects['sales'] = new Map();
  for (const order of orders) {
    const key = `${order.region} ${order.orderDate.slice(0, 7)}`;
    const sum = sales.get(key) ?? { orders: 0, revenueCents: 0 };
    sales.set(key, { orders: sum.orders + 1, revenueCents: sum.revenueCents + totalCents(order) });
  }
  return sales;
}

function record(effects: Effects, { pk, sk, revenueCents, shipmentId }: Record<string, AttributeValue>): void {
  const { byConsumer, sales } = effects;
  const [kind, ...place] = (pk?.S ?? '').split('#');
  const effect = sk?.S ?? '';
  if (kind === 'SALES') {
    const month = place.join(' ');
    const sum = sales.get(month) ?? { orders: 0, revenueCents: 0 };
    sales.set(month, { orders: sum.orders + 1, revenueCents: sum.revenueCents + Number(revenueCents?.N) });
    add(byConsumer, 'analytics', effect.slice('ORDER#'.length));
  } else if (effect.startsWith('MAIL#')) {
    add(byConsumer, 'notifications', `${place[0]} ${effect.slice('MAIL#'.length)}`);
  } else if (effect === 'SHIPMENT' && shipmentId === undefined) {
    // one of the two that it waits for has come
    return;
  } else if (effect in consumers) {
    add(byConsumer, consumers[effect]!, place[0]!);
  }
}

function add(effects: Map<string, Set<string>>, consumer: string, effect: string): void {
  effects.set(consumer, (effects.get(consumer) ?? new Set()).add(effect));
}
