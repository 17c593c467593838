import { PlaceOrder } from '../../../events/place-order.ts';
import { capturePayment } from '../../../functions/billing/payment-provider.ts';
import { consume } from '../../../lib/runtime/index.ts';

/** Takes a dollar for every order. */
export const handler = consume(PlaceOrder, async ({ data: { orderId } }, context) => {
  const charge = { orderId, amountCents: 100, currency: 'USD' } as const;
  await context
    .dependency('payments')
    .call((signal) => capturePayment(charge, { idempotencyKey: context.idempotencyKey, signal }));
});
