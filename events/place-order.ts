import { defineCommand } from '../lib/contracts/index.ts';
import { Order } from './order.ts';

export const PlaceOrder = defineCommand({
  type: 'order.place',
  version: 1,
  description: 'A customer wants to buy; the shop is to take the order.',
  key: (order) => order.orderId,
  schema: Order,
  sensitive: ['customerName'],
});
