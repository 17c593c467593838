import { randomUUID } from 'node:crypto';
import type { EventSource } from '../event-sources/event-source.ts';
import { type ApiRequest, startLoopbackServer } from '../loopback-server.ts';
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

/** Starts it on a free port of the loopback interface. Signatures are not looked at. */
export async function startLambdaApi({ region, accountId, clock = Date.now }: LambdaApiProps): Promise<LambdaApi> {
  let mappings = eventSourceMappings([], { region, accountId }, clock);
  const { url, stop } = await startLoopbackServer((request, problem) => {
    const headers = { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() };
    try {
      if (problem !== undefined) throw invalidParameter(problem);
      const { statusCode, body } = route(request, mappings);
      return { statusCode, headers, body: JSON.stringify(body) };
    } catch (error) {
      const { type, statusCode, message } =
        error instanceof LambdaApiError ? error : new LambdaApiError('ServiceException', 500, String(error));
      const body = { Type: statusCode < 500 ? 'User' : 'Service', Message: message, message };
      return { statusCode, headers: { ...headers, 'x-amzn-errortype': type }, body: JSON.stringify(body) };
    }
  });
  return {
    url,
    serve(sources) {
      mappings = eventSourceMappings(sources, { region, accountId }, clock);
    },
    stop,
  };
}

function route({ method, url, body }: ApiRequest, mappings: EventSourceMappings) {
  const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
  const found = MAPPINGS.exec(pathname);
  const uuid = found?.[1];
  if (found !== null && !uuid && method === 'GET') return { statusCode: 200, body: mappings.list(searchParams) };
  if (uuid && method === 'GET') return { statusCode: 200, body: mappings.get(decodeURIComponent(uuid)) };
  if (uuid && method === 'PUT') {
    return { statusCode: 202, body: mappings.update(decodeURIComponent(uuid), parse(body)) };
  }
  const what = `${method} ${pathname} is not emulated: event source mappings can be read, listed and updated.`;
  throw new LambdaApiError('UnknownOperationException', 404, what);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text);
  } catch {
    throw invalidParameter('The body of the request is not JSON.');
  }
}
