import type { SQSRecord } from 'aws-lambda';
import type { Envelope } from '../../contracts/envelope.ts';
import { xrayTraceparent } from './trace-context.ts';

/** Spans around what a consumer or publisher does. Without tracing each of these only does the work, at once. */
export interface Tracing {
  /** The span of a batch: `receive <service>`. */
  receive<Result>(records: readonly SQSRecord[], work: () => Promise<Result>): Promise<Result>;
  /**
   * The span of a record: `process <type>`. It continues the trace that the event carries, or the batch's when there is none,
   * and is linked to both. An outcome that is a failure (`retry`, `deadLettered`) marks it as failed.
   */
  process<Result>(record: SQSRecord, envelope: Envelope | undefined, work: () => Promise<Result>): Promise<Result>;
  /** The span of a publication: `publish <type>`. Envelopes without a `traceparent` get one before the work starts. */
  publish<Result>(envelopes: readonly Envelope[], work: () => Promise<Result>): Promise<Result>;
  /** Of the active span; undefined without one. */
  traceparent(): string | undefined;
  /** What something that happens now should carry: the active span's, else its cause's, else X-Ray's. */
  traceparentFor(cause?: Pick<Envelope, 'traceparent'>): string | undefined;
  /**
   * Sends the spans that have ended. Never rejects, and waits for a slow collector only once: until it has answered, later
   * calls return at once.
   * @param patienceMs milliseconds to wait at most @default 1,000
   */
  flush(patienceMs?: number): Promise<void>;
}

/** What tracing is started with. */
export interface TracingProps {
  /** Who traces: the `service.name`, unless `OTEL_SERVICE_NAME` or a tracer provider says another. */
  service: string;
  /** Told when spans cannot be exported, once until it works again. @default nobody */
  onProblem?: (error: unknown) => void;
  /** Decides whether tracing is on. @default process.env */
  environment?: Record<string, string | undefined>;
}

/**
 * Starts tracing when `OTEL_EXPORTER_OTLP_ENDPOINT` (or its `_TRACES_` form) is set, or when somebody has registered a
 * tracer provider for the process (a layer); otherwise loads nothing and does nothing.
 * Source of the variables: OpenTelemetry specification, SDK environment variables.
 */
export function startTracing(props: TracingProps): Tracing {
  return isOn(props.environment ?? process.env) ? load(props) : WITHOUT_SPANS;
}

const WITHOUT_SPANS: Tracing = {
  receive: (_records, work) => work(),
  process: (_record, _envelope, work) => work(),
  publish(envelopes, work) {
    for (const envelope of envelopes) startTrace(envelope);
    return work();
  },
  traceparent: () => undefined,
  traceparentFor: (cause) => cause?.traceparent ?? xrayTraceparent(),
  flush: async () => undefined,
};

function isOn(environment: Record<string, string | undefined>): boolean {
  if (environment.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false;
  if (isRegistered()) return true;
  if (environment.OTEL_TRACES_EXPORTER === 'none') return false;
  return Boolean(environment.OTEL_EXPORTER_OTLP_ENDPOINT || environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
}

/** Whether the process has a tracer provider: asked of the place where OpenTelemetry's API keeps it, without loading that. */
function isRegistered(): boolean {
  const api: { trace?: unknown } | undefined = Reflect.get(globalThis, Symbol.for('opentelemetry.js.api.1'));
  return api?.trace !== undefined;
}

/** Spans, as soon as their code is there; what happens before waits for it. */
function load({ service, onProblem = () => undefined }: TracingProps): Tracing {
  let spans: Tracing | undefined;
  const loading = importSpans()
    .then(({ openSpans }) => openSpans(service, onProblem))
    .catch((error: unknown) => {
      onProblem(error);
      return WITHOUT_SPANS;
    })
    .then((opened) => {
      spans = opened;
      return opened;
    });
  // in the same turn once it is loaded: what is done in one turn shares calls
  return {
    receive: (records, work) => (spans ? spans.receive(records, work) : loading.then((s) => s.receive(records, work))),
    process: (record, envelope, work) =>
      spans ? spans.process(record, envelope, work) : loading.then((s) => s.process(record, envelope, work)),
    publish: (envelopes, work) =>
      spans ? spans.publish(envelopes, work) : loading.then((s) => s.publish(envelopes, work)),
    traceparent: () => spans?.traceparent(),
    traceparentFor: (cause) => (spans ?? WITHOUT_SPANS).traceparentFor(cause),
    flush: async (patienceMs) => (await loading).flush(patienceMs),
  };
}

/** The code of the spans: a source beside this one, or a bundle of its own beside the handler's (see lib/constructs/bundle.ts). */
function importSpans(): Promise<typeof import('./otlp.ts')> {
  // an address that a bundler cannot follow: OpenTelemetry must not get into the handler
  const file = import.meta.url.endsWith('.ts') ? './otlp.ts' : './otlp.mjs';
  return import(new URL(file, import.meta.url).href);
}

/** A journey that starts here shows the same ids in X-Ray. */
function startTrace(envelope: Envelope): void {
  if (envelope.traceparent !== undefined) return;
  const traceparent = xrayTraceparent();
  if (traceparent !== undefined) envelope.traceparent = traceparent;
}
