import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createEnvelope, type Envelope } from '../../../lib/contracts/index.ts';
import { consume, Publisher } from '../../../lib/runtime/index.ts';
import { startTracing } from '../../../lib/runtime/telemetry/tracing.ts';
import { batchOf, type Engines, lambdaContext, startEngines, type TestQueue } from '../engines.ts';
import { OrderPlaced, StockReserved, type Surroundings, send, surround } from '../pipeline.ts';

vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', undefined);
vi.stubEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', undefined);

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const XRAY = 'Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=0';

let engines: Engines;
let around: Surroundings;
let outbound: TestQueue;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  const topic = await engines.createTopic();
  outbound = engines.createQueue();
  await engines.subscribe(topic, outbound);
  around = await surround(engines, { environment: { BATON_TOPIC_ARN: topic } });
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  return () => {
    vi.restoreAllMocks();
    vi.stubEnv('_X_AMZN_TRACE_ID', undefined);
  };
});

async function publishedFor(event: Envelope): Promise<Envelope> {
  await send(engines, around.queue, [event]);
  const handler = consume(
    OrderPlaced,
    async ({ data }, { publish }) => {
      await publish(StockReserved, { orderId: data.orderId });
    },
    { environment: around.environment, clients: engines.clients },
  );
  await handler(batchOf(around.queue, await engines.receive(around.queue)), lambdaContext());
  const [message] = await engines.receive(outbound);
  return JSON.parse(message!.Body!);
}

function placed(props: { traceparent?: string } = {}): Envelope {
  return createEnvelope(OrderPlaced, { orderId: '1', total: 1 }, { source: '/orders', ...props });
}

test('OpenTelemetry is not even loaded', async () => {
  await publishedFor(placed());
  expect(Reflect.get(globalThis, Symbol.for('opentelemetry.js.api.1'))).toBeUndefined();
});

test('an incoming traceparent is carried on as it is', async () => {
  vi.stubEnv('_X_AMZN_TRACE_ID', XRAY);
  expect((await publishedFor(placed({ traceparent }))).traceparent).toBe(traceparent);
});

test("a journey without a trace gets X-Ray's ids, sampled when X-Ray keeps it", async () => {
  vi.stubEnv('_X_AMZN_TRACE_ID', XRAY);
  const ids = '67891233abcdef012345678912345678-53995c3f42cd8ad8';
  expect((await publishedFor(placed())).traceparent).toBe(`00-${ids}-00`);

  vi.stubEnv('_X_AMZN_TRACE_ID', XRAY.replace('Sampled=0', 'Sampled=1'));
  const topicArn = around.environment.BATON_TOPIC_ARN!;
  const publisher = new Publisher({ topicArn, source: '/shop', client: engines.clients.sns });
  expect((await publisher.publish(OrderPlaced, { orderId: '2', total: 1 })).traceparent).toBe(`00-${ids}-01`);
});

test('outside of Lambda a journey without a trace has none', async () => {
  expect(await publishedFor(placed())).not.toHaveProperty('traceparent');
});

test('work is done at once, in the same turn', async () => {
  const tracing = startTracing({ service: 'inventory' });
  const steps: string[] = [];
  const work = (name: string) => async () => {
    steps.push(name);
    return name;
  };
  const results = [
    tracing.receive([], work('receive')),
    tracing.process({} as never, undefined, work('process')),
    tracing.publish([], work('publish')),
  ];
  expect(steps).toEqual(['receive', 'process', 'publish']);
  expect(await Promise.all(results)).toEqual(steps);
  expect(tracing.traceparent()).toBeUndefined();
});

test.each([
  { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
  { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' },
  { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_EXPORTER: 'none' },
])('%j leaves it off', (environment) => {
  // one object serves all that are off
  expect(startTracing({ service: 'a', environment })).toBe(startTracing({ service: 'b', environment: {} }));
});
