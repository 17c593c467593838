import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { synthesize } from '../../../lib/local/synth.ts';
import { declaredContracts } from '../../../lib/operations/contracts/declared-contracts.ts';
import { type Pipeline, readPipeline } from '../../../lib/operations/contracts/pipeline.ts';
import { openReaders } from '../../../lib/operations/contracts/readers.ts';

const root = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'baton-reference-'));
let pipeline: Pipeline;

beforeAll(async () => {
  await synthesize({ projectDirectory: root, env: 'dev', outputDirectory: folder });
  pipeline = readPipeline(folder);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('tells from its templates what its topic carries, and to whom', async () => {
  const declared = new Set((await declaredContracts(join(root, 'events'))).map(({ contract }) => contract.dataschema));
  expect(pipeline.topics).toHaveLength(1);
  expect(declared).toEqual(new Set([...declared, ...pipeline.topics[0]!.events]));
  const ofTopic = pipeline.consumers.filter(({ topic }) => topic === pipeline.topics[0]!.name);
  expect(ofTopic.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['analytics', 'billing', 'inventory', 'invoicing', 'notifications', 'shipping']),
  );
});

it('has code that reads every event that reaches it', async () => {
  const readers = await openReaders(pipeline.consumers);
  for (const { consumer, state, views, problems } of readers) {
    expect({ consumer: consumer.name, state, problems }).toEqual({
      consumer: consumer.name,
      state: 'open',
      problems: [],
    });
    const reads = views.flatMap(({ type, accepts }) => accepts.map((version) => `urn:baton:${type}:${version}`));
    expect(reads).toEqual(expect.arrayContaining([...consumer.events]));
  }
  expect(readers.length).toBeGreaterThanOrEqual(7);
});
