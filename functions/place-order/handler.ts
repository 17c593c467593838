import { totalCents } from '../../events/order.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { PlaceOrder } from '../../events/place-order.ts';
import { ConditionFailedError, consume, outgoing } from '../../lib/runtime/index.ts';
import { insertRow } from '../shop/rows.ts';

/** Takes an order: writes it and says so, in one transaction. An order that is there already stays as it is. */
export const handler = consume(
  PlaceOrder,
  async ({ data: order }, context) => {
    const row = insertRow(
      { pk: `ORDER#${order.orderId}`, sk: 'ORDER' },
      { customerId: order.customerId, orderDate: order.orderDate, totalCents: totalCents(order) },
    );
    try {
      await context.commit({
        writes: [row],
        publish: [outgoing(OrderPlaced, order, { id: `placed-${order.orderId}` })],
      });
    } catch (error) {
      if (!(error instanceof ConditionFailedError)) throw error;
      context.logger.warn('The order had been placed before, by another command.', { orderId: order.orderId });
    }
  },
  { guard: 'transaction' },
);
