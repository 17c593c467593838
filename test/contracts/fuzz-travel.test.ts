import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type AnyContract,
  ContractError,
  createEnvelope,
  defineEvent,
  type Envelope,
  envelopeText,
  InvalidDataError,
  parseEnvelope,
  parseEvent,
} from '../../lib/contracts/index.ts';
import { seeded } from '../runtime/seed.ts';
import { asJson } from './as-json.ts';

const numRuns = Number(process.env.BATON_FUZZ_RUNS ?? 2_000);
/** In milliseconds: far more than they take. */
const timeout = 20_000 + numRuns * 10;

/** A schema, what it is called in a failing case, and data that fits it, near enough. */
interface Kind {
  readonly name: string;
  readonly schema: z.ZodType;
  readonly data: fc.Arbitrary<unknown>;
}

/** Names that something might trip over, and plain ones. */
const name = fc.oneof(
  fc.constantFrom(
    'id',
    'type',
    'data',
    'a:b',
    'constructor',
    'prototype',
    'toString',
    'toJSON',
    'length',
    '',
    '"',
    '\\',
    '\u2028',
  ),
  fc.string({ maxLength: 5, unit: 'grapheme' }),
);
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\ud800', '\uffff', '\u0000', '":', 'a:b', '{"id":1}', '\\u003a'),
);
/** What producers may hold: also what JSON does not know. */
const anything = fc.oneof(
  { weight: 6, arbitrary: fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }) },
  {
    weight: 1,
    arbitrary: fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
      withNullPrototype: true,
      withTypedArray: true,
    }),
  },
);
const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-0, 2 ** 53, 1e308));

const leaf: fc.Arbitrary<Kind> = fc.constantFrom<Kind>(
  { name: 'string', schema: z.string(), data: text },
  { name: 'number', schema: z.number(), data: number },
  { name: 'int', schema: z.int(), data: fc.integer() },
  { name: 'boolean', schema: z.boolean(), data: fc.boolean() },
  { name: 'enum', schema: z.enum(['a', 'b:c']), data: fc.constantFrom('a', 'b:c') },
  { name: 'null', schema: z.null(), data: fc.constant(null) },
  { name: 'any', schema: z.any(), data: anything },
  { name: 'unknown', schema: z.unknown(), data: anything },
  { name: 'date', schema: z.date(), data: fc.date() },
  { name: 'coerced date', schema: z.coerce.date(), data: fc.date() },
);

const kind = fc.letrec<{ kind: Kind }>((tie) => ({
  kind: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    tie('kind').map(({ name, schema, data }) => ({
      name: `array(${name})`,
      schema: z.array(schema),
      data: fc.array(data, { maxLength: 4 }),
    })),
    tie('kind').map(({ name, schema, data }) => ({
      name: `optional(${name})`,
      schema: schema.optional(),
      data: fc.option(data, { nil: undefined }),
    })),
    tie('kind').map(({ name, schema, data }) => ({
      name: `record(${name})`,
      schema: z.record(z.string(), schema),
      data: fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), data, { maxKeys: 4 }),
    })),
    fc.tuple(tie('kind'), tie('kind')).map(([a, b]) => ({
      name: `union(${a.name}, ${b.name})`,
      schema: z.union([a.schema, b.schema]),
      data: fc.oneof(a.data, b.data),
    })),
    fc.uniqueArray(fc.tuple(name, tie('kind')), { maxLength: 4, selector: ([each]) => each }).map((fields) => ({
      name: `object(${fields.map(([each, { name }]) => `${each}: ${name}`).join(', ')})`,
      schema: z.object(Object.fromEntries(fields.map(([each, { schema }]) => [each, schema]))),
      data: fc.record(Object.fromEntries(fields.map(([each, { data }]) => [each, data]))),
    })),
  ),
})).kind;

const TYPE = 'thing.done';
const contractOf = (schema: z.ZodType, key: (data: { key: string }) => string = (data) => data.key) =>
  defineEvent({
    type: TYPE,
    version: 1,
    description: 'A thing was done.',
    key,
    schema: z.object({ key: z.string(), thing: schema }),
    headers: { first: ({ key }: { key: string }) => key.slice(0, 1) || undefined },
    sensitive: ['thing'],
  }) as AnyContract;
/** A later version that keeps what it got from the one before, and says so. */
const laterThan = (contract: AnyContract, schema: z.ZodType, versions: number): AnyContract => {
  let last = contract;
  const since: Record<string, z.ZodType> = {};
  for (let version = 2; version <= versions; version++) {
    since[`since${version}`] = z.literal(version);
    last = defineEvent({
      type: TYPE,
      version,
      description: 'A thing was done.',
      key: (data) => String(data.key),
      schema: z.object({ key: z.string(), thing: schema, ...since }),
      previous: { contract: last, upcast: (before: object) => ({ ...before, [`since${version}`]: version }) as never },
    }) as AnyContract;
  }
  return last;
};

const pristine = Reflect.ownKeys(Object.prototype);
const expectNoPollution = () => expect(Reflect.ownKeys(Object.prototype)).toEqual(pristine);

describe('the whole way of an event', () => {
  it(
    'ends with what a producer sent, whatever was accepted there',
    () => {
      let accepted = 0;
      fc.assert(
        fc.property(
          kind.chain(({ name, schema, data }) =>
            fc.record({ name: fc.constant(name), schema: fc.constant(schema), thing: data }),
          ),
          fc.oneof(fc.string({ minLength: 1 }), text),
          fc.integer({ min: 1, max: 4 }),
          ({ name, schema, thing }, key, versions) => {
            const contract = contractOf(schema);
            let envelope: Envelope;
            try {
              envelope = createEnvelope(contract, { key, thing }, { source: '/fuzz' }) as Envelope;
            } catch (error) {
              expect(error).toBeInstanceOf(ContractError);
              return;
            }
            accepted++;
            const text = envelopeText(envelope);
            expect(text).toMatch(/^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u);
            const read = parseEnvelope(text);
            deepStrictEqual(read, asJson(envelope));
            const event = parseEvent(read, [contract]) as Envelope;
            deepStrictEqual(event, { ...read, data: contract.parse(asJson(envelope.data)) });

            // what upcasts is not JSON: a Date already, which not every schema takes once more
            if (name.includes('date')) return;
            const later = laterThan(contract, schema, versions);
            const upcast = parseEvent(read, [later]) as Envelope<string, Record<string, unknown>>;
            const since = Array.from({ length: versions - 1 }, (_, n) => [`since${n + 2}`, n + 2]);
            deepStrictEqual(upcast.data, { ...(event.data as object), ...Object.fromEntries(since) });
            expectNoPollution();
          },
        ),
        seeded({ numRuns }),
      );
      expect(accepted).toBeGreaterThan(numRuns / 4);
    },
    timeout,
  );

  it(
    'begins with nothing that is not data: a ContractError, or an event that its reader takes',
    () => {
      const contract = contractOf(z.any().optional());
      fc.assert(
        fc.property(anything, fc.oneof(fc.constant('k'), anything), (thing, key) => {
          const named = contractOf(z.any().optional(), () => key as string);
          for (const [one, data] of [
            [contract, thing],
            [named, { key: 'k', thing }],
          ] as const) {
            try {
              const text = envelopeText(createEnvelope(one, data as never, { source: '/fuzz' }) as Envelope);
              parseEvent(parseEnvelope(text), [one]);
            } catch (error) {
              expect(error).toBeInstanceOf(ContractError);
            }
          }
          expectNoPollution();
        }),
        seeded({ numRuns }),
      );
    },
    timeout,
  );

  it(
    'is the same for a producer that fails: the error names a place, and shows nothing sensitive',
    () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 100_000, max: 999_999_999 }),
          fc.array(name, { maxLength: 5 }),
          (secret, path) => {
            let thing: unknown = BigInt(secret);
            for (const step of path.toReversed()) thing = step === '' ? [thing] : { [step]: thing };
            const make = () => createEnvelope(contractOf(z.any()), { key: 'k', thing }, { source: '/fuzz' });
            expect(make).toThrow(InvalidDataError);
            expect(make).toThrow(/data\.thing.*: (JSON has no bigint|readers leave out)/s);
            expect(make).not.toThrow(String(secret));
          },
        ),
        seeded({ numRuns: Math.min(numRuns, 20_000) }),
      );
    },
    timeout,
  );
});
