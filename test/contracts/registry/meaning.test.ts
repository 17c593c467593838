import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { defineEvent } from '../../../lib/contracts/index.ts';
import { differences } from '../../../lib/contracts/registry/meaning.ts';
import { schemaDocument, zodSchemaDocument } from '../../../lib/contracts/registry/schema-document.ts';

const documentOf = (schema: z.ZodType) => zodSchemaDocument(schema, 'a v1');
const Line = z.object({ sku: z.string(), amount: z.number() });

describe('documents that mean the same', () => {
  it.each<[string, z.ZodType, z.ZodType]>([
    ['words', z.object({ a: z.string() }), z.object({ a: z.string().describe('more') }).meta({ title: 't' })],
    ['examples', z.string(), z.string().meta({ examples: ['a'] })],
    ['a rule in code', z.string(), z.string().refine(() => true)],
    ['the order of properties', z.object({ a: z.string(), b: z.int() }), z.object({ b: z.int(), a: z.string() })],
    ['the order of an enum', z.enum(['a', 'b']), z.enum(['b', 'a'])],
    ['the order of alternatives', z.union([Line, z.string()]), z.union([z.string(), Line])],
    ['sharing', z.object({ a: Line, b: Line }), z.object({ a: Line.meta({ id: 'Shared' }), b: Line })],
  ])('differ in %s', (_, a, b) => {
    expect(JSON.stringify(documentOf(a))).not.toBe(JSON.stringify(documentOf(b)));
    expect(differences(documentOf(a), documentOf(b))).toEqual([]);
  });

  it('differ in the name of what refers to itself', () => {
    const node = (id?: string) => {
      const Node: z.ZodType = z.lazy(() => {
        const plain = z.object({ children: z.array(Node) });
        return id === undefined ? plain : plain.meta({ id });
      });
      return z.object({ root: Node });
    };
    expect(differences(documentOf(node()), documentOf(node()))).toEqual([]);
  });

  it('may say of another field that it is sensitive', () => {
    const schema = z.object({ id: z.string(), name: z.string() });
    const given = { type: 'a', version: 1, description: 'd', key: (data: { id: string }) => data.id, schema };
    const documents = [[], ['name']].map((sensitive) => schemaDocument(defineEvent({ ...given, sensitive })));
    expect(differences(documents[0]!, documents[1]!)).toEqual([]);
  });
});

describe('documents that mean something else', () => {
  it.each<[string, z.ZodType, z.ZodType, string]>([
    [
      'a property',
      z.object({ a: z.string() }),
      z.object({ a: z.string(), b: z.string().optional() }),
      '#/properties/b',
    ],
    [
      'a property called title',
      z.object({ title: z.string() }),
      z.object({ title: z.int() }),
      '#/properties/title/type',
    ],
    ['what is required', z.object({ a: z.string() }), z.object({ a: z.string().optional() }), '#/required'],
    ['a bound', z.object({ 'a/b': z.string() }), z.object({ 'a/b': z.string().min(1) }), '#/properties/a~1b/minLength'],
    ['a default', z.string().default('a'), z.string().default('b'), '#/default'],
    ['a member of an enum', z.enum(['a', 'b']), z.enum(['a', 'c']), '#/enum'],
    ['what is not declared', z.object({}), z.strictObject({}), '#/additionalProperties'],
    ['items', z.array(z.object({ a: z.string() })), z.array(z.object({ a: z.int() })), '#/items/properties/a/type'],
    [
      'what is shared',
      z.object({ a: Line.meta({ id: 'L' }) }),
      z.object({ a: Line.extend({ sku: z.int() }) }),
      '#/properties/a/properties/sku/type',
    ],
  ])('differ in %s', (_, a, b, path) => {
    expect(differences(documentOf(a), documentOf(b)).map((difference) => difference.path)).toContain(path);
  });

  it('differ in what the contract promises', () => {
    const schema = z.object({ id: z.string() });
    const given = { type: 'a', version: 1, description: 'd', key: (data: { id: string }) => data.id, schema };
    const document = schemaDocument(defineEvent(given));
    expect(differences(document, schemaDocument(defineEvent({ ...given, compatibility: 'NONE' })))).toEqual([
      { path: '#/x-baton/compatibility', registered: '"FULL_TRANSITIVE"', declared: '"NONE"' },
    ]);
    const headed = schemaDocument(defineEvent({ ...given, headers: { region: () => 'eu' } }));
    expect(differences(document, headed)).toEqual([
      { path: '#/x-baton/headers', registered: undefined, declared: '["region"]' },
    ]);
  });

  it('differ in lists by what only one of them has', () => {
    const [wide, narrow] = [z.object({ a: z.string(), b: z.string() }), z.object({ a: z.string() })];
    expect(differences(documentOf(wide), documentOf(narrow))).toContainEqual({
      path: '#/required',
      registered: '["b"]',
      declared: undefined,
    });
  });

  it('are told of up to a number', () => {
    const numbers = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`p${index}`, z.int()]));
    const texts = Object.fromEntries(Object.keys(numbers).map((name) => [name, z.string()]));
    const found = differences(documentOf(z.object(numbers)), documentOf(z.object(texts)), 4);
    expect(found).toHaveLength(4);
    expect(found[0]!.path).toBe('#/properties/p0/maximum');
  });

  it('are found where references would be followed for ever, or into too much', () => {
    const twice = (depth: number) => {
      const $defs: Record<string, object> = { d0: { type: 'string' } };
      for (let level = 1; level <= depth; level++) {
        const $ref = `#/$defs/d${level - 1}`;
        $defs[`d${level}`] = { properties: { a: { $ref }, b: { $ref } } };
      }
      return { $ref: `#/$defs/d${depth}`, $defs };
    };
    expect(differences(twice(60), { ...twice(60), minProperties: 1 }, 1)).toHaveLength(1);
    expect(differences({ $ref: '#' }, { $ref: '#', type: 'string' })).toHaveLength(1);
  });
});
