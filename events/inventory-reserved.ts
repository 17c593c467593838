import * as z from 'zod';
import { defineEvent } from '../lib/contracts/index.ts';

export const InventoryReserved = defineEvent({
  type: 'inventory.reserved',
  version: 1,
  description: 'Every line of an order is set aside in the warehouse.',
  key: (reservation) => reservation.orderId,
  schema: z.object({
    orderId: z.string().min(1),
    shipMode: z.string().min(1),
    units: z.int().positive(),
  }),
});
