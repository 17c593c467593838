// biome-ignore-all lint/suspicious/noThenProperty: then is a keyword of JSON Schema
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { closed, type DiffOptions, diff, type JsonSchema } from '../../../lib/contracts/compatibility/index.ts';

/** What looks harmless, the two schemas, and a value that fits the first one only. */
type Row = [what: string, original: JsonSchema, update: JsonSchema, value: unknown];

const DRAFT_07 = { $schema: 'http://json-schema.org/draft-07/schema#' };
const string = { type: 'string' };
const number = { type: 'number' };
const integer = { type: 'integer' };
const json = (text: string) => JSON.parse(text) as JsonSchema;
const shut = { additionalProperties: false };

const rows: Row[] = [
  [
    'anyOf names what unevaluatedProperties leaves alone',
    { anyOf: [{ properties: { x: string } }, {}], unevaluatedProperties: integer },
    { additionalProperties: integer },
    { x: 's' },
  ],
  [
    'if does',
    { if: { properties: { x: string }, required: ['x'] }, then: { required: ['x'] }, unevaluatedProperties: integer },
    { additionalProperties: integer },
    { x: 's' },
  ],
  [
    'a dependent schema does',
    { dependentSchemas: { k: { properties: { x: string } } }, properties: { k: true }, unevaluatedProperties: false },
    { properties: { k: true }, ...shut },
    { k: 1, x: 's' },
  ],
  [
    'then evaluates only when if holds',
    { properties: { a: true, b: true }, ...shut },
    {
      if: { properties: { a: { const: 1 } }, required: ['a'] },
      then: { properties: { b: true } },
      properties: { a: true },
      unevaluatedProperties: false,
    },
    { a: 2, b: 1 },
  ],
  [
    'cousins evaluate nothing for one another',
    { properties: { a: true }, ...shut },
    { allOf: [{ properties: { a: true } }, { unevaluatedProperties: false }] },
    { a: 1 },
  ],
  ['contains evaluates items', { contains: string, unevaluatedItems: integer }, { items: integer }, ['a']],
  ['nor has it to', { items: string }, { contains: { const: 'a' }, minContains: 0, unevaluatedItems: false }, ['b']],
  [
    'a default is no value where something is excluded',
    { not: { required: ['a'], properties: { a: { default: 1 } } } },
    { not: { type: 'object' } },
    {},
  ],
  [
    'nor in a condition',
    { type: 'object' },
    { if: { required: ['a'], properties: { a: { default: 1 } } }, else: false },
    {},
  ],
  ['a name may have a #', { type: 'object' }, { $ref: '#/$defs/a%23b', $defs: { a: true, 'a#b': string } }, {}],
  ['or a tab', { type: 'object' }, { $ref: '#/$defs/a\tb', $defs: { ab: true, 'a\tb': string } }, {}],
  ['or end in a blank', { type: 'object' }, { $ref: '#/$defs/a ', $defs: { a: true, 'a ': string } }, {}],
  ['a third integer', { contains: integer, maxContains: 2 }, { contains: number, maxContains: 2 }, [1, 1, 1.5]],
  ['none of what may be none', { contains: string, minContains: 0 }, { contains: string }, []],
  ['a name of two characters, and two units', { const: '\u{1F600}' }, { minLength: 2 }, '\u{1F600}'],
  ['a dot that is two units', { const: '\u{1F600}' }, { not: { pattern: '^.$' } }, '\u{1F600}'],
  ['1 is not true', { const: 1 }, { const: true }, 1],
  ['0 is not false', { const: 0 }, { enum: [false, null, ''] }, 0],
  ['[] is not {}', { const: [] }, { const: {} }, []],
  ['__proto__ is a key', json('{"const": {"__proto__": 1}}'), { const: {} }, json('{"__proto__": 1}')],
  [
    'toString is a name',
    { properties: { toString: integer }, ...shut },
    { properties: { toString: string } },
    { toString: 1 },
  ],
  [
    'constructor wants another',
    { type: 'object' },
    { dependentRequired: { constructor: ['a'] } },
    json('{"constructor": 1}'),
  ],
  ['0.1 is no multiple of 0.3', { multipleOf: 0.1 }, { multipleOf: 0.3 }, 0.1],
  [
    'an end beyond 2^53',
    { maximum: 9_007_199_254_740_994 },
    { exclusiveMaximum: 9_007_199_254_740_994 },
    9_007_199_254_740_994,
  ],
  [
    'a tuple may be shorter',
    { type: 'array', prefixItems: [string], items: false },
    { type: 'array', prefixItems: [string], minItems: 1 },
    [],
  ],
  [
    'in draft-07, too',
    { ...DRAFT_07, items: [string], additionalItems: false },
    { ...DRAFT_07, items: [string, string], additionalItems: false, minItems: 2 },
    ['a'],
  ],
  [
    'additionalItems of no tuple',
    { ...DRAFT_07, items: string, additionalItems: false },
    { ...DRAFT_07, maxItems: 0 },
    ['a'],
  ],
  ['two at once', { anyOf: [integer, number] }, { oneOf: [integer, number] }, 1],
  [
    'the new one and another',
    { oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    { oneOf: [{ required: ['a'] }, { required: ['b'] }, { required: ['c'] }] },
    { a: 1, c: 1 },
  ],
  [
    'a wider one now fits, too',
    { oneOf: [{ minimum: 0 }, { maximum: 10 }] },
    { oneOf: [{ minimum: 0 }, { maximum: 20 }] },
    15,
  ],
  ['more is excluded', { not: { enum: [1, 2] } }, { not: { enum: [1, 2, 3] } }, 3],
  ['a fraction is no integer', { not: integer }, { type: ['string', 'boolean', 'null', 'array', 'object'] }, 1.5],
  [
    'names say nothing of values',
    { propertyNames: { enum: ['a', 'b'] } },
    { properties: { a: true }, ...shut },
    { b: 1 },
  ],
  [
    'a name of a narrower pattern',
    { patternProperties: { '^a': string }, additionalProperties: integer },
    { patternProperties: { '^ab': integer } },
    { ab: 's' },
  ],
  [
    'a name that a pattern fits',
    { properties: { ab: string }, ...shut },
    { patternProperties: { b: integer } },
    { ab: 's' },
  ],
  [
    'what a dependency leads to',
    { dependentRequired: { a: ['b'] } },
    { dependentRequired: { a: ['b'], b: ['c'] } },
    { b: 1 },
  ],
  [
    'deep in a recursion',
    { type: ['array', 'number'], items: { $ref: '#' } },
    { type: ['array', 'integer'], items: { $ref: '#' } },
    [[1.5]],
  ],
  [
    'and in one by allOf',
    {
      $ref: '#/$defs/n',
      $defs: { n: { allOf: [{ type: 'object' }, { properties: { next: { $ref: '#/$defs/n' }, v: number } }] } },
    },
    {
      $ref: '#/$defs/n',
      $defs: { n: { allOf: [{ type: 'object' }, { properties: { next: { $ref: '#/$defs/n' }, v: integer } }] } },
    },
    { next: { v: 1.5 } },
  ],
  [
    'another condition',
    { if: { required: ['k'] }, then: { required: ['a'] } },
    { if: { required: ['l'] }, then: { required: ['a'] } },
    { l: 2 },
  ],
  ['false is for items, not for none', { items: false }, { minItems: 1 }, []],
];

const declared: Row[] = [
  [
    'a property that an alternative speaks of, too',
    {
      properties: { x: { properties: { p: string } } },
      anyOf: [{ properties: { x: { properties: { q: integer } } } }, { type: 'object' }],
    },
    { properties: { x: { properties: { p: string, q: string } } } },
    { x: { q: 1 } },
  ],
  [
    'that a dependent schema speaks of, too',
    {
      properties: { k: true, x: { properties: { p: string } } },
      dependentSchemas: { k: { properties: { x: { properties: { q: integer } } } } },
    },
    { properties: { x: { properties: { p: string, q: string } } } },
    { k: 1, x: { q: 1 } },
  ],
  [
    'items that an alternative speaks of, too',
    { items: { properties: { p: string } }, anyOf: [{ items: { properties: { q: integer } } }, { maxItems: 10 }] },
    { items: { properties: { p: string, q: string } } },
    [{ q: 1 }],
  ],
  [
    'the other half of an allOf',
    { allOf: [{ properties: { a: string } }, { properties: { b: integer } }] },
    { properties: { a: string, b: string } },
    { b: 1 },
  ],
  [
    'an alternative inside an allOf',
    {
      allOf: [
        { properties: { a: string } },
        { anyOf: [{ properties: { b: integer } }, { properties: { c: integer } }] },
      ],
    },
    { properties: { c: string } },
    { c: 1 },
  ],
  [
    'an alternative that is a map',
    { anyOf: [{ properties: { b: integer } }, { type: 'object' }] },
    { properties: { c: string } },
    { c: 1 },
  ],
  [
    'a half that says that there may be more',
    { allOf: [{ properties: { a: string } }, { additionalProperties: true }] },
    { properties: { c: string } },
    { c: 1 },
  ],
  [
    'what a condition looks at',
    { properties: { a: string }, if: { properties: { b: { const: 1 } }, required: ['b'] }, then: { required: ['a'] } },
    { properties: { b: string } },
    { b: 1, a: 's' },
  ],
  [
    'a name that a pattern allows',
    { properties: { a: string }, patternProperties: { '^x': true } },
    { properties: { xa: string } },
    { xa: 1 },
  ],
];

function fits(schema: JsonSchema, value: unknown): boolean {
  const options = { strict: false, validateFormats: false, validateSchema: false, logger: false } as const;
  const ajv = JSON.stringify(schema).includes('draft-07') ? new Ajv(options) : new Ajv2020(options);
  return ajv.compile(schema as object)(value) as boolean;
}

function breaks(original: JsonSchema, update: JsonSchema, options?: DiffOptions): boolean {
  return diff(original, update, options).some(({ compatible }) => !compatible);
}

describe('what a value refutes is not called compatible', () => {
  it.each(rows)('%s', (_, original, update, value) => {
    expect([fits(original, value), fits(update, value)]).toEqual([true, false]);
    expect(breaks(original, update)).toBe(true);
  });

  it.each(declared)('when writers write what they declare: %s', (_, original, update, value) => {
    expect([fits(closed(original), value), fits(update, value)]).toEqual([true, false]);
    expect(breaks(original, update, { writers: 'DECLARED' })).toBe(true);
  });
});
