import { totalCents } from '../../events/order.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { PaymentCaptured } from '../../events/payment-captured.ts';
import { consume, outgoing } from '../../lib/runtime/index.ts';
import { putRow } from '../shop/rows.ts';
import { capturePayment } from './payment-provider.ts';

/**
 * Takes the money for an order, while the provider is well. It gets our idempotency key, so that a retry never charges
 * twice; what it answered is written down and said in one transaction.
 */
export const handler = consume(OrderPlaced, async ({ data: order }, context) => {
  const { orderId, customerId } = order;
  const amountCents = totalCents(order);
  const charge = { orderId, amountCents, currency: 'USD' } as const;
  const { paymentId } = await context
    .dependency('payments')
    .call((signal) => capturePayment(charge, { idempotencyKey: context.idempotencyKey, signal }));
  await context.commit({
    writes: [putRow({ pk: `ORDER#${orderId}`, sk: 'PAYMENT' }, { paymentId, amountCents })],
    publish: [outgoing(PaymentCaptured, { orderId, customerId, paymentId, amountCents, currency: 'USD' })],
  });
});
