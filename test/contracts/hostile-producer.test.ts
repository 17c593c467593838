import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createEnvelope,
  defineEvent,
  envelopeText,
  InvalidContractError,
  InvalidDataError,
  MalformedEnvelopeError,
  parseEnvelope,
  parseEvent,
} from '../../lib/contracts/index.ts';
import { DEEPEST, surveyJson } from '../../lib/contracts/json-data.ts';

/** Anything at all under `free`. */
const Filed = defineEvent({
  type: 'paper.filed',
  version: 1,
  description: 'A paper was filed.',
  key: (paper) => paper.paperId,
  schema: z.object({ paperId: z.string(), free: z.any(), secret: z.any().optional() }),
  sensitive: ['secret'],
});
const file = (free: unknown, more: object = {}) =>
  createEnvelope(Filed, { paperId: 'p-1', free, ...more } as never, { source: '/desk', id: 'e-1', time: new Date(0) });
const travel = (free: unknown) => parseEvent(parseEnvelope(envelopeText(file(free))), [Filed]).data;

const nested = (levels: number): unknown => {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value };
  return value;
};
const cyclic: { name: string; self?: unknown } = { name: 'ring' };
cyclic.self = { again: [cyclic] };
class Money {
  amount = 5;
  get currency() {
    return 'USD';
  }
}

describe('a producer of data that JSON would change', () => {
  it.each<[string, unknown, string, RegExp]>([
    ['NaN', { rate: Number.NaN }, 'free.rate', /is NaN: .*writes null/],
    ['Infinity', [1, Number.POSITIVE_INFINITY], 'free[1]', /is Infinity: /],
    ['-Infinity', { a: [{ b: Number.NEGATIVE_INFINITY }] }, 'free.a[0].b', /is -Infinity: /],
    ['a bigint', { n: 9007199254740993n }, 'free.n', /is 9007199254740993n: .*Make it a text/],
    ['a function', { f: () => 1 }, 'free.f', /is \[Function\]: .*leaves it out/],
    ['a symbol', { s: Symbol('odd') }, 'free.s', /is Symbol\(odd\): .*leaves it out/],
    ['undefined in an array', [undefined], 'free[0]', /is undefined: .*Leave the item out/],
    ['a hole in an array', new Array(3), 'free[0]', /is undefined: /],
    ['an array of four billion holes', new Array(2 ** 32 - 1), 'free', /more than 10000000 values/],
    ['a Map', { m: new Map([[1, 2]]) }, 'free.m', /is \[Map\]: .*what a Map is/],
    ['a Set', new Set([1]), 'free', /is \[Set\]/],
    ['a RegExp', /x/, 'free', /is \[RegExp\]/],
    ['an Error', new Error('no'), 'free', /is \[Error\]/],
    ['bytes', new Uint8Array(2), 'free', /is \[Uint8Array\]/],
    ['a promise', Promise.resolve(1), 'free', /is \[Promise\]/],
    ['an invalid Date', { at: new Date(Number.NaN) }, 'free.at', /is an invalid Date: .*no point in time/],
    ['what toJSON makes of it', { toJSON: () => ({ rate: Number.NaN }) }, 'free.rate', /is NaN/],
    ['a property named __proto__', JSON.parse('{"a":{"__proto__":{}}}'), 'free.a.__proto__', /Give it another one/],
  ])('refuses %s, names the place and says what would happen', (_, free, path, message) => {
    expect(() => file(free)).toThrow(InvalidDataError);
    expect(() => file(free)).toThrow(message);
    expect(surveyJson({ free }).violation?.path).toBe(path);
  });

  it.each<[string, unknown]>([
    ['itself', cyclic],
    ['itself by a toJSON', { toJSON: (): unknown => ({ again: cyclic }) }],
  ])('refuses what holds %s', (_, free) => {
    expect(() => file(free)).toThrow(InvalidDataError);
    expect(() => file(free)).toThrow(/inside itself/);
  });

  it(`refuses what is nested deeper than ${DEEPEST} levels, and carries what is not`, () => {
    // the data is a level of its own
    expect(travel(nested(DEEPEST - 1))).toEqual({ paperId: 'p-1', free: nested(DEEPEST - 1) });
    for (const levels of [DEEPEST, 100_000]) {
      expect(() => file(nested(levels))).toThrow(InvalidDataError);
      expect(() => file(nested(levels))).toThrow(/deeper than 500 levels/);
    }
  });

  it('refuses a few objects that stand in each other so often that their JSON would have no end', () => {
    let value: unknown = 'x';
    for (let level = 0; level < 60; level++) value = [value, value];
    expect(() => file(value)).toThrow(/more than 10000000 values/);
  });

  it('does not show a sensitive value', () => {
    expect(() => file(1, { secret: { digits: 4111111111111111n } })).toThrow(/data\.secret\.digits is \*\*\*: /);
    expect(() => file(1, { secret: 4111111111111111n })).toThrow(/data\.secret is \*\*\*: /);
  });

  it('refuses a value that readers would get as something their schema does not take', () => {
    const Dated = defineEvent({
      type: 'paper.dated',
      version: 1,
      description: 'A paper was dated.',
      key: () => 'k',
      schema: z.object({ at: z.date() }),
    });
    expect(() => createEnvelope(Dated, { at: new Date(0) }, { source: '/desk' })).toThrow(
      /data\.at is "1970-01-01T00:00:00.000Z": as JSON, .*expected date/,
    );
    const Priced = defineEvent({
      type: 'paper.priced',
      version: 1,
      description: 'A paper was priced.',
      key: () => 'k',
      schema: z.object({ price: z.object({ amount: z.number(), currency: z.string() }) }),
    });
    // the getter is not a property of its own, so JSON has none
    expect(() => createEnvelope(Priced, { price: new Money() }, { source: '/desk' })).toThrow(
      /data\.price\.currency is undefined: as JSON/,
    );
  });

  it('refuses a property that is undefined where readers need one', () => {
    expect(() => file(undefined)).toThrow(/data\.free is undefined: as JSON/);
  });

  it('carries a Date where the schema takes its text', () => {
    const Dated = defineEvent({
      type: 'paper.dated',
      version: 1,
      description: 'A paper was dated.',
      key: () => 'k',
      schema: z.object({ at: z.coerce.date() }),
    });
    const at = new Date('2026-02-01T10:00:00.000Z');
    const event = createEnvelope(Dated, { at }, { source: '/desk' });
    expect(parseEvent(parseEnvelope(envelopeText(event)), [Dated]).data).toEqual({ at });
  });

  it.each<[string, unknown, unknown]>([
    ['half a pair', 'a\ud800b', 'a\ud800b'],
    ['noncharacters', '\ufffe \uffff', '\ufffe \uffff'],
    ['control characters', '\u0000\u001f\u007f\u2028', '\u0000\u001f\u007f\u2028'],
    ['-0, as 0', [-0], [0]],
    ['a property that is undefined, by leaving it out', { a: undefined, b: 1 }, { b: 1 }],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    [
      'properties named like those of every object',
      { constructor: 1, toString: 2, hasOwnProperty: 3 },
      { constructor: 1, toString: 2, hasOwnProperty: 3 },
    ],
    ['an integer that is not safe', 2 ** 60, 2 ** 60],
    ['the same object in two places', [cyclic.name, cyclic.name], ['ring', 'ring']],
    ['a text of a million characters', 'x'.repeat(1_000_000), 'x'.repeat(1_000_000)],
  ])('carries %s', (_, free, arrived) => {
    expect(travel(free)).toStrictEqual({ paperId: 'p-1', free: arrived });
  });

  it('writes messages of characters that SQS takes, whatever is in the data', () => {
    const text = envelopeText(file({ '\uffff': 'a\ufffeb\ud800\u0000' }));
    expect(text).toMatch(/^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u);
    expect(parseEnvelope(text).data).toEqual({ paperId: 'p-1', free: { '\uffff': 'a\ufffeb\ud800\u0000' } });
  });
});

describe('a key', () => {
  const keyed = (key: (data: { id: string; customer?: { id: string } | undefined }) => unknown, id = 'x') =>
    createEnvelope(
      defineEvent({
        type: 'paper.filed',
        version: 2,
        description: 'A paper was filed.',
        key: key as () => string,
        schema: z.object({ id: z.string(), customer: z.object({ id: z.string() }).optional() }),
        sensitive: ['id'],
      }),
      { id },
      { source: '/desk' },
    );

  it.each([
    ['a control character', 'a\u0000b', '"a\\u0000b"'],
    ['half a pair', 'a\ud800b', '"a\\ud800b"'],
    ['a noncharacter', 'a\uffff', '"a\uffff"'],
  ])('with %s is refused: its event could never be published', (_, key, shown) => {
    expect(() => keyed(() => key)).toThrow(InvalidDataError);
    expect(() => keyed(() => key)).toThrow(`data is ${shown}: its key has characters that SNS does not take`);
  });

  it('that is no text is refused', () => {
    expect(() => keyed((data) => data.customer?.id)).toThrow(/data is undefined: its key is no text/);
    expect(() => keyed(() => 7)).toThrow(/data is 7: its key is no text/);
  });

  it('that cannot be made is refused, and what is sensitive stays hidden', () => {
    const make = () => keyed((data) => data.customer!.id);
    expect(make).toThrow(InvalidDataError);
    expect(make).toThrow(/its key could not be made: .*reading 'id'/);
    const tell = () => {
      keyed((data) => {
        throw new Error(`no customer for ${data.id}`);
      }, 'Brosina Hoffman');
    };
    expect(tell).toThrow(/could not be made: no customer for \*\*\*/);
    expect(tell).not.toThrow(/Brosina/);
  });

  it('may have any other characters', () => {
    expect(keyed(() => 'Zoë 🚚\t#1').subject).toBe('Zoë 🚚\t#1');
  });
});

describe('an envelope', () => {
  const envelope = (props: object) => createEnvelope(Filed, { paperId: 'p', free: 1 }, { source: '/desk', ...props });

  it.each([
    ['an empty id', { id: '' }, /id is ""/],
    ['an id with half a pair', { id: '\udfff' }, /id is "\\udfff".*characters/],
    ['an empty source', { source: '' }, /source is ""/],
    ['a source with a control character', { source: '/a\u0001' }, /source is .*characters/],
    ['a time that is none', { time: new Date(Number.NaN) }, /time is "an invalid Date"/],
    ['a time after the year 9999', { time: new Date(8e15) }, /time is "\+/],
  ])('with %s is refused where it is made, as its readers would refuse it', (_, props, message) => {
    expect(() => envelope(props)).toThrow(MalformedEnvelopeError);
    expect(() => envelope(props)).toThrow(message);
  });

  it('has no header that JavaScript would lose', () => {
    const named = Object.defineProperty({}, '__proto__', { value: () => 'x', enumerable: true });
    expect(() =>
      defineEvent({ type: 'a', version: 1, description: 'A.', key: () => 'k', schema: z.any(), headers: named }),
    ).toThrow(InvalidContractError);
  });
});
