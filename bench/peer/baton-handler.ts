import { OrderPlaced } from '../../events/order-placed.ts';
import { consume } from '../../lib/runtime/index.ts';
import { recordSale } from './sales.ts';

export { sales } from './sales.ts';

/** The same consumer as the peer's, with Baton. */
export const handler = consume(OrderPlaced, ({ data: order }, { logger }) => recordSale(order, logger));
