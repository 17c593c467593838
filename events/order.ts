import * as z from 'zod';
import { OrderLine } from './order-line.ts';

/** What a customer buys: the data that `order.place` asks for and `order.placed` reports. */
export const Order = z.object({
  orderId: z.string().min(1),
  orderDate: z.iso.date().describe('The day of the order.'),
  customerId: z.string().min(1),
  customerName: z.string().min(1),
  segment: z.string().min(1),
  region: z.string().min(1),
  shipMode: z.string().min(1),
  lines: z.array(OrderLine).min(1),
});

export type Order = z.infer<typeof Order>;

/** What the customer pays: the sum of the lines, in cents, so that no sum depends on the order of addition. */
export function totalCents(order: { readonly lines: readonly Pick<OrderLine, 'sales'>[] }): number {
  return order.lines.reduce((sum, line) => sum + Math.round(line.sales * 100), 0);
}
