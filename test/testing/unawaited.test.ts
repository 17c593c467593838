import { expect, test } from 'vitest';
import { consume } from '../../lib/runtime/index.ts';
import { createWorld, expectHandled, expectPublished, expectRetried, runHandler } from '../../lib/testing/index.ts';
import { OrderPlaced, orderPlaced, StockReserved } from '../runtime/pipeline.ts';

const careless = consume(OrderPlaced, ({ data: { orderId } }, { publish }) => {
  void publish(StockReserved, { orderId });
});

test('what a handler publishes without awaiting it is part of its handling', async () => {
  const fine = await runHandler(careless, [orderPlaced('1')]);
  expectHandled(fine);
  expectPublished(fine, StockReserved);
  const world = createWorld({
    beforeCall: ({ operation }) => {
      if (operation === 'PublishBatch') throw new Error('down');
    },
  });
  expectRetried(await runHandler(careless, [orderPlaced('1')], { world }), 0, { name: 'PublishError' });
});

test('a failure that a handler caught is its own affair', async () => {
  const world = createWorld({
    beforeCall: ({ operation }) => {
      if (operation === 'PublishBatch') throw new Error('down');
    },
  });
  const careful = consume(OrderPlaced, async ({ data: { orderId } }, { publish }) => {
    await publish(StockReserved, { orderId }).catch(() => undefined);
  });
  const result = await runHandler(careful, [orderPlaced('1')], { world });
  expectHandled(result);
  expect(result.published).toEqual([]);
});
