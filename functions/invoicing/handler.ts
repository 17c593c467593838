import { PaymentCaptured } from '../../events/payment-captured.ts';
import { consume } from '../../lib/runtime/index.ts';
import { insertOnce } from '../shop/rows.ts';

/** Writes the invoice of an order: exactly one, numbered after the order. */
export const handler = consume(PaymentCaptured, async ({ data: payment }, context) => {
  await insertOnce(
    context,
    { pk: `ORDER#${payment.orderId}`, sk: 'INVOICE' },
    { invoiceNumber: `INV-${payment.orderId}`, amountCents: payment.amountCents, paymentId: payment.paymentId },
  );
});
