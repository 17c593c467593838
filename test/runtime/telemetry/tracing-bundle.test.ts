import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleFolder } from '../../../lib/constructs/code/function-code.ts';
import { type Collector, startCollector } from './collector.ts';

const fixtures = path.join(import.meta.dirname, 'fixtures');

let root: string;
let folder: string;
let collector: Collector;

beforeAll(async () => {
  collector = await startCollector();
  root = mkdtempSync(path.join(tmpdir(), 'baton-tracing-'));
  writeFileSync(path.join(root, 'package.json'), '{ "type": "module" }');
  folder = bundleFolder(path.join(fixtures, 'handler.ts'), root);
});
afterAll(async () => {
  await collector.stop();
  rmSync(root, { recursive: true });
});

/** Runs the bundle in a process of its own. */
async function invoke(environment: Record<string, string>): Promise<{ loaded: string[]; otel: boolean }> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [path.join(fixtures, 'invoke.mjs'), pathToFileURL(path.join(folder, 'handler.mjs')).href],
    {
      env: {
        AWS_REGION: 'eu-west-1',
        BATON_CONSUMER: 'ticker',
        BATON_QUEUE_URL: 'http://127.0.0.1:1/000000000000/queue',
        BATON_DLQ_URL: 'http://127.0.0.1:1/000000000000/dlq',
        BATON_IDEMPOTENCY_TABLE: 'table',
        BATON_IDEMPOTENCY_TTL_SECONDS: '60',
        ...environment,
      },
    },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

test('a bundle has what tracing needs in a file of its own, and nothing of it in the handler', () => {
  expect(readdirSync(folder).toSorted()).toEqual(['handler.mjs', 'handler.mjs.map', 'otlp.mjs']);
  expect(readFileSync(path.join(folder, 'handler.mjs'), 'utf8')).not.toMatch(/TracerProvider|ROOT_CONTEXT|SpanKind/);
  expect(readFileSync(path.join(folder, 'otlp.mjs'), 'utf8')).not.toContain(root);
});

test('with tracing off no file but the handler is loaded', async () => {
  expect(await invoke({})).toEqual({ loaded: ['handler.mjs'], otel: false });
  expect(collector.spans).toEqual([]);
});

test('with an endpoint the spans are there before the invocation ends', async () => {
  const { loaded } = await invoke({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
  expect(loaded).toEqual(['handler.mjs', 'otlp.mjs']);
  expect(collector.spans).toMatchObject([{ name: 'receive ticker', resource: { 'service.name': 'ticker' } }]);
});

test('a bundle that lost the file handles events all the same', async () => {
  rmSync(path.join(folder, 'otlp.mjs'));
  expect(await invoke({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint })).toEqual({
    loaded: ['handler.mjs'],
    otel: false,
  });
});
