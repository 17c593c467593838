import { describe } from 'vitest';
import * as z from 'zod';
import { testConstructs } from './constructs.ts';
import { ByGetter, ByLazy } from './recursive.ts';

const parsed = (text: string) => JSON.parse(text) as unknown;
const inherited = Object.create({ a: 'x' }) as unknown;
const sparse = Object.assign([], { 1: 'a', length: 3 });

const symbol = Symbol('own');

class Point {
  readonly x = 1;
  get y() {
    return 2;
  }
}

const Tagged = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('card'), number: z.string() }),
  z.object({ kind: z.enum(['cash', 'voucher']), cents: z.int() }),
  z.object({ kind: z.undefined().optional(), nothing: z.null() }),
]);

describe('structures', () =>
  testConstructs([
    ['array', z.array(z.string()), [[], ['a', 'b']], [{ length: 0 }, [1], sparse, 'a']],
    ['array with holes', z.array(z.string().optional()), [sparse], [[null]]],
    ['array of bounds', z.array(z.int()).min(1).max(2), [[1], [1, 2]], [[], [1, 2, 3]]],
    ['array of length', z.array(z.int()).length(2), [[1, 2]], [[1]]],
    ['tuple', z.tuple([z.string(), z.int()]), [['a', 1]], [['a'], ['a', 1, 2], [1, 'a']]],
    ['tuple with rest', z.tuple([z.string()], z.int()), [['a'], ['a', 1, 2]], [[], ['a', 'b']]],
    ['short tuple with rest', z.tuple([z.unknown()], z.int()), [[], [1]], [[1, 'b']]],
    ['tuple of optional output', z.tuple([z.unknown().pipe(z.string().optional())], z.int()), [[], ['a', 1]], [[1]]],
    [
      'tuple with optional',
      z.tuple([z.string(), z.int().optional()]),
      [['a'], ['a', 1], ['a', undefined]],
      [[], ['a', 'b']],
    ],
    [
      'object',
      z.object({ a: z.string() }),
      [{ a: 'x' }, { b: 1, a: 'x' }, inherited, Object.assign([].values(), { a: 'x' })],
      [{}, [], null, { a: 1 }],
    ],
    ['object of class', z.object({ y: z.int(), x: z.int() }), [new Point()], [new Date()]],
    ['object of methods', z.object({ toString: z.unknown() }), [{}, { toString: 1 }], []],
    ['required unknown', z.object({ a: z.unknown() }), [{ a: undefined }, { a: 1 }], [{}]],
    [
      'optional properties',
      z.object({ a: z.int().optional(), b: z.int(), c: z.int().optional() }),
      [{ b: 1 }, { c: 3, b: 2 }, { a: undefined, b: 1 }, { b: 1, a: undefined }],
      [{ a: 1 }, { b: 1, c: null }],
    ],
    [
      'required after optional',
      z.object({ a: z.int(), b: z.int().optional(), c: z.unknown(), d: z.int().default(4), e: z.int() }),
      [
        { a: 1, c: undefined, e: 5 },
        { e: 5, c: 3, b: 2, a: 1 },
        { a: 1, b: undefined, c: 3, d: 9, e: 5 },
      ],
      [
        { a: 1, e: 5 },
        { a: 1, b: null, c: 3, e: 5 },
        { a: 1, c: 3 },
        { a: 1, c: 3, d: null, e: 5 },
      ],
    ],
    ['no properties', z.object({}), [{}, { a: 1 }], [[], null]],
    [
      'keys that look like code',
      z.object({
        '"]; throw 1; //': z.int(),
        '\\"': z.int(),
        '\u2028\ud800': z.int(),
        '$`{0}': z.int().optional(),
        '': z.int(),
      }),
      [{ '"]; throw 1; //': 1, '\\"': 2, '\u2028\ud800': 3, '$`{0}': 4, '': 5 }],
      [{ '"]; throw 1; //': 1, '\\"': 2, '\u2028\ud800': '3', '': 5 }],
    ],
    [
      'strict',
      z.strictObject({ a: z.string() }),
      [{ a: 'x' }],
      [{ a: 'x', b: 1 }, parsed('{"a":"x","__proto__":1}'), Object.assign(Object.create({ b: 1 }), { a: 'x' })],
    ],
    [
      'loose',
      z.looseObject({ a: z.string() }),
      [{ b: 1, a: 'x' }, parsed('{"a":"x","__proto__":{"b":1}}'), { a: 'x', constructor: 1 }],
      [{ b: 1 }],
    ],
    ['catchall', z.object({ a: z.string() }).catchall(z.int()), [{ a: 'x', b: 1 }], [{ a: 'x', b: 'y' }]],
    [
      'declared __proto__',
      z.strictObject(
        Object.fromEntries([
          ['__proto__', z.int()],
          ['a', z.int()],
        ]),
      ),
      [{ a: 1 }, parsed('{"__proto__":"ignored","a":1}')],
      [{ a: 'x' }],
    ],
    ['declared symbol', z.object({ a: z.int(), [symbol]: z.int() }), [{ a: 1, [symbol]: 2 }], [{ a: 1 }]],
    [
      'record',
      z.record(z.string(), z.int()),
      [{}, { a: 1, 2: 3 }, parsed('{"constructor":1,"__proto__":"ignored"}'), Object.create(null)],
      [{ a: 'x' }, [], new Point(), { [symbol]: 1 }],
    ],
    ['record of pattern', z.record(z.string().regex(/^[a-z]+$/), z.int()), [{ a: 1 }], [{ A: 1 }, { 1: 1 }]],
    [
      'record of trimmed to unknown',
      z.record(z.string().trim(), z.unknown()),
      [{ ' __proto__ ': { admin: true }, b: 1 }],
      [1],
    ],
    [
      'record of what can be listed',
      z.record(z.string(), z.int()),
      [Object.defineProperty({ b: 1 }, 'a', { value: 'hidden' })],
      [{ a: 'x' }],
    ],
    ['record of trimmed', z.record(z.string().trim(), z.int()), [{ ' a ': 1, ' __proto__': 1 }], [{ a: 'x' }]],
    [
      'record of enum',
      z.record(z.enum(['a', 'b']), z.int()),
      [{ b: 1, a: 2 }],
      [{ a: 1 }, { a: 1, b: 2, c: 3 }, parsed('{"a":1,"b":2,"__proto__":3}')],
    ],
    ['record of enum to optional', z.record(z.enum(['a', 'b']), z.int().optional()), [{}, { a: 1 }], [{ c: 1 }]],
    [
      'record of refined keys',
      z.record(z.union([z.literal('a').refine(() => false), z.literal('b')]), z.int().optional()),
      [],
      [{ b: 1 }],
    ],
    [
      'record of refined enum',
      z.record(
        z.enum(['a']).refine(() => false),
        z.int(),
      ),
      [],
      [{ a: 1 }],
    ],
    [
      'record of transformed enum',
      z.record(
        z.enum(['a', 'b']).transform((key) => `${key}${key}` as 'aa'),
        z.int(),
      ),
      [{ a: 1, b: 2 }],
      [{ a: 1 }],
    ],
    ['partial record of literals', z.partialRecord(z.literal(['a', 'b']), z.int()), [{ b: 1 }], [{ c: 1 }]],
    ['record of numbers', z.record(z.number(), z.int()), [{ 1: 1 }], [{ a: 1 }]],
    ['partial record', z.partialRecord(z.enum(['a', 'b']), z.int()), [{}, { b: 1 }], [{ c: 1 }, { a: 'x' }]],
    ['loose record', z.looseRecord(z.string().regex(/^a/), z.int()), [{ a: 1, b: 'x' }], [{ a: 'x' }]],
    [
      'union',
      z.union([z.object({ a: z.int() }), z.object({ a: z.int(), b: z.int() }), z.string()]),
      [{ a: 1, b: 2 }, 'x'],
      [{ b: 1 }, 1],
    ],
    [
      'union of strict',
      z.union([z.strictObject({ a: z.int() }), z.object({ a: z.int(), b: z.int() })]),
      [{ a: 1, b: 2 }],
      [{ a: 1, c: 2 }],
    ],
    [
      'union with custom when',
      z.union([
        z
          .string()
          .min(3)
          .refine(() => false, { when: ({ value }) => value !== 'abcd' }),
        z.string(),
      ]),
      ['abcd', 'abc'],
      [1],
    ],
    ['exclusive union', z.xor([z.object({ a: z.int() }), z.object({ b: z.int() })]), [{ a: 1 }], [{ a: 1, b: 1 }, {}]],
    [
      'discriminated union',
      Tagged,
      [{ kind: 'card', number: '1' }, { kind: 'voucher', cents: 1, more: 2 }, { nothing: null }],
      [{ kind: 'card', cents: 1 }, { kind: 'cheque' }, { number: '1' }, [], null],
    ],
    [
      'discriminated union twice without',
      z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('a').optional() }),
        z.object({ kind: z.literal('b').optional() }),
      ]),
      [{ kind: 'a' }],
      [{}],
    ],
    [
      'discriminated union with fallback',
      z.discriminatedUnion(
        'kind',
        [
          z.object({ kind: z.literal('a').optional(), a: z.int() }),
          z.object({ kind: z.literal('b').optional(), b: z.int() }),
        ],
        { unionFallback: true },
      ),
      [{ kind: 'a', a: 1 }, { b: 1 }],
      [{ kind: 'c', a: 1 }, {}],
    ],
    ['intersection', z.object({ a: z.int() }).and(z.object({ b: z.string() })), [{ b: 'x', a: 1, c: 2 }], [{ a: 1 }]],
    [
      'intersection of strict',
      z.strictObject({ a: z.int() }).and(z.strictObject({ b: z.int() })),
      [{ a: 1, b: 2 }],
      [{ a: 1, b: 2, c: 3 }],
    ],
    [
      'intersection that shares an object',
      z.object({ a: z.object({ b: z.int() }) }).and(z.object({ a: z.object({ c: z.int() }) })),
      [{ a: { b: 1, c: 2 } }],
      [{ a: { b: 1 } }],
    ],
    [
      'intersection that shares',
      z.object({ a: z.int() }).and(z.object({ a: z.int(), b: z.int() })),
      [{ a: 1, b: 2 }],
      [{ a: 1 }],
    ],
    [
      'getter',
      ByGetter,
      [{ name: 'a', children: [{ name: 'b', children: [], more: 1 }] }],
      [{ name: 'a', children: [{ name: 'b' }] }],
    ],
    [
      'lazy',
      ByLazy,
      [{ name: 'a', children: [{ name: 'b', children: [] }] }],
      [{ name: 'a', children: [{ name: 1, children: [] }] }],
    ],
    ['refine', z.object({ a: z.int(), b: z.int() }).refine(({ a, b }) => a < b), [{ a: 1, b: 2 }], [{ a: 2, b: 1 }]],
    [
      'superRefine',
      z.string().superRefine((text, context) => {
        if (text === 'no') context.addIssue('no');
      }),
      ['yes'],
      ['no'],
    ],
    [
      'check',
      z.array(z.int()).check((payload) => {
        if (payload.value.length === 1) payload.issues.push({ code: 'custom', input: payload.value });
      }),
      [[]],
      [[1]],
    ],
    ['transform', z.string().transform(Number), ['1', 'x'], [1]],
    ['preprocess', z.preprocess(String, z.string().min(2)), [12, 'ab'], [1]],
    ['pipe', z.string().pipe(z.string().min(1)), ['a'], ['']],
    [
      'codec',
      z.codec(z.string(), z.date(), { decode: (text) => new Date(text), encode: (date) => date.toISOString() }),
      ['2024-01-01'],
      ['x', 1],
    ],
    ['catch', z.object({ a: z.int().catch(7) }), [{}, { a: 'x' }, { a: 1 }], [null]],
    ['coerce', z.coerce.number(), ['1', true], ['x']],
    ['date', z.date(), [new Date(0)], [new Date(Number.NaN), 0]],
    ['bigint', z.bigint().positive(), [1n], [0n, 1]],
    ['map', z.map(z.string(), z.int()), [new Map([['a', 1]])], [{}]],
    ['set', z.set(z.int()), [new Set([1])], [[1]]],
    ['template literal', z.templateLiteral(['a', z.int()]), ['a1'], ['a', 'b1']],
    ['custom', z.custom((value) => value === 1), [1], [2]],
    ['instanceof', z.instanceof(Point), [new Point()], [{}]],
    ['json', z.json(), [{ a: [1, 'x', null] }], [undefined, { a: 1n }]],
  ]));
