import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEnvelope, type Envelope } from '../../../lib/contracts/index.ts';
import { consume, type Handler, PermanentError, Publisher } from '../../../lib/runtime/index.ts';
import { createStreamRelay } from '../../../lib/runtime/outbox/stream-handler.ts';
import { readTraceparent } from '../../../lib/runtime/telemetry/trace-context.ts';
import { startTracing, type Tracing } from '../../../lib/runtime/telemetry/tracing.ts';
import { batchOf, type Engines, lambdaContext, startEngines, type TestQueue } from '../engines.ts';
import { commit, outboxUnderTest } from '../outbox/outbox-fixture.ts';
import { OrderPlaced, StockReserved, type Surroundings, send, surround } from '../pipeline.ts';
import { type Collector, type ReceivedSpan, startCollector } from './collector.ts';

vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

let engines: Engines;
let collector: Collector;
let around: Surroundings;
let outbound: TestQueue;

/** The process has one export: it tells whoever started it. */
let tracing: Tracing;
const problems: unknown[] = [];

beforeAll(async () => {
  [engines, collector] = await Promise.all([startEngines(), startCollector()]);
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.endpoint);
  vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment=test');
  tracing = startTracing({ service: 'inventory', onProblem: (problem) => problems.push(problem) });
  await tracing.flush();
});
afterAll(async () => {
  await Promise.all([engines.stop(), collector.stop()]);
  vi.unstubAllEnvs();
});
beforeEach(async () => {
  const topic = await engines.createTopic();
  outbound = engines.createQueue();
  await engines.subscribe(topic, outbound);
  around = await surround(engines, { environment: { BATON_TOPIC_ARN: topic } });
  collector.spans = [];
  collector.bodies = [];
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  return () => vi.restoreAllMocks();
});

function placed(orderId: string, traceparent?: string): Envelope {
  return createEnvelope(
    OrderPlaced,
    { orderId, total: 1 },
    { source: '/orders', id: `e-${orderId}`, ...(traceparent && { traceparent }) },
  );
}

async function handle(handler: Handler<typeof OrderPlaced>, ...events: (Envelope | string)[]) {
  await send(engines, around.queue, events);
  const batch = batchOf(around.queue, await engines.receive(around.queue));
  await consume(OrderPlaced, handler, { environment: around.environment, clients: engines.clients })(
    batch,
    lambdaContext(),
  );
  return batch;
}

const named = (name: string): ReceivedSpan[] => collector.spans.filter((span) => span.name === name);
const byEvent = (name: string, id: string) =>
  named(name).find((span) => span.attributes['cloudevents.event_id'] === id)!;

describe('a relay', () => {
  it('exports what it published before it returns, in the trace of the commit', async () => {
    const under = await outboxUnderTest(engines);
    const committed = placed('1', `00-${traceId}-${spanId}-01`);
    await commit(engines.clients, under.outbox, [committed]);
    const relay = createStreamRelay({ environment: under.environment, clients: engines.clients });
    await relay({}, lambdaContext());
    const [publish] = named('publish order.placed');
    expect(publish).toMatchObject({ traceId, parentSpanId: spanId });
  });
});

describe('the spans of a batch', () => {
  it('are exported before the invocation ends: one for the batch, one for each record', async () => {
    const batch = await handle(() => undefined, placed('1', `00-${traceId}-${spanId}-01`), placed('2'));

    const [receive] = named('receive inventory');
    expect(receive).toMatchObject({
      kind: 5,
      parentSpanId: undefined,
      attributes: {
        'messaging.system': 'aws_sqs',
        'messaging.operation.name': 'receive',
        'messaging.operation.type': 'receive',
        'messaging.destination.name': around.queue.name,
        'messaging.batch.message_count': 2,
      },
      resource: { 'service.name': 'inventory', 'deployment.environment': 'test' },
    });
    expect(named('process order.placed')).toHaveLength(2);
    expect(byEvent('process order.placed', 'e-1')).toMatchObject({
      kind: 5,
      failed: false,
      attributes: {
        'messaging.operation.type': 'process',
        'messaging.message.id': batch.Records.find(({ body }) => body.includes('e-1'))!.messageId,
        'messaging.message.conversation_id': 'e-1',
        'cloudevents.event_source': '/orders',
        'cloudevents.event_type': 'order.placed',
        'baton.outcome': 'handled',
        'baton.attempt': 1,
      },
    });
  });

  it("continue the event's trace, and are linked to it and to the batch", async () => {
    await handle(() => undefined, placed('1', `00-${traceId}-${spanId}-01`));
    const [receive] = named('receive inventory');
    const [process] = named('process order.placed');
    expect(process).toMatchObject({ traceId, parentSpanId: spanId });
    expect(process!.links).toEqual([
      { traceId, spanId },
      { traceId: receive!.traceId, spanId: receive!.spanId },
    ]);
  });

  it("continue the batch's trace when the event carries none", async () => {
    await handle(() => undefined, placed('1'));
    const [receive] = named('receive inventory');
    expect(named('process order.placed')[0]).toMatchObject({
      traceId: receive!.traceId,
      parentSpanId: receive!.spanId,
      links: [{ traceId: receive!.traceId, spanId: receive!.spanId }],
    });
  });

  it('leave out what the trace of the event does not sample', async () => {
    await handle(() => undefined, placed('1', `00-${traceId}-${spanId}-00`));
    expect(collector.spans.map(({ name }) => name)).toEqual(['receive inventory']);
  });

  it('tell failures, but not in words: those may quote the payload', async () => {
    await handle(
      ({ data }) => {
        if (data.orderId === '1') throw new PermanentError('the secret of order 1');
        throw new TypeError('the secret of order 2');
      },
      placed('1'),
      placed('2'),
      'no envelope',
    );
    expect(byEvent('process order.placed', 'e-1')).toMatchObject({
      failed: true,
      attributes: { 'error.type': 'PermanentError', 'baton.outcome': 'deadLettered' },
    });
    expect(byEvent('process order.placed', 'e-2')).toMatchObject({
      failed: true,
      attributes: { 'error.type': 'TypeError', 'baton.outcome': 'retry' },
    });
    expect(named('process')).toMatchObject([{ failed: true, attributes: { 'error.type': 'MalformedEnvelopeError' } }]);
    expect(collector.bodies.join()).not.toContain('secret');
  });

  it("have the handler's own spans below them, each below its record's", async () => {
    await handle(
      async ({ id }) => {
        await delay(1);
        trace.getTracer('shop').startSpan(`reserve ${id}`).end();
      },
      placed('1'),
      placed('2'),
    );
    for (const id of ['e-1', 'e-2']) {
      expect(named(`reserve ${id}`)).toMatchObject([{ parentSpanId: byEvent('process order.placed', id).spanId }]);
    }
  });

  it("are in X-Ray's trace when X-Ray keeps it", async () => {
    vi.stubEnv('_X_AMZN_TRACE_ID', 'Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1');
    await handle(() => undefined, placed('1'));
    vi.stubEnv('_X_AMZN_TRACE_ID', 'Root=1-67891233-abcdef012345678912345679;Parent=53995c3f42cd8ad9;Sampled=0');
    await handle(() => undefined, placed('2'));
    vi.stubEnv('_X_AMZN_TRACE_ID', undefined);
    expect(named('receive inventory')[0]).toMatchObject({
      traceId: '67891233abcdef012345678912345678',
      parentSpanId: '53995c3f42cd8ad8',
    });
    expect(named('receive inventory')[1]!.parentSpanId).toBeUndefined();
  });
});

describe('what a handler publishes', () => {
  it("carries the traceparent of its record's span, and has a span of its own", async () => {
    await handle(
      async ({ data }, { publish }) => {
        await publish(StockReserved, { orderId: data.orderId });
      },
      placed('1', `00-${traceId}-${spanId}-01`),
    );
    const [process] = named('process order.placed');
    const [message] = await engines.receive(outbound);
    expect(JSON.parse(message!.Body!).traceparent).toBe(`00-${traceId}-${process!.spanId}-01`);
    expect(named('publish stock.reserved')).toMatchObject([
      {
        kind: 4,
        traceId,
        parentSpanId: process!.spanId,
        attributes: {
          'messaging.system': 'aws.sns',
          'messaging.operation.type': 'send',
          'cloudevents.event_id': JSON.parse(message!.Body!).id,
        },
      },
    ]);
  });

  it('starts a trace where nothing caused it', async () => {
    const topicArn = around.environment.BATON_TOPIC_ARN!;
    const publisher = new Publisher({ topicArn, source: '/shop', client: engines.clients.sns });
    const event = await publisher.publish(OrderPlaced, { orderId: '1', total: 1 });
    await tracing.flush();
    const [span] = named('publish order.placed');
    expect(readTraceparent(event.traceparent)).toEqual({ traceId: span!.traceId, spanId: span!.spanId, sampled: true });
    const [message] = await engines.receive(outbound);
    expect(JSON.parse(message!.Body!).traceparent).toBe(event.traceparent);
  });
});

describe('a collector that does not work', () => {
  it('fails no invocation, and is complained about once until it works again', async () => {
    const working = collector.answer;
    const refusing: Collector['answer'] = (response) => response.writeHead(400).end('no');
    const outcomes = [];
    for (const answer of [refusing, refusing, working, refusing]) {
      collector.answer = answer;
      outcomes.push(await handle(() => undefined, placed(String(outcomes.length))));
    }
    collector.answer = working;
    expect(outcomes).toHaveLength(4);
    expect(problems).toHaveLength(2);
    expect(String(problems[0])).toMatch(/400|Bad Request/);
  });

  it('is waited for once, and not again before it has answered', async () => {
    const working = collector.answer;
    const asked = Promise.withResolvers<ServerResponse>();
    collector.answer = asked.resolve;
    await tracing.receive([], async () => undefined);
    await tracing.flush(1);
    const response = await asked.promise;
    await tracing.receive([], async () => undefined);
    // it would take longer than a test may
    await tracing.flush(600_000);
    expect(collector.spans).toHaveLength(1);

    collector.answer = working;
    working(response);
    await vi.waitFor(async () => {
      await tracing.flush();
      expect(collector.spans).toHaveLength(2);
    });
  });
});
