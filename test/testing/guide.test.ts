import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../../lib/contracts/index.ts';
import { consume, outgoing, PermanentError } from '../../lib/runtime/index.ts';
import {
  createWorld,
  expectDeadLettered,
  expectDuplicate,
  expectHandled,
  expectPublished,
  expectRetried,
  expectReturned,
  metricOf,
  runHandler,
  sqsBatch,
} from '../../lib/testing/index.ts';

// The code of docs/testing.md, so that it is checked and run. The last tests compare the two.

const OrderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  schema: z.object({ orderId: z.string(), units: z.int() }),
});

const StockReserved = defineEvent({
  type: 'stock.reserved',
  version: 1,
  description: 'The goods of an order are set aside.',
  key: (reservation) => reservation.orderId,
  schema: z.object({ orderId: z.string(), units: z.int() }),
});

const handler = consume(
  OrderPlaced,
  async ({ data: { orderId, units } }, context) => {
    if (units > 1000) throw new PermanentError(`${units} units are more than there will ever be`);
    await context.commit({
      writes: [{ Put: { TableName: 'stock', Item: { pk: { S: orderId }, units: { N: String(units) } } } }],
      publish: [outgoing(StockReserved, { orderId, units })],
    });
  },
  { guard: 'transaction' },
);

test('sets the goods of an order aside, and says so', async () => {
  const result = await runHandler(handler, [[OrderPlaced, { orderId: '1', units: 3 }]], { tables: { stock: ['pk'] } });

  expectHandled(result);
  expectPublished(result, StockReserved, { orderId: '1', units: 3 });
  expect(result.rows('stock')).toEqual([{ pk: '1', units: 3 }]);
});

test('takes the good with the bad', async () => {
  const batch = sqsBatch([
    [OrderPlaced, { orderId: '1', units: 3 }, { id: 'good' }],
    [OrderPlaced, { orderId: '2', units: 5000 }, { id: 'greedy' }],
    '{"not":"an event"}',
  ]);
  const result = await runHandler(handler, batch, { tables: { stock: ['pk'] } });

  expectHandled(result, 'good');
  expectDeadLettered(result, 'greedy', { name: 'PermanentError', message: '5000 units' });
  expectDeadLettered(result, 2, { name: 'MalformedEnvelopeError' });
  expect(metricOf(result, 'DeadLettered')).toBe(2);
});

test('takes an order once', async () => {
  const batch = sqsBatch([[OrderPlaced, { orderId: '1', units: 3 }]]);
  const { world } = await runHandler(handler, batch, { tables: { stock: ['pk'] } });

  const again = await runHandler(handler, batch, { world });

  expectDuplicate(again);
  expect(world.published).toHaveLength(1);
});

test('gets there when DynamoDB is back', async () => {
  let down = true;
  const world = createWorld({
    tables: { stock: ['pk'] },
    beforeCall: ({ operation }) => {
      if (down && operation === 'TransactWriteItems') throw new Error('DynamoDB is down');
    },
  });
  const failed = await runHandler(handler, [[OrderPlaced, { orderId: '1', units: 3 }]], { world });
  expectRetried(failed, 0, { message: 'is down' });

  down = false;
  world.advance(60);
  expectHandled(await runHandler(handler, failed.redelivery, { world }));
});

test('keeps the order of a key when one of its events fails', async () => {
  const handler = consume(OrderPlaced, ({ id }) => {
    if (id === 'first') throw new Error('not yet');
  });
  const batch = sqsBatch(
    [
      [OrderPlaced, { orderId: '1', units: 3 }, { id: 'first' }],
      [OrderPlaced, { orderId: '1', units: 4 }, { id: 'second' }],
    ],
    { fifo: true },
  );
  const result = await runHandler(handler, batch);

  expectRetried(result, 'first');
  expectReturned(result, 'second', 'behind');
});

test('stops in time', async () => {
  const handler = consume(OrderPlaced, async (_, { signal }) => {
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  const result = await runHandler(handler, [[OrderPlaced, { orderId: '1', units: 3 }]], { remainingTimeMs: 400 });

  expectRetried(result, 0, { name: 'TimeoutError' });
});

const file = join(import.meta.dirname, '../../docs/testing.md');
const guide = readFileSync(file, 'utf8');
const source = squeeze(readFileSync(import.meta.filename, 'utf8'));

test('the guide has the code of these tests', () => {
  const blocks = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
  expect(blocks.length).toBeGreaterThan(5);
  for (const block of blocks) {
    const known = block.replaceAll(/'baton(\/\w+)?'/g, (_, room = '/runtime') => `'../../lib${room}/index.ts'`);
    expect(source).toContain(squeeze(known));
  }
});

test('the guide links to what is there, and names what is exported', async () => {
  const links = [...guide.matchAll(/\]\(([^)\s#]+)/g)].map(([, target]) => target!);
  expect(links.filter((link) => !/^https?:/.test(link) && !existsSync(join(dirname(file), link)))).toEqual([]);
  const exported = Object.keys(await import('../../lib/testing/index.ts'));
  const named = [...guide.matchAll(/`(expect\w+|\w+Batch|create\w+|run\w+|metricOf)[(`]/g)].map(([, name]) => name!);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !exported.includes(name))).toEqual([]);
});

/** Code without regard to how it is laid out. */
function squeeze(code: string): string {
  return code.replace(/\s+/g, ' ').trim();
}
