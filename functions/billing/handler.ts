import { totalCents } from '../../events/order.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { PaymentCaptured } from '../../events/payment-captured.ts';
import { consume } from '../../lib/runtime/index.ts';
import { insertOnce } from '../shop/rows.ts';
import { capturePayment } from './payment-provider.ts';

/** Takes the money for an order: the provider gets our idempotency key, so that a retry never charges twice. */
export const handler = consume(OrderPlaced, async ({ data: order }, context) => {
  const amountCents = totalCents(order);
  const { paymentId } = await capturePayment({ orderId: order.orderId, amountCents, currency: 'USD' }, context);
  await insertOnce(context, { pk: `ORDER#${order.orderId}`, sk: 'PAYMENT' }, { paymentId, amountCents });
  await context.publish(
    PaymentCaptured,
    { orderId: order.orderId, customerId: order.customerId, paymentId, amountCents, currency: 'USD' },
    { id: `captured-${order.orderId}` },
  );
});
