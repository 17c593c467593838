import { describe, expect, test, vi } from 'vitest';
import {
  ConditionFailedError,
  consume,
  type HandlerContext,
  outgoing,
  PermanentError,
  RetryAfterError,
} from '../../lib/runtime/index.ts';
import {
  createWorld,
  expectDeadLettered,
  expectDuplicate,
  expectHandled,
  expectNothingPublished,
  expectPublished,
  expectRetried,
  expectReturned,
  metricOf,
  runHandler,
  sqsBatch,
  TestingError,
  UnsupportedError,
} from '../../lib/testing/index.ts';
import { OrderPlaced, orderPlaced, StockReserved } from '../runtime/pipeline.ts';

/** Writes a row and publishes an event for each order. */
const reserve = consume(OrderPlaced, async ({ data: order }, { execute, publish }) => {
  if (order.total < 0) throw new PermanentError('less than nothing');
  await execute({
    Statement: `INSERT INTO "${process.env.SHOP_TABLE}" VALUE {'pk': ?, 'sk': 'STOCK', 'units': ?}`,
    Parameters: [{ S: order.orderId }, { N: String(order.total) }],
  });
  await publish(StockReserved, { orderId: order.orderId });
});
const shop = { tables: { shop: ['pk', 'sk'] }, environment: { SHOP_TABLE: 'shop' } } as const;

/** The same in one transaction. */
const commit = consume(
  OrderPlaced,
  async ({ data: { orderId, total } }, { commit: write }) => {
    await write({
      writes: [
        {
          Put: {
            TableName: 'shop',
            Item: { pk: { S: orderId }, sk: { S: 'STOCK' }, units: { N: String(total) } },
            ConditionExpression: 'attribute_not_exists(pk)',
          },
        },
      ],
      publish: [outgoing(StockReserved, { orderId })],
    });
  },
  { guard: 'transaction' },
);

describe('a run', () => {
  test('shows what became of each record, and what it left behind', async () => {
    const bad = orderPlaced('3', { total: -1 });
    const result = await runHandler(reserve, [orderPlaced('1'), orderPlaced('2', { total: 7 }), bad, 'nonsense'], shop);

    expect(result.outcomes.map(({ kind }) => kind)).toEqual(['handled', 'handled', 'deadLettered', 'deadLettered']);
    expect(result.response).toEqual({ batchItemFailures: [] });
    expect(result.rows('shop')).toEqual([
      { pk: '1', sk: 'STOCK', units: 10 },
      { pk: '2', sk: 'STOCK', units: 7 },
    ]);
    expect(expectPublished(result, StockReserved, { orderId: '1' })).toMatchObject({
      source: '/test',
      causationid: 'event-1',
    });
    expect(result.published).toHaveLength(2);
    expectDeadLettered(result, bad, { name: 'PermanentError', message: 'less than nothing' });
    expectDeadLettered(result, 3, { name: 'MalformedEnvelopeError' });
    const failures = new Map(result.deadLetters.map(({ body, failure }) => [body, failure]));
    expect(failures.get('nonsense')).toMatchObject({ errorClass: 'MalformedEnvelopeError', consumer: 'test' });
    expect(failures.get(JSON.stringify(bad))).toMatchObject({ errorClass: 'PermanentError', attempts: '1' });
    expect(result.deadLetters.map(({ event }) => event?.id).sort()).toEqual(['event-3', undefined]);
    expect(metricOf(result, 'Handled')).toBe(2);
    expect(metricOf(result, 'DeadLettered')).toBe(2);
    expect(result.logs.map(({ message }) => message)).toContain('A record failed for good and is in the DLQ.');
  });

  test('in the same world finds what was handled before', async () => {
    const batch = sqsBatch([orderPlaced('1')]);
    const first = await runHandler(reserve, batch, shop);
    expectHandled(first);
    const second = await runHandler(reserve, batch, { world: first.world, environment: shop.environment });
    expectDuplicate(second);
    expectNothingPublished(second);
    expect(second.rows('shop')).toHaveLength(1);
    expect(second.world.published).toHaveLength(1);
  });

  test('knows an event no longer when time has passed beyond its record', async () => {
    const seen = vi.fn();
    const handler = consume(OrderPlaced, () => seen());
    const { world } = await runHandler(handler, [orderPlaced('1')]);
    world.advance(27 * 86_400);
    expectDuplicate(await runHandler(handler, [orderPlaced('1')], { world }));
    world.advance(2 * 86_400);
    expectHandled(await runHandler(handler, [orderPlaced('1')], { world }));
    expect(seen).toHaveBeenCalledTimes(2);
  });

  test('gives the records that went back, as they come the next time', async () => {
    const handler = consume(OrderPlaced, (_, { attempt }) => {
      if (attempt < 3) throw new Error(`attempt ${attempt}`);
    });
    const options = { environment: { BATON_BACKOFF_BASE_SECONDS: '8' } };
    const first = await runHandler(handler, [orderPlaced('1')], options);
    expect(expectRetried(first, 'event-1', { message: 'attempt 1' }).delaySeconds).toBe(4);
    expect(first.response.batchItemFailures).toEqual([{ itemIdentifier: first.outcomes[0]?.record.messageId }]);
    const { world } = first;
    const second = await runHandler(handler, first.redelivery, { ...options, world });
    expect(expectRetried(second, 0, { message: /attempt 2/ }).delaySeconds).toBe(8);
    expectHandled(await runHandler(handler, second.redelivery, { ...options, world }));
  });

  test('dead-letters after as many attempts as the environment says', async () => {
    const handler = consume(OrderPlaced, () => {
      throw new RetryAfterError(30, 'busy');
    });
    const environment = { BATON_MAX_ATTEMPTS: '2' };
    const first = await runHandler(handler, [orderPlaced('1')], { environment });
    expect(expectRetried(first, 0, { name: 'RetryAfterError' }).delaySeconds).toBe(30);
    const second = await runHandler(handler, first.redelivery, { environment, world: first.world });
    expectDeadLettered(second, orderPlaced('1'), { message: 'busy' });
    expect(second.deadLetters).toHaveLength(1);
    expect(second.redelivery.Records).toEqual([]);
  });

  test('on a FIFO queue keeps the rest of a group', async () => {
    const handler = consume(OrderPlaced, (event) => {
      if (event.id === 'a1') throw new Error('not now');
    });
    const batch = sqsBatch(
      [orderPlaced('a', { id: 'a1' }), orderPlaced('b', { id: 'b1' }), orderPlaced('a', { id: 'a2' })],
      { fifo: true },
    );
    const result = await runHandler(handler, batch);
    expectRetried(result, 'a1');
    expectHandled(result, 'b1');
    expectReturned(result, 'a2', 'behind');
  });

  test('near its deadline starts nothing more, and tells the handler that runs', async () => {
    const handler = consume(
      OrderPlaced,
      (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined))),
      { concurrency: 1 },
    );
    const result = await runHandler(handler, [orderPlaced('1'), orderPlaced('2')], { remainingTimeMs: 400 });
    expectHandled(result, 0);
    expectReturned(result, 1, 'deadline');
  });
});

describe('a commit', () => {
  test('writes, marks and publishes at once', async () => {
    const first = await runHandler(commit, [orderPlaced('1'), orderPlaced('2')], shop);
    expectHandled(first);
    expect(first.rows('shop')).toHaveLength(2);
    expectPublished(first, StockReserved, { orderId: '2' });
    expect(first.world.guards()).toEqual([
      expect.objectContaining({ id: 'test#/orders#event-1', status: 'COMPLETED' }),
      expect.objectContaining({ id: 'test#/orders#event-2', status: 'COMPLETED' }),
    ]);
    const second = await runHandler(commit, [orderPlaced('1')], { world: first.world });
    expectDuplicate(second);
    expectNothingPublished(second);
  });

  test('whose condition does not hold writes nothing', async () => {
    const world = createWorld(shop);
    world.put('shop', { pk: '1', sk: 'STOCK', units: 99 });
    const result = await runHandler(commit, [orderPlaced('1'), orderPlaced('2')], { world });
    expect(expectRetried(result, 'event-1').error).toBeInstanceOf(ConditionFailedError);
    expectHandled(result, 'event-2');
    expect(result.rows('shop')).toEqual([
      { pk: '1', sk: 'STOCK', units: 99 },
      { pk: '2', sk: 'STOCK', units: 10 },
    ]);
    expect(result.published).toHaveLength(1);
  });

  test('on a FIFO queue has its fence', async () => {
    const batch = sqsBatch([orderPlaced('1'), orderPlaced('1', { id: 'again' })], { fifo: true });
    const handler = consume(
      OrderPlaced,
      async ({ id, data: { orderId } }, { commit: write }) => {
        await write({ publish: [outgoing(StockReserved, { orderId }, { id: `reserved-${id}` })] });
      },
      { guard: 'transaction' },
    );
    const result = await runHandler(handler, batch);
    expectHandled(result);
    expect(result.published.map(({ id }) => id)).toEqual(['reserved-event-1', 'reserved-again']);
  });
});

describe('a world', () => {
  const failing = (operation: string) =>
    createWorld({
      ...shop,
      beforeCall: (call) => {
        if (call.operation === operation) throw new Error(`${operation} is down`);
      },
    });

  test('lets a test break AWS', async () => {
    const result = await runHandler(reserve, [orderPlaced('1')], {
      world: failing('PublishBatch'),
      environment: shop.environment,
    });
    expectRetried(result, 0, { name: 'PublishError', message: 'PublishBatch is down' });
    expectNothingPublished(result);
  });

  test('in which nothing can be published makes publishing an error, as for a consumer without a topic', async () => {
    const result = await runHandler(reserve, [orderPlaced('1')], { ...shop, publishes: false });
    expectDeadLettered(result, 0, { name: 'PublishError', message: 'has no topic' });
  });

  test('counts its calls', async () => {
    const result = await runHandler(reserve, [orderPlaced('1'), orderPlaced('2')], shop);
    expect(result.world.calls.map(({ operation }) => operation)).toEqual([
      'BatchExecuteStatement',
      'BatchExecuteStatement',
      'PublishBatch',
      'BatchExecuteStatement',
    ]);
  });

  test('fails a run that asks for what it does not have, however the handler takes it', async () => {
    const careless = (use: (context: HandlerContext) => Promise<unknown>) =>
      consume(OrderPlaced, async (_, context) => {
        await use(context).catch(() => undefined);
      });
    const Statement = 'SELECT COUNT(*) FROM "shop"';
    await expect(
      runHandler(
        careless(({ read }) => read({ Statement })),
        [orderPlaced('1')],
        shop,
      ),
    ).rejects.toThrow(UnsupportedError);
    await expect(
      runHandler(
        careless(({ read }) => read({ Statement: `SELECT * FROM "stock" WHERE id = 'a'` })),
        [orderPlaced('1')],
        shop,
      ),
    ).rejects.toThrow("There is no table 'stock' (there is 'shop').");
    await expect(
      runHandler(
        careless(({ dynamodb }) => dynamodb.call('Scan' as never, {} as never)),
        [orderPlaced('1')],
      ),
    ).rejects.toThrow('no Scan');
    const asked = vi.fn(() => ({ n: { N: '3' } }));
    expectHandled(
      await runHandler(
        careless(({ read }) => read({ Statement })),
        [orderPlaced('1')],
        { ...shop, onStatement: asked },
      ),
    );
    expect(asked).toHaveBeenCalledWith({ Statement, ConsistentRead: true });
  });

  test('has only the tables that were declared, and time that goes forward', () => {
    const world = createWorld(shop);
    expect(() => world.rows('stock')).toThrow(TestingError);
    expect(() => world.advance(-1)).toThrow(TestingError);
    expect(world.rows('shop')).toEqual([]);
  });

  test('keeps items as the test wrote them', () => {
    const world = createWorld(shop);
    const row = {
      pk: 'a',
      sk: 'b',
      n: 1.5,
      yes: true,
      nothing: null,
      list: ['x', 2, [false]],
      map: { deep: { er: 'text' } },
      texts: new Set(['p', 'q']),
      numbers: new Set([1, 2]),
      bytes: new Uint8Array([1, 2, 255]),
    };
    world.put('shop', row);
    expect(world.rows('shop')).toEqual([row]);
  });
});

describe('the process', () => {
  test('has its environment and its output back after a run', async () => {
    const { log } = console;
    const { write } = process.stdout;
    vi.stubEnv('SHOP_TABLE', 'before');
    const seen: (string | undefined)[] = [];
    const handler = consume(OrderPlaced, () => void seen.push(process.env.SHOP_TABLE));
    await Promise.all([
      runHandler(handler, [orderPlaced('1')], shop),
      runHandler(handler, [orderPlaced('1')], { environment: { SHOP_TABLE: 'other' } }),
    ]);
    expect(seen).toEqual(['shop', 'other']);
    expect(process.env.SHOP_TABLE).toBe('before');
    expect(process.env.BATON_CONSUMER).toBeUndefined();
    expect([console.log, process.stdout.write]).toEqual([log, write]);
    vi.unstubAllEnvs();
  });

  test('is told when a run in a world brings what a world is made of', async () => {
    await expect(runHandler(reserve, [orderPlaced('1')], { ...shop, world: createWorld() })).rejects.toThrow(
      'Give tables to the world',
    );
  });

  test('is told when the handler is none of consume', async () => {
    await expect(runHandler(async () => ({ batchItemFailures: [] }), [])).rejects.toThrow('not made by consume()');
    const result = await runHandler({ contracts: OrderPlaced, handler: () => undefined }, [orderPlaced('1')]);
    expectHandled(result);
  });
});

test('what a handler logs is in the result, with the ids of its event', async () => {
  const handler = consume(OrderPlaced, (_, { logger }) => logger.info('set aside', { units: 3 }));
  const { logs } = await runHandler(handler, [orderPlaced('1')]);
  expect(logs).toContainEqual(expect.objectContaining({ message: 'set aside', units: 3, event_id: 'event-1' }));
});
