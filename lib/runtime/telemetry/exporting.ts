import { context, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { createAsyncContexts } from './async-context.ts';

/** An export by OTLP over HTTP. */
export interface Exporting {
  /** See `Tracing.flush`. */
  flush(patienceMs?: number): Promise<void>;
}

/** A batch of 10,000 records, the most that SQS hands a function, ends about twice as many spans before any is sent. */
const LARGEST_QUEUE = 32_768;
/** Milliseconds. A Lambda function is frozen between invocations: a timer would send when nobody waits for it. */
const NEVER = 2_147_483_647;

let own: Exporting | undefined;

/**
 * Exports spans to where the `OTEL_EXPORTER_OTLP_*` variables say; undefined when somebody else has a tracer provider, who
 * then exports as he likes. One export a process: its service is that of whoever comes first.
 */
export function startExporting(service: string, onProblem: (error: unknown) => void): Exporting | undefined {
  own ??= register(service, onProblem);
  return own;
}

function register(service: string, onProblem: (error: unknown) => void): Exporting | undefined {
  const exporter = new OTLPTraceExporter();
  const provider = new TracerProvider({
    resource: resourceOf(service),
    sampler: samplerOf(process.env.OTEL_TRACES_SAMPLER, process.env.OTEL_TRACES_SAMPLER_ARG),
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: LARGEST_QUEUE, scheduledDelayMillis: NEVER })],
  });
  // for everyone, so that what a handler instruments itself joins in
  if (!trace.setGlobalTracerProvider(provider)) return undefined;
  context.setGlobalContextManager(createAsyncContexts());

  let working = true;
  let pending: Promise<void> | undefined;
  const send = async () => {
    try {
      await provider.forceFlush();
      // what had been sent before, a full batch at a time
      await exporter.forceFlush();
      working = true;
    } catch (error) {
      if (working) onProblem(Array.isArray(error) ? error[0] : error);
      working = false;
    } finally {
      pending = undefined;
    }
  };
  return {
    async flush(patienceMs = 1_000) {
      if (pending !== undefined) return;
      pending = send();
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patienceMs);
      });
      await Promise.race([pending, patience]);
      clearTimeout(timer);
    },
  };
}

function resourceOf(service: string) {
  const { AWS_LAMBDA_FUNCTION_NAME, AWS_LAMBDA_FUNCTION_VERSION, AWS_REGION } = process.env;
  return defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': service,
        'cloud.provider': 'aws',
        ...(AWS_REGION && { 'cloud.region': AWS_REGION }),
        ...(AWS_LAMBDA_FUNCTION_NAME && { 'faas.name': AWS_LAMBDA_FUNCTION_NAME }),
        ...(AWS_LAMBDA_FUNCTION_VERSION && { 'faas.version': AWS_LAMBDA_FUNCTION_VERSION }),
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }));
}

/** The samplers that the specification names. */
function samplerOf(name = 'parentbased_always_on', argument = '1'): Sampler {
  const kind = name.replace('parentbased_', '');
  const root =
    kind === 'always_off'
      ? new AlwaysOffSampler()
      : kind === 'traceidratio'
        ? new TraceIdRatioBasedSampler(Number(argument))
        : new AlwaysOnSampler();
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}
