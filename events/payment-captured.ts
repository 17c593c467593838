import * as z from 'zod';
import { defineEvent } from '../lib/contracts/index.ts';

export const PaymentCaptured = defineEvent({
  type: 'payment.captured',
  version: 1,
  description: 'The payment provider took the money for an order.',
  key: (payment) => payment.orderId,
  schema: z.object({
    orderId: z.string().min(1),
    customerId: z.string().min(1),
    paymentId: z.string().min(1).describe("The payment provider's own reference."),
    amountCents: z.int().nonnegative().describe('In hundredths of the currency.'),
    currency: z.literal('USD'),
  }),
});
