import * as z from 'zod';
import { defineEvent } from '../lib/contracts/index.ts';

export const OrderShipped = defineEvent({
  type: 'order.shipped',
  version: 1,
  description: 'An order that is reserved and paid left the warehouse.',
  key: (shipment) => shipment.orderId,
  schema: z.object({
    orderId: z.string().min(1),
    shipmentId: z.string().min(1),
  }),
});
