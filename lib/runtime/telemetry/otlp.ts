import {
  type Attributes,
  type Context,
  type ContextManager,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { SQSRecord } from 'aws-lambda';
import type { Envelope } from '../../contracts/envelope.ts';
import { attemptOf } from '../batch/record.ts';
import { startExporting } from './exporting.ts';
import { readTraceparent, readXRay, type TracePlace, writeTraceparent, xrayTraceparent } from './trace-context.ts';
import type { Tracing } from './tracing.ts';

/** What is asked of a span. */
interface SpanProps {
  name: string;
  kind: SpanKind;
  attributes: Attributes;
  links?: Link[];
  parent: Context;
}

/**
 * Spans by OpenTelemetry, of the tracer provider that the process has; without one, of an own one that exports by OTLP.
 * Attributes follow the semantic conventions for messaging spans and CloudEvents; none has anything of a payload in it, and
 * neither has an error's message: it may quote the payload.
 */
export function openSpans(service: string, onProblem: (error: unknown) => void): Tracing {
  const exporting = startExporting(service, onProblem);
  const { provider, contexts } = registered();
  const tracer = provider.getTracer('baton');

  async function within<Result>(props: SpanProps, work: (span: Span) => Promise<Result>): Promise<Result> {
    const { name, parent, ...options } = props;
    const span = tracer.startSpan(name, options, parent);
    try {
      const result = await contexts.with(trace.setSpan(parent, span), () => work(span));
      tellOutcome(span, result);
      return result;
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  function traceparent(): string | undefined {
    const active = trace.getSpanContext(contexts.active());
    return active && trace.isSpanContextValid(active) ? traceparentOf(active) : undefined;
  }

  return {
    receive: (records, work) =>
      within(
        {
          name: `receive ${service}`,
          kind: SpanKind.CONSUMER,
          parent: continued(contexts.active()),
          attributes: { ...ofQueue('receive', records[0]), 'messaging.batch.message_count': records.length },
        },
        work,
      ),
    process(record, envelope, work) {
      const batch = contexts.active();
      const remote = readTraceparent(envelope?.traceparent) ?? sampled(readXRay(record.attributes.AWSTraceHeader));
      const links = [remote && spanContextOf(remote), trace.getSpanContext(batch)].flatMap((context) =>
        context ? [{ context }] : [],
      );
      return within(
        {
          name: envelope === undefined ? 'process' : `process ${envelope.type}`,
          kind: SpanKind.CONSUMER,
          parent: remote ? trace.setSpanContext(batch, spanContextOf(remote)) : batch,
          links,
          attributes: {
            ...ofQueue('process', record),
            'baton.attempt': attemptOf(record),
            'messaging.message.id': record.messageId,
            ...(envelope && ofEvent(envelope)),
          },
        },
        work,
      );
    },
    publish(envelopes, work) {
      const types = [...new Set(envelopes.map(({ type }) => type))];
      const [only] = envelopes;
      return within(
        {
          name: types.length === 1 ? `publish ${types[0]}` : 'publish',
          kind: SpanKind.PRODUCER,
          parent: continued(contexts.active(), readTraceparent(only?.traceparent)),
          attributes: {
            'messaging.system': 'aws.sns',
            'messaging.operation.name': 'publish',
            'messaging.operation.type': 'send',
            ...(envelopes.length === 1 && only ? ofEvent(only) : { 'messaging.batch.message_count': envelopes.length }),
          },
        },
        (span) => {
          for (const envelope of envelopes) envelope.traceparent ??= traceparentOf(span.spanContext());
          return work();
        },
      );
    },
    traceparent,
    traceparentFor: (cause) => traceparent() ?? cause?.traceparent ?? xrayTraceparent(),
    flush: async (patienceMs) => await exporting?.flush(patienceMs),
  };
}

/** What the process has registered; asked of the place itself, since the API refuses what an older copy of it put there. */
function registered(): { provider: TracerProvider; contexts: Pick<ContextManager, 'active' | 'with'> } {
  const api: { trace: TracerProvider; context?: ContextManager } = Reflect.get(
    globalThis,
    Symbol.for('opentelemetry.js.api.1'),
  );
  return {
    provider: api.trace,
    contexts: api.context ?? {
      active: () => ROOT_CONTEXT,
      with: (_context, work, self, ...args) => work.apply(self, args),
    },
  };
}

/** Where a span without a cause belongs: below whoever instruments Lambda, or in X-Ray's trace when X-Ray keeps it. */
function continued(active: Context, journey?: TracePlace): Context {
  if (trace.getSpanContext(active) !== undefined) return active;
  // a relay publishes what others have begun
  const place = journey ?? sampled(readXRay(process.env._X_AMZN_TRACE_ID));
  return place ? trace.setSpanContext(active, spanContextOf(place)) : active;
}

/** X-Ray's trace when X-Ray keeps it. What it does not keep is its own affair: the spans here are sampled for themselves. */
function sampled(place: TracePlace | undefined): TracePlace | undefined {
  return place?.sampled ? place : undefined;
}

function spanContextOf({ traceId, spanId, sampled }: TracePlace): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return writeTraceparent({ traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 });
}

function ofQueue(operation: 'receive' | 'process', record: SQSRecord | undefined): Attributes {
  const queue = record?.eventSourceARN.split(':').at(-1);
  return {
    'messaging.system': 'aws_sqs',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    ...(queue !== undefined && { 'messaging.destination.name': queue }),
  };
}

/** Not its subject: that is made of the payload. */
function ofEvent({ id, source, type, specversion, correlationid }: Envelope): Attributes {
  return {
    'messaging.message.conversation_id': correlationid,
    'cloudevents.event_id': id,
    'cloudevents.event_source': source,
    'cloudevents.event_spec_version': specversion,
    'cloudevents.event_type': type,
  };
}

/** Marks the span of a record with what became of the record. */
function tellOutcome(span: Span, result: unknown): void {
  if (typeof result !== 'object' || result === null || !('kind' in result)) return;
  span.setAttribute('baton.outcome', String(result.kind));
  if ('error' in result) fail(span, result.error);
}

function fail(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
}
