import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it came over the wire. */
export interface WireRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What the server does with a request: an answer, or whatever it wants to do to the connection. */
export type Act =
  | { status: number; body: string; headers?: Record<string, string> }
  | ((response: ServerResponse) => void);

/** A loopback server that does what it is told, request by request; the last act is repeated. */
export interface ScriptedServer {
  url: string;
  requests: WireRequest[];
  stop(): Promise<void>;
}

export async function startScriptedServer(...acts: Act[]): Promise<ScriptedServer> {
  const requests: WireRequest[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      requests.push({ method: request.method!, path: request.url!, headers: request.headers, body });
      const act = acts[Math.min(requests.length, acts.length) - 1]!;
      if (typeof act === 'function') act(response);
      else response.writeHead(act.status, act.headers).end(act.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Cuts the connection before it says anything. */
export const dropConnection: Act = (response) => response.destroy();

/** Promises more than it sends, and cuts the connection. */
export const cutOff: Act = (response) => {
  response.writeHead(200, { 'Content-Length': '1000' });
  response.write('{"Item":');
  setImmediate(() => response.destroy());
};

export const json = (status: number, body: object, headers?: Record<string, string>): Act => ({
  status,
  body: JSON.stringify(body),
  ...(headers && { headers }),
});
