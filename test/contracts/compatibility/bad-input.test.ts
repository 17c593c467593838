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

const numRuns = Number(process.env.BATON_FUZZ_RUNS ?? 2_000);
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
    expect(() => diff(union(0), union(1))).toThrow(/^The comparison: it was given up after 1000000 steps: .*\.$/);
  }, 60_000);

  it('gives up with a sentence where references lead too deep', () => {
    const links = Array.from({ length: 3_000 }, (_, index) => [
      `d${index}`,
      { properties: { a: { $ref: `#/$defs/d${index + 1}` } } },
    ]);
    const chain = (type: string) => ({ $ref: '#/$defs/d0', $defs: { ...Object.fromEntries(links), d3000: { type } } });
    expect(() => diff(chain('string'), chain('number'))).toThrow(
      /^The comparison: it was given up 400 pairs of schemas deep: .*\.$/,
    );
  });

  it.each(['^(a+)+$', '^a*a*a*a*a*a*a*a*$'])('does not wait for the pattern %s', (pattern) => {
    const changes = diff({ enum: [`${'a'.repeat(900)}!`] }, { pattern });
    expect(changes.some(({ compatible }) => !compatible)).toBe(true);
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
