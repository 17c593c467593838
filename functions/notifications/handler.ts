import { OrderPlaced } from '../../events/order-placed.ts';
import { OrderShipped } from '../../events/order-shipped.ts';
import { consume } from '../../lib/runtime/index.ts';
import { putRow } from '../shop/rows.ts';

/** Queues the mails to the customer: one when the order is placed, one when it is shipped. */
export const handler = consume(
  [OrderPlaced, OrderShipped],
  async (event, context) => {
    const { orderId } = event.data;
    const subject =
      event.type === 'order.placed'
        ? `Thank you for your order ${orderId}, ${event.data.customerName}`
        : `Your order ${orderId} is on its way`;
    await context.commit({ writes: [putRow({ pk: `ORDER#${orderId}`, sk: `MAIL#${event.type}` }, { subject })] });
  },
  { guard: 'transaction' },
);
