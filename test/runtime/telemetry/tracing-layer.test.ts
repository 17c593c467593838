import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { expect, test } from 'vitest';
import { createAsyncContexts } from '../../../lib/runtime/telemetry/async-context.ts';
import { startTracing } from '../../../lib/runtime/telemetry/tracing.ts';

test('a tracer provider that a layer registered is used, even one of an older API, and left to its owner', async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const api = { version: '1.4.0', trace: provider, context: createAsyncContexts() };
  Reflect.set(globalThis, Symbol.for('opentelemetry.js.api.1'), api);

  const tracing = startTracing({ service: 'inventory', environment: {} });
  await tracing.receive([], async () => {
    await tracing.publish([], async () => undefined);
    expect(tracing.traceparent()).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });
  await tracing.flush();

  const [publish, receive] = exporter.getFinishedSpans();
  expect([publish!.name, receive!.name]).toEqual(['publish', 'receive inventory']);
  expect(publish!.parentSpanContext!.spanId).toBe(receive!.spanContext().spanId);
  expect(Reflect.get(globalThis, Symbol.for('opentelemetry.js.api.1')).trace).toBe(provider);
});
