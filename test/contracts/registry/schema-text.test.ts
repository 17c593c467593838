import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OrderPlaced } from '../../../events/order-placed.ts';
import { schemaDocument } from '../../../lib/contracts/registry/schema-document.ts';
import { schemaText } from '../../../lib/contracts/registry/schema-text.ts';

const project = resolve(import.meta.dirname, '../../..');

describe('the text of a document', () => {
  it.each<[string, unknown]>([
    ['a contract', schemaDocument(OrderPlaced)],
    ['nothing', { a: {}, b: [], c: [{}], d: [[]], e: null }],
    [
      'long and short lists',
      { enum: Array.from({ length: 40 }, (_, index) => `value-${index}`), required: ['a', 'b'] },
    ],
    ['lists of objects', { anyOf: [{ type: 'string' }, { const: [1, 2] }] }],
    ['names of all kinds', JSON.parse('{"__proto__": {"a\\"b": "\\ud800 \\u2028 é"}}')],
  ])('of %s can be read back as it was', (_, document) => {
    const text = schemaText(document);
    expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(document));
    expect(text).toMatch(/[^\n]\n$/);
  });

  it('has lists of plain values in one line as long as they fit', () => {
    expect(schemaText({ required: ['a', 'b'] })).toBe('{\n  "required": ["a", "b"]\n}\n');
    const longest = schemaText({ required: ['a'.repeat(101)] });
    expect(longest.split('\n')[1]).toHaveLength(119);
    expect(schemaText({ required: ['a'.repeat(104)] }).split('\n')).toHaveLength(6);
  });

  it('is as this project formats JSON', () => {
    const text = schemaText({ ...(schemaDocument(OrderPlaced) as object), examples: [{ orderId: 'o', lines: [] }] });
    const biome = join(project, 'node_modules/@biomejs/biome/bin/biome');
    const args = [biome, 'format', '--stdin-file-path=schema.json'];
    expect(execFileSync(process.execPath, args, { cwd: project, input: text, encoding: 'utf8' })).toBe(text);
  });
});
