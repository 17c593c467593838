import { InventoryReserved } from '../../events/inventory-reserved.ts';
import { OrderShipped } from '../../events/order-shipped.ts';
import { PaymentCaptured } from '../../events/payment-captured.ts';
import { ConditionFailedError, consume, outgoing } from '../../lib/runtime/index.ts';
import { insertRow, isThere, putRow } from '../shop/rows.ts';

/** Ships an order once it is both reserved and paid, whichever comes last: the first of them leaves a row behind. */
export const handler = consume(
  [InventoryReserved, PaymentCaptured],
  async (event, context) => {
    const { orderId } = event.data;
    const row = { pk: `ORDER#${orderId}`, sk: 'SHIPMENT' };
    if (!(await isThere(context, row))) {
      try {
        return await context.commit({ writes: [insertRow(row, { came: event.type })] });
      } catch (error) {
        if (!(error instanceof ConditionFailedError)) throw error;
        // the other one has come in between: both are here now
      }
    }
    const shipmentId = `shipment-${orderId}`;
    await context.commit({
      writes: [putRow(row, { shipmentId })],
      publish: [outgoing(OrderShipped, { orderId, shipmentId })],
    });
  },
  { guard: 'transaction' },
);
