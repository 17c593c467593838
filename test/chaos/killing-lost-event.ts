import { InventoryReserved } from '../../events/inventory-reserved.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { consume, StatementError } from '../../lib/runtime/index.ts';

/**
 * Wrong on purpose: the row and the event are two writes, and a row that is there already passes for proof that the event
 * was published.
 */
export const handler = consume(OrderPlaced, async ({ data: { orderId, shipMode } }, context) => {
  try {
    await context.execute({
      Statement: `INSERT INTO "${process.env.SHOP_TABLE}" VALUE {'pk': ?, 'sk': ?}`,
      Parameters: [{ S: `ORDER#${orderId}` }, { S: 'RESERVATION' }],
    });
  } catch (error) {
    if (error instanceof StatementError && error.code === 'DuplicateItem') return;
    throw error;
  }
  await context.publish(InventoryReserved, { orderId, shipMode, units: 1 });
});
