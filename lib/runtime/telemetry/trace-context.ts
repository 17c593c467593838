/** A place in a trace. */
export interface TracePlace {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits. */
  spanId: string;
  sampled: boolean;
}

/** Reads a W3C `traceparent`; undefined when it is none. Source: W3C Trace Context, traceparent header. */
export function readTraceparent(text: string | undefined): TracePlace | undefined {
  const match = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(
    text ?? '',
  );
  if (match === null || (match[1] === '00' && match[5] !== undefined)) return undefined;
  return { traceId: match[2]!, spanId: match[3]!, sampled: (Number.parseInt(match[4]!, 16) & 1) === 1 };
}

export function writeTraceparent({ traceId, spanId, sampled }: TracePlace): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/**
 * Reads an X-Ray tracing header, such as Lambda has in `_X_AMZN_TRACE_ID`: `Root=1-67891233-abcdef012345678912345678;Parent=
 * 53995c3f42cd8ad8;Sampled=1`. Without a parent, the end of the trace id stands in for it.
 * Source: AWS X-Ray developer guide, tracing header; trace ids in W3C format.
 */
export function readXRay(header: string | undefined): TracePlace | undefined {
  const [, time, unique] = /(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})/i.exec(header ?? '') ?? [];
  if (header === undefined || time === undefined || unique === undefined) return undefined;
  const traceId = `${time}${unique}`.toLowerCase();
  const parent = /(?:^|;)\s*Parent=([0-9a-f]{16})/i.exec(header)?.[1];
  return { traceId, spanId: parent?.toLowerCase() ?? traceId.slice(16), sampled: /(?:^|;)\s*Sampled=1/i.test(header) };
}

/** The `traceparent` of a journey that starts in this invocation, with the ids that X-Ray shows; undefined outside Lambda. */
export function xrayTraceparent(header: string | undefined = process.env._X_AMZN_TRACE_ID): string | undefined {
  const place = readXRay(header);
  return place && writeTraceparent(place);
}
