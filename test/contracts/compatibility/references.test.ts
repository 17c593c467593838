import { describe, expect, it } from 'vitest';
import { diff, type JsonSchema } from '../../../lib/contracts/compatibility/index.ts';

const string = { type: 'string' };
const number = { type: 'number' };
const integer = { type: 'integer' };
const DRAFT_07 = { $schema: 'http://json-schema.org/draft-07/schema#' };

/** The changes as `KIND path`, those that break marked. */
function changes(original: JsonSchema, update: JsonSchema): string[] {
  return diff(original, update).map(({ kind, path, compatible }) => `${compatible ? '' : '! '}${kind} ${path}`);
}

describe('references', () => {
  it.each([
    ['$defs', { $ref: '#/$defs/it', $defs: { it: string } }],
    ['definitions', { $ref: '#/definitions/it', definitions: { it: string } }],
    ['a pointer with escapes', { $ref: '#/$defs/a~1b%20c', $defs: { 'a/b c': string } }],
    ['an anchor', { $ref: '#it', $defs: { x: { ...string, $anchor: 'it' } } }],
    ['an anchor of draft-07', { ...DRAFT_07, allOf: [{ $ref: '#it' }], definitions: { x: { ...string, $id: '#it' } } }],
    ['an $id in the file', { $id: 'https://a.example/root', $ref: 'it', $defs: { x: { ...string, $id: 'it' } } }],
    ['a path into an $id in the file', { $ref: 'x#/$defs/it', $defs: { x: { $id: 'x', $defs: { it: string } } } }],
    [
      'the base of an inner $id',
      { $ref: 'x', $defs: { x: { $id: 'x', $ref: '#/$defs/it', $defs: { it: string } }, it: number } },
    ],
    ['a urn as $id', { $id: 'urn:baton:order.placed:1', $ref: '#/$defs/it', $defs: { it: string } }],
    ['a chain', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/c' }, c: string } }],
  ] as [string, JsonSchema][])('are followed to what they mean: %s', (_, schema) => {
    const breaking = diff(schema, number).filter(({ compatible }) => !compatible);
    expect(breaking.map(({ kind }) => kind)).toEqual(['TYPE_CHANGED']);
    expect(diff(string, schema).filter(({ kind }) => kind !== 'ID_CHANGED')).toEqual([]);
  });

  it('compare what they lead to, and report it where it is used', () => {
    const list = (it: JsonSchema) => ({ type: 'array', items: { $ref: '#/$defs/it' }, $defs: { it } });
    expect(changes(list(string), list(number))).toEqual(['! TYPE_CHANGED #/items']);
    expect(changes(list(integer), list(number))).toEqual(['TYPE_EXTENDED #/items']);
  });

  it('do not see a schema that nothing refers to', () => {
    expect(changes({ ...string, $defs: { old: number } }, { ...string, $defs: { new: integer } })).toEqual([]);
  });

  it('ignore in draft-07 what stands beside them, and count it in 2020-12', () => {
    const beside = { allOf: [{ $ref: '#/definitions/it', maxLength: 3 }], definitions: { it: string } };
    const plain = { allOf: [{ $ref: '#/definitions/it' }], definitions: { it: string } };
    expect(
      changes({ ...DRAFT_07, ...plain }, { ...DRAFT_07, ...beside }).filter((change) => change.startsWith('!')),
    ).toEqual([]);
    expect(changes(plain, beside)).toContain('! MAX_LENGTH_ADDED #/allOf/0/maxLength');
  });

  it('may lead back to where they are', () => {
    const list = (value: JsonSchema) => ({
      $ref: '#/$defs/n',
      $defs: { n: { properties: { next: { $ref: '#/$defs/n' }, value } } },
    });
    expect(changes(list(integer), list(number))).toEqual(['TYPE_EXTENDED #/properties/value']);
    expect(changes(list(number), list(integer))).toEqual(['! TYPE_NARROWED #/properties/value']);
  });

  it('are compared to a fixpoint when the two sides turn in circles of different lengths', () => {
    const node = (next: string, value: JsonSchema) => ({
      type: 'object',
      properties: { next: { $ref: `#/$defs/${next}` }, value },
    });
    const one = { $ref: '#/$defs/a', $defs: { a: node('a', integer) } };
    const three = (last: JsonSchema) => ({
      $ref: '#/$defs/a',
      $defs: { a: node('b', number), b: node('c', number), c: node('a', last) },
    });
    expect(diff(one, three(number)).every(({ compatible }) => compatible)).toBe(true);
    expect(diff(one, three(string)).some(({ compatible }) => !compatible)).toBe(true);
  });

  it('cannot prove a schema by itself', () => {
    expect(diff(number, { anyOf: [{ $ref: '#' }, string] }).some(({ compatible }) => !compatible)).toBe(true);
    expect(diff(number, { $ref: '#' }).some(({ compatible }) => !compatible)).toBe(true);
  });

  it('do not multiply the work: a chain that doubles at every link is listed once', () => {
    const links = Array.from({ length: 60 }, (_, index): [string, JsonSchema] => {
      const $ref = `#/$defs/d${index + 1}`;
      return [`d${index}`, { properties: { a: { $ref }, b: { $ref } } }];
    });
    const chain = (last: JsonSchema) => ({ $ref: '#/$defs/d0', $defs: { ...Object.fromEntries(links), d60: last } });
    expect(diff(chain(string), chain(number)).map(({ kind }) => kind)).toEqual(['TYPE_CHANGED']);
  });
});

describe('dialects', () => {
  it.each([
    ['draft-04', 'http://json-schema.org/draft-04/schema#'],
    ['draft-06', 'http://json-schema.org/draft-06/schema#'],
    ['draft-07', 'http://json-schema.org/draft-07/schema'],
    ['2019-09', 'https://json-schema.org/draft/2019-09/schema'],
    ['2020-12', 'https://json-schema.org/draft/2020-12/schema'],
  ])('%s is read', (_, $schema) => {
    expect(changes({ $schema, type: 'integer' }, { $schema, type: 'number' })).toEqual(['TYPE_EXTENDED #']);
  });

  it('may change between the two schemas, and tuples keep their meaning', () => {
    const old = { ...DRAFT_07, type: 'array', items: [string, number], additionalItems: false };
    const next = { type: 'array', prefixItems: [string, number], items: false };
    expect(changes(old, next)).toEqual([]);
    expect(changes(old, { ...next, prefixItems: [string, integer] })).toEqual(['! TYPE_NARROWED #/prefixItems/1']);
  });

  it('leave out keywords that they do not have', () => {
    const old = { ...DRAFT_07, dependentRequired: { a: ['b'] } };
    expect(diff(old, { dependentRequired: { a: ['b'] } }).some(({ compatible }) => !compatible)).toBe(true);
  });
});
