import { InventoryReserved } from '../../events/inventory-reserved.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { consume, outgoing } from '../../lib/runtime/index.ts';
import { putRow } from '../shop/rows.ts';

/** Sets the lines of an order aside. */
export const handler = consume(
  OrderPlaced,
  async ({ data: order }, context) => {
    const units = order.lines.reduce((sum, line) => sum + line.quantity, 0);
    const lines = JSON.stringify(order.lines.map(({ productId, quantity }) => ({ productId, quantity })));
    await context.commit({
      writes: [putRow({ pk: `ORDER#${order.orderId}`, sk: 'RESERVATION' }, { units, lines })],
      publish: [outgoing(InventoryReserved, { orderId: order.orderId, shipMode: order.shipMode, units })],
    });
  },
  { guard: 'transaction' },
);
