import { expect, test } from 'vitest';
import * as z from 'zod';
import { compile, REFUSED } from '../../../lib/contracts/validation/compile.ts';
import { ByGetter } from './recursive.ts';

/** Schemas whose output is their input, and those of which that cannot be said. */
const JSON_SCHEMAS: readonly (readonly [string, z.ZodType, boolean])[] = [
  [
    'an object of everything JSON has',
    z.object({ a: z.string().min(1), b: z.int().nullish(), c: z.array(z.boolean()), d: z.null() }),
    true,
  ],
  [
    'unions',
    z.union([z.record(z.string(), z.int()), z.tuple([z.enum(['a']), z.literal(1)]), z.templateLiteral(['a'])]),
    false,
  ],
  ['recursion', ByGetter, true],
  ['undefined for what must be there', z.object({ a: z.undefined() }), false],
  ['discriminated unions', z.discriminatedUnion('a', [z.object({ a: z.literal('b') })]), true],
  ['records, tuples, enums', z.object({ a: z.record(z.string(), z.tuple([z.enum(['a'])])) }), true],
  ['any JSON', z.json(), false],
  ['refinements', z.object({ a: z.email().refine(() => true) }).refine(() => true), true],
  ['pipes of the same', z.string().pipe(z.string().min(1)), true],
  ['anything', z.object({ a: z.unknown(), b: z.any() }).catchall(z.unknown()), true],
  ['a default', z.object({ a: z.string().default('x') }), false],
  ['a transform', z.object({ a: z.array(z.string().transform(Number)) }), false],
  ['a codec', z.codec(z.string(), z.string(), { decode: (text) => text, encode: (text) => text }), false],
  ['trim', z.object({ a: z.record(z.string(), z.string().trim()) }), false],
  ['url, which takes white space out', z.object({ a: z.url() }), false],
  ['coercion', z.object({ a: z.coerce.string() }), false],
  ['dates', z.object({ a: z.lazy(() => z.date()).optional() }), false],
  ['bigint', z.tuple([z.string()], z.bigint()), false],
  ['a catchall of dates', z.object({}).catchall(z.date()), false],
  ['literals that JSON has not', z.literal(['a', 1n]), false],
  ['undefined in an array', z.array(z.string().optional()), false],
  ['undefined in a tuple', z.tuple([z.string().optional()]), false],
  ['an item of a tuple that may be anything, so nothing', z.tuple([z.unknown()]), false],
  ['catch', z.object({ a: z.string().catch('x') }), false],
  ['custom', z.object({ a: z.custom<Date>() }), false],
];

test('a schema that cannot be looked into says nothing of its output', () => {
  const broken = z.object({
    get a(): z.ZodString {
      throw new Error('not yet');
    },
  });
  expect(compile(broken).json).toBe(false);
  expect(compile(broken).read({ a: 'x' })).toBe(REFUSED);
});

test.each(JSON_SCHEMAS)('%s: whether the output is the input as JSON holds it', (_name, schema, json) => {
  expect(compile(schema).json).toBe(json);
});
