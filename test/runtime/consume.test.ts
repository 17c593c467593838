import { BatchExecuteStatementCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { SQSEvent } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import { createEnvelope } from '../../lib/contracts/index.ts';
import {
  ConfigurationError,
  type ConsumeOptions,
  consume,
  type Handler,
  type HandlerContext,
  PermanentError,
  RetryAfterError,
  type StatementError,
} from '../../lib/runtime/index.ts';
import { batchOf, type Engines, lambdaContext, recordOf, startEngines } from './engines.ts';
import {
  failedIds,
  OrderCancelled,
  OrderPlaced,
  orderPlaced,
  PlaceOrder,
  StockReserved,
  type Surroundings,
  send,
  surround,
  visibleIn,
} from './pipeline.ts';

vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');

let engines: Engines;
let around: Surroundings;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  around = await surround(engines);
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  return () => vi.restoreAllMocks();
});

function inventory(handler: Handler<typeof OrderPlaced>, options: ConsumeOptions = {}) {
  return consume(OrderPlaced, handler, {
    environment: around.environment,
    clients: engines.clients,
    random: () => 0.5,
    ...options,
  });
}

/** Sends what is given and receives it as Lambda would. */
async function deliver(...bodies: Parameters<typeof send>[2]): Promise<SQSEvent> {
  await send(engines, around.queue, bodies);
  return batchOf(around.queue, await engines.receive(around.queue));
}

const orders = (count: number) => Array.from({ length: count }, (_, n) => orderPlaced(`order-${n}`));

describe('a batch', () => {
  test('of 10 costs one claim, one effect, one publish and one completion call', async () => {
    const topicArn = await engines.createTopic();
    const effects = await engines.createTable();
    const handler = inventory(
      async (event, { execute, publish, idempotencyKey }) => {
        await execute({
          Statement: `INSERT INTO "${effects}" VALUE {'id': ?, 'orderId': ?}`,
          Parameters: [{ S: idempotencyKey }, { S: event.data.orderId }],
        });
        await publish(StockReserved, { orderId: event.data.orderId });
      },
      { environment: { ...around.environment, BATON_TOPIC_ARN: topicArn } },
    );
    const batch = await deliver(...orders(10));
    engines.calls.length = 0;

    const response = await handler(batch, lambdaContext());

    expect(response).toEqual({ batchItemFailures: [] });
    expect(engines.calls.map(({ operation }) => operation)).toEqual([
      'BatchExecuteStatement',
      'BatchExecuteStatement',
      'PublishBatch',
      'BatchExecuteStatement',
    ]);
    const { Count } = await engines.dynamodb.send(new ScanCommand({ TableName: effects }));
    expect(Count).toBe(10);
  });

  test('of several contracts narrows its events by type', async () => {
    const seen: string[] = [];
    const handler = consume(
      [OrderPlaced, OrderCancelled],
      (event) => {
        switch (event.type) {
          case 'order.placed':
            expectTypeOf(event.data).toEqualTypeOf<{ orderId: string; total: number }>();
            seen.push(`placed ${event.data.total}`);
            break;
          case 'order.cancelled':
            seen.push(`cancelled ${event.data.reason}`);
            break;
        }
      },
      { environment: around.environment, clients: engines.clients },
    );
    const cancelled = createEnvelope(OrderCancelled, { orderId: '1', reason: 'too dear' }, { source: '/orders' });

    await handler(await deliver(orderPlaced('1', { total: 12 }), cancelled), lambdaContext());

    expect(seen.sort()).toEqual(['cancelled too dear', 'placed 12']);
  });

  test('of commands is no different', async () => {
    const placed: string[] = [];
    const handler = consume(PlaceOrder, (command) => void placed.push(command.data.orderId), {
      environment: around.environment,
      clients: engines.clients,
    });

    const response = await handler(
      await deliver(createEnvelope(PlaceOrder, { orderId: '9' }, { source: '/shop' })),
      lambdaContext(),
    );

    expect(placed).toEqual(['9']);
    expect(failedIds(response)).toEqual([]);
  });

  test('without its settings names all that is missing', async () => {
    const handler = consume(OrderPlaced, () => undefined, { environment: { BATON_CONSUMER: 'inventory' } });
    await expect(handler({ Records: [] }, lambdaContext())).rejects.toThrow(ConfigurationError);
    await expect(handler({ Records: [] }, lambdaContext())).rejects.toThrow(
      /BATON_QUEUE_URL is not set; BATON_DLQ_URL is not set; BATON_IDEMPOTENCY_TABLE is not set/,
    );
  });

  test('needs no more than the environment that Lambda gives', async () => {
    const surroundings = { ...around.environment, ...engines.endpoints, AWS_REGION: 'eu-west-1' };
    const keys = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
    for (const [name, value] of Object.entries({ ...surroundings, ...keys })) vi.stubEnv(name, value);
    const handler = consume(OrderPlaced, (event) => {
      if (event.data.orderId !== '1') throw new PermanentError('not for us');
    });
    expect(failedIds(await handler(await deliver(orderPlaced('1'), orderPlaced('2')), lambdaContext()))).toEqual([]);
    const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: around.table }));
    expect(Items.map(({ status }) => status?.S)).toEqual(['COMPLETED']);
    expect(await engines.receive(around.deadLetters)).toHaveLength(1);
  });

  test('releases what failed in the same call that completes what succeeded', async () => {
    const handler = inventory((event) => {
      if (event.data.orderId === 'order-3') throw new Error('no stock');
    });
    const batch = await deliver(...orders(5));
    engines.calls.length = 0;
    expect(failedIds(await handler(batch, lambdaContext()))).toHaveLength(1);
    const counts = engines.calls.flatMap(({ input }) => input.Statements?.length ?? []);
    expect(counts).toEqual([5, 5]);
  });

  test('runs no more handlers at once than its concurrency', async () => {
    let running = 0;
    let most = 0;
    const handler = inventory(
      async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
      },
      { concurrency: 3 },
    );
    expect(failedIds(await handler(await deliver(...orders(10)), lambdaContext()))).toEqual([]);
    expect(most).toBe(3);
  });
});

describe('the handler', () => {
  test('gets a stable idempotency key, the attempt, a signal and a logger', async () => {
    const contexts: HandlerContext[] = [];
    const handler = inventory((_event, context) => void contexts.push(context));

    await handler(await deliver(orderPlaced('1', { id: 'e-1' })), lambdaContext());

    expect(contexts[0]).toMatchObject({ idempotencyKey: '/orders#e-1', attempt: 1 });
    expect(contexts[0]?.signal.aborted).toBe(false);
    expect(contexts[0]?.dynamodb).toBe(engines.clients.dynamodb);
  });

  test('publishes what its event caused, under the same id on every attempt', async () => {
    const topicArn = await engines.createTopic();
    const downstream = engines.createQueue();
    await engines.subscribe(topicArn, downstream);
    let attempts = 0;
    const handler = inventory(
      async (event, { publish }) => {
        await publish(StockReserved, { orderId: event.data.orderId });
        await publish(StockReserved, { orderId: event.data.orderId });
        await publish(StockReserved, { orderId: 'another' });
        if (++attempts === 1) throw new Error('after publishing');
      },
      { environment: { ...around.environment, BATON_TOPIC_ARN: topicArn } },
    );
    const cause = orderPlaced('1');
    const batch = await deliver(cause);

    await handler(batch, lambdaContext());
    await handler(batch, lambdaContext());

    const published = (await engines.receive(downstream)).map(({ Body }) => JSON.parse(Body!));
    expect(published).toHaveLength(6);
    expect(new Set(published.map(({ id }) => id)).size).toBe(3);
    for (const event of published) {
      expect(event).toMatchObject({
        source: '/inventory',
        causationid: cause.id,
        correlationid: cause.correlationid,
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      });
    }
  });

  test('that publishes without a topic is told what to do, and its record dead-lettered', async () => {
    const handler = inventory((event, { publish }) => publish(StockReserved, { orderId: event.data.orderId }));
    expect(failedIds(await handler(await deliver(orderPlaced('1')), lambdaContext()))).toEqual([]);
    const [letter] = await engines.receive(around.deadLetters);
    expect(letter?.MessageAttributes?.errorMessage?.StringValue).toMatch(/BATON_TOPIC_ARN is not set/);
  });

  test('learns the fate of its own statement, not of its neighbours', async () => {
    const effects = await engines.createTable();
    const fates: string[] = [];
    const handler = inventory(async (event, { execute }) => {
      await execute({
        Statement: `INSERT INTO "${effects}" VALUE {'id': ?}`,
        Parameters: [{ S: event.data.total === 1 ? 'taken' : event.data.orderId }],
      }).then(
        () => fates.push('written'),
        (error) => fates.push((error as StatementError).code),
      );
    });
    await engines.dynamodb.send(
      new BatchExecuteStatementCommand({
        Statements: [{ Statement: `INSERT INTO "${effects}" VALUE {'id': 'taken'}` }],
      }),
    );

    await handler(await deliver(orderPlaced('1', { total: 1 }), orderPlaced('2'), orderPlaced('3')), lambdaContext());

    expect(fates.sort()).toEqual(['DuplicateItem', 'written', 'written']);
  });
});

describe('a duplicate', () => {
  test('of a handled event is acknowledged without running the handler', async () => {
    const handle = vi.fn();
    const handler = inventory(handle);
    await handler(await deliver(...orders(3)), lambdaContext());

    const response = await handler(await deliver(...orders(3)), lambdaContext());

    expect(handle).toHaveBeenCalledTimes(3);
    expect(failedIds(response)).toEqual([]);
  });

  test('in the same batch runs once', async () => {
    const handle = vi.fn();
    const response = await inventory(handle)(await deliver(orderPlaced('1'), orderPlaced('1')), lambdaContext());
    expect(handle).toHaveBeenCalledTimes(1);
    expect(failedIds(response)).toEqual([]);
  });

  test('of an event that another invocation is handling goes back until that claim expires, with growing patience', async () => {
    await claim('event-1', Date.now() + 20_000);
    const handle = vi.fn();
    const batch = await deliver(orderPlaced('1'));
    const { messageId } = batch.Records[0]!;

    expect(failedIds(await inventory(handle)(batch, lambdaContext()))).toEqual([messageId]);
    expect(visibleIn(engines, around.queue).get(messageId)).toBeCloseTo(2, 0);

    batch.Records[0]!.attributes.ApproximateReceiveCount = '2';
    expect(failedIds(await inventory(handle)(batch, lambdaContext()))).toEqual([messageId]);
    expect(visibleIn(engines, around.queue).get(messageId)).toBeGreaterThan(17);
    expect(handle).not.toHaveBeenCalled();
  });

  test('is acknowledged when its twin was done by the end of the batch', async () => {
    await claim('event-1', Date.now() + 20_000);
    const handler = inventory(async () => {
      await claim('event-1', Date.now() + 20_000, 'COMPLETED');
    });
    expect(failedIds(await handler(await deliver(orderPlaced('1'), orderPlaced('2')), lambdaContext()))).toEqual([]);
  });

  test('is handled when the claim that it finds has expired', async () => {
    await claim('event-1', Date.now() - 1_000);
    const handle = vi.fn();
    expect(failedIds(await inventory(handle)(await deliver(orderPlaced('1')), lambdaContext()))).toEqual([]);
    expect(handle).toHaveBeenCalledTimes(1);
  });

  async function claim(eventId: string, inProgressUntil: number, status = 'INPROGRESS') {
    await engines.dynamodb.send(
      new PutItemCommand({
        TableName: around.table,
        Item: {
          id: { S: `inventory#/orders#${eventId}` },
          status: { S: status },
          expiration: { N: String(Math.round(Date.now() / 1000) + 3600) },
          in_progress_expiration: { N: String(inProgressUntil) },
          owner: { S: 'somebody else' },
        },
      }),
    );
  }
});

describe('a failed record', () => {
  test('goes back alone, with exponential backoff and jitter', async () => {
    const handler = inventory((event) => {
      if (event.data.orderId === '2') throw new Error('no stock');
    });
    const batch = await deliver(orderPlaced('1'), orderPlaced('2'), orderPlaced('3'));
    const failing = batch.Records.find(({ body }) => body.includes('event-2'))!;

    expect(failedIds(await handler(batch, lambdaContext()))).toEqual([failing.messageId]);
    expect(visibleIn(engines, around.queue).get(failing.messageId)).toBeCloseTo(2, 0);

    failing.attributes.ApproximateReceiveCount = '2';
    await handler({ Records: [failing] }, lambdaContext());
    expect(visibleIn(engines, around.queue).get(failing.messageId)).toBeCloseTo(4, 0);
  });

  test('releases its claim, so that its next attempt runs', async () => {
    let attempts = 0;
    const handler = inventory(() => {
      if (++attempts === 1) throw new Error('once');
    });
    const batch = await deliver(orderPlaced('1'));
    expect(failedIds(await handler(batch, lambdaContext()))).toHaveLength(1);
    expect(failedIds(await handler(batch, lambdaContext()))).toHaveLength(0);
    expect(attempts).toBe(2);
  });

  test('waits as long as a RetryAfterError says', async () => {
    const handler = inventory(() => {
      throw new RetryAfterError(33);
    });
    const batch = await deliver(orderPlaced('1'));
    await handler(batch, lambdaContext());
    expect(visibleIn(engines, around.queue).get(batch.Records[0]!.messageId)).toBeCloseTo(33, 0);
  });

  test('changes the visibility of a whole batch in one call', async () => {
    const handler = inventory(() => {
      throw new Error('down');
    });
    const batch = await deliver(...orders(10));
    engines.calls.length = 0;
    expect(failedIds(await handler(batch, lambdaContext()))).toHaveLength(10);
    expect(engines.count('ChangeMessageVisibilityBatch')).toBe(1);
  });

  test('is dead-lettered after its last attempt, with its failure context, and acknowledged', async () => {
    const cause = new Error('connection reset');
    const handler = inventory(
      () => {
        throw new TypeError('no stock', { cause });
      },
      { clock: () => Date.UTC(2026, 0, 2) },
    );
    const batch = await deliver(orderPlaced('1'));
    batch.Records[0]!.attributes.ApproximateReceiveCount = '3';
    batch.Records[0]!.attributes.ApproximateFirstReceiveTimestamp = String(Date.UTC(2026, 0, 1));

    expect(failedIds(await handler(batch, lambdaContext()))).toHaveLength(1);
    expect(failedIds(await handler(batch, lambdaContext()))).toHaveLength(1);
    expect(failedIds(await handler(batch, lambdaContext()))).toEqual([]);

    const [letter] = await engines.receive(around.deadLetters);
    expect(letter?.Body).toBe(batch.Records[0]!.body);
    const attributes = Object.entries(letter!.MessageAttributes!).map(([name, { StringValue }]) => [name, StringValue]);
    expect(Object.fromEntries(attributes)).toEqual({
      errorClass: 'TypeError',
      errorMessage: 'no stock',
      errorStack: expect.stringMatching(/^TypeError: no stock\n {4}at [\s\S]*\ncaused by Error: connection reset/),
      attempts: '3',
      firstFailure: '2026-01-01T00:00:00.000Z',
      lastFailure: '2026-01-02T00:00:00.000Z',
      consumer: 'inventory',
      functionVersion: '7',
      eventId: 'event-1',
    });
  });

  test('is dead-lettered at once when the error says that it is permanent', async () => {
    const handler = inventory(() => {
      throw new PermanentError('unknown product');
    });
    expect(failedIds(await handler(await deliver(orderPlaced('1')), lambdaContext()))).toEqual([]);
    expect(await engines.receive(around.deadLetters)).toHaveLength(1);
  });

  test.each([
    ['is not JSON', '{', 'MalformedEnvelopeError'],
    ['is no envelope', '{"orderId":"1"}', 'MalformedEnvelopeError'],
    ['has an unknown type', JSON.stringify({ ...orderPlaced('1'), type: 'order.eaten' }), 'UnknownEventTypeError'],
    ['has an unknown version', JSON.stringify({ ...orderPlaced('1'), dataschema: 'urn:x' }), 'UnsupportedVersionError'],
    ['breaks its contract', JSON.stringify({ ...orderPlaced('1'), data: {} }), 'InvalidDataError'],
  ])('that %s is dead-lettered at once, unguarded and unhandled', async (_what, body, errorClass) => {
    const handle = vi.fn();
    const batch = await deliver(body);
    engines.calls.length = 0;

    expect(failedIds(await inventory(handle)(batch, lambdaContext()))).toEqual([]);

    expect(handle).not.toHaveBeenCalled();
    expect(engines.calls.map(({ operation }) => operation)).toEqual(['SendMessageBatch']);
    const [letter] = await engines.receive(around.deadLetters);
    expect(letter?.MessageAttributes?.errorClass?.StringValue).toBe(errorClass);
  });

  test('goes back when the DLQ does not take it', async () => {
    const environment = { ...around.environment, BATON_DLQ_URL: `${around.deadLetters.url}-gone` };
    const batch = await deliver('not an event');
    const { messageId } = batch.Records[0]!;
    expect(failedIds(await inventory(vi.fn(), { environment })(batch, lambdaContext()))).toEqual([messageId]);
  });

  test('is retried, its handler not run, when the guard cannot be asked', async () => {
    const handle = vi.fn();
    const environment = { ...around.environment, BATON_IDEMPOTENCY_TABLE: 'no-such-table' };
    const response = await inventory(handle, { environment })(await deliver(...orders(2)), lambdaContext());
    expect(failedIds(response)).toHaveLength(2);
    expect(handle).not.toHaveBeenCalled();
  });
});

describe('near the deadline', () => {
  test('no record is started, and each goes back at once, unclaimed', async () => {
    const handle = vi.fn();
    const batch = await deliver(...orders(2));
    engines.calls.length = 0;
    expect(failedIds(await inventory(handle)(batch, lambdaContext(200)))).toHaveLength(2);
    expect(handle).not.toHaveBeenCalled();
    expect(engines.calls.map(({ operation }) => operation)).toEqual(['ChangeMessageVisibilityBatch']);
    expect(visibleIn(engines, around.queue).size).toBe(0);
    expect(await engines.receive(around.queue)).toHaveLength(2);
  });

  test('a record whose turn comes too late is not started, and its claim released', async () => {
    const handled: string[] = [];
    const handler = inventory(
      async (event, { signal }) => {
        handled.push(event.data.orderId);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
      { concurrency: 1 },
    );
    expect(failedIds(await handler(await deliver(...orders(3)), lambdaContext(600)))).toHaveLength(2);
    expect(handled).toHaveLength(1);
    const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: around.table }));
    expect(Items.map(({ status }) => status?.S)).toEqual(['COMPLETED']);
  });

  test('the signal aborts, and a handler that heeds it is retried', async () => {
    const handler = inventory(
      (_event, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    );
    const batch = await deliver(orderPlaced('1'));
    const context = lambdaContext(700);
    expect(failedIds(await handler(batch, context))).toHaveLength(1);
    expect(context.getRemainingTimeInMillis()).toBeGreaterThan(150);
  });

  test('a handler that hangs costs itself only, and keeps its claim until the function ends', async () => {
    const handler = inventory((event) =>
      event.data.orderId === 'hangs' ? new Promise(() => undefined) : Promise.resolve(),
    );
    const batch = await deliver(orderPlaced('hangs'), ...orders(2));
    const context = lambdaContext(700);

    expect(failedIds(await handler(batch, context))).toHaveLength(1);

    expect(context.getRemainingTimeInMillis()).toBeGreaterThan(0);
    const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: around.table }));
    const statuses = Items.map(({ id, status }) => `${id?.S} ${status?.S}`).sort();
    expect(statuses).toEqual([
      'inventory#/orders#event-hangs INPROGRESS',
      'inventory#/orders#event-order-0 COMPLETED',
      'inventory#/orders#event-order-1 COMPLETED',
    ]);
  });
});

describe('on a FIFO queue', () => {
  beforeEach(async () => {
    around = await surround(engines, { fifo: true });
  });

  const inGroup = (group: string, id: string) =>
    recordOf(around.queue, {
      messageId: id,
      body: JSON.stringify(orderPlaced(group, { id })),
      attributes: { MessageGroupId: group, ApproximateReceiveCount: '1' } as never,
    });

  test('a group runs in order, groups side by side, with one claim and one completion call', async () => {
    const log: string[] = [];
    const handler = inventory(async ({ id }) => {
      log.push(`+${id}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
      log.push(`-${id}`);
    });
    const batch = { Records: ['a1', 'b1', 'a2', 'b2', 'a3'].map((id) => inGroup(id[0]!, id)) };
    engines.calls.length = 0;

    expect(failedIds(await handler(batch, lambdaContext()))).toEqual([]);

    expect(log.filter((line) => line.includes('a'))).toEqual(['+a1', '-a1', '+a2', '-a2', '+a3', '-a3']);
    expect(log.indexOf('+b1')).toBeLessThan(log.indexOf('-a1'));
    expect(engines.count('BatchExecuteStatement')).toBe(2);
  });

  test('the rest of a group is returned untouched when one of its records fails', async () => {
    const handled: string[] = [];
    const handler = inventory(({ id }) => {
      if (id === 'a2') throw new Error('no stock');
      handled.push(id);
    });
    const batch = { Records: ['a1', 'a2', 'b1', 'a3', 'a4'].map((id) => inGroup(id[0]!, id)) };
    batch.Records.push(
      recordOf(around.queue, { messageId: 'a5', body: 'poison', attributes: { MessageGroupId: 'a' } as never }),
    );
    engines.calls.length = 0;

    expect(failedIds(await handler(batch, lambdaContext())).sort()).toEqual(['a2', 'a3', 'a4', 'a5']);

    expect(handled.sort()).toEqual(['a1', 'b1']);
    const { Entries } = engines.calls.find(({ operation }) => operation === 'ChangeMessageVisibilityBatch')!.input;
    expect(Entries.map((entry: { VisibilityTimeout: number }) => entry.VisibilityTimeout)).toEqual([2, 0, 0, 0]);
    // untouched: nothing of theirs is left in the guard, only that a2 was tried
    const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: around.table }));
    expect(Items.map(({ id, status }) => `${id?.S?.split('#')[2]} ${status?.S}`).sort()).toEqual([
      'a1 COMPLETED',
      'a2 RELEASED#1',
      'b1 COMPLETED',
    ]);
  });

  test('a duplicate in a group, acknowledged at once, lets nobody overtake', async () => {
    const log: string[] = [];
    const handler = inventory(async ({ id }) => {
      log.push(`+${id}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      log.push(`-${id}`);
    });
    await handler({ Records: [inGroup('a', 'a2')] }, lambdaContext());
    log.length = 0;

    const batch = { Records: ['a1', 'a2', 'a3'].map((id) => inGroup('a', id)) };
    expect(failedIds(await handler(batch, lambdaContext()))).toEqual([]);

    expect(log).toEqual(['+a1', '-a1', '+a3', '-a3']);
  });

  test('a dead-lettered record does not stop its group', async () => {
    const handled: string[] = [];
    const handler = inventory(({ id }) => {
      if (id === 'a1') throw new PermanentError('never');
      handled.push(id);
    });
    const batch = { Records: ['a1', 'a2'].map((id) => inGroup('a', id)) };

    expect(failedIds(await handler(batch, lambdaContext()))).toEqual([]);

    expect(handled).toEqual(['a2']);
    const [letter] = await engines.receive(around.deadLetters);
    expect(letter?.Attributes).toMatchObject({ MessageGroupId: 'a', MessageDeduplicationId: 'a1' });
  });
});
