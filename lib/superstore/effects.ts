import { type AttributeValue, type DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { type Order, totalCents } from '../../events/order.ts';

/** What the consumers of the shop did, read back from its table. */
export interface Effects {
  /** The orders that each consumer has an effect for, by consumer; a mail counts as `<order> <event type>`. */
  byConsumer: Map<string, Set<string>>;
  /** The sales by `<region> <month>`, as analytics added them up. */
  sales: Map<string, { orders: number; revenueCents: number }>;
}

const SALES = 'SALES#';

/** Reads every row of the shop's table. */
export async function readEffects(dynamodb: DynamoDBClient, table: string): Promise<Effects> {
  const effects: Effects = { byConsumer: new Map(), sales: new Map() };
  for await (const page of paginateScan(
    { client: dynamodb },
    {
      TableName: table,
      ConsistentRead: true,
      ProjectionExpression: 'pk, sk, conditions, #orders, revenueCents',
      ExpressionAttributeNames: { '#orders': 'orders' },
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

function record({ byConsumer, sales }: Effects, row: Record<string, AttributeValue>): void {
  const pk = row.pk?.S ?? '';
  const sk = row.sk?.S ?? '';
  if (pk.startsWith(SALES)) {
    sales.set(`${pk.slice(SALES.length)} ${sk}`, {
      orders: Number(row.orders?.N ?? 0),
      revenueCents: Number(row.revenueCents?.N ?? 0),
    });
    return;
  }
  const order = pk.slice('ORDER#'.length);
  const consumer = consumerOf(sk, row);
  if (consumer === undefined) return;
  const subject = consumer === 'notifications' ? `${order} ${sk.slice('MAIL#'.length)}` : order;
  byConsumer.set(consumer, (byConsumer.get(consumer) ?? new Set()).add(subject));
}

function consumerOf(sk: string, row: Record<string, AttributeValue>): string | undefined {
  switch (sk) {
    case 'ORDER':
      return 'place-order';
    case 'RESERVATION':
      return 'inventory';
    case 'PAYMENT':
      return 'billing';
    case 'SHIPMENT':
      return row.conditions?.SS?.length === 2 ? 'shipping' : undefined;
    case 'INVOICE':
      return 'invoicing';
    case 'COUNTED':
      return 'analytics';
    default:
      return sk.startsWith('MAIL#') ? 'notifications' : undefined;
  }
}
