import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as a collector got it. */
export interface ReceivedSpan {
  name: string;
  /** As OTLP numbers them: 4 producer, 5 consumer, 1 internal. */
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  links: { traceId: string; spanId: string }[];
  attributes: Record<string, unknown>;
  /** Of the process. */
  resource: Record<string, unknown>;
  failed: boolean;
}

export interface Collector {
  endpoint: string;
  spans: ReceivedSpan[];
  /** What was received, as it was. */
  bodies: string[];
  /** How it answers. @default 200 */
  answer: (response: ServerResponse) => void;
  stop(): Promise<void>;
}

interface KeyValue {
  key: string;
  value: Record<string, unknown>;
}

/** Receives spans by OTLP over HTTP, as JSON, on loopback. */
export async function startCollector(): Promise<Collector> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.url === '/v1/traces') {
      collector.bodies.push(body);
      collector.spans.push(...spansIn(body));
    }
    collector.answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const collector: Collector = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    bodies: [],
    answer: (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return collector;
}

function spansIn(body: string): ReceivedSpan[] {
  const found: ReceivedSpan[] = [];
  for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
    for (const { spans } of scopeSpans) {
      for (const { name, kind, traceId, spanId, parentSpanId, links = [], attributes, status } of spans) {
        found.push({
          name,
          kind,
          traceId,
          spanId,
          parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
          links: links.map((link: { traceId: string; spanId: string }) => ({
            traceId: link.traceId,
            spanId: link.spanId,
          })),
          attributes: record(attributes),
          resource: record(resource.attributes),
          failed: status?.code === 2,
        });
      }
    }
  }
  return found;
}

function record(attributes: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
