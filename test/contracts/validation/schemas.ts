import * as fc from 'fast-check';
import * as z from 'zod';

/** A random schema, with data that is near to what it accepts. */
export interface Case {
  schema: z.ZodType;
  near: fc.Arbitrary<unknown>;
  /** Whether all of it is compiled, so that what it refuses zod refuses too. */
  native: boolean;
  text: string;
}

class Money {
  readonly amount = 1;
  get currency() {
    return 'USD';
  }
}

/** Data that breaks what was not thought of. Made anew each time. */
const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(undefined, null, Number.NaN, -0, 0, Number.POSITIVE_INFINITY, 2 ** 53, 1e308, 1.5, true, false, 7n),
  fc.constantFrom(
    '',
    'a',
    'b',
    '\ud800',
    '\udc00\ud800',
    '😀',
    '😀😀',
    'é',
    '2024-02-30',
    '12',
    '1',
    '__proto__',
    'x'.repeat(20),
  ),
  fc.constant(null).map(() => JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{}},"a":"x"}')),
  fc.constant(null).map(() => JSON.parse('{"toString":1,"hasOwnProperty":null,"length":3,"then":"b"}')),
  fc.constant(null).map(() => new Money()),
  fc.constant(null).map(() => Object.create({ a: 'inherited', b: 1 })),
  fc.constant(null).map(() => Object.assign(Object.create(null), { a: 'x', 1: 2 })),
  fc.constant(null).map(() => Object.defineProperty({ b: 1 }, 'a', { value: 'hidden', enumerable: false })),
  fc.constant(null).map(() => Object.assign([], { 0: 'a', 4: 'b', length: 6 })),
  fc.constant(null).map(() => Object.assign(['a'], { a: 'x' })),
  fc.constant(null).map(() => new Date(0)),
  fc.constant(null).map(() => new Map([['a', 1]])),
  fc.constantFrom(() => 1, Symbol.iterator),
  fc.anything({ withSparseArray: true, withNullPrototype: true, maxDepth: 2 }),
);

const KEYS = ['a', 'b', 'c', '1', '0', '__proto__', 'constructor', 'toString', 'then', 'length'];
const key = fc.constantFrom(...KEYS);

/** Data near a case; at times something else altogether. */
export function dataFor({ near }: Case): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 14, arbitrary: near }, { weight: 1, arbitrary: hostile });
}

const texts = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'ab',
    'abc',
    'abcd',
    '😀',
    '😀b',
    '\ud800',
    'a\ud800',
    ' a ',
    'A',
    '2024-02-29',
    '2023-02-29',
  ),
  fc.constantFrom(
    '2024-01-01T00:00:00Z',
    '12:00',
    'P1D',
    'a@b.co',
    '7e2c5b1e-9a4c-4d2c-8c53-0a8a3b6c2f11',
    '10.0.0.1',
    '::1',
  ),
  fc.constantFrom('http://a.b', ' http://a.b ', 'aGk=', '+491234567', 'a\nb', '__proto__'),
  fc.string({ maxLength: 6, unit: 'grapheme' }),
);
const numbers = fc.oneof(
  fc.integer({ min: -12, max: 12 }),
  fc.constantFrom(0.1, 0.3, -0, 2 ** 31, 2 ** 53, -(2 ** 60), 1e39),
  fc.double(),
);

function leaf(text: string, schema: z.ZodType, near: fc.Arbitrary<unknown>, native = true): Case {
  return { text, schema, near, native };
}

const LEAVES: readonly Case[] = [
  leaf('string', z.string(), texts),
  leaf('min', z.string().min(2), texts),
  leaf('max', z.string().max(2), texts),
  leaf('length', z.string().length(2), texts),
  leaf('min max', z.string().min(1).max(3), texts),
  leaf('regex', z.string().regex(/^a.c?$/u), texts),
  leaf('sticky regex', z.string().regex(/a/g), texts),
  leaf('starts', z.string().startsWith('a').endsWith('c'), texts),
  leaf('includes', z.string().includes('b', { position: 1 }), texts),
  leaf('lowercase', z.string().lowercase(), texts),
  leaf('trim', z.string().trim().min(1).toUpperCase(), texts),
  leaf('date', z.iso.date(), texts),
  leaf('datetime', z.iso.datetime({ offset: true }), texts),
  leaf('time', z.iso.time(), texts),
  leaf('email', z.email(), texts),
  leaf('uuid', z.uuid(), texts),
  leaf('url', z.url(), texts),
  leaf('ipv4', z.ipv4(), texts),
  leaf('ipv6', z.ipv6(), texts),
  leaf('base64', z.base64(), texts),
  leaf('e164', z.e164().max(12), texts),
  leaf(
    'own format',
    z.stringFormat('date', (text) => text.length === 2),
    texts,
  ),
  leaf('number', z.number(), numbers),
  leaf('int', z.int(), numbers),
  leaf('positive int', z.number().int().positive(), numbers),
  leaf('bounds', z.number().min(-1).lt(10), numbers),
  leaf('exclusive', z.number().gt(0).lte(0.3), numbers),
  leaf('multiple', z.number().multipleOf(0.1), numbers),
  leaf('int32', z.int32(), numbers),
  leaf('uint32', z.uint32(), numbers),
  leaf('float32', z.float32(), numbers),
  leaf('boolean', z.boolean(), fc.boolean()),
  leaf('null', z.null(), fc.constant(null)),
  leaf('undefined', z.undefined(), fc.constant(undefined)),
  leaf('never', z.never(), fc.constant(1)),
  leaf('unknown', z.unknown(), hostile),
  leaf('any', z.any(), hostile),
  leaf('literal', z.literal('a'), texts),
  leaf('literals', z.literal([1, 'a', null, -0]), fc.oneof(numbers, texts)),
  leaf('enum', z.enum(['a', 'ab', '__proto__']), texts),
  leaf('numeric enum', z.enum({ A: 0, B: 1, 0: 'A', 1: 'B' } as const), numbers),
  leaf(
    'refined',
    z.string().refine((text) => text.length % 2 === 0),
    texts,
  ),
  leaf(
    'superrefined',
    z.number().superRefine((value, context) => {
      if (value < 0) context.addIssue('negative');
    }),
    numbers,
  ),
  leaf('branded', z.string().brand<'id'>(), texts),
  leaf('coerced', z.coerce.number(), fc.oneof(texts, numbers), false),
  leaf(
    'transformed',
    z.string().transform((text) => text.length),
    texts,
  ),
  leaf('caught', z.number().catch(5), fc.oneof(texts, numbers)),
  leaf('bigint', z.bigint(), fc.bigInt()),
  leaf(
    'Date',
    z.date(),
    fc.constant(null).map(() => new Date(1)),
  ),
  leaf('codec', z.codec(z.string(), z.number(), { decode: Number, encode: String }), texts),
  leaf('template', z.templateLiteral(['a', z.number()]), fc.constantFrom('a1', 'a', 'b1')),
  leaf(
    'custom',
    z.custom<string>((value) => typeof value === 'string'),
    texts,
  ),
];

/** Wraps in what leaves the inner schema's data as it is, mostly. */
const WRAPPERS: readonly [string, (inner: z.ZodType) => z.ZodType, unknown?][] = [
  ['optional', (inner) => inner.optional()],
  ['exactOptional', (inner) => inner.exactOptional()],
  ['nullable', (inner) => inner.nullable(), null],
  ['nullish', (inner) => inner.nullish(), null],
  ['nonoptional', (inner) => inner.optional().nonoptional()],
  ['readonly', (inner) => inner.readonly()],
  ['lazy', (inner) => z.lazy(() => inner)],
  ['default', (inner) => inner.default('d' as never)],
  ['prefault', (inner) => inner.prefault('a' as never)],
  ['pipe', (inner) => inner.pipe(z.unknown())],
  ['refine', (inner) => inner.refine((value) => value !== 'a')],
  ['refine when', (inner) => inner.refine((value) => value !== 'a', { when: (payload) => payload.value !== 'ab' })],
];

export const cases: fc.Arbitrary<Case> = fc.letrec<{
  node: Case;
  leaf: Case;
  wrapped: Case;
  object: Case;
  others: Case;
}>((tie) => ({
  node: fc.oneof({ maxDepth: 3 }, tie('leaf'), tie('object'), tie('wrapped'), tie('others')),
  leaf: fc.constantFrom(...LEAVES),
  wrapped: fc.tuple(fc.constantFrom(...WRAPPERS), tie('node')).map(([[name, wrap, more], inner]) => ({
    text: `${name}(${inner.text})`,
    schema: wrap(inner.schema),
    near: fc.oneof({ weight: 6, arbitrary: inner.near }, fc.constant(more)),
    native: inner.native,
  })),
  object: fc
    .tuple(
      fc.uniqueArray(fc.tuple(key, tie('node')), { selector: ([name]) => name, maxLength: 5 }),
      fc.constantFrom('strip', 'strict', 'loose', 'catchall'),
      tie('leaf'),
    )
    .map(([fields, mode, other]) => objectCase(fields, mode, other)),
  others: fc.oneof(
    tie('node').map((inner) => arrayCase(inner, z.array(inner.schema), '')),
    tie('node').map((inner) => arrayCase(inner, z.array(inner.schema).min(1).max(3), '1..3')),
    fc
      .tuple(fc.array(tie('node'), { maxLength: 3 }), fc.option(tie('leaf')))
      .map(([items, rest]) => tupleCase(items, rest)),
    tie('node').map(recordCase),
    tie('node').map(enumRecordCase),
    tie('node').map(partialRecordCase),
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map(unionCase),
    fc.array(tie('object'), { minLength: 1, maxLength: 3 }).map(discriminatedCase),
    fc.tuple(tie('object'), tie('object')).map(intersectionCase),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => ({
      text: `xor(${one.text}, ${other.text})`,
      schema: z.xor([one.schema, other.schema]),
      near: fc.oneof(one.near, other.near),
      native: one.native && other.native,
    })),
  ),
})).node;

function objectCase(fields: readonly (readonly [string, Case])[], mode: string, other: Case): Case {
  const shape = Object.fromEntries(fields.map(([name, { schema }]) => [name, schema]));
  const base = z.object(shape);
  const schema =
    mode === 'strict'
      ? base.strict()
      : mode === 'loose'
        ? base.loose()
        : mode === 'catchall'
          ? base.catchall(other.schema)
          : base;
  const declared = fields.map(([name, inner]) => fc.tuple(fc.constant(name), dataFor(inner)));
  const near = fc
    .tuple(
      fc.tuple(...declared),
      fc.array(fc.tuple(key, dataFor(other)), { maxLength: 2 }),
      fc.nat(11),
      fc.constantFrom({}, {}, {}, null),
    )
    .map(([entries, more, way, prototype]) => {
      const own = entries.filter((_, at) => way !== at);
      const all = way === 9 ? [...own, ...more] : way === 10 ? [...own].reverse() : own;
      const data = Object.create(prototype === null ? null : Object.prototype);
      for (const [name, value] of all) {
        Object.defineProperty(data, name, { value, writable: true, enumerable: true, configurable: true });
      }
      if (way === 11) data[Symbol.for('more')] = 1;
      return data;
    });
  return {
    text: `${mode}{${fields.map(([name, inner]) => `${name}: ${inner.text}`).join(', ')}}${mode === 'catchall' ? other.text : ''}`,
    schema,
    near,
    native: fields.every(([, inner]) => inner.native) && (mode !== 'catchall' || other.native),
  };
}

function arrayCase(inner: Case, schema: z.ZodType, text: string): Case {
  return {
    text: `array${text}(${inner.text})`,
    schema,
    native: inner.native,
    near: fc.array(dataFor(inner), { maxLength: 4 }),
  };
}

function tupleCase(items: readonly Case[], rest: Case | null): Case {
  const schemas = items.map(({ schema }) => schema) as unknown as [z.ZodType];
  const near = fc
    .tuple(
      fc.tuple(...items.map(dataFor)) as fc.Arbitrary<unknown[]>,
      rest ? fc.array(rest.near, { maxLength: 2 }) : fc.constantFrom<unknown[]>([], [], [1]),
      fc.nat(4),
    )
    .map(([all, more, dropped]) => [...all, ...more].slice(0, dropped === 0 ? -1 : undefined));
  return {
    text: `tuple(${items.map(({ text }) => text).join(', ')}${rest ? `, ...${rest.text}` : ''})`,
    schema: rest ? z.tuple(schemas, rest.schema) : z.tuple(schemas),
    near,
    native: items.every(({ native }) => native) && (rest?.native ?? true),
  };
}

function dictionary(name: fc.Arbitrary<string>, inner: Case): fc.Arbitrary<unknown> {
  return fc.array(fc.tuple(name, dataFor(inner)), { maxLength: 4 }).map((entries) => Object.fromEntries(entries));
}

function recordCase(inner: Case): Case {
  const schema = z.record(z.string().max(10), inner.schema);
  return { text: `record(${inner.text})`, schema, near: dictionary(key, inner), native: inner.native };
}

function enumRecordCase(inner: Case): Case {
  const near = fc
    .tuple(dataFor(inner), dataFor(inner), fc.nat(6))
    .map(([a, b, way]) => (way === 0 ? { a } : way === 1 ? { b, a, c: 1 } : { b, a }));
  return {
    text: `record(a|b, ${inner.text})`,
    schema: z.record(z.enum(['a', 'b']), inner.schema),
    near,
    native: inner.native,
  };
}

function partialRecordCase(inner: Case): Case {
  const schema = z.partialRecord(z.enum(['a', 'b', '1']), inner.schema);
  return {
    text: `partialRecord(${inner.text})`,
    schema,
    near: dictionary(fc.constantFrom('a', 'b', '1', 'c'), inner),
    native: inner.native,
  };
}

function unionCase(options: readonly Case[]): Case {
  return {
    text: `union(${options.map(({ text }) => text).join(', ')})`,
    schema: z.union(options.map(({ schema }) => schema) as [z.ZodType]),
    near: fc.oneof(...options.map(({ near }) => near)),
    native: options.every(({ native }) => native),
  };
}

function discriminatedCase(options: readonly Case[]): Case {
  const schemas = options.map(({ schema }, at) => (schema as z.ZodObject).extend({ kind: z.literal(`k${at}`) }));
  const tag = fc.constantFrom(...options.map((_, at) => `k${at}`), 'none');
  const near = fc
    .tuple(fc.oneof(...options.map((option) => option.near)), tag)
    .map(([data, kind]) => (typeof data === 'object' && data !== null ? Object.assign(data, { kind }) : data));
  return {
    text: `discriminated(${options.map(({ text }) => text).join(', ')})`,
    schema: z.discriminatedUnion('kind', schemas as unknown as [z.ZodObject<{ kind: z.ZodLiteral<string> }>]),
    near,
    native: options.every(({ native }) => native),
  };
}

function intersectionCase([left, right]: readonly [Case, Case]): Case {
  const near = fc.tuple(left.near, right.near).map(([one, other]) => ({ ...(one as object), ...(other as object) }));
  return {
    text: `${left.text} & ${right.text}`,
    schema: left.schema.and(right.schema),
    near,
    native: left.native && right.native,
  };
}
