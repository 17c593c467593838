import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import * as z from 'zod';
import { createEnvelope, defineEvent } from '../../../lib/contracts/index.ts';
import { compile, REFUSED } from '../../../lib/contracts/validation/compile.ts';
import { declaredPart } from '../../../lib/contracts/validation/declared.ts';
import type { Schema } from '../../../lib/contracts/validation/definition.ts';
import { seeded } from '../../runtime/seed.ts';
import { zodAnswer } from './agreement.ts';
import { cases, dataFor } from './schemas.ts';

const part = (schema: z.ZodType, data: unknown) =>
  declaredPart(schema as unknown as Schema, data, compile(schema).read);

const Line = z.object({ sku: z.string(), count: z.number().default(1) });
const line = { sku: 's', secret: 1 };

/** A schema, data with more than it declares, and what is left. */
const CASES: readonly (readonly [string, z.ZodType, unknown, unknown])[] = [
  ['an object', Line, line, { sku: 's' }],
  ['what is within another', z.object({ a: Line.optional() }), { a: line, b: 1 }, { a: { sku: 's' } }],
  ['the items of a list', z.array(Line).readonly(), [line, line], [{ sku: 's' }, { sku: 's' }]],
  ['a tuple', z.tuple([Line, z.any()], Line), [line, line, line], [{ sku: 's' }, line, { sku: 's' }]],
  ['a record', z.record(z.string(), Line), { x: line }, { x: { sku: 's' } }],
  ['an open object', z.looseObject({ a: Line }), { a: line, b: line }, { a: { sku: 's' }, b: line }],
  ['a catchall', z.object({}).catchall(Line), { b: line }, { b: { sku: 's' } }],
  ['the option that fits', z.union([z.string(), z.object({ a: z.int() }), Line]), line, { sku: 's' }],
  [
    'the option that its rules leave',
    z.union([Line.refine(({ sku }) => sku === 't'), z.looseObject({ sku: z.string() })]),
    line,
    line,
  ],
  [
    'the option that is named',
    z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), Line.extend({ k: z.literal('b') })]),
    { ...line, k: 'b' },
    { sku: 's', k: 'b' },
  ],
  [
    'what another option would read then',
    z.union([z.strictObject({ sku: z.string() }).transform(() => 1), z.object({ sku: z.string() })]),
    line,
    line,
  ],
  ['what must fit one option alone', z.xor([z.object({}), z.looseObject({ sku: z.int().optional() })]), line, line],
  [
    'both sides of an intersection',
    z.object({ a: Line, b: z.int() }).and(z.object({ a: z.object({ count: z.number() }) })),
    { a: { ...line, count: 2 }, b: 1, c: 1 },
    { a: { sku: 's', count: 2 }, b: 1 },
  ],
  ['what is read before a transform', Line.transform(({ sku }) => sku), line, { sku: 's' }],
  ['what is prepared', z.preprocess((data) => data, Line), line, line],
  ['what nobody describes', z.object({ a: z.unknown() }), { a: line }, { a: line }],
  ['a Date', z.object({ at: z.coerce.date() }), { at: new Date(0) }, { at: new Date(0) }],
  ['the text of a Date', z.object({ at: z.coerce.date() }), { at: 'x', to: 1 }, { at: 'x' }],
  ['what is read as something else', z.object({ n: z.coerce.number() }), { n: '1', m: 1 }, { n: '1' }],
  ['nothing at all', z.object({ a: Line.nullish() }), { a: null }, { a: null }],
];

test.each(CASES)('of %s, only what is declared is left', (_name, schema, data, left) => {
  const before = structuredClone(data);
  expect(part(schema, data)).toEqual(left);
  expect(data).toEqual(before);
});

it('is left of a list within itself', () => {
  interface Tree {
    readonly name: string;
    readonly children: readonly Tree[];
  }
  const Tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string().trim(), children: z.array(Tree) }));
  const leaf = { name: ' leaf', children: [], more: 1 };
  expect(part(Tree, { name: 'root', children: [leaf] })).toEqual({
    name: 'root',
    children: [{ name: ' leaf', children: [] }],
  });
});

test('any data reads the same without what is not declared', { timeout: 3_600_000 }, () => {
  let accepted = 0;
  fc.assert(
    fc.property(
      cases.chain((one) => fc.tuple(fc.constant(one), dataFor(one))),
      ([{ schema }, given]) => {
        const text = safely(() => JSON.stringify(given));
        if (text === undefined || text.includes('__proto__')) return;
        const data: unknown = JSON.parse(text);
        const answer = zodAnswer(schema, data);
        if (!answer.startsWith('accepts')) return;
        accepted++;
        const left = part(schema, data);
        expect(zodAnswer(schema, left)).toBe(answer);
        const { json, read } = compile(schema);
        const checked = read(data);
        // as JSON: zod reads what every object inherits as well, where a property is called toString
        if (json && checked !== REFUSED) expect(sent(left)).toEqual(sent(checked));
      },
    ),
    seeded({ numRuns: Number(process.env.BATON_FUZZ_RUNS ?? 2_000) }),
  );
  expect(accepted).toBeGreaterThan(0);
});

describe('an event whose schema transforms', () => {
  it('travels as it was given, without what is not declared', () => {
    const Sent = defineEvent({
      type: 'line.sent',
      version: 1,
      description: 'A line was sent.',
      key: ({ sku, count }) => `${sku}-${count}`,
      schema: Line,
    });
    const { subject, data } = createEnvelope(Sent, line as never, { source: '/test' });
    expect({ subject, data }).toEqual({ subject: 's-1', data: { sku: 's' } });
  });
});

function sent(data: unknown): unknown {
  return data === undefined ? data : JSON.parse(JSON.stringify(data));
}

function safely<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
