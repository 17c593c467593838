// biome-ignore-all lint/suspicious/noThenProperty: then is a keyword of JSON Schema
import { describe, expect, it } from 'vitest';
import { CHANGE_KINDS, type ChangeKind, diff, type JsonSchema } from '../../../lib/contracts/compatibility/index.ts';

/** A kind of change, where it is, whether it breaks, and two schemas with it: the old one, and the new one. */
type Row = [kind: ChangeKind, path: string, outcome: 'ok' | 'breaks', original: JsonSchema, update: JsonSchema];

const DRAFT_07 = { $schema: 'http://json-schema.org/draft-07/schema#' };
const RECENT = { $schema: 'https://json-schema.org/draft/2020-12/schema' };
const string = { type: 'string' };
const number = { type: 'number' };
const integer = { type: 'integer' };
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
const shut = { additionalProperties: false };
/** The rows of a limit; one that is tightened breaks nothing where another one beside it was tighter all along. */
function limit(keyword: string, kind: string, base: object, upper: boolean): Row[] {
  const at = `#/${keyword}`;
  const schema = (value?: number) => ({ ...base, ...(value === undefined ? {} : { [keyword]: value }) });
  const bounded = (value?: number) => ({ ...schema(value), allOf: [schema(upper ? 2 : 5)] });
  return [
    [`${kind}_ADDED` as ChangeKind, at, 'ok', bounded(), schema(3)],
    [`${kind}_${upper ? 'DECREASED' : 'INCREASED'}` as ChangeKind, at, 'ok', bounded(upper ? 4 : 2), schema(3)],
    [`${kind}_ADDED` as ChangeKind, at, 'breaks', schema(), schema(3)],
    [`${kind}_REMOVED` as ChangeKind, at, 'ok', schema(3), schema()],
    [`${kind}_INCREASED` as ChangeKind, at, upper ? 'ok' : 'breaks', schema(3), schema(4)],
    [`${kind}_DECREASED` as ChangeKind, at, upper ? 'breaks' : 'ok', schema(4), schema(3)],
  ];
}

const rows: Row[] = [
  ['ID_CHANGED', '#', 'ok', { $id: 'https://a.example/1' }, { $id: 'https://a.example/2' }],
  ['TITLE_CHANGED', '#/properties/a', 'ok', object({ a: { title: 'A' } }), object({ a: { title: 'B' } })],
  ['DESCRIPTION_CHANGED', '#', 'ok', { description: 'A' }, {}],
  ['DEFAULT_CHANGED', '#', 'ok', { default: 1 }, { default: { a: 1 } }],

  ['SCHEMA_ADDED', '#/items', 'breaks', { type: 'array' }, { type: 'array', items: string }],
  ['SCHEMA_ADDED', '#/items', 'ok', { type: 'array', maxItems: 0 }, { type: 'array', items: string }],
  ['SCHEMA_REMOVED', '#/items', 'ok', { type: 'array', items: string }, { type: 'array' }],
  ['TYPE_EXTENDED', '#', 'ok', integer, number],
  ['TYPE_NARROWED', '#', 'breaks', number, integer],
  ['TYPE_NARROWED', '#', 'ok', { type: 'number', multipleOf: 3 }, { type: 'integer', multipleOf: 3 }],
  ['TYPE_CHANGED', '#', 'breaks', string, number],
  ['TYPE_CHANGED', '#', 'ok', { type: ['string', 'null'], enum: [null] }, { type: ['number', 'null'] }],
  ['SUM_TYPE_EXTENDED', '#', 'ok', { type: ['string'] }, { type: ['null', 'string'] }],
  ['SUM_TYPE_NARROWED', '#', 'breaks', { type: ['string', 'null'] }, { type: ['null'] }],
  ['SUM_TYPE_NARROWED', '#', 'ok', { type: ['string', 'null'], not: { type: 'null' } }, string],

  ...limit('maxLength', 'MAX_LENGTH', string, true),
  ...limit('minLength', 'MIN_LENGTH', string, false),
  ...limit('maximum', 'MAXIMUM', number, true),
  ...limit('minimum', 'MINIMUM', number, false),
  ...limit('exclusiveMaximum', 'EXCLUSIVE_MAXIMUM', number, true),
  ...limit('exclusiveMinimum', 'EXCLUSIVE_MINIMUM', number, false),
  ...limit('maxProperties', 'MAX_PROPERTIES', { type: 'object' }, true),
  ...limit('minProperties', 'MIN_PROPERTIES', { type: 'object' }, false),
  ...limit('maxItems', 'MAX_ITEMS', { type: 'array' }, true),
  ...limit('minItems', 'MIN_ITEMS', { type: 'array' }, false),
  ...limit('maxContains', 'MAX_CONTAINS', { type: 'array', contains: string }, true),
  ...limit('minContains', 'MIN_CONTAINS', { type: 'array', contains: string }, false),
  ['MAX_LENGTH_ADDED', '#/maxLength', 'ok', { enum: ['a', 'bc'] }, { enum: ['a', 'bc'], maxLength: 2 }],
  ['MIN_LENGTH_ADDED', '#/minLength', 'ok', string, { type: 'string', minLength: 0 }],
  ['MAXIMUM_ADDED', '#/maximum', 'ok', { type: 'integer', exclusiveMaximum: 10 }, { type: 'integer', maximum: 9 }],
  ['MINIMUM_ADDED', '#/minimum', 'ok', { type: 'number', exclusiveMinimum: 9 }, { type: 'number', minimum: 9 }],
  ['MINIMUM_ADDED', '#/minimum', 'breaks', { type: 'number', exclusiveMinimum: 9 }, { type: 'number', minimum: 10 }],
  [
    'EXCLUSIVE_MAXIMUM_ADDED',
    '#/exclusiveMaximum',
    'ok',
    { type: 'integer', maximum: 9 },
    { type: 'integer', exclusiveMaximum: 10 },
  ],
  ['EXCLUSIVE_MINIMUM_ADDED', '#/exclusiveMinimum', 'ok', { minimum: 9.5 }, { exclusiveMinimum: 9 }],
  ['MAX_PROPERTIES_ADDED', '#/maxProperties', 'ok', object({ a: {} }, shut), object({ a: {} }, { maxProperties: 1 })],
  [
    'MIN_PROPERTIES_ADDED',
    '#/minProperties',
    'ok',
    { type: 'object', required: ['a', 'b'] },
    { type: 'object', required: ['a', 'b'], minProperties: 2 },
  ],
  [
    'MAX_ITEMS_ADDED',
    '#/maxItems',
    'ok',
    { type: 'array', prefixItems: [{}], items: false },
    { type: 'array', maxItems: 1 },
  ],
  [
    'MIN_CONTAINS_REMOVED',
    '#/minContains',
    'breaks',
    { type: 'array', contains: string, minContains: 0 },
    { type: 'array', contains: string },
  ],

  ['PATTERN_ADDED', '#/pattern', 'breaks', string, { type: 'string', pattern: '^a' }],
  ['PATTERN_ADDED', '#/pattern', 'ok', { enum: ['ab', 'ac'] }, { pattern: '^a' }],
  ['PATTERN_REMOVED', '#/pattern', 'ok', { type: 'string', pattern: '^a' }, string],
  ['PATTERN_CHANGED', '#/pattern', 'breaks', { pattern: '^a' }, { pattern: '^b' }],
  ['PATTERN_CHANGED', '#/pattern', 'ok', { const: 'ab', pattern: '^a' }, { const: 'ab', pattern: 'b$' }],
  ['FORMAT_ADDED', '#/format', 'breaks', string, { type: 'string', format: 'email' }],
  [
    'FORMAT_ADDED',
    '#/format',
    'ok',
    { allOf: [{ format: 'email' }], type: 'string' },
    { type: 'string', format: 'email' },
  ],
  ['FORMAT_REMOVED', '#/format', 'ok', { type: 'string', format: 'email' }, string],
  [
    'FORMAT_CHANGED',
    '#/format',
    'ok',
    { type: 'string', format: 'date', allOf: [{ format: 'time' }] },
    { type: 'string', format: 'time' },
  ],
  ['FORMAT_CHANGED', '#/format', 'breaks', { format: 'date' }, { format: 'date-time' }],
  ['MULTIPLE_OF_ADDED', '#/multipleOf', 'breaks', number, { type: 'number', multipleOf: 2 }],
  ['MULTIPLE_OF_ADDED', '#/multipleOf', 'ok', integer, { type: 'integer', multipleOf: 0.5 }],
  ['MULTIPLE_OF_REMOVED', '#/multipleOf', 'ok', { multipleOf: 2 }, {}],
  ['MULTIPLE_OF_EXPANDED', '#/multipleOf', 'breaks', { multipleOf: 0.1 }, { multipleOf: 0.3 }],
  ['MULTIPLE_OF_EXPANDED', '#/multipleOf', 'ok', { enum: [6], multipleOf: 2 }, { multipleOf: 6 }],
  ['MULTIPLE_OF_REDUCED', '#/multipleOf', 'ok', { multipleOf: 0.3 }, { multipleOf: 0.1 }],
  ['MULTIPLE_OF_CHANGED', '#/multipleOf', 'breaks', { multipleOf: 0.3 }, { multipleOf: 0.2 }],
  ['MULTIPLE_OF_CHANGED', '#/multipleOf', 'ok', { enum: [6], multipleOf: 2 }, { multipleOf: 3 }],

  [
    'REQUIRED_ATTRIBUTE_ADDED',
    '#/required/a',
    'breaks',
    object({ a: string }),
    object({ a: string }, { required: ['a'] }),
  ],
  ['REQUIRED_ATTRIBUTE_ADDED', '#/required/a', 'breaks', object({}), object({}, { required: ['a'] })],
  [
    'REQUIRED_ATTRIBUTE_ADDED',
    '#/required/a',
    'ok',
    { allOf: [{ required: ['a'] }], type: 'object' },
    { type: 'object', required: ['a'] },
  ],
  [
    'REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED',
    '#/required/a',
    'ok',
    object({ a: string }),
    object({ a: { type: 'string', default: '' } }, { required: ['a'] }),
  ],
  [
    'REQUIRED_ATTRIBUTE_REMOVED',
    '#/required/a',
    'ok',
    object({ a: string }, { required: ['a'] }),
    object({ a: string }),
  ],

  ['ADDITIONAL_PROPERTIES_ADDED', '#/additionalProperties', 'ok', object({}, shut), object({})],
  ['ADDITIONAL_PROPERTIES_REMOVED', '#/additionalProperties', 'breaks', object({}), object({}, shut)],
  [
    'ADDITIONAL_PROPERTIES_REMOVED',
    '#/additionalProperties',
    'ok',
    object({}, { unevaluatedProperties: false }),
    object({}, shut),
  ],
  [
    'ADDITIONAL_PROPERTIES_EXTENDED',
    '#/additionalProperties',
    'ok',
    object({}, { additionalProperties: string }),
    object({}),
  ],
  [
    'ADDITIONAL_PROPERTIES_NARROWED',
    '#/additionalProperties',
    'breaks',
    object({}),
    object({}, { additionalProperties: string }),
  ],
  [
    'ADDITIONAL_PROPERTIES_NARROWED',
    '#/additionalProperties',
    'ok',
    object({}, { unevaluatedProperties: string }),
    object({}, { additionalProperties: string }),
  ],
  [
    'UNEVALUATED_PROPERTIES_ADDED',
    '#/unevaluatedProperties',
    'ok',
    object({}, { unevaluatedProperties: false }),
    object({}),
  ],
  [
    'UNEVALUATED_PROPERTIES_REMOVED',
    '#/unevaluatedProperties',
    'breaks',
    object({}),
    object({}, { unevaluatedProperties: false }),
  ],
  [
    'UNEVALUATED_PROPERTIES_REMOVED',
    '#/unevaluatedProperties',
    'ok',
    object({}, shut),
    object({}, { unevaluatedProperties: false }),
  ],
  [
    'UNEVALUATED_PROPERTIES_EXTENDED',
    '#/unevaluatedProperties',
    'ok',
    object({}, { unevaluatedProperties: string }),
    object({}),
  ],
  [
    'UNEVALUATED_PROPERTIES_NARROWED',
    '#/unevaluatedProperties',
    'breaks',
    object({}),
    object({}, { unevaluatedProperties: string }),
  ],
  [
    'UNEVALUATED_PROPERTIES_NARROWED',
    '#/unevaluatedProperties',
    'ok',
    object({}, { additionalProperties: string }),
    object({}, { unevaluatedProperties: string }),
  ],
  [
    'PATTERN_PROPERTY_ADDED',
    '#/patternProperties/^a',
    'breaks',
    object({}),
    object({}, { patternProperties: { '^a': string } }),
  ],
  [
    'PATTERN_PROPERTY_ADDED',
    '#/patternProperties/^a',
    'ok',
    object({}, { additionalProperties: string }),
    object({}, { patternProperties: { '^a': string } }),
  ],
  [
    'PATTERN_PROPERTY_REMOVED',
    '#/patternProperties/^a',
    'ok',
    object({}, { patternProperties: { '^a': string } }),
    object({}),
  ],
  [
    'PATTERN_PROPERTY_REMOVED',
    '#/patternProperties/^a',
    'breaks',
    object({}, { patternProperties: { '^a': string }, ...shut }),
    object({}, shut),
  ],
  ['PROPERTY_NAMES_ADDED', '#/propertyNames', 'breaks', object({}), object({}, { propertyNames: { maxLength: 3 } })],
  [
    'PROPERTY_NAMES_ADDED',
    '#/propertyNames',
    'ok',
    object({ abc: {} }, shut),
    object({ abc: {} }, { propertyNames: { maxLength: 3 } }),
  ],
  ['PROPERTY_NAMES_REMOVED', '#/propertyNames', 'ok', object({}, { propertyNames: { maxLength: 3 } }), object({})],
  [
    'MAX_LENGTH_DECREASED',
    '#/propertyNames/maxLength',
    'breaks',
    object({}, { propertyNames: { maxLength: 3 } }),
    object({}, { propertyNames: { maxLength: 2 } }),
  ],

  ...(
    [
      [DRAFT_07, 'dependencies', 'dependencies'],
      [RECENT, 'dependentRequired', 'dependentSchemas'],
    ] as const
  ).flatMap(([dialect, names, schemas]): Row[] => [
    ['DEPENDENCY_ARRAY_ADDED', `#/${names}/a`, 'breaks', { ...dialect }, { ...dialect, [names]: { a: ['b'] } }],
    [
      'DEPENDENCY_ARRAY_ADDED',
      `#/${names}/a`,
      'ok',
      { ...dialect, required: ['b'] },
      { ...dialect, [names]: { a: ['b'] } },
    ],
    ['DEPENDENCY_ARRAY_REMOVED', `#/${names}/a`, 'ok', { ...dialect, [names]: { a: ['b'] } }, { ...dialect }],
    [
      'DEPENDENCY_ARRAY_EXTENDED',
      `#/${names}/a`,
      'breaks',
      { ...dialect, [names]: { a: ['b'] } },
      { ...dialect, [names]: { a: ['b', 'c'] } },
    ],
    [
      'DEPENDENCY_ARRAY_EXTENDED',
      `#/${names}/a`,
      'ok',
      { ...dialect, [names]: { a: ['b'], b: ['c'] } },
      { ...dialect, [names]: { a: ['b', 'c'], b: ['c'] } },
    ],
    [
      'DEPENDENCY_ARRAY_NARROWED',
      `#/${names}/a`,
      'ok',
      { ...dialect, [names]: { a: ['b', 'c'] } },
      { ...dialect, [names]: { a: ['b'] } },
    ],
    [
      'DEPENDENCY_ARRAY_CHANGED',
      `#/${names}/a`,
      'breaks',
      { ...dialect, [names]: { a: ['b'] } },
      { ...dialect, [names]: { a: ['c'] } },
    ],
    [
      'DEPENDENCY_ARRAY_CHANGED',
      `#/${names}/a`,
      'ok',
      { ...dialect, [names]: { a: ['b'] }, properties: { a: false } },
      { ...dialect, [names]: { a: ['c'] } },
    ],
    [
      'DEPENDENCY_SCHEMA_ADDED',
      `#/${schemas}/a`,
      'breaks',
      { ...dialect },
      { ...dialect, [schemas]: { a: { minProperties: 2 } } },
    ],
    [
      'DEPENDENCY_SCHEMA_ADDED',
      `#/${schemas}/a`,
      'ok',
      { ...dialect, minProperties: 2 },
      { ...dialect, [schemas]: { a: { minProperties: 2 } } },
    ],
    [
      'DEPENDENCY_SCHEMA_REMOVED',
      `#/${schemas}/a`,
      'ok',
      { ...dialect, [schemas]: { a: { minProperties: 2 } } },
      { ...dialect },
    ],
    [
      'MIN_PROPERTIES_INCREASED',
      `#/${schemas}/a/minProperties`,
      'breaks',
      { ...dialect, [schemas]: { a: { minProperties: 2 } } },
      { ...dialect, [schemas]: { a: { minProperties: 3 } } },
    ],
    [
      'MIN_PROPERTIES_DECREASED',
      `#/${schemas}/a/minProperties`,
      'ok',
      { ...dialect, [schemas]: { a: { minProperties: 3 } } },
      { ...dialect, [schemas]: { a: { minProperties: 2 } } },
    ],
  ]),

  [
    'REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL',
    '#/properties/b',
    'breaks',
    object({}),
    object({ b: string }, { required: ['b'] }),
  ],
  [
    'REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL',
    '#/properties/b',
    'breaks',
    object({}),
    object({ b: true }, { required: ['b'] }),
  ],
  [
    'REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL',
    '#/properties/b',
    'ok',
    object({}, { required: ['b'] }),
    object({ b: true }, { required: ['b'] }),
  ],
  [
    'REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL',
    '#/properties/b',
    'breaks',
    object({}),
    object({ b: { type: 'string', default: '' } }, { required: ['b'] }),
  ],
  [
    'REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL',
    '#/properties/b',
    'ok',
    object({}),
    object({ b: { default: '' } }, { required: ['b'] }),
  ],
  ['OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', '#/properties/b', 'breaks', object({}), object({ b: string })],
  [
    'OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL',
    '#/properties/b',
    'ok',
    object({}, { propertyNames: { const: 'a' }, maxProperties: 0 }),
    object({ b: { title: 'anything' } }, { propertyNames: { const: 'a' }, maxProperties: 0 }),
  ],
  ['PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL', '#/properties/b', 'ok', object({}), object({ b: {} })],
  [
    'REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL',
    '#/properties/b',
    'breaks',
    object({}, shut),
    object({ b: string }, { ...shut, required: ['b'] }),
  ],
  [
    'REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL',
    '#/properties/b',
    'ok',
    object({}, { additionalProperties: string, required: ['b'] }),
    object({ b: string }, { additionalProperties: string, required: ['b'] }),
  ],
  [
    'REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL',
    '#/properties/b',
    'ok',
    object({}, shut),
    object({ b: { type: 'string', default: '' } }, { ...shut, required: ['b'] }),
  ],
  [
    'OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL',
    '#/properties/b',
    'ok',
    object({}, shut),
    object({ b: string }, shut),
  ],
  ['PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL', '#/properties/b', 'ok', object({ b: string }), object({})],
  [
    'PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL',
    '#/properties/b',
    'ok',
    object({ b: false }, shut),
    object({}, shut),
  ],
  [
    'PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL',
    '#/properties/b',
    'breaks',
    object({ b: string }, shut),
    object({}, shut),
  ],
  [
    'PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL',
    '#/properties/b',
    'ok',
    object({ b: { enum: [] } }, shut),
    object({}, shut),
  ],
  [
    'PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
    '#/properties/b',
    'ok',
    object({ b: string }, shut),
    object({}, { additionalProperties: string }),
  ],
  [
    'PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
    '#/properties/b',
    'breaks',
    object({ b: string }, shut),
    object({}, { additionalProperties: number }),
  ],
  [
    'PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
    '#/properties/b',
    'ok',
    object({}, { patternProperties: { '^b': integer } }),
    object({ b: number }, { patternProperties: { '^b': integer } }),
  ],
  [
    'PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
    '#/properties/b',
    'breaks',
    object({}, { additionalProperties: number }),
    object({ b: integer }, { additionalProperties: number }),
  ],

  ['CONTAINS_ADDED', '#/contains', 'breaks', { type: 'array' }, { type: 'array', contains: string }],
  [
    'CONTAINS_ADDED',
    '#/contains',
    'ok',
    { type: 'array', items: string, minItems: 1 },
    { type: 'array', items: string, contains: string },
  ],
  ['CONTAINS_REMOVED', '#/contains', 'ok', { type: 'array', contains: string }, { type: 'array' }],
  ['TYPE_EXTENDED', '#/contains', 'ok', { type: 'array', contains: integer }, { type: 'array', contains: number }],
  ['TYPE_NARROWED', '#/contains', 'breaks', { type: 'array', contains: number }, { type: 'array', contains: integer }],
  // What counts at most 2 integers may have a third number.
  [
    'CONTAINS_CHANGED',
    '#/contains',
    'breaks',
    { type: 'array', contains: integer, maxContains: 2 },
    { type: 'array', contains: number, maxContains: 2 },
  ],
  ['UNIQUE_ITEMS_ADDED', '#/uniqueItems', 'breaks', { type: 'array' }, { type: 'array', uniqueItems: true }],
  ['UNIQUE_ITEMS_ADDED', '#/uniqueItems', 'ok', { type: 'array', maxItems: 1 }, { type: 'array', uniqueItems: true }],
  [
    'UNIQUE_ITEMS_REMOVED',
    '#/uniqueItems',
    'ok',
    { type: 'array', uniqueItems: true },
    { type: 'array', uniqueItems: false },
  ],
  [
    'UNEVALUATED_ITEMS_ADDED',
    '#/unevaluatedItems',
    'ok',
    { type: 'array', unevaluatedItems: false },
    { type: 'array' },
  ],
  [
    'UNEVALUATED_ITEMS_REMOVED',
    '#/unevaluatedItems',
    'breaks',
    { type: 'array' },
    { type: 'array', unevaluatedItems: false },
  ],
  [
    'UNEVALUATED_ITEMS_REMOVED',
    '#/unevaluatedItems',
    'ok',
    { type: 'array', items: string },
    { type: 'array', items: string, unevaluatedItems: false },
  ],
  [
    'UNEVALUATED_ITEMS_EXTENDED',
    '#/unevaluatedItems',
    'ok',
    { type: 'array', unevaluatedItems: string },
    { type: 'array' },
  ],
  [
    'UNEVALUATED_ITEMS_NARROWED',
    '#/unevaluatedItems',
    'breaks',
    { type: 'array' },
    { type: 'array', unevaluatedItems: string },
  ],
  [
    'UNEVALUATED_ITEMS_NARROWED',
    '#/unevaluatedItems',
    'ok',
    { type: 'array', items: string },
    { type: 'array', unevaluatedItems: string },
  ],

  ...(
    [
      [DRAFT_07, 'items', 'additionalItems'],
      [RECENT, 'prefixItems', 'items'],
    ] as const
  ).flatMap(([dialect, list, rest]): Row[] => {
    const tuple = (items: JsonSchema[], others?: JsonSchema) => ({
      ...dialect,
      type: 'array',
      [list]: items,
      ...(others === undefined ? {} : { [rest]: others }),
    });
    return [
      ['TYPE_CHANGED', `#/${list}/0`, 'breaks', tuple([string]), tuple([number])],
      ['ADDITIONAL_ITEMS_ADDED', `#/${rest}`, 'ok', tuple([string], false), tuple([string])],
      ['ADDITIONAL_ITEMS_REMOVED', `#/${rest}`, 'breaks', tuple([string]), tuple([string], false)],
      ['ADDITIONAL_ITEMS_REMOVED', `#/${rest}`, 'ok', { ...tuple([string]), maxItems: 1 }, tuple([string], false)],
      ['ADDITIONAL_ITEMS_EXTENDED', `#/${rest}`, 'ok', tuple([string], string), tuple([string])],
      ['ADDITIONAL_ITEMS_NARROWED', `#/${rest}`, 'breaks', tuple([string]), tuple([string], string)],
      ['ADDITIONAL_ITEMS_NARROWED', `#/${rest}`, 'ok', { ...tuple([string]), maxItems: 1 }, tuple([string], string)],
      ['TYPE_CHANGED', `#/${rest}`, 'breaks', tuple([{}], string), tuple([{}], number)],
      ['ITEM_ADDED_TO_OPEN_CONTENT_MODEL', `#/${list}/1`, 'breaks', tuple([string]), tuple([string, number])],
      [
        'ITEM_ADDED_TO_OPEN_CONTENT_MODEL',
        `#/${list}/1`,
        'ok',
        { ...tuple([string]), maxItems: 1 },
        tuple([string, number]),
      ],
      ['ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL', `#/${list}/1`, 'ok', tuple([string]), tuple([string, {}])],
      [
        'ITEM_ADDED_TO_CLOSED_CONTENT_MODEL',
        `#/${list}/1`,
        'ok',
        tuple([string], false),
        tuple([string, number], false),
      ],
      ['ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL', `#/${list}/1`, 'ok', tuple([string, number]), tuple([string])],
      [
        'ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL',
        `#/${list}/1`,
        'ok',
        tuple([string, false], false),
        tuple([string], false),
      ],
      [
        'ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL',
        `#/${list}/1`,
        'breaks',
        tuple([string, number], false),
        tuple([string], false),
      ],
      [
        'ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL',
        `#/${list}/1`,
        'ok',
        { ...tuple([string, number], false), maxItems: 1 },
        tuple([string], false),
      ],
      [
        'ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
        `#/${list}/1`,
        'ok',
        tuple([string, integer], false),
        tuple([string], number),
      ],
      [
        'ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
        `#/${list}/1`,
        'breaks',
        tuple([string, number], false),
        tuple([string], integer),
      ],
      [
        'ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
        `#/${list}/1`,
        'ok',
        tuple([string], integer),
        tuple([string, number], integer),
      ],
      [
        'ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
        `#/${list}/1`,
        'breaks',
        tuple([string], number),
        tuple([string, integer], number),
      ],
    ];
  }),

  ['ENUM_ARRAY_ADDED', '#/enum', 'breaks', string, { type: 'string', enum: ['a'] }],
  ['ENUM_ARRAY_ADDED', '#/enum', 'ok', { type: 'boolean' }, { enum: [true, false, null] }],
  ['ENUM_ARRAY_REMOVED', '#/enum', 'ok', { type: 'string', enum: ['a'] }, string],
  ['ENUM_ARRAY_EXTENDED', '#/enum', 'ok', { enum: ['a', { b: 1, c: 1.0 }] }, { enum: [{ c: 1, b: 1 }, 'b', 'a'] }],
  ['ENUM_ARRAY_NARROWED', '#/enum', 'breaks', { enum: ['a', 'b'] }, { enum: ['a'] }],
  ['ENUM_ARRAY_NARROWED', '#/enum', 'ok', { type: 'string', enum: ['a', 1] }, { type: 'string', enum: ['a'] }],
  ['ENUM_ARRAY_CHANGED', '#/enum', 'breaks', { enum: ['a', 'b'] }, { enum: ['a', 'c'] }],
  ['ENUM_ARRAY_CHANGED', '#/const', 'breaks', { const: 'a' }, { const: 'b' }],
  ['ENUM_ARRAY_CHANGED', '#/enum', 'ok', { type: 'string', enum: ['a', 1] }, { enum: ['a', 2] }],
  ['ENUM_ARRAY_EXTENDED', '#/enum', 'ok', { const: 'a' }, { enum: ['a', 'b'] }],
  ['ENUM_ARRAY_NARROWED', '#/const', 'breaks', { enum: ['a', 'b'] }, { const: 'a' }],

  ['COMBINED_TYPE_EXTENDED', '#', 'ok', { oneOf: [string, number] }, { anyOf: [string, number] }],
  ['COMBINED_TYPE_CHANGED', '#', 'breaks', { anyOf: [number, integer] }, { oneOf: [number, integer] }],
  ['COMBINED_TYPE_EXTENDED', '#', 'ok', { anyOf: [string, number] }, { oneOf: [string, number] }],
  [
    'COMBINED_TYPE_SUBSCHEMAS_CHANGED',
    '#',
    'breaks',
    { anyOf: [string, number] },
    { anyOf: [string, { type: 'boolean' }] },
  ],
  [
    'COMBINED_TYPE_SUBSCHEMAS_CHANGED',
    '#',
    'ok',
    { anyOf: [{ type: ['string', 'number'] }, { type: 'null' }] },
    { anyOf: [{ type: ['string', 'null'] }, number] },
  ],
  ['PRODUCT_TYPE_EXTENDED', '#', 'breaks', { allOf: [string, {}] }, { allOf: [string, {}, { maxLength: 3 }] }],
  [
    'PRODUCT_TYPE_EXTENDED',
    '#',
    'ok',
    { allOf: [string, { maxLength: 2 }] },
    { allOf: [string, { maxLength: 2 }, { maxLength: 3 }] },
  ],
  ['PRODUCT_TYPE_NARROWED', '#', 'ok', { allOf: [string, { maxLength: 3 }] }, { allOf: [string] }],
  ['SUM_TYPE_EXTENDED', '#', 'ok', { anyOf: [string, number] }, { anyOf: [{ type: 'boolean' }, number, string] }],
  ['SUM_TYPE_EXTENDED', '#', 'ok', string, { oneOf: [number, string] }],
  // What fits the one fits the other as well, and then neither.
  ['SUM_TYPE_EXTENDED', '#', 'breaks', { oneOf: [string, integer] }, { oneOf: [string, integer, integer] }],
  ['SUM_TYPE_EXTENDED', '#', 'breaks', { oneOf: [true, false] }, { oneOf: [true, false, true] }],
  ['SUM_TYPE_EXTENDED', '#', 'breaks', { oneOf: [string, integer] }, { oneOf: [string, integer, number] }],
  // Each alternative is looser or as it was, but they are no longer apart.
  [
    'SCHEMA_CHANGED',
    '#',
    'breaks',
    { type: 'string', oneOf: [{ maxLength: 3 }, { minLength: 5 }] },
    { type: 'string', oneOf: [{ maxLength: 6 }, { minLength: 5 }] },
  ],
  ['SUM_TYPE_NARROWED', '#', 'breaks', { anyOf: [string, number] }, string],
  ['SUM_TYPE_NARROWED', '#', 'breaks', { oneOf: [string, number, { type: 'null' }] }, { oneOf: [string, number] }],
  ['SUM_TYPE_NARROWED', '#', 'ok', { anyOf: [string, number, integer] }, { anyOf: [string, number] }],

  ['NOT_TYPE_ADDED', '#/not', 'breaks', {}, { not: string }],
  ['NOT_TYPE_ADDED', '#/not', 'ok', number, { type: 'number', not: string }],
  ['NOT_TYPE_REMOVED', '#/not', 'ok', { not: string }, {}],
  ['NOT_TYPE_EXTENDED', '#/not', 'breaks', { not: integer }, { not: number }],
  ['NOT_TYPE_NARROWED', '#/not', 'ok', { not: number }, { not: integer }],
  ['CONDITION_ADDED', '#/if', 'breaks', {}, { if: string, then: { maxLength: 3 } }],
  ['CONDITION_ADDED', '#/if', 'ok', number, { if: string, then: { maxLength: 3 } }],
  ['CONDITION_REMOVED', '#/if', 'ok', { if: string, then: { maxLength: 3 } }, {}],
  [
    'CONDITION_CHANGED',
    '#/if',
    'breaks',
    { if: string, then: { maxLength: 3 } },
    { if: { minLength: 1 }, then: { maxLength: 3 }, else: false },
  ],
  [
    'CONDITION_CHANGED',
    '#/if',
    'ok',
    { type: 'string', maxLength: 3, if: { minLength: 1 }, then: { pattern: 'a' } },
    { type: 'string', if: { minLength: 2 }, then: { maxLength: 3 } },
  ],
  [
    'MAX_LENGTH_DECREASED',
    '#/then/maxLength',
    'breaks',
    { if: string, then: { maxLength: 3 } },
    { if: string, then: { maxLength: 2 } },
  ],
  [
    'MAX_LENGTH_INCREASED',
    '#/then/maxLength',
    'ok',
    { if: string, then: { maxLength: 3 } },
    { if: string, then: { maxLength: 4 } },
  ],
  ['SCHEMA_ADDED', '#/else', 'breaks', { if: string, then: {} }, { if: string, then: {}, else: number }],
  ['SCHEMA_REMOVED', '#/else', 'ok', { if: string, then: {}, else: number }, { if: string, then: {} }],
];

/** Annotations; what was refused is allowed, or not spoken of any more. */
const NEVER = [
  /^(ID|TITLE|DESCRIPTION|DEFAULT)_CHANGED$/,
  /^(EXCLUSIVE_)?(MAX.*_INCREASED|MIN.*_DECREASED)$/,
  /^(SCHEMA|MAX_?.*|MIN_?.*|EXCLUSIVE_.*|PATTERN|FORMAT|MULTIPLE_OF|REQUIRED_ATTRIBUTE|PROPERTY_NAMES|DEPENDENCY_.*|CONTAINS|UNIQUE_ITEMS|ENUM_ARRAY|NOT_TYPE|CONDITION)_REMOVED$/,
  /^(TYPE|ENUM_ARRAY|COMBINED_TYPE)_EXTENDED$|^(DEPENDENCY_ARRAY|PRODUCT_TYPE|NOT_TYPE)_NARROWED$|^MULTIPLE_OF_REDUCED$/,
  /^(ADDITIONAL|UNEVALUATED)_(PROPERTIES|ITEMS)_(ADDED|EXTENDED)$/,
  /_FROM_OPEN_|_IS_COVERED_|WITH_EMPTY_SCHEMA|WITH_FALSE|WITH_DEFAULT|^OPTIONAL_PROPERTY_ADDED_TO_UNOPEN|^ITEM_ADDED_TO_CLOSED/,
];

describe('the kinds of change', () => {
  it.each(rows)('%s at %s: %s', (kind, path, outcome, original, update) => {
    const changes = diff(original, update);
    const found = changes.filter((change) => change.kind === kind && change.path === path);
    expect(found, JSON.stringify(changes, null, 1)).toHaveLength(1);
    const verdict = changes.every(({ compatible }) => compatible);
    expect(verdict, JSON.stringify(changes, null, 1)).toBe(outcome === 'ok');
    expect(found[0]!.compatible).toBe(outcome === 'ok');
    expect(found[0]!.reason).toMatch(/^[A-Z#].*\.$/);
  });

  const alike = rows.filter(
    (row) => !/\$schema|prefixItems|unevaluated|dependent|Contains/.test(JSON.stringify(row.slice(3))),
  );
  it.each(alike)('%s at %s: %s, in draft-07 too', (kind, path, outcome, original, update) => {
    const changes = diff({ ...DRAFT_07, ...(original as object) }, { ...DRAFT_07, ...(update as object) });
    expect(changes.filter((change) => change.kind === kind && change.path === path)).toHaveLength(1);
    expect(changes.every(({ compatible }) => compatible)).toBe(outcome === 'ok');
  });

  it('break or not as it comes, but for those that by their meaning always do or never', () => {
    const outcomes = (kind: ChangeKind) =>
      new Set(rows.filter(([each]) => each === kind).map(([, , outcome]) => outcome));
    const always = CHANGE_KINDS.filter((kind) => !outcomes(kind).has('ok'));
    expect(always).toEqual([
      'SCHEMA_CHANGED',
      'PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
      'PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
      'CONTAINS_CHANGED',
      'ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
      'ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
      'COMBINED_TYPE_CHANGED',
      'NOT_TYPE_EXTENDED',
    ]);
    const never = CHANGE_KINDS.filter((kind) => !outcomes(kind).has('breaks'));
    expect(never.filter((kind) => !NEVER.some((meaning) => meaning.test(kind)))).toEqual([]);
  });

  it('has rows for every kind there is', () => {
    const shown = new Set(rows.map(([kind]) => kind));
    expect(CHANGE_KINDS.filter((kind) => !shown.has(kind))).toEqual([]);
  });
});
