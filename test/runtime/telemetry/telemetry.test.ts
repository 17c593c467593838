import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createEnvelope } from '../../../lib/contracts/index.ts';
import { consume } from '../../../lib/runtime/index.ts';
import { EventLogger } from '../../../lib/runtime/telemetry/event-logger.ts';
import { batchOf, type Engines, lambdaContext, recordOf, startEngines } from '../engines.ts';
import { OrderPlaced, orderPlaced, type Surroundings, send, surround } from '../pipeline.ts';

let engines: Engines;
let around: Surroundings;
let lines: Record<string, unknown>[];

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  around = await surround(engines);
  lines = [];
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      for (const line of String(text).split('\n')) if (line.startsWith('{')) lines.push(JSON.parse(line));
      return true;
    });
  }
  return () => vi.restoreAllMocks();
});

const metrics = () => lines.filter((line) => '_aws' in line);

test('an invocation writes one metrics line a type, zeros included', async () => {
  const handler = consume(OrderPlaced, () => undefined, {
    environment: around.environment,
    clients: engines.clients,
    clock: () => Date.parse('2026-01-01T00:00:02Z'),
  });
  const event = { ...orderPlaced('1'), time: '2026-01-01T00:00:00Z' };
  await send(engines, around.queue, [event, event]);
  await handler(batchOf(around.queue, await engines.receive(around.queue)), lambdaContext());

  const names = ['Delivered', 'Handled', 'Duplicates', 'Retried', 'DeadLettered', 'Returned', 'Failed'];
  expect(metrics()).toEqual([
    {
      _aws: {
        Timestamp: Date.parse('2026-01-01T00:00:02Z'),
        CloudWatchMetrics: [
          {
            Namespace: 'Baton',
            Dimensions: [['service'], ['service', 'type']],
            Metrics: [
              ...[...names, 'InProgress', 'Parked', 'OutOfOrder'].map((Name) => ({ Name, Unit: 'Count' })),
              { Name: 'Latency', Unit: 'Milliseconds' },
              { Name: 'Duration', Unit: 'Milliseconds' },
            ],
          },
        ],
      },
      service: 'inventory',
      type: 'order.placed',
      Delivered: 2,
      Handled: 1,
      Duplicates: 1,
      Retried: 0,
      DeadLettered: 0,
      Returned: 0,
      Failed: 0,
      InProgress: 0,
      Parked: 0,
      OutOfOrder: 0,
      Latency: [2_000],
      Duration: [expect.any(Number)],
    },
  ]);
});

test('a consumer with a promise counts what it was late for, for itself and for its flow', async () => {
  const handler = consume(OrderPlaced, () => undefined, {
    environment: { ...around.environment, BATON_FLOW: 'checkout', BATON_LATE_AFTER_SECONDS: '60' },
    clients: engines.clients,
    clock: () => Date.parse('2026-01-01T00:01:30Z'),
  });
  const late = { ...orderPlaced('3'), time: '2026-01-01T00:00:00Z' };
  const inTime = { ...orderPlaced('4'), time: '2026-01-01T00:00:30Z' };
  await send(engines, around.queue, [late, inTime]);
  await handler(batchOf(around.queue, await engines.receive(around.queue)), lambdaContext());
  expect(metrics()).toMatchObject([
    {
      _aws: { CloudWatchMetrics: [{ Dimensions: [['service'], ['service', 'type'], ['flow']] }] },
      flow: 'checkout',
      Handled: 2,
      Late: 1,
    },
  ]);
});

test('what is no envelope, or of a type that the consumer does not accept, counts for the consumer alone', async () => {
  const handler = consume(OrderPlaced, () => undefined, { environment: around.environment, clients: engines.clients });
  const unknown = { ...orderPlaced('2'), type: 'order.1234' };
  await send(engines, around.queue, ['poison', unknown]);
  await handler(batchOf(around.queue, await engines.receive(around.queue)), lambdaContext());
  expect(metrics()).toMatchObject([{ service: 'inventory', Delivered: 2, DeadLettered: 2, Failed: 2 }]);
  expect(metrics()[0]).not.toHaveProperty('type');
});

test('a batch without records writes nothing', async () => {
  const handler = consume(OrderPlaced, () => undefined, { environment: around.environment, clients: engines.clients });
  await handler({ Records: [] }, lambdaContext());
  expect(lines).toEqual([]);
});

test('a record of an ordered consumer that others go on after is counted as out of order', async () => {
  const fifo = await surround(engines, { fifo: true });
  const handler = consume(OrderPlaced, () => undefined, { environment: fifo.environment, clients: engines.clients });
  const attributes = { MessageGroupId: 'g' } as never;
  const Records = ['poison', JSON.stringify(orderPlaced('1'))].map((body) =>
    recordOf(fifo.queue, { body, attributes }),
  );
  await handler({ Records }, lambdaContext());
  expect(metrics()).toMatchObject([
    { DeadLettered: 1, OutOfOrder: 1 },
    { Handled: 1, OutOfOrder: 0, type: 'order.placed' },
  ]);
});

test('each invocation counts for itself', async () => {
  const handler = consume(
    OrderPlaced,
    () => {
      throw new Error('down');
    },
    { environment: around.environment, clients: engines.clients },
  );
  await send(engines, around.queue, [orderPlaced('1')]);
  const batch = batchOf(around.queue, await engines.receive(around.queue));
  await handler(batch, lambdaContext());
  await handler(batch, lambdaContext(100));
  expect(metrics()).toMatchObject([
    { Delivered: 1, Retried: 1, Failed: 1, Returned: 0 },
    { Delivered: 1, Retried: 0, Failed: 0, Returned: 1 },
  ]);
});

test("the handler's log lines, and the runtime's, name event, journey, message and request", async () => {
  const handler = consume(
    OrderPlaced,
    (_event, { logger }) => {
      logger.info('reserving');
      throw new Error('no stock');
    },
    { environment: around.environment, clients: engines.clients },
  );
  const cause = orderPlaced('0', { id: 'cause' });
  const event = createEnvelope(
    OrderPlaced,
    { orderId: '1', total: 1 },
    {
      source: '/orders',
      id: 'e-1',
      cause,
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    },
  );
  await send(engines, around.queue, [event]);
  const batch = batchOf(around.queue, await engines.receive(around.queue));
  const context = lambdaContext();

  await handler(batch, context);

  const ids = {
    service: 'inventory',
    event_id: 'e-1',
    event_type: 'order.placed',
    correlation_id: 'cause',
    causation_id: 'cause',
    message_id: batch.Records[0]!.messageId,
    function_request_id: context.awsRequestId,
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  };
  expect(lines).toMatchObject([
    { level: 'INFO', message: 'reserving', ...ids },
    {
      level: 'WARN',
      message: 'A record failed and will be retried.',
      attempt: 1,
      error: { message: 'no stock' },
      ...ids,
    },
    { Retried: 1 },
  ]);
});

test('the lines of a logger of the handler itself are about its event, side by side with others', async () => {
  const own = new EventLogger({ serviceName: 'stock' });
  const reserve = async (orderId: string) => {
    await setImmediate();
    own.info(`reserving ${orderId}`);
    own.createChild({ persistentKeys: { warehouse: 'W1' } }).info('packing', { event_id: 'of another event' });
  };
  const handler = consume(OrderPlaced, (event) => reserve(event.data.orderId), {
    environment: around.environment,
    clients: engines.clients,
  });
  own.info('outside');
  await send(engines, around.queue, [orderPlaced('1'), orderPlaced('2')]);
  await handler(batchOf(around.queue, await engines.receive(around.queue)), lambdaContext());

  const logged = lines.filter((line) => !('_aws' in line));
  expect(logged[0]).not.toHaveProperty('event_id');
  for (const orderId of ['1', '2']) {
    expect(logged.find(({ message }) => message === `reserving ${orderId}`)).toMatchObject({
      service: 'stock',
      event_id: `event-${orderId}`,
      event_type: 'order.placed',
      correlation_id: `event-${orderId}`,
      message_id: expect.any(String),
    });
  }
  expect(logged.filter(({ message }) => message === 'packing')).toMatchObject([
    { warehouse: 'W1', event_id: 'of another event', event_type: 'order.placed' },
    { warehouse: 'W1', event_id: 'of another event', event_type: 'order.placed' },
  ]);
});

test('keys that a handler adds to its logger stay with its event', async () => {
  const handler = consume(
    OrderPlaced,
    async (event, { logger }) => {
      logger.appendKeys({ [`order_${event.data.orderId}`]: true });
      await setImmediate();
      logger.info('done');
    },
    { environment: around.environment, clients: engines.clients },
  );
  await send(engines, around.queue, [orderPlaced('1'), orderPlaced('2')]);
  await handler(batchOf(around.queue, await engines.receive(around.queue)), lambdaContext());
  const keys = lines.flatMap((line) => Object.keys(line).filter((key) => key.startsWith('order_')));
  expect(keys.sort()).toEqual(['order_1', 'order_2']);
});
