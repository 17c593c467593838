import { type Order, totalCents } from '../../events/order.ts';

/** Revenue in cents by region: the effect by which the two handlers are compared. */
export const sales = new Map<string, number>();

/** The part of a Powertools logger that the work needs. */
export interface LineWriter {
  info(message: string, attributes: Record<string, unknown>): void;
}

/** The work of both handlers: cheap and without I/O, so that what is measured is what surrounds it. */
export function recordSale(order: Order, logger: LineWriter): void {
  const cents = totalCents(order);
  sales.set(order.region, (sales.get(order.region) ?? 0) + cents);
  logger.info('Sale recorded', { order_id: order.orderId, cents });
}
