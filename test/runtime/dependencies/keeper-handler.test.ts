import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SQSEvent } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { handler } from '../../../lib/runtime/dependencies/keeper-handler.ts';
import { batchOf, type Engines, lambdaContext, startEngines, type TestQueue } from '../engines.ts';
import { visibleIn } from '../pipeline.ts';
import { createWorld, fakeLambda, ill, many, type World } from './circuits.ts';

let engines: Engines;
let server: Server;
let world: World;
let queue: TestQueue;
let isDown = false;
const lambda = fakeLambda({ batchSize: 10 });
const requests: string[] = [];

/** The part of Lambda's REST API that the keeper speaks to. */
async function startLambda(): Promise<string> {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', async () => {
      requests.push(`${request.method} ${request.url}`);
      const operation = request.method === 'PUT' ? 'UpdateEventSourceMapping' : 'GetEventSourceMapping';
      const answer = isDown
        ? { Message: 'Not now.' }
        : await lambda.client.call(operation, { UUID: 'uuid-1', ...(body && JSON.parse(body)) });
      response.writeHead(isDown ? 503 : 200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  engines = await startEngines();
  world = await createWorld(engines);
  // the handler goes by the real time
  world.now = Date.now();
  queue = world.queue;
  await world.invoke(world.worker(), many(ill));
  const [wakeUp] = world.sent;
  const { consumer } = JSON.parse(wakeUp!.body);
  const sources = { [consumer]: { uuid: 'uuid-1', batchSize: 10, dependencies: { payments: {} } } };
  const variables: Record<string, string> = {
    ...engines.endpoints,
    AWS_ENDPOINT_URL_LAMBDA: await startLambda(),
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_MAX_ATTEMPTS: '1',
    BATON_EVENT_SOURCES: JSON.stringify(sources),
    BATON_IDEMPOTENCY_TABLE: world.table,
    BATON_KEEPER_QUEUE_URL: queue.url,
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
});
afterEach(() => {
  requests.length = 0;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.close();
  await engines.stop();
});

test('a wake-up that fails comes back soon, and then pauses the consumer', async () => {
  const event: SQSEvent = batchOf(queue, await engines.receive(queue));
  expect(event.Records.length).toBe(1);
  isDown = true;
  await expect(handler(event, lambdaContext())).rejects.toMatchObject({ status: 503 });
  const [soon] = visibleIn(engines, queue).values();
  expect(soon).toBeLessThanOrEqual(2);

  isDown = false;
  await handler(event, lambdaContext());
  expect(lambda.mapping.State).toBe('Disabled');
  expect(requests).toEqual([
    'GET /2015-03-31/event-source-mappings/uuid-1',
    'GET /2015-03-31/event-source-mappings/uuid-1',
    'PUT /2015-03-31/event-source-mappings/uuid-1',
    'GET /2015-03-31/event-source-mappings/uuid-1',
  ]);
  expect(await world.circuit()).toMatchObject({ state: 'open', kept: 1, tick: 1 });
});
