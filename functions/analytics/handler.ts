import { TransactionCanceledException, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { totalCents } from '../../events/order.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { consume } from '../../lib/runtime/index.ts';
import { shopTable } from '../shop/rows.ts';

/**
 * Adds an order to the sales of its region and month. An addition cannot be repeated as an insert can, so it travels
 * in one transaction with a row that says it is done.
 */
export const handler = consume(OrderPlaced, async ({ data: order }, context) => {
  const TableName = shopTable();
  const month = order.orderDate.slice(0, 7);
  const done = { pk: { S: `ORDER#${order.orderId}` }, sk: { S: 'COUNTED' } };
  try {
    await context.dynamodb.send(
      new TransactWriteItemsCommand({
        TransactItems: [
          { Put: { TableName, Item: done, ConditionExpression: 'attribute_not_exists(pk)' } },
          {
            Update: {
              TableName,
              Key: { pk: { S: `SALES#${order.region}` }, sk: { S: month } },
              UpdateExpression: 'ADD orders :one, revenueCents :revenue',
              ExpressionAttributeValues: { ':one': { N: '1' }, ':revenue': { N: String(totalCents(order)) } },
            },
          },
        ],
      }),
      { abortSignal: context.signal },
    );
  } catch (error) {
    const alreadyCounted =
      error instanceof TransactionCanceledException &&
      error.CancellationReasons?.[0]?.Code === 'ConditionalCheckFailed';
    if (!alreadyCounted) throw error;
  }
});
