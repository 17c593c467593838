import * as z from 'zod';
import { totalCents } from '../../events/order.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { needs } from '../../lib/contracts/index.ts';
import { consume } from '../../lib/runtime/index.ts';
import { putRow } from '../shop/rows.ts';

/** What the numbers are made of: whatever else of an order changes, they stay right. */
const Sales = needs(
  OrderPlaced,
  z.object({
    orderId: z.string(),
    orderDate: z.string(),
    region: z.string(),
    lines: z.array(z.object({ quantity: z.number(), sales: z.number() })),
  }),
);

/**
 * Files an order under its region and month: one query answers what a month has sold. A row per order can be written
 * twice, so the view can be rebuilt by replay; a running total could not.
 */
export const handler = consume(
  Sales,
  async ({ data: order }, context) => {
    const units = order.lines.reduce((sum, line) => sum + line.quantity, 0);
    const sales = putRow(
      { pk: `SALES#${order.region}#${order.orderDate.slice(0, 7)}`, sk: `ORDER#${order.orderId}` },
      { revenueCents: totalCents(order), units },
    );
    await context.commit({ writes: [sales] });
  },
  { guard: 'transaction' },
);
