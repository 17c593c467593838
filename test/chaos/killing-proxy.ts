import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Which call a process does not survive: before the service hears of it, or once it is carried out and before its answer is read. */
export interface Killing {
  operation: string;
  /** Which of its calls of that operation, counted from 1. */
  occurrence: number;
  moment: 'before' | 'after';
}

/** Stands between one process and all that it calls. */
export interface Proxy {
  url: string;
  /** What was asked for so far: `TransactWriteItems`, `POST /payments`. */
  calls: readonly string[];
  killed(): boolean;
  /** Waits for what is being carried out. */
  stop(): Promise<void>;
}

/** Headers of one connection, not of what is sent on it. */
const OF_THE_CONNECTION = [
  'accept-encoding',
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'transfer-encoding',
];

/**
 * Starts a proxy that passes `/<name>/...` on to the upstream of that name.
 * @param kill ends the process; fulfilled when it is gone
 */
export async function startProxy(
  upstreams: Readonly<Record<string, string>>,
  killing: Killing | undefined,
  kill: () => Promise<void>,
): Promise<Proxy> {
  const calls: string[] = [];
  const count = (operation: string) => calls.filter((call) => call === operation).length;
  const open = new Set<Promise<void>>();
  let killed = false;

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    // of a process that is gone: what it had sent a moment ago is lost on its way
    if (killed) return;
    const operation = nameOf(request, body);
    calls.push(operation);
    const isFatal = operation === killing?.operation && count(operation) === killing.occurrence;
    if (isFatal && killing?.moment === 'before') return await die();
    const answer = await forward(upstreams, request, body);
    if (isFatal) return await die();
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  async function die(): Promise<void> {
    killed = true;
    await kill();
  }

  const server = createServer((request, response) => {
    const passing: Promise<void> = pass(request, response)
      .catch(() => void response.destroy())
      .finally(() => open.delete(passing));
    open.add(passing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    killed: () => killed,
    async stop() {
      await Promise.all(open);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function forward(upstreams: Readonly<Record<string, string>>, request: IncomingMessage, body: Buffer) {
  const [, name = '', path = ''] = /^\/(\w+)(.*)$/.exec(request.url ?? '') ?? [];
  const headers = Object.entries(request.headers).filter(([header]) => !OF_THE_CONNECTION.includes(header));
  const answer = await fetch(`${upstreams[name]}${path}`, {
    method: request.method!,
    headers: headers as [string, string][],
    body: new Uint8Array(body),
  });
  return {
    status: answer.status,
    headers: Object.fromEntries([...answer.headers].filter(([header]) => !OF_THE_CONNECTION.includes(header))),
    body: Buffer.from(await answer.arrayBuffer()),
  };
}

/** The operation: JSON protocols name it in a header, the query protocol in the body. */
function nameOf({ method, url = '', headers }: IncomingMessage, body: Buffer): string {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return target.slice(target.indexOf('.') + 1);
  return new URLSearchParams(body.toString()).get('Action') ?? `${method} ${url.replace(/^\/\w+/, '')}`;
}
