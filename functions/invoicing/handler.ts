import { PaymentCaptured } from '../../events/payment-captured.ts';
import { consume } from '../../lib/runtime/index.ts';
import { putRow } from '../shop/rows.ts';

/** Writes the invoice of an order: exactly one, numbered after the order. */
export const handler = consume(
  PaymentCaptured,
  async ({ data: { orderId, amountCents, paymentId } }, context) => {
    const invoice = { invoiceNumber: `INV-${orderId}`, amountCents, paymentId };
    await context.commit({ writes: [putRow({ pk: `ORDER#${orderId}`, sk: 'INVOICE' }, invoice)] });
  },
  { guard: 'transaction' },
);
