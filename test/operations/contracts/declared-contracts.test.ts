import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { declaredContracts } from '../../../lib/operations/contracts/declared-contracts.ts';
import { EventModulesError } from '../../../lib/operations/contracts/errors.ts';

const root = resolve(import.meta.dirname, '../../..');
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'baton-events-'));
  folders.push(folder);
  for (const [name, contents] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), contents);
  }
  return folder;
}

/** A module's contract as text, declared with the real library. */
const event = (name: string, type: string, version: number, more = '') =>
  `export const ${name} = defineEvent({ type: '${type}', version: ${version}, description: 'It happened.',
    key: (data) => data.id, schema: z.object({ id: z.string() }), ${more} });`;
const library = `import { defineEvent, needs } from '${root}/lib/contracts/index.ts';
  import * as z from '${root}/node_modules/zod/index.js';`;

async function placesOf(folder: string): Promise<string[]> {
  const found = await declaredContracts(folder);
  return found.map(
    ({ contract, file, exportName }) => `${contract.dataschema} ${file.slice(folder.length + 1)} ${exportName}`,
  );
}

describe('declared contracts', () => {
  it('are found in this repository, each once', async () => {
    const found = await declaredContracts(join(root, 'events'));
    const names = found.map(({ contract }) => contract.dataschema);
    expect(names).toContain('urn:baton:order.placed:1');
    expect(new Set(names).size).toBe(names.length);
    expect(found.find(({ contract }) => contract.dataschema === 'urn:baton:order.placed:1')).toMatchObject({
      file: join(root, 'events/order-placed.ts'),
    });
  });

  it('come by type and version, from all folders, and from modules only', async () => {
    const folder = folderOf({
      'b.ts': `${library} ${event('B10', 'b.done', 10)} ${event('B9', 'b.done', 9)} export const other = { type: 'x' };`,
      'deep/er/a.mjs': `${library} ${event('A', 'a.done', 1)}`,
      'registry/c.ts': `throw new Error('not for import');`,
      'node_modules/d.ts': `throw new Error('not for import');`,
      '.hidden/e.ts': `throw new Error('not for import');`,
      'b.test.ts': `throw new Error('not for import');`,
      'types.d.ts': `throw new Error('not for import');`,
      'readme.md': 'text',
    });
    expect(await placesOf(folder)).toEqual([
      'urn:baton:a.done:1 deep/er/a.mjs A',
      'urn:baton:b.done:9 b.ts B9',
      'urn:baton:b.done:10 b.ts B10',
    ]);
  });

  it('are those that a newer version accepts, too, under their own names where they have one', async () => {
    const folder = folderOf({
      'a.ts': `${library} import { Second } from './z.ts';
        ${event('Third', 'a.done', 3, 'previous: { contract: Second, upcast: (data) => data }')}`,
      'z.ts': `${library} ${event('First', 'a.done', 1).replace('export ', '')}
        ${event('Second', 'a.done', 2, 'previous: { contract: First, upcast: (data) => data }')}`,
    });
    expect(await placesOf(folder)).toEqual([
      'urn:baton:a.done:1 a.ts Third.previous.contract.previous.contract',
      'urn:baton:a.done:2 z.ts Second',
      'urn:baton:a.done:3 a.ts Third',
    ]);
  });

  it('are declared once, however often they are exported', async () => {
    const folder = folderOf({
      'a.ts': `${library} ${event('A', 'a.done', 1)}`,
      'index.ts': `export * from './a.ts'; export { A as default } from './a.ts';`,
    });
    expect(await placesOf(folder)).toEqual(['urn:baton:a.done:1 a.ts A']);
  });

  it('are not what a consumer needs of one', async () => {
    const folder = folderOf({
      'a.ts': `${library} ${event('A', 'a.done', 1)} export const View = needs(A, z.object({}));`,
    });
    expect(await placesOf(folder)).toEqual(['urn:baton:a.done:1 a.ts A']);
  });

  it('are not what only inherits from one, or has half of it', async () => {
    const folder = folderOf({
      'a.ts': `${library} ${event('A', 'a.done', 1)}
        export const child = Object.create(A);
        export const half = { ...A, parse: undefined };
        export const misnamed = { ...A, dataschema: 'urn:baton:a.done:2' };
        export const polluted = JSON.parse('{"__proto__": {"kind": "event"}}');
        export const nothing = null;`,
    });
    expect(await placesOf(folder)).toEqual(['urn:baton:a.done:1 a.ts A']);
  });

  it('are refused when two are the same version, with both places', async () => {
    const folder = folderOf({
      'a.ts': `${library} ${event('A', 'a.done', 1)}`,
      'b/c.ts': `${library} ${event('Again', 'a.done', 1)}`,
    });
    const declaring = declaredContracts(folder);
    await expect(declaring).rejects.toThrow(EventModulesError);
    await expect(declaring).rejects.toThrow(
      `a.done version 1 is declared twice: A in ${join(folder, 'a.ts')} and Again in ${join(folder, 'b/c.ts')}.`,
    );
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['no contract', { 'a.ts': 'export const one = 1;' }, /No module in .* exports a contract \(looked at 1\)/],
    ['no module', { 'a.md': 'text' }, /No module in .* exports a contract \(looked at 0\)/],
    [
      'a module that throws',
      { 'a.ts': "throw new TypeError('no luck');" },
      /a\.ts could not be imported \(TypeError: no luck\)/,
    ],
    ['a module that throws a text', { 'a.ts': "throw 'no luck';" }, /a\.ts could not be imported \(no luck\)/],
    ['a module that is none', { 'a.ts': 'export const = ;' }, /a\.ts could not be imported \(/],
  ])('cannot be told with %s', async (_, files, message) => {
    const declaring = declaredContracts(folderOf(files));
    await expect(declaring).rejects.toThrow(EventModulesError);
    await expect(declaring).rejects.toThrow(message);
  });

  it('cannot be told of what is no folder', async () => {
    await expect(declaredContracts(join(root, 'no-such'))).rejects.toThrow(/There is no folder: .*no-such/);
    await expect(declaredContracts(join(root, 'package.json'))).rejects.toThrow(/It is a file: .*package\.json/);
  });
});
