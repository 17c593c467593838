import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Order } from '../../events/order.ts';
import { batchAt, invocationAt } from './batches.ts';
import { answerFromMemory } from './memory-dynamodb.ts';

/*
 * What runs in the process of one side: imports the side's bundle as Lambda would, and does what the parent asks for.
 * Arguments: the bundle, a file of orders, `engine` or `memory`.
 */

/** What the parent asks for. */
export type Command =
  /** The batches from a position on. */
  { kind: 'run'; position: number; batches: number } | { kind: 'sales' } | { kind: 'stop' };

/** After the import. */
export interface Started {
  importMs: number;
}

/** After some batches. */
export interface Ran {
  /** From the call of the handler to its answer, all batches together. */
  ms: number;
  /** Of all threads, in ms. */
  cpuMs: number;
  /** HTTP requests to DynamoDB. */
  requests: number;
  /** Records that went back. */
  failed: number;
}

/** What a bundle exports. */
interface Bundle {
  handler: (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;
  sales: Map<string, number>;
}

const [bundleFile, ordersFile, dynamodb] = process.argv.slice(2);
let requests = 0;
const started = performance.now();
const { handler, sales } = (await import(bundleFile!)) as Bundle;
const importMs = performance.now() - started;
// only now: it loads Node's HTTP client, which is a part of what a cold import costs
if (dynamodb === 'memory') await answerFromMemory();
else countRequests();
reply({ importMs } satisfies Started);

let orders: Order[] | undefined;
process.on('message', async (command: Command) => {
  if (command.kind === 'stop') process.disconnect();
  else if (command.kind === 'sales') reply(Object.fromEntries(sales));
  else reply(await run(command.position, command.batches));
});

async function run(position: number, count: number): Promise<Ran> {
  orders ??= JSON.parse(readFileSync(ordersFile!, 'utf8')) as Order[];
  const positions = Array.from({ length: count }, (_, index) => position + index);
  const batches = positions.map((each) => batchAt(each, orders!));
  requests = 0;
  let failed = 0;
  const cpuBefore = cpuMs();
  const before = performance.now();
  for (const [index, batch] of batches.entries()) {
    const { batchItemFailures } = await handler(batch, invocationAt(position + index));
    failed += batchItemFailures.length;
  }
  return { ms: performance.now() - before, cpuMs: cpuMs() - cpuBefore, requests, failed };
}

function countRequests(): void {
  // Node tells of every request of its HTTP client, whoever makes it: both sides are counted alike
  subscribe('http.client.request.start', (message) => {
    const { request } = message as { request: ClientRequest };
    if (String(request.getHeader('x-amz-target')).startsWith('DynamoDB')) requests++;
  });
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function reply(message: object): void {
  process.send!(message);
}
