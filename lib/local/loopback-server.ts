import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { PortBusyError } from './engine-errors.ts';

/** A request, read to its end. */
export interface ApiRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface ApiResponse {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
}

/** The API of an AWS service, at an address of this machine. */
export interface LoopbackServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  stop(): Promise<void>;
}

/** No request is near it, in bytes. */
const MAX_BODY = 1024 * 1024;

/**
 * Serves on the loopback interface, on a free port unless one is given. Bodies may be compressed with gzip, as SDKs send
 * large ones.
 * @param answer must not throw; `problem` is set when the body could not be read
 * @throws PortBusyError when the given port is taken
 */
export async function startLoopbackServer(
  answer: (request: ApiRequest, problem?: string) => ApiResponse,
  given?: { port: number; service: string; flag: string },
): Promise<LoopbackServer> {
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url = '/', headers } = incoming;
    void bodyOf(incoming)
      .then((body) => answer({ method, url, headers, body }))
      .catch((error: Error) => answer({ method, url, headers, body: '' }, error.message))
      .then((response) => outgoing.writeHead(response.statusCode, response.headers).end(response.body));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const busy = given !== undefined && cause.code === 'EADDRINUSE';
      reject(busy ? new PortBusyError(given.service, given.port, given.flag, { cause }) : cause);
    });
    server.listen(given?.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error(`The body of the request is larger than ${MAX_BODY} bytes.`);
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  const plain =
    request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole, { maxOutputLength: 4 * MAX_BODY }) : whole;
  return plain.toString('utf8');
}
