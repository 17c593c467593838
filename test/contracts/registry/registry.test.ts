import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RegistryError } from '../../../lib/contracts/registry/errors.ts';
import { readRegistry, schemaFile, versionOfFile, writeVersion } from '../../../lib/contracts/registry/registry.ts';
import { schemaDocument } from '../../../lib/contracts/registry/schema-document.ts';
import { Order, version } from './shop.ts';

const V1 = version(1, Order);
const V10 = version(10, Order);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'baton-registry-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the registry', () => {
  it('reads back what was written, by type and version', async () => {
    const directory = join(folder, 'events/registry');
    await writeVersion(directory, 'order.placed', 10, schemaDocument(V10));
    await writeVersion(directory, 'order.placed', 1, schemaDocument(V1));
    const other = version(2, Order, { type: 'a.b' });
    await writeVersion(directory, 'a.b', 2, schemaDocument(other));
    const { versions, broken } = await readRegistry(directory);
    expect(broken).toEqual([]);
    expect(versions.map(({ file }) => file)).toEqual(['a.b.v2.json', 'order.placed.v1.json', 'order.placed.v10.json']);
    expect(versions[1]).toMatchObject({ type: 'order.placed', version: 1, facts: { kind: 'event', major: 1 } });
    expect(JSON.stringify(versions[1]!.document)).toBe(JSON.stringify(schemaDocument(V1)));
    expect(readdirSync(directory)).toHaveLength(3);
  });

  it('is empty where there is no folder', async () => {
    expect(await readRegistry(join(folder, 'nowhere'))).toMatchObject({ versions: [], broken: [] });
  });

  it('leaves nothing half written when it cannot be written', async () => {
    mkdirSync(join(folder, 'order.placed.v1.json'));
    await expect(writeVersion(folder, 'order.placed', 1, schemaDocument(V1))).rejects.toThrow(RegistryError);
    expect(readdirSync(folder)).toEqual(['order.placed.v1.json']);
  });

  it('cannot be a file', async () => {
    writeFileSync(join(folder, 'registry'), '');
    await expect(readRegistry(join(folder, 'registry'))).rejects.toThrow(RegistryError);
  });

  it.each<[string, string, RegExp]>([
    ['no JSON', '{"a": ', /./],
    ['a key twice', '{"type": "object", "type": "array"}', /type/],
    ['not an object', 'true', /not a JSON object/],
    [
      'the document of another version',
      JSON.stringify(schemaDocument(V10)),
      /urn:baton:order\.placed:10.*urn:baton:order\.placed:1"/,
    ],
    ['not as accept writes it', '{"$id": "urn:baton:order.placed:1"}', /x-baton/],
  ])('lists a file as broken that is %s', async (_, text, problem) => {
    writeFileSync(join(folder, 'order.placed.v1.json'), text);
    await writeVersion(folder, 'order.placed', 10, schemaDocument(V10));
    const { versions, broken } = await readRegistry(folder);
    expect(broken).toMatchObject([{ file: 'order.placed.v1.json', type: 'order.placed', version: 1 }]);
    expect(broken[0]!.problem).toMatch(problem);
    expect(versions.map(({ version }) => version)).toEqual([10]);
  });

  it('lists a file as broken whose name is that of no version', async () => {
    for (const name of ['OrderPlaced.json', 'order.placed.v0.json', 'order.placed.v01.json']) {
      writeFileSync(join(folder, name), '{}');
    }
    writeFileSync(join(folder, 'README.md'), 'not a schema');
    expect((await readRegistry(folder)).broken).toHaveLength(3);
  });

  it('reads a property called __proto__ as one', async () => {
    const text = readFileSync(join(await write()), 'utf8').replace('"note": {', '"__proto__": {');
    writeFileSync(join(folder, schemaFile('order.placed', 1)), text);
    const { versions } = await readRegistry(folder);
    expect(Object.keys(versions[0]!.document.properties as object)).toContain('__proto__');
    expect(Reflect.get({}, 'type')).toBeUndefined();
  });
});

it('names files so that type and version can be told again', () => {
  expect(versionOfFile(schemaFile('order.v2', 3))).toEqual({ type: 'order.v2', version: 3 });
  expect(versionOfFile('../order.v1.json')).toBeUndefined();
});

async function write(): Promise<string> {
  await writeVersion(folder, 'order.placed', 1, schemaDocument(V1));
  return join(folder, 'order.placed.v1.json');
}
