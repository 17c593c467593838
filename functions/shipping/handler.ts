import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { InventoryReserved } from '../../events/inventory-reserved.ts';
import { OrderShipped } from '../../events/order-shipped.ts';
import { PaymentCaptured } from '../../events/payment-captured.ts';
import { consume } from '../../lib/runtime/index.ts';
import { shopTable } from '../shop/rows.ts';

const needed = ['inventory.reserved', 'payment.captured'];

/** Ships an order once it is both reserved and paid, whichever comes last. */
export const handler = consume([InventoryReserved, PaymentCaptured], async (event, context) => {
  const { orderId } = event.data;
  // Adding to a set twice leaves one member: the step can be repeated, and its answer says whether the order is complete.
  const { Attributes } = await context.dynamodb.send(
    new UpdateItemCommand({
      TableName: shopTable(),
      Key: { pk: { S: `ORDER#${orderId}` }, sk: { S: 'SHIPMENT' } },
      UpdateExpression: 'ADD conditions :condition',
      ExpressionAttributeValues: { ':condition': { SS: [event.type] } },
      ReturnValues: 'ALL_NEW',
    }),
    { abortSignal: context.signal },
  );
  const conditions = Attributes?.conditions?.SS ?? [];
  if (!needed.every((condition) => conditions.includes(condition))) return;
  await context.publish(OrderShipped, { orderId, shipmentId: `shipment-${orderId}` }, { id: `shipped-${orderId}` });
});
