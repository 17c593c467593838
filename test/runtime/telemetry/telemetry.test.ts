import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createEnvelope } from '../../../lib/contracts/index.ts';
import { consume } from '../../../lib/runtime/index.ts';
import { batchOf, type Engines, lambdaContext, startEngines } from '../engines.ts';
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

test('an invocation writes one metrics line, zeros included', async () => {
  const handler = consume(OrderPlaced, () => undefined, { environment: around.environment, clients: engines.clients });
  await send(engines, around.queue, [orderPlaced('1'), orderPlaced('1'), 'poison']);
  await handler(batchOf(around.queue, await engines.receive(around.queue)), lambdaContext());

  expect(metrics()).toEqual([
    {
      _aws: {
        Timestamp: expect.any(Number),
        CloudWatchMetrics: [
          {
            Namespace: 'Baton',
            Dimensions: [['service']],
            Metrics: ['Delivered', 'Handled', 'Duplicates', 'Retried', 'DeadLettered', 'Returned', 'Failed'].map(
              (Name) => ({ Name, Unit: 'Count' }),
            ),
          },
        ],
      },
      service: 'inventory',
      Delivered: 3,
      Handled: 1,
      Duplicates: 1,
      Retried: 0,
      DeadLettered: 1,
      Returned: 0,
      Failed: 1,
    },
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
  const event = createEnvelope(OrderPlaced, { orderId: '1', total: 1 }, { source: '/orders', id: 'e-1', cause });
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
