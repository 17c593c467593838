import { describe, expect, test } from 'vitest';
import { consume, outgoing } from '../../lib/runtime/index.ts';
import {
  createWorld,
  expectDeadLettered,
  expectHandled,
  expectPublished,
  expectRetried,
  runHandler,
} from '../../lib/testing/index.ts';
import { DocumentSigned, documentOf, documentSigned } from '../runtime/claim-check/documents.ts';
import { OrderPlaced, orderPlaced } from '../runtime/pipeline.ts';

const archive = consume(OrderPlaced, async ({ data: { orderId, total } }, { publish }) => {
  await publish(DocumentSigned, documentOf(orderId, total));
});
const file = consume(
  OrderPlaced,
  ({ data: { orderId, total } }, { commit }) =>
    commit({ publish: [outgoing(DocumentSigned, documentOf(orderId, total))] }),
  { guard: 'transaction' },
);

describe('in a run, what is too large to travel', () => {
  test.each([
    ['published', archive],
    ['committed', file],
  ])('is %s by claim check, and shown with its data', async (_, handler) => {
    const result = await runHandler(handler, [orderPlaced('1', { total: 300_000 }), orderPlaced('2', { total: 10 })]);
    expectHandled(result);
    expectPublished(result, DocumentSigned, documentOf('1', 300_000));
    expectPublished(result, DocumentSigned, documentOf('2', 10));
    expect(result.published.some((event) => 'dataref' in event || 'datahash' in event)).toBe(false);
    expect([...result.world.objects.values()]).toEqual([JSON.stringify(documentOf('1', 300_000))]);
  });

  test('is refused where the consumer has no claim check', async () => {
    const result = await runHandler(archive, [orderPlaced('1', { total: 300_000 })], { claimCheck: false });
    expectDeadLettered(result, 0, { name: 'PublishError', message: 'BATON_CLAIM_CHECK_BUCKET' });
    expect(result.world.objects.size).toBe(0);
  });

  test('reaches a handler that reads it, until it is lost', async () => {
    const seen: unknown[] = [];
    const handler = consume(DocumentSigned, (event) => void seen.push(event));
    const world = createWorld();
    const event = documentSigned('1', 300_000);
    const reference = await world.checkIn(event);
    expect(reference).not.toHaveProperty('data');
    expectHandled(await runHandler(handler, [reference], { world }));
    expect(seen).toEqual([event]);
    world.objects.clear();
    const lost = await runHandler(handler, [{ ...reference, id: 'other' }], { world });
    expectDeadLettered(lost, 0, { name: 'ClaimLostError' });
  });

  test('may fail to be put or fetched', async () => {
    const beforeCall = ({ service }: { service: string }) => {
      if (service === 's3') throw new Error('S3 is down');
    };
    expectRetried(await runHandler(archive, [orderPlaced('1', { total: 300_000 })], { beforeCall }), 0, {
      name: 'PublishError',
      message: 'S3 is down',
    });
    const world = createWorld({ beforeCall });
    const reading = consume(DocumentSigned, () => undefined);
    const result = await runHandler(reading, [await world.checkIn(documentSigned('1', 10))], { world });
    expectRetried(result, 0, { name: 'ClaimFetchError', message: 'S3 is down' });
  });
});
