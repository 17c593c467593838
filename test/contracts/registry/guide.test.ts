import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { createEnvelope, defineCommand, defineEvent, needs, parseEvent } from '../../../lib/contracts/index.ts';
import { declaredVersions } from '../../../lib/contracts/registry/declared.ts';
import { judgeEvolution } from '../../../lib/contracts/registry/evolution.ts';
import { consume, outgoing } from '../../../lib/runtime/index.ts';

// The code of docs/contracts.md, so that it is checked and run. The last test compares the two.

const PlaceOrder = defineCommand({
  type: 'order.place',
  version: 1,
  description: 'A customer wants to buy.',
  key: (order) => order.orderId,
  schema: z.object({ orderId: z.string(), total: z.number() }),
});

const OrderPlacedV1 = defineEvent({
  type: 'order.placed',
  version: 1,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  schema: z.object({ orderId: z.string().min(1), total: z.number() }),
});

const OrderPlaced = defineEvent({
  type: 'order.placed',
  version: 2,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  schema: z.object({ orderId: z.string().min(1), total: z.number(), currency: z.string().default('USD') }),
  previous: { contract: OrderPlacedV1, upcast: (order) => ({ ...order, currency: 'USD' }) },
});

const handler = consume(OrderPlaced, async (event, context) => {
  context.logger.info('placed', { currency: event.data.currency });
});

const OrderPlacedInCents = defineEvent({
  type: 'order.placed',
  version: 3,
  major: 2,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  schema: z.object({ orderId: z.string().min(1), totalCents: z.int(), currency: z.string() }),
  previous: {
    contract: OrderPlaced,
    upcast: ({ total, ...order }) => ({ ...order, totalCents: Math.round(total * 100) }),
  },
});

const mails = consume(needs(OrderPlaced, z.object({ orderId: z.string() })), async (event, context) => {
  context.logger.info('mail', { order: event.data.orderId });
});

const place = consume(PlaceOrder, async ({ data }, context) => {
  const order = { orderId: data.orderId, total: data.total };
  await context.publish(
    OrderPlacedInCents,
    { orderId: data.orderId, totalCents: Math.round(data.total * 100), currency: 'USD' },
    { alongside: [outgoing(OrderPlacedV1, order)] },
  );
});

const placeInOutbox = consume(PlaceOrder, async ({ data }, context) => {
  const order = { orderId: data.orderId, total: data.total };
  const inCents = { orderId: data.orderId, totalCents: Math.round(data.total * 100), currency: 'USD' };
  await context.commit({
    publish: [outgoing(OrderPlacedInCents, inCents, { alongside: [outgoing(OrderPlacedV1, order)] })],
  });
});

describe('the guide to contracts', () => {
  const envelope = createEnvelope(OrderPlacedV1, { orderId: 'o', total: 1.5 }, { source: '/test' });

  it('has versions that keep their promises', () => {
    const declared = declaredVersions([{ contract: OrderPlacedInCents, file: 'guide.ts' }]);
    expect(declared).toHaveLength(3);
    expect(judgeEvolution(declared, { versions: [] })).toEqual([]);
  });

  it('reads the first version as the second, and as the third', () => {
    expect(parseEvent(envelope, [OrderPlaced]).data).toEqual({ orderId: 'o', total: 1.5, currency: 'USD' });
    expect(parseEvent(envelope, [OrderPlacedInCents]).data).toEqual({ orderId: 'o', totalCents: 150, currency: 'USD' });
  });

  it('reads only what is needed', () => {
    expect(parseEvent(envelope, [needs(OrderPlaced, z.object({ orderId: z.string() }))]).data).toEqual({
      orderId: 'o',
    });
  });

  it('has handlers', () => {
    for (const one of [handler, mails, place, placeInOutbox]) expect(one).toBeTypeOf('function');
  });

  it('has the code of these tests', () => {
    const guide = readFileSync(join(import.meta.dirname, '../../../docs/contracts.md'), 'utf8');
    const source = squeeze(readFileSync(import.meta.filename, 'utf8'));
    const blocks = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
    expect(blocks).toHaveLength(6);
    for (const block of blocks) expect(source).toContain(squeeze(block.replaceAll('export const', 'const')));
  });
});

/** Code without regard to how it is laid out. */
function squeeze(code: string): string {
  return code.replace(/\s+/g, ' ').trim();
}
