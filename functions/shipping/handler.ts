import { InventoryReserved } from '../../events/inventory-reserved.ts';
import { OrderShipped } from '../../events/order-shipped.ts';
import { PaymentCaptured } from '../../events/payment-captured.ts';
import { ConditionFailedError, consume, outgoing } from '../../lib/runtime/index.ts';
import { isThere, putRow, withoutRow } from '../shop/rows.ts';

/** Ships an order once it is both reserved and paid, whichever comes last. */
export const handler = consume(
  [InventoryReserved, PaymentCaptured],
  async (event, context) => {
    const { orderId } = event.data;
    const pk = `ORDER#${orderId}`;
    const ready = putRow({ pk, sk: `READY#${event.type}` }, { eventId: event.id });
    const other = {
      pk,
      sk: `READY#${event.type === 'inventory.reserved' ? 'payment.captured' : 'inventory.reserved'}`,
    };
    if (!(await isThere(context, other))) {
      try {
        return await context.commit({ writes: [ready, withoutRow(other)] });
      } catch (error) {
        if (!(error instanceof ConditionFailedError)) throw error;
        // the other one has come in between: both are here now
      }
    }
    const shipmentId = `shipment-${orderId}`;
    await context.commit({
      writes: [ready, putRow({ pk, sk: 'SHIPMENT' }, { shipmentId })],
      publish: [outgoing(OrderShipped, { orderId, shipmentId })],
    });
  },
  { guard: 'transaction' },
);
