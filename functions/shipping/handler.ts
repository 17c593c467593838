import { InventoryReserved } from '../../events/inventory-reserved.ts';
import { OrderShipped } from '../../events/order-shipped.ts';
import { PaymentCaptured } from '../../events/payment-captured.ts';
import { consume } from '../../lib/runtime/index.ts';
import { insertOnce, isThere } from '../shop/rows.ts';

/** Ships an order once it is both reserved and paid, whichever comes last. */
export const handler = consume([InventoryReserved, PaymentCaptured], async (event, context) => {
  const { orderId } = event.data;
  const pk = `ORDER#${orderId}`;
  const other = event.type === 'inventory.reserved' ? 'payment.captured' : 'inventory.reserved';
  // First its own condition, then a look at the other: of two that arrive at once, at least one sees both.
  await insertOnce(context, { pk, sk: `READY#${event.type}` }, { eventId: event.id });
  if (!(await isThere(context, { pk, sk: `READY#${other}` }))) return;
  const shipmentId = `shipment-${orderId}`;
  // Both carry the order's name: whichever of them an attempt reaches, the next attempt completes the other.
  await Promise.all([
    insertOnce(context, { pk, sk: 'SHIPMENT' }, { shipmentId }),
    context.publish(OrderShipped, { orderId, shipmentId }, { id: `shipped-${orderId}` }),
  ]);
});
