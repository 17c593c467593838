import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { OrderPlaced } from '../../../events/order-placed.ts';
import { defineCommand, defineEvent } from '../../../lib/contracts/index.ts';
import { UnrepresentableSchemaError } from '../../../lib/contracts/registry/errors.ts';
import { schemaDocument, zodSchemaDocument } from '../../../lib/contracts/registry/schema-document.ts';

const MORE_RULES = 'Code checks more than this schema says.';
const READ_FREELY = 'Readers convert what they are given: they may take more than this schema says.';

function documentOf(schema: z.ZodType) {
  const { $schema, ...document } = zodSchemaDocument(schema, 'order.placed v1');
  expect($schema).toBe('https://json-schema.org/draft/2020-12/schema');
  return document;
}

/** What the schema says of one property. */
function propertyOf(schema: z.ZodType): unknown {
  return (documentOf(z.object({ it: schema })).properties as Record<string, unknown>).it;
}

describe('the document of a contract', () => {
  it('says what it is, and what travels', () => {
    const contract = defineEvent({
      type: 'order.placed',
      version: 3,
      major: 2,
      compatibility: 'BACKWARD',
      description: 'A customer committed to buy.',
      key: (order) => order.orderId,
      schema: z.object({ orderId: z.string().min(1), note: z.string().optional() }).meta({ title: 'not this one' }),
      sensitive: ['note'],
      headers: { region: () => 'eu' },
      tenant: (order) => order.orderId,
    });
    expect(schemaDocument(contract)).toEqual({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'urn:baton:order.placed:3',
      title: 'order.placed',
      description: 'A customer committed to buy.',
      'x-baton': {
        kind: 'event',
        version: 3,
        major: 2,
        compatibility: 'BACKWARD',
        headers: ['region'],
        tenant: true,
        sensitive: ['note'],
      },
      type: 'object',
      properties: { orderId: { type: 'string', minLength: 1 }, note: { type: 'string' } },
      required: ['orderId'],
    });
  });

  it('leaves out what the contract does not have', () => {
    const schema = z.object({ id: z.string() });
    const contract = defineCommand({ type: 'a', version: 1, description: 'd', key: (data) => data.id, schema });
    expect(Object.keys(Reflect.get(schemaDocument(contract) as object, 'x-baton'))).toEqual([
      'kind',
      'version',
      'major',
      'compatibility',
    ]);
  });

  it('gives the same text each time, identity first and definitions last', () => {
    const text = JSON.stringify(schemaDocument(OrderPlaced));
    expect(JSON.stringify(schemaDocument(OrderPlaced))).toBe(text);
    const Line = z.object({ sku: z.string() }).meta({ id: 'OrderLine' });
    const keys = Object.keys(documentOf(z.object({ lines: z.array(Line), gift: Line }).describe('d')));
    expect(keys).toEqual(['description', 'type', 'properties', 'required', '$defs']);
  });

  it('takes what the contract takes, and refuses what it refuses', () => {
    const ajv = new Ajv2020({ allErrors: true, keywords: ['x-baton'] });
    addFormats.default(ajv);
    const validate = ajv.compile(schemaDocument(OrderPlaced) as object);
    const line = { productId: 'p', productName: 'n', category: 'c', quantity: 1, sales: 2.5, discount: 0 };
    const order = {
      orderId: 'o',
      orderDate: '2026-11-21',
      customerId: 'c',
      customerName: 'n',
      segment: 's',
      region: 'r',
      shipMode: 'm',
      lines: [line],
    };
    const attempts: unknown[] = [
      order,
      { ...order, more: true },
      { ...order, orderId: '' },
      { ...order, orderDate: '2026-13-21' },
      { ...order, lines: [] },
      { ...order, lines: [{ ...line, quantity: 1.5 }] },
      { ...order, lines: [{ ...line, quantity: 0 }] },
      { ...order, lines: [{ ...line, discount: 1.1 }] },
      { ...order, region: undefined },
      'order',
    ];
    const verdicts = attempts.map((data) => validate(JSON.parse(JSON.stringify(data))));
    expect(verdicts).toEqual(attempts.map((data) => OrderPlaced.schema.safeParse(data).success));
    expect(verdicts.slice(0, 3)).toEqual([true, true, false]);
  });
});

describe('schemas that refer to one another', () => {
  interface Category {
    name: string;
    children: Category[];
  }
  const Category: z.ZodType<Category> = z.lazy(() => z.object({ name: z.string(), children: z.array(Category) }));

  it('writes a named schema once, and refers to it', () => {
    const Line = z.object({ sku: z.string() }).meta({ id: 'OrderLine' });
    expect(documentOf(z.object({ lines: z.array(Line), gift: Line.optional() }))).toMatchObject({
      properties: { lines: { items: { $ref: '#/$defs/OrderLine' } }, gift: { $ref: '#/$defs/OrderLine' } },
      $defs: { OrderLine: { type: 'object', properties: { sku: { type: 'string' } } } },
    });
  });

  it('calls a recursive schema after the property that leads to it', () => {
    const Node = z.object({
      name: z.string(),
      get children() {
        return z.array(Node);
      },
    });
    const document = documentOf(z.object({ root: Node, spare: Node }));
    expect(document.properties).toEqual({ root: { $ref: '#/$defs/root' }, spare: { $ref: '#/$defs/root' } });
    expect(document.$defs).toMatchObject({
      root: { properties: { children: { items: { $ref: '#/$defs/root' } } } },
    });
    expect(JSON.stringify(document)).not.toContain('__schema');
  });

  it('does not give a definition a name that is taken', () => {
    const Named = z.object({ a: z.string() }).meta({ id: 'root' });
    const document = documentOf(z.object({ root: Category, named: Named }));
    expect(Object.keys(document.$defs as object).toSorted()).toEqual(['root', 'root2']);
    expect(document.properties).toEqual({ root: { $ref: '#/$defs/root2' }, named: { $ref: '#/$defs/root' } });
  });

  it('refers to itself as a whole', () => {
    const document = documentOf(Category);
    expect(new Ajv2020().compile(document)({ name: 'a', children: [{ name: 'b', children: [] }] })).toBe(true);
    expect(new Ajv2020().compile(document)({ name: 'a', children: [{ name: 'b' }] })).toBe(false);
  });

  it('says which two schemas have one name', () => {
    const [A, B] = [z.object({ a: z.string() }).meta({ id: 'Same' }), z.object({ b: z.string() }).meta({ id: 'Same' })];
    expect(() => documentOf(z.object({ A, B }))).toThrow(/order\.placed v1 has no JSON Schema: .*"Same"/);
  });

  it('keeps properties that are called like keywords, or like what objects have', () => {
    const schema = z.object({ title: z.string(), $ref: z.string(), ['__proto__']: z.number(), id: z.string() });
    const properties = documentOf(schema).properties as object;
    expect(Object.keys(properties).toSorted()).toEqual(['$ref', '__proto__', 'id', 'title']);
    expect(Object.getPrototypeOf(properties)).toBe(Object.prototype);
  });
});

describe('formats', () => {
  it.each<[string, z.ZodType, object]>([
    ['a date', z.iso.date(), { type: 'string', format: 'date' }],
    ['an e-mail address', z.email(), { type: 'string', format: 'email' }],
    ['a UUID', z.uuid(), { type: 'string', format: 'uuid' }],
    ['an IPv4 address', z.ipv4(), { type: 'string', format: 'ipv4' }],
    ['a time in UTC', z.iso.datetime(), { type: 'string', format: 'date-time', pattern: 'Z$' }],
    ['a time with any offset', z.iso.datetime({ offset: true }), { type: 'string', format: 'date-time' }],
    ['an optional date', z.iso.date().optional(), { type: 'string', format: 'date' }],
    ['a URL', z.url(), { type: 'string', format: 'uri' }],
    ['a record', z.record(z.string(), z.number()), { type: 'object', additionalProperties: { type: 'number' } }],
    ['a readonly object', z.array(z.string()).readonly(), { type: 'array', items: { type: 'string' } }],
  ])('%s has no expression that changes with releases of zod', (_, schema, expected) => {
    expect(propertyOf(schema)).toEqual(expected);
  });

  it('keeps the expression where it says more than the format', () => {
    expect(propertyOf(z.uuidv4())).toMatchObject({ format: 'uuid', pattern: expect.stringContaining('-4') });
    expect(propertyOf(z.email({ pattern: /@example\.com$/ }))).toMatchObject({ pattern: '@example\\.com$' });
    expect(propertyOf(z.iso.datetime({ precision: 3 }))).toMatchObject({ pattern: expect.stringContaining('\\d{3}') });
    expect(propertyOf(z.string().startsWith('a').regex(/b/))).toMatchObject({
      allOf: [{ pattern: '^a.*' }, { pattern: 'b' }],
    });
  });

  it.each<[string, z.ZodType, object]>([
    ['the end of a text', z.string().endsWith('x'), { type: 'string', pattern: '.*x$' }],
    ['small letters', z.string().lowercase(), { type: 'string', pattern: '^[^A-Z]*$' }],
    ['a telephone number', z.e164(), { type: 'string', pattern: expect.any(String) }],
    ['base64', z.base64(), { type: 'string', contentEncoding: 'base64', pattern: expect.any(String) }],
    [
      'several at once',
      z.string().startsWith('a').includes('b'),
      { type: 'string', allOf: [{ pattern: '^a.*' }, { pattern: 'b' }] },
    ],
    ['a token', z.jwt(), { type: 'string', $comment: 'Code checks that it is a jwt.' }],
  ])('has no format that JSON Schema does not know for %s', (_, schema, expected) => {
    expect(propertyOf(schema)).toEqual(expected);
  });

  it('does not call a time without an offset a date-time', () => {
    expect(propertyOf(z.iso.datetime({ local: true }))).not.toHaveProperty('format');
  });
});

describe('what JSON Schema cannot say', () => {
  it.each<[string, z.ZodType, object]>([
    ['a rule in code', z.string().refine(() => true), { type: 'string', $comment: MORE_RULES }],
    ['a rule over an object', z.object({}).superRefine(() => {}), { $comment: MORE_RULES }],
    ['trimming before a rule', z.string().trim().min(1), { minLength: 1, $comment: MORE_RULES }],
    ['a type of its own', z.custom<string>(), { $comment: MORE_RULES }],
    ['the protocol of a URL', z.url({ protocol: /^https$/ }), { format: 'uri', $comment: MORE_RULES }],
    ['coercion', z.coerce.number(), { type: 'number', $comment: READ_FREELY }],
    [
      'preparation',
      z.preprocess((data) => data, z.number()),
      { type: 'number', $comment: `${READ_FREELY} ${MORE_RULES}` },
    ],
    ['a text that stands for a boolean', z.stringbool(), { type: 'string', $comment: MORE_RULES }],
    [
      'a codec',
      z.codec(z.string(), z.int(), { decode: Number, encode: String }),
      { type: 'string', $comment: MORE_RULES },
    ],
    ['a schema behind a schema', z.string().pipe(z.email()), { type: 'string', $comment: MORE_RULES }],
    [
      'a schema behind a transformation',
      z.string().transform(Number).pipe(z.number().min(3)),
      { type: 'string', $comment: MORE_RULES },
    ],
    [
      'a transformation that refuses',
      z.string().transform((text, context) => context.addIssue(`not ${text}`)),
      { type: 'string', $comment: MORE_RULES },
    ],
    [
      'a transformation, which may throw',
      z.string().transform((text) => JSON.parse(text)),
      { type: 'string', $comment: MORE_RULES },
    ],
    ['a property of a text', z.string().check(z.property('length', z.int())), { $comment: MORE_RULES }],
    ['what stands in for the unreadable', z.string().catch('x'), { default: 'x', $comment: READ_FREELY }],
    [
      'flags of an expression',
      z.string().regex(/b/i),
      { type: 'string', $comment: 'Code checks that it matches /b/i.' },
    ],
    [
      'a Date that is made of its text',
      z.coerce.date(),
      { type: 'string', format: 'date-time', $comment: READ_FREELY },
    ],
  ])('%s is told of in a comment', (_, schema, expected) => {
    expect(propertyOf(schema)).toMatchObject(expected);
    expect(propertyOf(schema.optional())).toMatchObject(expected);
    expect(propertyOf(schema)).not.toHaveProperty('pattern');
  });

  it('is quiet where the schema says it all', () => {
    expect(propertyOf(z.string().regex(/b/u))).toEqual({ type: 'string', pattern: 'b' });
    expect(propertyOf(z.array(z.number().min(1).multipleOf(2)).max(3))).not.toHaveProperty('$comment');
  });

  it.each<[string, z.ZodType, RegExp]>([
    ['Date', z.date(), /z\.iso\.datetime\(\)/],
    ['bigint', z.bigint(), /text of digits/],
    ['Map', z.map(z.string(), z.string()), /z\.record\(\)/],
    ['Set', z.set(z.string()), /z\.array\(\)/],
    ['undefined', z.union([z.string(), z.undefined()]), /\.optional\(\)/],
    ['NaN', z.nan(), /Describe what travels/],
  ])('%s is refused, with its place and what to use', (_, schema, remedy) => {
    const write = () => documentOf(z.object({ deep: z.object({ it: schema }) }));
    expect(write).toThrow(UnrepresentableSchemaError);
    expect(write).toThrow(/^order\.placed v1: #\/properties\/deep\/properties\/it/);
    expect(write).toThrow(remedy);
  });
});

describe('regular expressions', () => {
  const validate = (schema: z.ZodType) => new Ajv2020({ strict: false, logger: false }).compile(documentOf(schema));

  it.each<[string, z.ZodType, string[]]>([
    ['plain', z.string().regex(/^[a-z]+-\d{2,}$/), ['ab-12', 'AB-12', 'ab-1']],
    ['with u', z.string().regex(/^\p{L}+$/u), ['\u00e4', '1']],
    ['with v and no class', z.string().regex(/^\p{L}+$/v), ['\u00e4', '1']],
    ['with escapes in a class', z.string().regex(/^[\w-]+$/), ['a-b', 'a b']],
    ['that take anything, any number of times', z.string().regex(/^a[^b]*.+\S+$/), ['a😀cd', 'a']],
    ['with an escaped backslash', z.string().regex(/^\\p\{L\}$/), ['\\p{L}', '\u00e4']],
  ])('mean the same in the document: %s', (_, schema, texts) => {
    expect(propertyOf(schema)).toEqual({ type: 'string', pattern: expect.any(String) });
    const judged = validate(schema);
    expect(texts.map((text) => judged(text))).toEqual(texts.map((text) => schema.safeParse(text).success));
    expect(judged(texts[0])).toBe(true);
    expect(judged(texts.at(-1))).toBe(false);
  });

  it.each<[string, source: string, flags?: string]>([
    ['properties without u', '^\\p{L}+$'],
    ['such a property in a class', '^[\\P{L}]+$'],
    ['code points without u', '^\\u{61}$'],
    ['a surrogate', '^\\ud83d'],
    ['a character outside of the basic plane, repeated', '^😀+$'],
    ['such a character in a class', '^[😀]$'],
    ['an escape that u does not have', '^[\\w\\-]+\\@x$'],
    ['a brace that u does not have', '^a{$'],
    ['sets of v', '^[\\p{L}--[a-z]]$', 'v'],
    ['stickiness', 'c', 'y'],
  ])('are left to code, with a word, where the document would say something else: %s', (_, source, flags) => {
    const pattern = new RegExp(source, flags);
    const told = { type: 'string', $comment: `Code checks that it matches ${pattern}.` };
    expect(propertyOf(z.string().regex(pattern))).toEqual(told);
    expect(propertyOf(z.string().regex(/a/).regex(pattern).regex(/b/))).toMatchObject({
      allOf: [{ pattern: 'a' }, { pattern: 'b' }],
      $comment: told.$comment,
    });
    const { propertyNames } = propertyOf(z.record(z.string().regex(pattern), z.int())) as { propertyNames: unknown };
    expect(propertyNames).toEqual(told);
    const loose = propertyOf(z.looseRecord(z.string().regex(pattern), z.int()));
    expect(loose).toMatchObject({ type: 'object', $comment: expect.stringContaining(String(pattern)) });
    expect(loose).not.toHaveProperty('patternProperties');
  });

  it('are left to code within a template', () => {
    const schema = z.templateLiteral(['a-', z.string().regex(/^p{L}+$/)]);
    expect(propertyOf(schema)).toEqual({ type: 'string', $comment: expect.stringMatching(/^Code checks/) });
    expect(propertyOf(z.templateLiteral(['a-', z.int()]))).toHaveProperty('pattern');
  });

  it.each([/^.{3}$/, /^[^a]$/, /^\W?$/, /^[a\S]{1,3}$/])('tell where code counts otherwise: %s', (pattern) => {
    expect(propertyOf(z.string().regex(pattern))).toEqual({
      type: 'string',
      pattern: pattern.source,
      $comment: 'Code counts UTF-16 units where this schema counts characters.',
    });
  });

  it.each(Object.entries({ hostname: z.hostname(), emoji: z.emoji(), time: z.iso.time(), cidr: z.cidrv4() }))(
    'of zod itself compile: %s',
    (_, schema) => {
      expect(propertyOf(schema)).not.toHaveProperty('$comment');
      validate(schema);
    },
  );
});
