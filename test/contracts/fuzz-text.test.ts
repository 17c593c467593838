import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  ContractError,
  createEnvelope,
  defineEvent,
  envelopeText,
  headersOf,
  MalformedEnvelopeError,
  messageAttributes,
  parseEnvelope,
  parseEvent,
} from '../../lib/contracts/index.ts';
import { readJson } from '../../lib/contracts/json-text.ts';
import { seeded } from '../runtime/seed.ts';
import { asJson } from './as-json.ts';

const numRuns = Number(process.env.BATON_FUZZ_RUNS ?? 2_000);
/** In milliseconds: far more than they take. */
const timeout = 20_000 + numRuns * 10;

const Line = z.object({ sku: z.string(), note: z.string().optional(), quantity: z.int().positive() });
const Before = defineEvent({
  type: 'order.placed',
  version: 1,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  schema: z.object({ orderId: z.string(), lines: z.array(Line), more: z.record(z.string(), z.unknown()).optional() }),
  headers: { count: (order) => order.lines.length },
  tenant: (order) => order.orderId,
  sensitive: ['lines[].note'],
});
const Placed = defineEvent({
  type: 'order.placed',
  version: 2,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  schema: z.looseObject({ orderId: z.string(), lines: z.array(Line).min(1), total: z.number() }),
  previous: {
    contract: Before,
    upcast: ({ orderId, lines }) => ({ orderId, lines, total: lines[0]!.quantity * lines.length }),
  },
});
const cause = createEnvelope(
  Before,
  { orderId: 'o-0', lines: [] },
  { source: '/shop', id: 'e-0', time: new Date(0), traceparent: '00-a-b-01' },
);
const sources = [
  createEnvelope(
    Before,
    { orderId: 'o-1', lines: [{ sku: 's:1', note: 'to "Zoë": 🚚', quantity: 2 }], more: { a: { b: [1, null, 'x'] } } },
    { source: '/shop', id: 'e-1', time: new Date(1), cause },
  ),
  createEnvelope(
    Placed,
    { orderId: 'o-2', lines: [{ sku: 's', quantity: 1 }], total: 1.5e-7 },
    { source: '/shop', id: 'e-2', time: new Date(2) },
  ),
].map(envelopeText);

/** Any value that a JSON text can have, and texts that only look like one. */
const token = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    '""',
    '"__proto__"',
    '[]',
    '{}',
    '0',
    '-0',
    '1e400',
    '-1e999',
    '9007199254740993',
    '"\\ud800"',
  ),
  fc.constantFrom(
    '"\\u0000"',
    '"\\uffff"',
    '{"__proto__":{"polluted":1}}',
    '{"a":1,"a":2}',
    '"2026-13-01T00:00:00Z"',
    '"1"',
    '"urn:baton:order.placed:3"',
  ),
  fc.integer({ min: 400, max: 60_000 }).map((levels) => '['.repeat(levels) + ']'.repeat(levels)),
  fc.integer({ min: 400, max: 20_000 }).map((levels) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`),
  fc.json(),
);
const property = fc.oneof(
  fc.constantFrom(
    'id',
    'type',
    'data',
    'time',
    'dataschema',
    'subject',
    'headers',
    'tenant',
    'readablefrom',
    'dataref',
    'lines',
    'sku',
  ),
  fc.constantFrom('__proto__', 'constructor', 'toJSON', 'specversion', '\\u0069d', '_\\u005fproto__'),
);

/** A change to a text of JSON. */
type Mutation = (text: string) => string;
/** Where in a text: a share of its length. */
const place = fc.noBias(fc.integer({ min: 0, max: 9_999 })).map((n) => n / 10_000);
const at = (text: string, share: number) => Math.floor(text.length * share);
/** Puts something in place of the value of the property that follows a place, as far as it is a simple one. */
const replaceValue = (text: string, share: number, value: string) => {
  const start = text.indexOf('":', at(text, share));
  if (start < 0) return text;
  const rest = text.slice(start + 2).replace(/^("(\\.|[^"\\])*"|[-\d.eE+]+|\[\]|\{\}|null|true|false)?/, () => value);
  return text.slice(0, start + 2) + rest;
};
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.integer({ min: 0, max: 7 })).map(([share, bit]) => (text: string) => {
    const bytes = Buffer.from(text);
    const position = Math.floor(bytes.length * share);
    bytes[position]! ^= 1 << bit;
    return bytes.toString();
  }),
  place.map((share) => (text: string) => text.slice(0, at(text, share))),
  fc.tuple(place, place).map(
    ([from, to]) =>
      (text: string) =>
        text.slice(0, at(text, from)) + text.slice(at(text, to)),
  ),
  {
    weight: 6,
    arbitrary: fc.tuple(place, token).map(
      ([share, value]) =>
        (text: string) =>
          replaceValue(text, share, value),
    ),
  },
  fc.tuple(property, token).map(
    ([key, value]) =>
      (text: string) =>
        text.replace(/\}$/, () => `,"${key}":${value}}`),
  ),
  fc.tuple(property, token, place).map(([key, value, share]) => (text: string) => {
    const start = text.indexOf('{', at(text, share));
    return start < 0 ? text : `${text.slice(0, start + 1)}"${key}":${value},${text.slice(start + 1)}`;
  }),
  fc.tuple(place, fc.constantFrom(' ', '\n', '\t', '\ufeff', '\u0000')).map(([share, space]) => (text: string) => {
    const start = at(text, share);
    return text.slice(0, start) + space + text.slice(start);
  }),
);

const pristine = Reflect.ownKeys(Object.prototype);

/** Whether some object of a JSON text has a name twice, found by another way: with every name made unique as it is read. */
function hasDuplicate(text: string): boolean {
  let left = text;
  const parse = (): boolean => {
    left = left.trimStart();
    if (left[0] === '{' || left[0] === '[') {
      const list = left[0] === '[';
      const names = new Set<string>();
      left = left.slice(1).trimStart();
      let twice = false;
      while (left[0] !== (list ? ']' : '}')) {
        if (!list) {
          const [key] = /^"(\\.|[^"\\])*"/.exec(left)!;
          const known = JSON.parse(key) as string;
          twice ||= names.has(known);
          names.add(known);
          left = left.slice(key.length).trimStart().slice(1);
        }
        twice = parse() || twice;
        left = left.trimStart();
        if (left[0] === ',') left = left.slice(1).trimStart();
      }
      left = left.slice(1);
      return twice;
    }
    const [scalar] = /^("(\\.|[^"\\])*"|[^,\]}\s]+)/.exec(left)!;
    left = left.slice(scalar.length);
    return false;
  };
  return parse();
}

describe('a message that was tampered with', () => {
  it(
    'is an event, or a ContractError says what it is not',
    () => {
      const seen = new Map<string, number>();
      const count = (outcome: string) => seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      fc.assert(
        fc.property(
          fc.constantFrom(...sources),
          fc.array(mutation, { minLength: 1, maxLength: 3 }),
          (source, mutations) => {
            const text = mutations.reduce((changed, mutate) => mutate(changed), source);
            try {
              const envelope = parseEnvelope(text);
              const event = parseEvent(envelope, [Placed]);
              count('an event');
              expect(Object.getPrototypeOf(event.data)).toBe(Object.prototype);
              expect(Number.isInteger(event.data.lines.length) && Number.isFinite(event.data.total)).toBe(true);
              // what was read can be written and read again: nothing was in it that only one reader understands
              expect(parseEnvelope(envelopeText(envelope))).toEqual(asJson(envelope));
            } catch (error) {
              if (!(error instanceof ContractError)) throw error;
              count(error.name);
              expect(error.message.length).toBeLessThan(20_000);
              expect(error.message.isWellFormed()).toBe(true);
            }
            expect(Reflect.ownKeys(Object.prototype)).toEqual(pristine);
          },
        ),
        seeded({ numRuns }),
      );
      // the mutations reach what they are meant to
      expect([...seen.keys()]).toEqual(
        expect.arrayContaining(['an event', 'MalformedEnvelopeError', 'InvalidDataError', 'UnsupportedVersionError']),
      );
    },
    timeout,
  );

  it(
    'has headers that travel, or a MalformedEnvelopeError says what is wrong with them',
    () => {
      const envelope = parseEnvelope(sources[0]!);
      fc.assert(
        fc.property(
          fc.oneof(
            token,
            fc.tuple(property, token).map(([key, value]) => `{"${key}":${value}}`),
          ),
          (headers) => {
            try {
              const read = headersOf({ headers });
              const attributes = messageAttributes({ ...envelope, headers });
              for (const key of Object.keys(read)) expect(Object.keys(attributes)).toContain(key);
              expect(attributes.type?.StringValue).toBe('order.placed');
              expect(Object.getPrototypeOf(attributes)).toBe(Object.prototype);
            } catch (error) {
              expect(error).toBeInstanceOf(MalformedEnvelopeError);
            }
          },
        ),
        seeded({ numRuns }),
      );
    },
    timeout,
  );
});

describe('a JSON text', () => {
  // few names and many colons, so that they meet
  const key = fc.constantFrom('"a"', '"b"', '"a:"', '":"', '"\\u0061"', '""', '"a\\":"', '"\\u003a"');
  const space = fc.constantFrom('', '', '', ' ', '\n');
  const json = fc.letrec<{ json: string }>((tie) => ({
    json: fc.oneof(
      { depthSize: 'small' },
      fc.oneof(fc.constantFrom('1', 'null', '""', '-0.5e3'), key),
      fc.array(tie('json'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
      fc
        .array(
          fc
            .tuple(key, space, tie('json'), space)
            .map(([name, before, value, after]) => `${name}${before}:${after}${value}`),
          { maxLength: 4 },
        )
        .map((fields) => `{${fields.join(',')}}`),
    ),
  })).json;

  it(
    'is read as JSON.parse does, or refused when an object has a name twice, however it is written',
    () => {
      let [sound, twice] = [0, 0];
      fc.assert(
        fc.property(json, (text) => {
          if (hasDuplicate(text)) {
            twice++;
            expect(() => readJson(text)).toThrow(MalformedEnvelopeError);
          } else {
            sound++;
            expect(readJson(text)).toStrictEqual(JSON.parse(text));
          }
        }),
        seeded({ numRuns }),
      );
      expect(Math.min(sound, twice)).toBeGreaterThan(numRuns / 50);
    },
    timeout,
  );

  it(
    'of any kind is read or refused',
    () => {
      fc.assert(
        fc.property(fc.oneof(fc.string(), fc.json(), token), (text) => {
          try {
            const value = readJson(text);
            // see asJson
            if (!text.includes('\\')) expect(value).toEqual(JSON.parse(text));
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedEnvelopeError);
          }
        }),
        seeded({ numRuns }),
      );
    },
    timeout,
  );
});
