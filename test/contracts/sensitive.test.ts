import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent, InvalidContractError, InvalidDataError } from '../../lib/contracts/index.ts';
import { createMask, maskOf } from '../../lib/contracts/sensitive.ts';
import { seeded } from '../runtime/seed.ts';

const Paid = defineEvent({
  type: 'order.paid',
  version: 1,
  description: 'A customer paid an order.',
  key: (order) => order.orderId,
  schema: z.object({
    orderId: z.string(),
    customerName: z.string(),
    card: z.object({ number: z.string().min(12), pin: z.string() }).optional(),
    lines: z.array(z.object({ product: z.string(), note: z.string().optional() })),
    income: z.number().optional(),
  }),
  sensitive: ['customerName', 'card.number', 'card.pin', 'lines[].note', 'income'],
});

const data = {
  orderId: 'o-1',
  customerName: 'Ann "Lee" O’Hara',
  card: { number: '4111111111111111', pin: '07' },
  lines: [{ product: 'Chair', note: 'for my sister' }, { product: 'Desk' }],
  income: 52_000,
};

function contractOf(schema: z.ZodType, ...sensitive: string[]) {
  return defineEvent({ type: 'a.b', version: 1, description: 'Some event.', key: () => 'k', schema, sensitive });
}

describe('sensitive paths', () => {
  it('are kept with the contract, and are none by default', () => {
    expect(Paid.sensitive).toEqual(['customerName', 'card.number', 'card.pin', 'lines[].note', 'income']);
    expect(contractOf(z.object({})).sensitive).toEqual([]);
  });

  it.each(['', '.', 'a..b', 'a.', '[]', 'a[0]', 'a[', '[].a', 'a.[]'])('refuses %j, which is no path', (path) => {
    expect(() => contractOf(z.any(), path)).toThrow(/is no path/);
  });

  it.each(['customer', 'card.nmber', 'lines.note', 'lines[].nope', 'customerName.first', 'card[]'])(
    'refuses %j, which leads nowhere in the schema',
    (path) => {
      expect(() => contractOf(Paid.schema as z.ZodType, path)).toThrow(InvalidContractError);
      expect(() => contractOf(Paid.schema as z.ZodType, path)).toThrow(`the schema has no '${path}'`);
    },
  );

  const name = z.object({ name: z.string() });
  it.each<[string, z.ZodType, string]>([
    ['optional and nullable fields', z.object({ a: name.nullable().optional() }), 'a.name'],
    ['defaults', z.object({ a: name.default({ name: '' }) }), 'a.name'],
    ['readonly fields', z.object({ a: name.readonly() }), 'a.name'],
    ['refinements', z.object({ a: name.refine(() => true) }).strict(), 'a.name'],
    ['records', z.object({ a: z.record(z.string(), name) }), 'a.anything.name'],
    ['unions', z.object({ a: z.union([z.string(), name]) }), 'a.name'],
    ['discriminated unions', z.discriminatedUnion('t', [name.extend({ t: z.literal('x') })]), 'name'],
    ['intersections', z.object({ a: z.intersection(z.object({ b: z.string() }), name) }), 'a.name'],
    ['what is transformed', z.object({ a: name.transform((value) => value.name) }), 'a.name'],
    ['what was preprocessed', z.object({ a: z.preprocess((value) => value, name) }), 'a.name'],
    ['tuples', z.object({ a: z.tuple([z.string(), name]) }), 'a[].name'],
    ['nested arrays', z.object({ a: z.array(z.array(name)) }), 'a[][].name'],
    ['lazy schemas', z.object({ a: z.lazy(() => name) }), 'a.name'],
    ['open objects', z.looseObject({}), 'whatever'],
    ['anything', z.object({ a: z.unknown() }), 'a.b[].c'],
    ['whole objects', z.object({ a: name }), 'a'],
  ])('may lead into %s', (_what, schema, path) => {
    expect(contractOf(schema, path).sensitive).toEqual([path]);
  });
});

describe('a mask', () => {
  const mask = createMask(Paid, data);

  it('replaces sensitive values in a text, and nothing else', () => {
    expect(mask(`No card ${data.card.number} for ${data.customerName} (o-1, Chair).`)).toBe(
      'No card *** for *** (o-1, Chair).',
    );
  });

  it('finds them as JSON and as URLs write them', () => {
    expect(mask(JSON.stringify({ name: data.customerName }))).toBe('{"name":"***"}');
    expect(mask(`GET /customers?q=${encodeURIComponent(data.customerName)}`)).toBe('GET /customers?q=***');
  });

  it('finds numbers, but not inside of longer ones', () => {
    expect(mask('earns 52000, id 1520007, 52000.5')).toBe('earns ***, id 1520007, 52000.5');
  });

  it('leaves short values alone in texts: they occur by accident', () => {
    expect(mask('07:30')).toBe('07:30');
  });

  it('replaces short values where they stand in an object, copies included', () => {
    expect(maskOf(Paid, data).value({ card: { ...data.card }, at: '07:30', pin: '07', month: '07' })).toEqual({
      card: { number: '***', pin: '***' },
      at: '07:30',
      pin: '***',
      month: '07',
    });
  });

  it('replaces them in the data itself', () => {
    expect(maskOf(Paid, data).value(data)).toEqual({
      orderId: 'o-1',
      customerName: '***',
      card: { number: '***', pin: '***' },
      lines: [{ product: 'Chair', note: '***' }, { product: 'Desk' }],
      income: '***',
    });
    expect(data.card.pin).toBe('07');
  });

  it('replaces longer values before those which they contain', () => {
    const contract = contractOf(z.object({ a: z.string(), b: z.string() }), 'a', 'b');
    expect(createMask(contract, { a: 'Anna', b: 'Anna Smith' })('Anna Smith and Anna')).toBe('*** and ***');
  });

  it('covers everything below a path', () => {
    const contract = contractOf(z.object({ who: z.object({ names: z.array(z.string()), born: z.date() }) }), 'who');
    const who = { names: ['Alice', 'Liddell'], born: new Date('1852-05-04') };
    expect(createMask(contract, { who })('Alice Liddell, 1852-05-04T00:00:00.000Z')).toBe('*** ***, ***');
  });

  it('keeps errors errors: class, message, stack, causes and what they carry', () => {
    class CardError extends Error {
      override name = 'CardError';
      card = data.card;
    }
    const error = new CardError(`refused ${data.card.number}`, {
      cause: new Error(`by the bank of ${data.customerName}`),
    });
    const masked = maskOf(Paid, data).value(error) as CardError;
    expect(masked).toBeInstanceOf(CardError);
    expect(masked).toMatchObject({ name: 'CardError', message: 'refused ***', card: { number: '***', pin: '***' } });
    expect((masked.cause as Error).message).toBe('by the bank of ***');
    expect(`${masked.stack}${(masked.cause as Error).stack}`).not.toMatch(/4111|Hara/);
    expect(masked.stack).toContain('sensitive.test.ts');
    expect(error.message).toContain('4111');
  });

  it('gets through cycles, and through what writes its own JSON', () => {
    const node: Record<string, unknown> = { url: new URL(`http://bank/${data.card.number}`) };
    node.self = node;
    expect(maskOf(Paid, data).value(node)).toEqual({ url: 'http://bank/***', self: undefined });
  });

  it('is the identity for a contract without sensitive fields', () => {
    const contract = contractOf(z.object({ a: z.string() }));
    const value = { a: 'text' };
    expect(createMask(contract, value)('some text')).toBe('some text');
    expect(maskOf(contract, value).value(value)).toBe(value);
  });

  it('takes what stands in the way of a path for sensitive', () => {
    expect(createMask(Paid, { card: '4111111111111111', lines: { note: 'secret' } })('4111111111111111 secret')).toBe(
      '*** ***',
    );
    expect(createMask(Paid, 'a whole payload')('a whole payload')).toBe('***');
  });

  it('leaves nothing of any longer value behind', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4 }), fc.string(), fc.string(), (secret, before, after) => {
        fc.pre(secret.trim().length >= 4 && !'***'.includes(secret) && !`${before}***${after}`.includes(secret));
        const contract = { sensitive: ['a'] };
        expect(createMask(contract, { a: secret })(`${before}${secret}${after}`)).not.toContain(secret);
        expect(maskOf(contract, { a: secret }).value([{ b: secret }])).toEqual([{ b: '***' }]);
      }),
      seeded(),
    );
  });
});

describe('a violation', () => {
  function violations(wrong: unknown) {
    try {
      Paid.parse(wrong);
    } catch (error) {
      return error as InvalidDataError;
    }
    throw new Error('nothing was thrown');
  }

  it('shows no sensitive value, but says where and what is wrong', () => {
    const error = violations({ ...data, card: { number: '4111', pin: 7 } });
    expect(error).toBeInstanceOf(InvalidDataError);
    expect(error.violations).toMatchObject([
      { path: 'card.number', value: '***' },
      { path: 'card.pin', value: '***' },
    ]);
    expect(error.message).not.toContain('4111');
  });

  it('shows none inside of a larger value, nor where another type is expected', () => {
    expect(violations({ ...data, lines: { note: 'secret' } }).violations).toMatchObject([
      { path: 'lines', value: '***' },
    ]);
    expect(violations({ ...data, card: '4111111111111111' }).violations).toMatchObject([
      { path: 'card', value: '***' },
    ]);
    expect(violations([data.customerName]).violations).toMatchObject([{ path: '', value: '***' }]);
  });

  it('still tells a missing value from a wrong one', () => {
    expect(violations({ ...data, customerName: undefined }).violations).toMatchObject([
      { path: 'customerName', value: 'undefined' },
    ]);
  });

  it('keeps showing what is not sensitive', () => {
    expect(violations({ ...data, orderId: 7 }).violations).toMatchObject([{ path: 'orderId', value: '7' }]);
  });

  it('masks what a refinement quotes', () => {
    const schema = z.object({ name: z.string().refine(() => false, { error: ({ input }) => `${input} is unknown` }) });
    const contract = contractOf(schema, 'name');
    expect(() => contract.parse({ name: 'Ann Lee' })).toThrow(/data\.name is \*\*\*: \*\*\* is unknown/);
  });
});
