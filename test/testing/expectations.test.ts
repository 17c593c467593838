import { describe, expect, test } from 'vitest';
import { consume } from '../../lib/runtime/index.ts';
import {
  ExpectationError,
  expectDeadLettered,
  expectDuplicate,
  expectHandled,
  expectNothingPublished,
  expectPublished,
  expectRetried,
  expectReturned,
  type RunResult,
  runHandler,
} from '../../lib/testing/index.ts';
import { OrderPlaced, orderPlaced, StockReserved } from '../runtime/pipeline.ts';

const handler = consume(OrderPlaced, async (event, { publish }) => {
  if (event.id === 'event-2') throw new TypeError('no stock');
  await publish(StockReserved, { orderId: event.data.orderId });
});
const run = () => runHandler(handler, [orderPlaced('1'), orderPlaced('2'), 'nonsense']);

function messageOf(expectation: () => unknown): string {
  try {
    expectation();
  } catch (error) {
    expect(error).toBeInstanceOf(ExpectationError);
    return (error as Error).message;
  }
  throw new Error('The expectation was met.');
}

describe('an expectation that is not met', () => {
  test('says what happened instead, to all of the batch', async () => {
    const result = await run();
    expect(messageOf(() => expectHandled(result, 'event-2'))).toContain(
      `Expected 'order.placed' event-2 to be handled, but it was retry in 1 s (TypeError: no stock).
The batch:
  0  'order.placed' event-1: handled
  1  'order.placed' event-2: retry in 1 s (TypeError: no stock)
  2  message ${result.outcomes[2]?.record.messageId}: deadLettered (MalformedEnvelopeError: The message is not JSON`,
    );
  });

  test('keeps the error that the record failed with', async () => {
    const result = await run();
    const error = await Promise.resolve()
      .then(() => expectHandled(result))
      .catch((thrown: Error) => thrown);
    expect((error as Error).cause).toBeInstanceOf(TypeError);
  });

  test.each<[string, (result: RunResult) => unknown, string]>([
    ['another kind', (r) => expectDuplicate(r, 0), 'to be duplicate, but it was handled'],
    ['another error', (r) => expectRetried(r, 1, { name: 'RangeError' }), 'to be retry by RangeError'],
    ['another message', (r) => expectRetried(r, 1, { message: 'full' }), 'by an error saying full'],
    ['another message by pattern', (r) => expectRetried(r, 1, { message: /full/ }), 'saying /full/'],
    ['no dead letter', (r) => expectDeadLettered(r, 1), 'to be deadLettered, but it was retry'],
    ['no return', (r) => expectReturned(r, 1), 'to be returned'],
    ['no such record', (r) => expectHandled(r, 'event-9'), 'no record "event-9" in the batch'],
    ['no such position', (r) => expectHandled(r, 3), 'no record 3'],
    ['another event', (r) => expectPublished(r, OrderPlaced), "one 'order.placed' version 1 to be published, found 0"],
    ['other data', (r) => expectPublished(r, StockReserved, { orderId: '7' }), `'stock.reserved' `],
    ['an event', (r) => expectNothingPublished(r), 'Expected no event to be published'],
    ['this event', (r) => expectNothingPublished(r, StockReserved), `{"orderId":"1"}`],
  ])('is told of %s', async (_, expectation, said) => {
    const result = await run();
    expect(messageOf(() => expectation(result))).toContain(said);
  });
});

test('an expectation that is met says nothing', async () => {
  const result = await run();
  expectHandled(result, orderPlaced('1'));
  expectHandled(result, result.outcomes[0]!.record.messageId);
  expectRetried(result, 'event-2', { name: 'TypeError', message: /^no stock$/ });
  expectDeadLettered(result, 2, { name: 'MalformedEnvelopeError' });
  expectPublished(result, StockReserved);
  expectNothingPublished(result, OrderPlaced);
});
