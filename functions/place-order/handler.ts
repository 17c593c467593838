import { totalCents } from '../../events/order.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { PlaceOrder } from '../../events/place-order.ts';
import { consume } from '../../lib/runtime/index.ts';
import { insertOnce } from '../shop/rows.ts';

/** Takes an order: writes it, then says so. Both are named after the order, so that a retry changes nothing. */
export const handler = consume(PlaceOrder, async ({ data: order }, context) => {
  await insertOnce(
    context,
    { pk: `ORDER#${order.orderId}`, sk: 'ORDER' },
    { customerId: order.customerId, orderDate: order.orderDate, totalCents: totalCents(order) },
  );
  await context.publish(OrderPlaced, order, { id: `placed-${order.orderId}` });
});
