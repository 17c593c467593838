import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EventSource } from '../event-sources/event-source.ts';
import { type EventSourceMappings, eventSourceMappings, type MappingsPlace } from './event-source-mappings.ts';
import { invalidParameter, LambdaApiError } from './lambda-api-error.ts';

export interface LambdaApiProps extends MappingsPlace {
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
}

/** The API of Lambda, as far as it is here: reading, listing and changing event source mappings. */
export interface LambdaApi {
  /** `http://127.0.0.1:<port>`: what `AWS_ENDPOINT_URL_LAMBDA` is set to. */
  readonly url: string;
  /** From now on these are the mappings; before there are none. */
  serve(sources: readonly EventSource[]): void;
  stop(): Promise<void>;
}

const MAPPINGS = /^\/2015-03-31\/event-source-mappings(?:\/([^/]*))?$/;
/** No request is near it, in bytes. */
const MAX_BODY = 1024 * 1024;

/** Starts it on a free port of the loopback interface. Signatures are not looked at. */
export async function startLambdaApi({ region, accountId, clock = Date.now }: LambdaApiProps): Promise<LambdaApi> {
  let mappings = eventSourceMappings([], { region, accountId }, clock);
  const server = createServer((request, response) => {
    void answer(request, response, mappings);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    serve(sources) {
      mappings = eventSourceMappings(sources, { region, accountId }, clock);
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  mappings: EventSourceMappings,
): Promise<void> {
  const headers = { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() };
  try {
    const text = await bodyOf(request);
    const { statusCode, body } = route(request, text, mappings);
    response.writeHead(statusCode, headers).end(JSON.stringify(body));
  } catch (error) {
    const { type, statusCode, message } =
      error instanceof LambdaApiError ? error : new LambdaApiError('ServiceException', 500, String(error));
    const body = { Type: statusCode < 500 ? 'User' : 'Service', Message: message, message };
    response.writeHead(statusCode, { ...headers, 'x-amzn-errortype': type }).end(JSON.stringify(body));
  }
}

function route(request: IncomingMessage, text: string, mappings: EventSourceMappings) {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
  const found = MAPPINGS.exec(pathname);
  const uuid = found?.[1];
  if (found !== null && !uuid && request.method === 'GET')
    return { statusCode: 200, body: mappings.list(searchParams) };
  if (uuid && request.method === 'GET') return { statusCode: 200, body: mappings.get(decodeURIComponent(uuid)) };
  if (uuid && request.method === 'PUT') {
    return { statusCode: 202, body: mappings.update(decodeURIComponent(uuid), parse(text)) };
  }
  const what = `${request.method} ${pathname} is not emulated: event source mappings can be read, listed and updated.`;
  throw new LambdaApiError('UnknownOperationException', 404, what);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text);
  } catch {
    throw invalidParameter('The body of the request is not JSON.');
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw invalidParameter(`The body of the request is larger than ${MAX_BODY} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
