import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BadSchemaError,
  closed,
  diff,
  type JsonSchema,
  readSchema,
} from '../../../lib/contracts/compatibility/index.ts';
import { ContractError } from '../../../lib/contracts/errors.ts';
import { seeded } from '../../runtime/seed.ts';

const numRuns = Number(process.env.BATON_FUZZ_RUNS ?? 1_000);
const nested = (levels: number, open: string, close: string, middle: string) =>
  open.repeat(levels) + middle + close.repeat(levels);
const many = (count: number, from: number) => ({
  enum: Array.from({ length: count }, (_, index) => `value ${index + from}`),
});

describe('a schema file', () => {
  it.each([
    ['nothing', '  ', 'order.json: it is empty'],
    ['something else', 'type: string', "order.json: it is not JSON, at 1:2: Unexpected token 'y'"],
    [
      'a comma too many',
      '{\n  "type": "string",\n}',
      'order.json: it is not JSON, at 3:1: Expected double-quoted property name',
    ],
    ['half of it', '{"type": ', 'order.json: it is not JSON, at 1:10'],
    ['a number', '5', 'order.json, at #: 5 is no schema'],
    ['a list', '[]', 'order.json, at #: [] is no schema'],
    [
      'a key twice',
      '{"properties": {"a/b": {"type": "string", "type": "number"}}}',
      'order.json, at #/properties/a~1b/type: the key is there twice',
    ],
    ['a key twice by escapes', '{"a": 1, "\\u0061": 2}', 'order.json, at #/a: the key is there twice'],
    ['a key twice in a list', '{"enum": [1, {"a": 1, "a": 2}]}', 'order.json, at #/enum/1/a: the key is there twice'],
    [
      'properties: 5',
      '{"properties": 5}',
      'order.json, at #/properties: 5 cannot be properties, which has to be an object whose values are schemas',
    ],
    [
      'a schema that is a string',
      '{"properties": {"a": "string"}}',
      'at #/properties: {"a":"string"} cannot be properties',
    ],
    ['an unknown type', '{"type": "int"}', 'at #/type: "int" cannot be type, which has to be one of null, boolean'],
    [
      'a pattern that is none',
      '{"items": {"pattern": "("}}',
      'at #/items/pattern: "(" cannot be pattern, which has to be a regular expression',
    ],
    ['a name that is no pattern', '{"patternProperties": {"[": true}}', 'at #/patternProperties/['],
    [
      'a length below zero',
      '{"maxLength": -1}',
      'at #/maxLength: -1 cannot be maxLength, which has to be a whole number of 0 or more',
    ],
    ['a multiple of zero', '{"multipleOf": 0}', 'at #/multipleOf: 0 cannot be multipleOf, which has to be over 0'],
    [
      'an empty anyOf',
      '{"anyOf": []}',
      'at #/anyOf: [] cannot be anyOf, which has to be a list of at least one schema',
    ],
    [
      'required: true',
      '{"required": true}',
      'at #/required: true cannot be required, which has to be a list of strings',
    ],
    ['a number that no double holds', '{"maximum": 1e400}', 'at #/maximum: Infinity is no number of JSON'],
    [
      'a reference to another file',
      '{"properties": {"a": {"$ref": "other.json#/a"}}}',
      "at #/properties/a/$ref: 'other.json#/a' leaves the file",
    ],
    ['a reference to nothing', '{"$ref": "#/$defs/nix"}', "at #/$ref: '#/$defs/nix' leads to nothing in the file"],
    [
      'a reference to an anchor that is not there',
      '{"$ref": "#nix"}',
      "'#nix' leads to nothing: no schema has this anchor",
    ],
    ['a reference to what is no schema', '{"enum": ["a"], "$ref": "#/enum"}', 'leads to something that is no schema'],
    [
      'an address twice',
      '{"$defs": {"a": {"$id": "x", "type": "string"}, "b": {"$id": "x"}}}',
      "order.json: two schemas in it have the $id 'x'. Rename one",
    ],
    [
      'an anchor twice',
      '{"$defs": {"a": {"$anchor": "x", "type": "string"}, "b": {"$anchor": "x"}}}',
      "two schemas in it have the $anchor 'x'",
    ],
    ['$dynamicRef', '{"$dynamicRef": "#a"}', 'at #/$dynamicRef: $dynamicRef means another schema wherever it is used'],
    ['$recursiveRef', '{"$recursiveRef": "#"}', 'at #/$recursiveRef: $recursiveRef means another schema'],
    [
      'an unknown dialect',
      '{"$schema": "https://a.example/mine"}',
      'at #/$schema: "https://a.example/mine" is not known',
    ],
    [
      'the tuples of draft-07 in 2020-12',
      '{"$schema": "https://json-schema.org/draft/2020-12/schema", "items": [true]}',
      'a list of schemas is prefixItems in 2020-12',
    ],
    ['too many levels', nested(20_000, '{"not":', '}', '{}'), 'it is nested deeper than 500 levels'],
    ['too many levels of values', `{"const": ${nested(20_000, '[', ']', '')}}`, 'it is nested deeper than 500 levels'],
  ])('with %s is refused in a sentence', (_, text, message) => {
    let error: unknown;
    try {
      readSchema(text, 'order.json');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(BadSchemaError);
    expect(error).toBeInstanceOf(ContractError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).toMatch(/\.$/);
  });

  it.each([
    ['true', true],
    ['\uFEFF{"type":"string"}', { type: 'string' }],
    ['{"maximum": 123456789012345678901234567890}', { maximum: Number('123456789012345678901234567890') }],
    ['{"x-own": {"type": 5}, "examples": [{"a": 1}]}', { 'x-own': { type: 5 }, examples: [{ a: 1 }] }],
    ['{"const": "\\ud800"}', { const: '\ud800' }],
  ] as [string, JsonSchema][])('%s is read', (text, schema) => {
    expect(readSchema(text, 'order.json')).toEqual(schema);
  });

  it('may name properties like what objects have by nature', () => {
    const schema = (type: string) =>
      readSchema(`{"properties": {"__proto__": {"type": "${type}"}, "constructor": {"type": "string"}}}`, 'a');
    const changes = diff(schema('string'), schema('number'));
    expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual(['TYPE_CHANGED #/properties/__proto__']);
    expect(Object.keys((closed(schema('string')) as { properties: object }).properties)).toEqual([
      '__proto__',
      'constructor',
    ]);
    expect(({} as Record<string, unknown>).type).toBeUndefined();
    // What nobody declares is not there, even where every object has it.
    const other = diff(
      { type: 'object' },
      { type: 'object', required: ['toString'], properties: { valueOf: { type: 'string' } } },
    );
    expect(other.map(({ kind }) => kind)).toEqual([
      'REQUIRED_ATTRIBUTE_ADDED',
      'OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL',
    ]);
  });

  it('in memory may not hold what JSON cannot', () => {
    expect(() => diff({ const: Number.NaN }, {})).toThrow('The old schema, at #/const: NaN is no number of JSON');
    expect(() => diff({}, { enum: [1n] })).toThrow('The new schema, at #/enum/0: a bigint is not JSON');
    expect(() => diff({}, null as never)).toThrow('a schema is an object, true or false');
    const circle: Record<string, unknown> = {};
    circle.not = circle;
    expect(() => diff(circle, {})).toThrow('nested deeper');
  });
});

describe('a comparison that is much work', () => {
  it('takes enums of 10,000 values', () => {
    expect(diff(many(10_000, 0), many(10_001, 0)).map(({ kind }) => kind)).toEqual(['ENUM_ARRAY_EXTENDED']);
    expect(diff(many(10_000, 0), many(10_000, 1)).map(({ kind }) => kind)).toEqual(['ENUM_ARRAY_CHANGED']);
  });

  it('takes no time for what is equal, up to the limit of depth', () => {
    const deep = JSON.parse(nested(240, '{"properties":{"a":', '}}', '{"type":"string"}')) as JsonSchema;
    const other = JSON.parse(nested(240, '{"properties":{"a":', '}}', '{"type":"number"}')) as JsonSchema;
    expect(diff(deep, deep)).toEqual([]);
    expect(diff(deep, other).map(({ kind }) => kind)).toEqual(['TYPE_CHANGED']);
  });

  it('gives up with a sentence where the alternatives are too many', () => {
    const union = (from: number) => ({
      anyOf: Array.from({ length: 1_500 }, (_, index) => ({
        properties: { kind: { const: index + from } },
        required: ['kind'],
      })),
    });
    expect(() => diff(union(0), union(1))).toThrow(/^The comparison: it had to be given up after 1000000 steps: .*\.$/);
  }, 60_000);

  const links = (count: number, schema: (index: number) => JsonSchema) => ({
    $ref: '#/$defs/d0',
    $defs: Object.fromEntries(Array.from({ length: count }, (_, index) => [`d${index}`, schema(index)])),
  });
  const to = (index: number) => ({ $ref: `#/$defs/d${index}` });
  const doubled = (levels: number, list: string, leaf: JsonSchema): JsonSchema =>
    levels === 0 ? leaf : { [list]: [doubled(levels - 1, list, leaf), doubled(levels - 1, list, leaf)] };
  it.each([
    ...['anyOf', 'oneOf', 'allOf'].map((list): [string, (type: string) => JsonSchema] => [
      `${list} nested as a tree of 4,096`,
      (type) => doubled(12, list, { type }),
    ]),
    [
      '100 definitions that lead to each other',
      (type) => links(100, (index) => ({ anyOf: index < 99 ? [to(index + 1), to((index * 3) % 100)] : [{ type }] })),
    ],
    [
      'a chain of 200 definitions',
      (type) => links(200, (index) => (index < 199 ? { allOf: [to(index + 1)] } : { type })),
    ],
    [
      '10,000 alternatives',
      (type) => ({ anyOf: Array.from({ length: 10_000 }, (_, index) => ({ const: `${type} ${index}` })) }),
    ],
    [
      '20 enums of 9,000 values',
      (type) => ({ anyOf: Array.from({ length: 20 }, (_, at) => many(9_000, at + type.length)) }),
    ],
    [
      'alternatives that speak of the same properties',
      (type) =>
        links(60, (index) => ({
          anyOf: [
            to((index + 1) % 60),
            { properties: Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`p${at}`, to(at)])) },
            { type },
          ],
        })),
    ],
    [
      'a chain of dependencies',
      (type) => ({
        dependentRequired: Object.fromEntries(
          Array.from({ length: 3_000 }, (_, index) => [`a${index}`, [`a${index + 1}`, type]]),
        ),
      }),
    ],
  ] as [string, (type: string) => JsonSchema][])(
    'ends soon, in whatever way: %s',
    { timeout: 120_000 },
    (_, schema) => {
      const started = performance.now();
      try {
        diff(schema('integer'), schema('string'), { writers: 'DECLARED' });
      } catch (error) {
        expect(error).toBeInstanceOf(BadSchemaError);
      }
      // A few seconds; more only where the machine has other work.
      expect(performance.now() - started).toBeLessThan(30_000);
    },
  );

  it.each([
    ['a string with millions of escapes', `{"description": "${'\\"'.repeat(3_000_000)}"}`],
    ['millions of brackets', '['.repeat(5_000_000)],
    ['a long line with a mistake at its end', `{"enum": [${'1,'.repeat(2_000_000)}}`],
  ])('reads or refuses %s', { timeout: 120_000 }, (_, text) => {
    try {
      readSchema(text, 'a.json');
    } catch (error) {
      expect(error).toBeInstanceOf(BadSchemaError);
    }
  });

  it('gives up with a sentence where references lead too deep', () => {
    const chain = (type: string) =>
      links(3_000, (index) => (index < 2_999 ? { properties: { a: to(index + 1) } } : { type }));
    expect(() => diff(chain('string'), chain('number'))).toThrow(
      /^The comparison: it had to be given up 400 pairs of schemas deep: .*\.$/,
    );
  });

  const optional = `${'a?'.repeat(30)}b`;
  it.each([
    ...['^(a+)+$', '^(a|aa)+$', '(a*)*b', '^a*a*a*a*a*a*a*a*$', '^(?:a?){30}a{30}$', optional],
    ...[`${'(?:a|a)'.repeat(30)}b`, '(?=(a+))a*b\\1', '.*.*.*=.*'],
  ])('does not wait for the pattern %s', (pattern) => {
    const texts = Array.from({ length: 2_000 }, (_, index) => `${'a'.repeat(28)}${index}!`);
    const started = performance.now();
    const changes = diff({ enum: [`${'a'.repeat(900)}!`, ...texts] }, { pattern, not: {} });
    const named = Object.fromEntries(texts.slice(0, 200).map((name) => [name, {}]));
    diff({ properties: named, additionalProperties: false }, { patternProperties: { [pattern]: { type: 'string' } } });
    expect(changes.some(({ compatible }) => !compatible)).toBe(true);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  it('matches patterns as they are written every day, each with all values of a long enum', () => {
    const values = Array.from({ length: 2_000 }, (_, index) => `user-${index}@shop.example.com`);
    const pattern = '^[^@]+@[^@]+\\.[a-z]{2,}$';
    expect(diff({ enum: values }, { pattern }).every(({ compatible }) => compatible)).toBe(true);
  });

  it('answers, or says what is wrong, for any text and any JSON', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.json(), fc.json({ noUnicodeString: false })),
        fc.jsonValue(),
        (text, value) => {
          for (const attempt of [
            () => readSchema(text, 'a'),
            () => diff(value as JsonSchema, { type: 'object' }),
            () => closed(value as JsonSchema),
          ]) {
            try {
              attempt();
            } catch (error) {
              expect(error).toBeInstanceOf(BadSchemaError);
            }
          }
        },
      ),
      seeded({ numRuns }),
    );
  });

  it('answers, or says what is wrong, for schemas with values that their keywords cannot have', () => {
    const keyword = fc.constantFrom(
      'type',
      'properties',
      'items',
      'required',
      'enum',
      'const',
      'anyOf',
      'allOf',
      'not',
      '$ref',
      'pattern',
      'maxLength',
      'dependencies',
      '$id',
      '$schema',
      '$defs',
      'contains',
    );
    const schema = fc.letrec<{ schema: unknown }>((tie) => ({
      schema: fc.oneof(
        { depthSize: 'small' },
        fc.jsonValue(),
        fc.dictionary(keyword, fc.oneof(tie('schema'), fc.array(tie('schema'), { maxLength: 3 }), fc.jsonValue()), {
          maxKeys: 4,
        }),
      ),
    })).schema;
    fc.assert(
      fc.property(schema, schema, (original, update) => {
        try {
          for (const change of diff(original as JsonSchema, update as JsonSchema)) expect(change.reason).toMatch(/\.$/);
        } catch (error) {
          if (!(error instanceof BadSchemaError)) throw error;
        }
      }),
      seeded({ numRuns }),
    );
  });
});
