import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll } from 'vitest';
import type { DeployedConsumer } from '../../../lib/operations/contracts/pipeline.ts';

const root = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'baton-bundles-'));
const made = new Map<string, string>();

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Bundles a handler module as the constructs do (one ES module with everything in it); returns its folder. */
export function bundle(contents: string): string {
  const known = made.get(contents);
  if (known !== undefined) return known;
  const directory = join(folder, createHash('sha256').update(contents).digest('hex').slice(0, 12));
  buildSync({
    stdin: { contents, resolveDir: root, loader: 'ts', sourcefile: 'handler.ts' },
    outfile: join(directory, 'handler.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    minifySyntax: true,
    banner: { js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);" },
    logLevel: 'silent',
  });
  made.set(contents, directory);
  return directory;
}

/** What a template says of a consumer, with the code of a handler module. */
export function consumerOf(
  contents: string | undefined,
  facts: Partial<DeployedConsumer> & { environment?: Record<string, string>; unknown?: string[] } = {},
): DeployedConsumer {
  const { environment = {}, unknown = [], ...rest } = facts;
  return {
    name: 'billing',
    owner: 'payments',
    kind: 'consumer',
    queue: 'billing',
    deadLetterQueue: 'billing-dead-letters',
    topic: 'orders',
    ordered: false,
    events: ['urn:baton:order.placed:2', 'urn:baton:order.placed:1'],
    pinned: false,
    produces: [],
    ...(contents !== undefined && {
      code: { directory: bundle(contents), handler: 'handler.handler', environment, unknown },
    }),
    ...rest,
  };
}

/** Two versions of an event with an upcaster between them that cannot do everything, and version 5 of a command. */
export const CONTRACTS = `
import * as z from 'zod';
import { defineCommand, defineEvent } from './lib/contracts/index.ts';
import { needs } from './lib/contracts/needs.ts';
import { consume } from './lib/runtime/consume.ts';
const V1 = defineEvent({
  type: 'order.placed', version: 1, description: 'A customer committed to buy.', key: (order) => order.orderId,
  schema: z.object({ orderId: z.string().min(1), total: z.number(), customerName: z.string().max(20).optional() }),
  sensitive: ['customerName'],
});
const OrderPlaced = defineEvent({
  type: 'order.placed', version: 2, description: 'A customer committed to buy.', key: (order) => order.orderId,
  schema: z.object({ orderId: z.string().min(1), total: z.number(), currency: z.string().length(3), customerName: z.string().max(20).optional() }),
  sensitive: ['customerName'],
  previous: { contract: V1, upcast: (v1) => {
    if (v1.total === 666) throw new Error('the devil is ' + v1.customerName);
    return { ...v1, currency: v1.total < 0 ? 'none' : 'USD' };
  } },
});
const Pay = defineCommand({
  type: 'order.pay', version: 5, description: 'Take the money.', key: (order) => order.orderId,
  schema: z.object({ orderId: z.string() }),
});
`;

/** A consumer of them. */
export const BILLING = `${CONTRACTS}
export const handler = consume([OrderPlaced, Pay], async () => undefined);
`;

/** The envelope of such an event, as text. */
export function envelopeOf(type: string, version: number, data: unknown, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    specversion: '1.0',
    id: `${type}-${version}`,
    source: '/test',
    type,
    time: '2026-01-02T03:04:05.000Z',
    datacontenttype: 'application/json',
    dataschema: `urn:baton:${type}:${version}`,
    subject: 'O-1',
    correlationid: 'journey-1',
    ...(data !== undefined && { data }),
    ...more,
  });
}
