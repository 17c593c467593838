import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  ContractError,
  createEnvelope,
  defineEvent,
  type Envelope,
  HeaderError,
  headersOf,
  InvalidDataError,
  MalformedEnvelopeError,
  messageAttributes,
  parseEnvelope,
  parseEvent,
  UpcastError,
} from '../../lib/contracts/index.ts';
import { readJson } from '../../lib/contracts/json-text.ts';
import { preview } from '../../lib/contracts/preview.ts';
import { maskOf } from '../../lib/contracts/sensitive.ts';

const props = { type: 'tree.grown', description: 'A tree grew.', key: () => 'k' } as const;
interface Tree {
  name: string;
  branches?: Tree[] | undefined;
}
const Tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string(), branches: z.array(Tree).optional() }));
const Grown = defineEvent({ ...props, version: 1, schema: Tree });
const Free = defineEvent({ ...props, version: 1, schema: z.any() });
const sound: Envelope = createEnvelope(Grown, { name: 'oak' }, { source: '/wood', id: 'e-1', time: new Date(0) });
/** The text of an envelope with other data, or with more behind it. */
const textOf = (data: string, more = '') => {
  const { data: _, ...attributes } = sound;
  return `${JSON.stringify(attributes).slice(0, -1)},"data":${data}${more}}`;
};
const deep = (levels: number, [open, close]: [string, string]) => `${open.repeat(levels)}1${close.repeat(levels)}`;
const read = (text: string) => parseEvent(parseEnvelope(text), [Grown]);

afterEach(() => {
  expect(Reflect.ownKeys(Object.prototype).filter((key) => !(key in Object.create(Object.prototype)))).toEqual([]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

describe('an envelope that is nested too deeply', () => {
  it.each<[string, [string, string]]>([
    ['arrays', ['[', ']']],
    ['objects', ['{"branches":', '}']],
    ['a tree that the schema allows', ['{"name":"a","branches":[', ']}']],
  ])('is malformed: %s', (_, brackets) => {
    for (const levels of [501, 100_000]) {
      const text = textOf(deep(levels, brackets));
      expect(() => read(text)).toThrow(MalformedEnvelopeError);
      expect(() => read(text)).toThrow(/deeper than 501 levels/);
    }
  });

  it('is so where it stands twice, and only what is left out is too deep', () => {
    const text = textOf(deep(100_000, ['[', ']']), ',"data":{"name":"oak"}');
    expect(() => read(text)).toThrow(MalformedEnvelopeError);
  });

  it('is so in its attributes too', () => {
    const text = JSON.stringify({ ...sound, id: '@' }).replace('"@"', deep(100_000, ['[', ']']));
    expect(() => read(text)).toThrow(MalformedEnvelopeError);
  });

  it('is invalid data where it comes another way: in an object, or out of an upcaster', () => {
    let tree: Tree = { name: 'leaf' };
    for (let level = 0; level < 50_000; level++) tree = { name: 'b', branches: [tree] };
    expect(() => Grown.parse(tree)).toThrow(InvalidDataError);
    expect(() => Grown.parse(tree)).toThrow(/nested too deeply/);
    const Next = defineEvent({ ...props, version: 2, schema: Tree, previous: { contract: Grown, upcast: () => tree } });
    expect(() => parseEvent(sound, [Next])).toThrow(UpcastError);
  });
});

describe('an envelope that readers could read in two ways', () => {
  it.each([
    ['an attribute', textOf('{"name":"oak"}', ',"id":"e-2"'), 'id'],
    ['an attribute, with an escape', textOf('{"name":"oak"}', ',"i\\u0064":"e-2"'), 'id'],
    ['an attribute, with white space', textOf('{"name":"oak"}', ', "id" : "e-2"'), 'id'],
    ['the data', textOf('{"name":"oak"}', ',"data":{"name":"elm"}'), 'data'],
    ['a property of the data', textOf('{"name":"oak","name":"elm"}'), 'name'],
    ['a property far inside', textOf('{"name":"a","branches":[{"name":"b"},{"name":"c","name":"c"}]}'), 'name'],
    ['a property, and hides a colon for it', textOf('{"name":"oak\\u003a","name":"elm"}'), 'name'],
    ['the empty name', textOf('{"name":"oak","":1,"":2}'), ''],
    ['a name with quotes', textOf('{"name":"oak","a\\"b\\\\":1,"a\\"b\\\\":2}'), 'a"b\\'],
  ])('is malformed: it has %s twice', (_, text, name) => {
    expect(() => JSON.parse(text)).not.toThrow();
    expect(() => read(text)).toThrow(MalformedEnvelopeError);
    expect(() => read(text)).toThrow(`the property ${JSON.stringify(name)} twice`);
  });

  it.each([
    ['one name in two objects', '{"name":"a","branches":[{"name":"a"},{"name":"a"}]}'],
    ['colons in texts', '{"name":"a: \\"b\\": {\\u003a:"}'],
    ['colons in names', '{"name":"a","x:y":1,":":2}'],
    ['names in texts', '{"name":"{\\"name\\":\\"a\\",\\"name\\":1}"}'],
    ['white space', '{ "name" : "a" ,\n\t"branches":\r[ ] }'],
    ['backslashes', '{"name":"\\\\","other\\\\":"\\\\\\""}'],
  ])('is not one with %s', (_, data) => {
    expect(parseEnvelope(textOf(data)).data).toEqual(JSON.parse(data));
    expect(read(textOf(data)).data.name).toBe(JSON.parse(data).name);
  });
});

describe('an envelope with what pollutes prototypes', () => {
  it.each([
    ['at the top', textOf('{"name":"oak"}', ',"__proto__":{"polluted":1}')],
    ['in the data', textOf('{"name":"oak","__proto__":{"polluted":1}}')],
    ['far inside', textOf('{"name":"oak","branches":[{"name":"a","__proto__":1}]}')],
    ['with an escape', textOf('{"name":"oak","_\\u005fproto__":{"polluted":1}}')],
  ])('is malformed %s', (_, text) => {
    expect(() => read(text)).toThrow(MalformedEnvelopeError);
    expect(() => read(text)).toThrow(/__proto__/);
  });

  it('is data like any other under the name constructor', () => {
    const data = { name: 'oak', constructor: { prototype: { polluted: 1 } } };
    expect(parseEvent(parseEnvelope(textOf(JSON.stringify(data))), [Free]).data).toEqual(data);
    expect(read(textOf(JSON.stringify(data))).data).toEqual({ name: 'oak' });
  });

  it('has no such headers either', () => {
    for (const headers of ['{"__proto__":"x"}', '{"a":1,"a":2}', '{"a":1e400}']) {
      expect(() => headersOf({ headers })).toThrow(MalformedEnvelopeError);
      expect(() => messageAttributes({ ...sound, headers })).toThrow(/headers is/);
    }
  });
});

describe('an envelope with odd values', () => {
  it.each([
    ['a number that becomes Infinity', textOf('{"name":"a","n":1e400}'), /beyond 1\.8e308/],
    ['a number that becomes -Infinity', textOf('[-1e999]'), /beyond 1\.8e308/],
    ['a byte order mark', `\ufeff${textOf('1')}`, /not JSON/],
    ['half of itself', textOf('{"name":"oak"}').slice(0, 90), /not JSON/],
    ['NaN', textOf('NaN'), /not JSON/],
    ['a date for a time', JSON.stringify({ ...sound, time: '2026-01-01' }), /time is "2026-01-01"; .*RFC 3339/],
    ['a number for a time', JSON.stringify({ ...sound, time: '1' }), /time is "1"/],
    ['a time without a zone', JSON.stringify({ ...sound, time: '2026-01-01T00:00:00' }), /time is/],
    ['a day that is none', JSON.stringify({ ...sound, time: '2026-02-30T00:00:00Z' }), /time is/],
    ['an hour that is none', JSON.stringify({ ...sound, time: '2026-02-20T25:00:00Z' }), /time is/],
    ['a number for a tenant', JSON.stringify({ ...sound, tenant: 5 }), /tenant is 5/],
    ['an object for headers', JSON.stringify({ ...sound, headers: { a: 1 } }), /headers is \{"a":1\}/],
    ['null for a trace', JSON.stringify({ ...sound, traceparent: null }), /traceparent is null/],
    ['a word for a version', JSON.stringify({ ...sound, readablefrom: 'all' }), /readablefrom is "all"/],
    ['nothing for a version', JSON.stringify({ ...sound, readablefrom: '' }), /readablefrom is ""/],
    ['half a pair in its id', JSON.stringify({ ...sound, id: '\ud800' }), /id is "\\ud800".*characters/],
    ['a control character in its source', JSON.stringify({ ...sound, source: '\u0000' }), /source is .*characters/],
  ])('is malformed: %s', (_, text, message) => {
    expect(() => parseEnvelope(text)).toThrow(MalformedEnvelopeError);
    expect(() => parseEnvelope(text)).toThrow(message);
  });

  it.each(['2026-02-28T23:59:59Z', '2024-02-29T00:00:00.123456+05:30', '2026-12-31t00:00:00z'])(
    'may be of %s',
    (time) => {
      expect(parseEnvelope(JSON.stringify({ ...sound, time })).time).toBe(time);
    },
  );

  it('has its integers rounded beyond 2^53, which a schema of integers refuses', () => {
    expect(parseEnvelope(textOf('9007199254740993')).data).toBe(9007199254740992);
    const Counted = defineEvent({ ...props, version: 1, schema: z.int() });
    expect(() => parseEvent(parseEnvelope(textOf('9007199254740993')), [Counted])).toThrow(InvalidDataError);
  });

  it('says what is wrong in few words, however long the value', () => {
    const long = 'x'.repeat(1_000_000);
    const messageOf = (envelope: object): number => {
      try {
        read(JSON.stringify(envelope));
      } catch (error) {
        expect(error).toBeInstanceOf(ContractError);
        return (error as Error).message.length;
      }
      throw new Error('it was read');
    };
    for (const part of ['specversion', 'time', 'type', 'dataschema', 'readablefrom', 'data']) {
      expect(messageOf({ ...sound, [part]: long })).toBeLessThan(1_000);
    }
  });
});

describe('data that is wrong in very many places', () => {
  const failureOf = (act: () => unknown): InvalidDataError => {
    try {
      act();
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidDataError);
      return error as InvalidDataError;
    }
    throw new Error('nothing was thrown');
  };

  it('lists the first 20, and counts the others', () => {
    const List = defineEvent({ ...props, version: 1, schema: z.array(z.string()) });
    const { message, violations } = failureOf(() => List.parse(new Array(300_000).fill(0)));
    expect(violations).toHaveLength(20);
    expect(violations[19]).toMatchObject({ path: '[19]', value: '0' });
    expect(message).toMatch(/data\[0\] is 0: .*; and 299980 more$/);
    expect(message.length).toBeLessThan(3_000);
  });

  it('lists all of a few, and counts none', () => {
    const List = defineEvent({ ...props, version: 1, schema: z.array(z.string()) });
    expect(failureOf(() => List.parse(new Array(20).fill(0))).message).not.toMatch(/more$/);
  });

  it('names neither 10,000 members of an enum nor 10,000 undeclared properties', () => {
    const members = Array.from({ length: 10_000 }, (_, n) => `member-${n}`);
    const Member = defineEvent({ ...props, version: 1, schema: z.object({ list: z.array(z.enum(members)) }) });
    expect(Member.parse({ list: members })).toEqual({ list: members });
    // worded one by one they would be gigabytes
    const { message } = failureOf(() => Member.parse({ list: new Array(50_000).fill('no') }));
    expect(message).toMatch(/"member-0"\|"member-1".*and 49980 more$/);
    expect(message.length).toBeLessThan(20_000);
    const Either = defineEvent({
      ...props,
      version: 1,
      schema: z.array(z.union([z.enum(members), z.array(z.enum(members))])),
    });
    expect(failureOf(() => Either.parse(new Array(50_000).fill('no'))).message.length).toBeLessThan(20_000);
    const Strict = defineEvent({ ...props, version: 1, schema: z.strictObject({}) });
    const all = Object.fromEntries(members.map((member) => [member, 1]));
    expect(failureOf(() => Strict.parse(all)).message.length).toBeLessThan(1_000);
  });

  it('is told in few words where one property has a name of a million characters', () => {
    const Record = defineEvent({ ...props, version: 1, schema: z.record(z.string(), z.number()) });
    expect(failureOf(() => Record.parse({ ['x'.repeat(1_000_000)]: 'no' })).message.length).toBeLessThan(2_000);
  });

  it('reads an object of 2,000 properties', () => {
    const shape = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`p${n}`, z.number()]));
    const Wide = defineEvent({ ...props, version: 1, schema: z.object(shape) });
    const data = Object.fromEntries(Object.keys(shape).map((name, n) => [name, n]));
    expect(Wide.parse(data)).toEqual(data);
    expect(failureOf(() => Wide.parse({})).message).toMatch(/and 1980 more$/);
  });

  it('does not show what is sensitive, in any of 100,000 places', () => {
    const Noted = defineEvent({
      ...props,
      version: 1,
      schema: z.object({ notes: z.array(z.string()), age: z.number() }),
      sensitive: ['notes[]'],
    });
    const notes = Array.from({ length: 100_000 }, (_, n) => `note ${n}`);
    expect(failureOf(() => Noted.parse({ notes, age: 'old' })).message).toMatch(/data\.age is "old": \*\*\*/);
    expect(failureOf(() => Noted.parse({ notes: [['note 7']], age: 1 })).message).not.toMatch(/note 7/);
  });

  it('does not show what is sensitive when there is very much of it', () => {
    const Scanned = defineEvent({ ...props, version: 1, schema: z.object({ scan: z.number() }), sensitive: ['scan'] });
    const scan = '[%é$'.repeat(100_000);
    for (const data of [{ scan }, { scan: [scan, scan.slice(1), 'short'] }]) {
      expect(failureOf(() => Scanned.parse(data)).message).not.toMatch(/%|short/);
    }
    expect(maskOf({ sensitive: ['scan'] }, { scan }).text(`${scan} and ${scan}.`)).toBe('*** and ***.');
    expect(maskOf({ sensitive: ['scan'] }, { scan: scan.repeat(3) }).text('anything')).toBe('***');
  });

  it('is masked when it is inside itself', () => {
    const ring: Record<string, unknown> = { name: 'Brosina' };
    ring.self = ring;
    expect(maskOf({ sensitive: ['ring'] }, { ring }).text('said Brosina')).toBe('said ***');
    let deepest: unknown = 'Brosina';
    for (let level = 0; level < 100_000; level++) deepest = [deepest];
    expect(maskOf({ sensitive: ['deep'] }, { deep: deepest }).text('said Brosina')).toBe('said ***');
  });
});

describe('code of a contract that throws', () => {
  const oddities: [string, unknown][] = [
    ['an error', new TypeError('of its own')],
    ['a text', 'of its own'],
    ['an object without a prototype', Object.create(null)],
    ['a symbol', Symbol('of its own')],
    ['nothing', undefined],
  ];

  it.each(oddities)('makes data invalid when a refinement throws %s', (_, thrown) => {
    const schema = z.string().refine(() => {
      throw thrown;
    });
    const Refined = defineEvent({ ...props, version: 1, schema });
    expect(() => Refined.parse('x')).toThrow(InvalidDataError);
    expect(() => Refined.parse('x')).toThrow(/its schema could not check it/);
  });

  it.each(oddities)('fails the upcast when an upcaster throws %s', (_, thrown) => {
    const upcast = () => {
      throw thrown;
    };
    const Next = defineEvent({ ...props, version: 2, schema: Tree, previous: { contract: Grown, upcast } });
    expect(() => parseEvent(sound, [Next])).toThrow(UpcastError);
  });

  it.each(oddities)('refuses the event when its key or a header throws %s', (_, thrown) => {
    const fails = () => {
      throw thrown;
    };
    const Keyless = defineEvent({ ...props, version: 1, key: fails, schema: Tree });
    expect(() => createEnvelope(Keyless, { name: 'oak' }, { source: '/wood' })).toThrow(InvalidDataError);
    const Headless = defineEvent({ ...props, version: 1, headers: { region: fails }, schema: Tree });
    expect(() => createEnvelope(Headless, { name: 'oak' }, { source: '/wood' })).toThrow(HeaderError);
  });

  it('never sees what stands behind the error as a sensitive value', () => {
    const schema = z.object({ name: z.string() }).refine(({ name }) => {
      throw new Error(`${name} is odd`);
    });
    const Refined = defineEvent({ ...props, version: 1, schema, sensitive: ['name'] });
    expect(() => Refined.parse({ name: 'Brosina' })).toThrow(/could not check it: \*\*\* is odd/);
  });
});

describe('a preview', () => {
  it.each<[unknown, string]>([
    [{ a: [1, 'x', null, undefined, true] }, '{"a":[1,"x",null,undefined,true]}'],
    [10n, '10n'],
    [Number.NaN, 'NaN'],
    [new Map(), '[Map]'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [[], '[]'],
    ['🚚'.repeat(60), `"${'🚚'.repeat(38)}...`],
  ])('of %o is its JSON', (value, text) => {
    expect(preview(value)).toBe(text);
  });

  it('is short and well-formed for anything', () => {
    const ring: unknown[] = [];
    ring.push(ring, ring);
    const failing = {
      get it() {
        throw new Error('no');
      },
    };
    for (const value of [
      ring,
      new Array(2 ** 32 - 1),
      'x'.repeat(1e7),
      { ['k'.repeat(1e6)]: 1 },
      failing,
      10n ** 10_000n,
    ]) {
      expect(preview(value).length).toBeLessThanOrEqual(80);
      expect(preview(value).isWellFormed()).toBe(true);
    }
  });
});

describe('reading JSON', () => {
  it('takes names with escapes as they are written, whatever was read before', () => {
    const names = ['\\', '"', '\n', 'a\\', 'a"', 'a\u0000', '\ud800'];
    for (const data of [...names, ...names].map((name) => ({
      first: 1,
      [name]: [{ deep: null, [name]: -1.5e3 }, [], 'x: {'],
    }))) {
      expect(readJson(JSON.stringify(data))).toStrictEqual(data);
      expect(readJson(JSON.stringify(data, undefined, 2))).toStrictEqual(data);
    }
  });

  it('reads a message of a megabyte of brackets, numbers or quotes', () => {
    for (const text of [
      `[${'[],'.repeat(300_000)}[]]`,
      `[${'1,'.repeat(500_000)}1]`,
      JSON.stringify('"\\'.repeat(250_000)),
    ]) {
      expect(readJson(text)).toEqual(JSON.parse(text));
    }
  });
});
