import { defineEvent } from '../lib/contracts/index.ts';
import { Order } from './order.ts';

export const OrderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  schema: Order,
  sensitive: ['customerName'],
});
