import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { exampleData, exampleEvent } from '../../../lib/contracts/documents/index.ts';
import { textMaker, UnsupportedPatternError } from '../../../lib/contracts/documents/pattern-text.ts';
import { type AnyContract, defineEvent, parseEnvelope, parseEvent } from '../../../lib/contracts/index.ts';
import { schemaDocument } from '../../../lib/contracts/registry/schema-document.ts';
import { seeded } from '../../runtime/seed.ts';
import { contracts, EverythingHappened, FolderMoved, RefuseAll } from './hostile-shop.ts';

function contractOf(schema: z.ZodType): AnyContract {
  return defineEvent({ type: 'it.happened', version: 1, description: 'It happened.', key: () => 'key', schema });
}

function exampleOf(schema: z.ZodType) {
  const contract = contractOf(schema);
  return exampleData(schemaDocument(contract), (data) => contract.parse(data));
}

/** Schemas that some data fits, however they are put together. */
const leaf: fc.Arbitrary<z.ZodType> = fc.oneof(
  fc.tuple(fc.nat(20), fc.nat(20)).map(([least, more]) =>
    z
      .string()
      .min(least)
      .max(least + more),
  ),
  fc.constantFrom(
    z.iso.date(),
    z.iso.datetime(),
    z.iso.datetime({ offset: true, precision: 3 }),
    z.iso.time(),
    z.iso.duration(),
    z.email(),
    z.uuid(),
    z.uuidv4(),
    z.url(),
    z.ipv4(),
    z.ipv6(),
    z.cidrv4(),
    z.cidrv6(),
    z.base64(),
    z.base64url(),
    z.e164(),
    z.ulid(),
    z.cuid(),
    z.cuid2(),
    z.nanoid(),
    z.ksuid(),
    z.xid(),
    z.jwt(),
    z.emoji(),
    z.hostname(),
    z.guid(),
    z.mac(),
    z.hex(),
    z.iso.datetime({ local: true, precision: -1 }),
    z.string().regex(/^sku-\d+$/i),
    z.boolean(),
    z.null(),
    z.unknown(),
    z.literal(['a', 5, null]),
    z.coerce.date(),
    z.string().startsWith('SKU-').endsWith('-X'),
    z.string().includes('needle').max(12),
    z
      .string()
      .regex(/^(?:red|green|blue)-\d{2,}[^0-9]?$/)
      .min(12),
    z.string().regex(/^[A-Z]{2}\d{9}[A-Z]{2}$/),
    z.string().regex(/^(?=.*\d)[\p{Lu}\d]+$/u),
    z.string().lowercase().length(7),
  ),
  fc.tuple(fc.integer({ min: -1000, max: 1000 }), fc.nat(100)).map(([least, more]) =>
    z
      .int()
      .min(least)
      .max(least + more),
  ),
  fc
    .tuple(fc.double({ min: -10, max: 10, noNaN: true }), fc.double({ min: 1e-3, max: 10, noNaN: true }))
    .map(([least, more]) =>
      z
        .number()
        .gt(least)
        .lt(least + more),
    ),
  fc.constantFrom(7, 0.5, 0.01, 12).map((step) => z.number().multipleOf(step).min(1)),
  fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 4 }).map((values) => z.enum(values as [string, ...string[]])),
);
const schemas: fc.Arbitrary<z.ZodType> = fc.letrec<{ schema: z.ZodType }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc
      .dictionary(
        fc
          .oneof(fc.string(), fc.constantFrom('constructor', 'toString', 'a.b', 'größe', 'orderId'))
          .filter((name) => name !== '__proto__'),
        fc.tuple(tie('schema'), fc.boolean()),
        { maxKeys: 4 },
      )
      .map((fields) =>
        z.object(
          Object.fromEntries(
            Object.entries(fields).map(([name, [schema, optional]]) => [name, optional ? schema.optional() : schema]),
          ),
        ),
      ),
    fc.tuple(tie('schema'), fc.nat(3), fc.nat(3)).map(([item, least, more]) =>
      z
        .array(item)
        .min(least)
        .max(least + more),
    ),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((items) => z.tuple(items as [z.ZodType])),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((options) => z.union(options as [z.ZodType])),
    tie('schema').map((value) => z.record(z.string().regex(/^[a-z]+$/), value)),
    tie('schema').map((inner) => inner.nullable()),
    fc.tuple(tie('schema'), tie('schema')).map(([a, b]) => z.object({ left: a }).and(z.object({ right: b }))),
  ),
})).schema;

describe('an example', () => {
  it('fits whatever schema it was made of, for zod and for JSON Schema', () => {
    const ajv = formats.default(new Ajv2020({ strict: false, logger: false }));
    fc.assert(
      fc.property(schemas, (schema) => {
        const contract = contractOf(schema);
        const document = schemaDocument(contract);
        const example = exampleData(document, (data) => contract.parse(data));
        expect(example).toHaveProperty('data');
        const data: unknown = 'data' in example ? JSON.parse(JSON.stringify(example.data)) : undefined;
        expect(schema.safeParse(data).error).toBeUndefined();
        const { $id: _, ...anonymous } = document as { $id: string };
        expect(ajv.validate(anonymous, data), ajv.errorsText()).toBe(true);
      }),
      seeded({ numRuns: Number(process.env.BATON_FUZZ_RUNS ?? 1_000) }),
    );
  });

  it('is the same each time', () => {
    for (const contract of contracts) {
      const document = schemaDocument(contract);
      expect(exampleEvent(contract, document)).toEqual(exampleEvent(contract, document));
    }
  });

  it('is what readers of the contract read, with its headers and tenant', () => {
    const contract = contracts[0]!;
    const { envelope } = exampleEvent(contract, schemaDocument(contract));
    const read = parseEvent(parseEnvelope(JSON.stringify(envelope)), [contract]);
    expect(read).toMatchObject({ type: 'parcel.sent', tenant: 'AB', headers: '{"carrier":"dhl","grams":1}' });
  });

  it('ends where a schema leads back to itself', () => {
    const { envelope } = exampleEvent(FolderMoved, schemaDocument(FolderMoved));
    expect(JSON.stringify(envelope!.data).length).toBeLessThan(1_000);
    expect(envelope!.data).toMatchObject({ folder: { name: 'name' } });
  });

  it('uses what the schema declares, unless that does not fit', () => {
    const declared = z
      .string()
      .min(3)
      .meta({ examples: ['good'] });
    expect(exampleOf(z.object({ a: declared, b: z.int().default(7) }))).toEqual({ data: { a: 'good', b: 7 } });
    const wrong = z
      .string()
      .min(9)
      .meta({ examples: ['bad'] });
    expect(exampleOf(z.object({ someName: wrong }))).toEqual({ data: { someName: 'some name' } });
  });

  it.each<[string, z.ZodType, unknown]>([
    ['only code can tell', z.jwt(), expect.stringMatching(/^eyJ/)],
    ['code matches whatever the case of its letters is', z.string().regex(/^sku-\d{3}$/i), 'sku-123'],
    ['has a name for people', z.iso.time(), '09:30:00'],
    ['is a network', z.cidrv6(), '2001:db8::/32'],
    ['is a picture', z.emoji(), '🙂'],
    ['is a time in milliseconds', z.iso.datetime({ precision: 3 }), '2026-03-01T09:30:00.000Z'],
    ['is a local time', z.iso.datetime({ local: true, precision: -1 }), expect.stringMatching(/^2026-03-01T09:30Z?$/)],
  ])('of a text that %s is of that kind', (_, schema, data) => {
    expect(exampleOf(schema)).toEqual({ data });
  });

  it('is named after its place, and its items differ', () => {
    const example = exampleOf(
      z.object({ orderId: z.string(), customerName: z.string(), lineIds: z.array(z.string()).min(2) }),
    );
    expect(example).toEqual({
      data: { orderId: 'order-1', customerName: 'customer name', lineIds: ['line-1', 'line-2'] },
    });
  });

  it.each([
    ['code refuses everything', RefuseAll.schema, /never good enough/],
    ['nothing can be there', z.object({ a: z.never() }), /nothing fits 'a'/],
    ['it never ends', endless(), /nested without an end|too large/],
    ['a pattern contradicts another', z.string().regex(/^a+$/).regex(/^b+$/), /no text was found/],
    ['a text would be endless', z.string().min(1_000_000), /no text was found/],
    ['a list would be endless', z.array(z.string()).min(1_000_000), /at least 1000000 items/],
  ])('says why there is none when %s', (_, schema, problem) => {
    expect(exampleOf(schema)).toEqual({ problem: expect.stringMatching(problem) });
  });

  it('ends in bounded work for schemas that branch at every level', () => {
    // 2^60 ways, and none of them ends
    const branching: z.ZodType = z.lazy(() =>
      z.object({ a: z.union([branching, branching]), b: z.union([branching, branching]) }),
    );
    expect(exampleOf(branching)).toEqual({ problem: expect.stringMatching(/too large|without an end/) });
  });

  it('survives names that are part of every object', () => {
    const { envelope } = exampleEvent(EverythingHappened, schemaDocument(EverythingHappened));
    expect(envelope!.data).toMatchObject({ hasOwnProperty: true, constructor: 'constructor', shown: 'as declared' });
    const proto = exampleData(
      JSON.parse('{"type":"object","required":["__proto__"],"properties":{"__proto__":{"const":1}}}'),
      () => undefined,
    );
    expect(JSON.stringify(proto)).toBe('{"data":{"__proto__":1}}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

function endless(): z.ZodType {
  const again: z.ZodType = z.lazy(() => z.object({ again }));
  return again;
}

describe('a text for a pattern', () => {
  it.each([
    '^[A-Z]{3}-\\d+$',
    '^(a|bc)*d?$',
    '^\\+?[1-9]\\d{1,14}$',
    '^[^\\s@]+@[^\\s@]+\\.[a-z]{2,}$',
    '^\\u{1F600}\\x41\\u0042\\cA$',
    '^\\p{Lu}\\p{Ll}+$',
    '^(?<year>\\d{4})-(?:0[1-9]|1[0-2])$',
    '^a{2}b{1,}c{0,3}?$',
    '^[\\]\\\\^-]$',
    '.',
    '',
    '^{x}$',
    '^[\\u4e00-\\u9fff]{2}$',
    '\\bword\\b',
  ])('%s matches it, with more and with less', (pattern) => {
    const make = textMaker(pattern);
    const test = new RegExp(pattern, /\{x\}/.test(pattern) ? '' : 'u');
    for (const extra of [0, 1, 5]) for (const turn of [0, 1, 2]) expect(make(extra, turn)).toMatch(test);
  });

  it.each(['(a)\\1', '(?<n>a)\\k<n>', 'a)', '(a', '[a', 'a\\', '[]', '('.repeat(100)])(
    '%s is told to be beyond it',
    (pattern) => {
      expect(() => textMaker(pattern)).toThrow(UnsupportedPatternError);
    },
  );

  it('does not grow without an end', () => {
    expect(() => textMaker('(((a{90}){90}){90}){90}')(0, 0)).toThrow(UnsupportedPatternError);
    expect(() => textMaker('a{999999999}')(0, 0)).toThrow(UnsupportedPatternError);
  });
});
