import { describe, expect, it } from 'vitest';
import { closed, compare, diff, type JsonSchema, MODES } from '../../../lib/contracts/compatibility/index.ts';

const string = { type: 'string' };
const object = (properties: object, more: object = {}): JsonSchema => ({ type: 'object', properties, ...more });
const limited = (maxLength: number): JsonSchema => ({ type: 'string', maxLength });

describe('compatibility modes', () => {
  const longer = [limited(5), limited(10)] as const;

  it.each([
    ['BACKWARD', true, false],
    ['FORWARD', false, true],
    ['FULL', false, false],
    ['NONE', true, true],
  ] as const)('%s looks the right way', (mode, widened, narrowed) => {
    expect(compare([longer[0]], longer[1], mode).compatible).toBe(widened);
    expect(compare([longer[1]], longer[0], mode).compatible).toBe(narrowed);
  });

  it.each(['BACKWARD', 'FORWARD', 'FULL'] as const)(
    '%s looks at the last schema alone, and at all with TRANSITIVE',
    (mode) => {
      const [first, last, next] =
        mode === 'FORWARD' ? [limited(1), limited(9), limited(9)] : [limited(9), limited(5), limited(5)];
      expect(compare([first, last], next, mode).compatible).toBe(true);
      const all = compare([first, last], next, `${mode}_TRANSITIVE`, { labels: ['1.json', '2.json'] });
      expect(all.compatible).toBe(false);
      expect(all.changes.filter(({ compatible }) => !compatible).map(({ against }) => against)).toEqual(['1.json']);
    },
  );

  it('lists everything with NONE, and refuses nothing', () => {
    const verdict = compare([longer[1]], longer[0], 'NONE');
    expect(verdict.changes.map(({ kind, compatible }) => [kind, compatible])).toEqual([
      ['MAX_LENGTH_DECREASED', false],
    ]);
  });

  it.each(MODES)('%s has nothing against a first schema, nor the same again', (mode) => {
    expect(compare([], longer[0], mode)).toEqual({ compatible: true, changes: [] });
    expect(compare([longer[0], longer[0]], longer[0], mode)).toEqual({ compatible: true, changes: [] });
  });

  it('says in FORWARD what the old readers cannot read', () => {
    const [change] = compare([object({})], object({}), 'FORWARD').changes;
    expect(change).toBeUndefined();
    const [removed] = compare([object({ a: string }, { required: ['a'] })], object({}), 'FORWARD').changes.filter(
      ({ compatible }) => !compatible,
    );
    expect(removed).toMatchObject({
      direction: 'FORWARD',
      kind: 'REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL',
      reason:
        'Only the old schema has the property, and requires it: data without it fits the new schema but not the old schema.',
    });
  });

  it('refuses a mode that there is not', () => {
    expect(() => compare([true], true, 'SIDEWAYS' as never)).toThrow(
      "The compatibility mode 'SIDEWAYS' is not known. Use one of NONE, BACKWARD,",
    );
  });
});

describe('the policy LENIENT', () => {
  const lenient = (original: JsonSchema, update: JsonSchema) =>
    diff(original, update, { policy: 'LENIENT' }).every(({ compatible }) => compatible);

  it('holds that nobody writes what a schema does not name', () => {
    expect(lenient(object({}), object({ a: string }))).toBe(true);
    expect(lenient(object({}), object({ a: { ...string, default: '' } }, { required: ['a'] }))).toBe(true);
    expect(lenient(object({}, { additionalProperties: true }), object({}, { additionalProperties: false }))).toBe(true);
    expect(lenient(object({}), object({}, { additionalProperties: string }))).toBe(true);
    expect(lenient(object({ a: object({}) }), object({ a: object({ b: string }) }))).toBe(true);
  });

  it('lets nothing else pass', () => {
    expect(lenient(object({}), object({ a: string }, { required: ['a'] }))).toBe(false);
    expect(lenient(object({ a: string }), object({}, { additionalProperties: false }))).toBe(false);
    expect(lenient(object({}, { additionalProperties: string }), object({ a: { type: 'number' } }))).toBe(false);
    expect(lenient({ type: 'object' }, object({ a: string }))).toBe(false);
    expect(lenient(object({ a: string }), object({ a: { type: 'number' } }))).toBe(false);
  });

  it('does not take what a schema excludes for what was written', () => {
    const not = (properties: object) => object({ a: string }, { not: { type: 'object', properties } });
    expect(lenient(not({ a: { const: 'x' } }), not({ a: { const: 'x' } }))).toBe(true);
    expect(lenient(not({ a: { const: 'x' } }), not({ a: { const: 'y' } }))).toBe(false);
  });
});

describe('writers that write what they declare', () => {
  const declared = (original: JsonSchema, update: JsonSchema) => diff(original, update, { writers: 'DECLARED' });

  it('add an optional property without breaking anybody, in either direction', () => {
    const [v1, v2] = [
      object({ a: string }, { required: ['a'] }),
      object({ a: string, b: string }, { required: ['a'] }),
    ];
    expect(compare([v1], v2, 'FULL').compatible).toBe(false);
    expect(compare([v1], v2, 'FULL', { writers: 'DECLARED' }).compatible).toBe(true);
    expect(diff(closed(v1), v2).every(({ compatible }) => compatible)).toBe(true);
  });

  it('may write more where the schema says so', () => {
    const loose = object({ a: string }, { additionalProperties: {} });
    expect(declared(loose, object({ a: string, b: string })).every(({ compatible }) => compatible)).toBe(false);
  });

  it('have no closing listed as a change', () => {
    expect(declared(object({ a: string }), object({ a: string }))).toEqual([]);
    expect(diff(closed(object({ a: string })), object({ a: string })).map(({ kind }) => kind)).toEqual([
      'ADDITIONAL_PROPERTIES_ADDED',
    ]);
  });

  it('keep the alternatives of a union apart', () => {
    const union = (second: object) => ({
      oneOf: [
        object({ kind: { const: 'a' } }, { required: ['kind'] }),
        object({ kind: { const: 'b' }, ...second }, { required: ['kind'] }),
      ],
    });
    const next = union({ amount: { type: 'number' } });
    expect(declared(union({}), next).every(({ compatible }) => compatible)).toBe(true);
    expect(diff(closed(union({})), next).every(({ compatible }) => compatible)).toBe(true);
  });
});

describe('closed()', () => {
  const shut = { additionalProperties: false };

  it('closes every schema of objects that declares properties and says nothing about others', () => {
    const schema = object({ a: object({ b: string }), list: { type: 'array', items: object({}) } });
    expect(closed(schema)).toEqual(
      object({ a: object({ b: string }, shut), list: { type: 'array', items: object({}, shut) } }, shut),
    );
  });

  it.each([
    ['a map', { type: 'object', additionalProperties: string }],
    ['an object that says that there may be more', object({}, { additionalProperties: true })],
    ['an object of which nothing is declared', { type: 'object' }],
    ['what is excluded or only a condition', { not: object({}), if: object({}), contains: object({}) }],
    ['what is no object', string],
    ['what unevaluatedProperties closes', object({}, { unevaluatedProperties: false })],
  ] as [string, JsonSchema][])('leaves %s as it is', (_, schema) => {
    expect(closed(schema)).toEqual(schema);
  });

  it('closes what is said together of one object as one', () => {
    const schema = {
      allOf: [{ properties: { a: string } }, { $ref: '#/$defs/b' }],
      $defs: { b: { properties: { b: string } } },
    };
    expect(closed(schema)).toEqual({ ...schema, properties: { a: true, b: true }, ...shut });
  });

  it('closes a reference where it is used, and leaves the definition to others', () => {
    const $defs = { d: { properties: { a: string } } };
    expect(closed({ properties: { x: { $ref: '#/$defs/d' } }, $defs })).toEqual({
      properties: { x: { $ref: '#/$defs/d', properties: { a: true }, ...shut } },
      ...shut,
      $defs,
    });
  });

  it('leaves a definition alone that says what is excluded, too', () => {
    const $defs = { one: { properties: { a: { $ref: '#/$defs/two' } } }, two: { properties: { b: string } } };
    expect(closed({ not: { $ref: '#/$defs/one' }, $defs })).toEqual({ not: { $ref: '#/$defs/one' }, $defs });
  });

  it('wraps a reference in draft-07, where nothing counts beside it', () => {
    const [$schema, definitions] = ['http://json-schema.org/draft-07/schema#', { d: { properties: { a: string } } }];
    const made = closed({ $schema, $ref: '#/definitions/d', definitions }) as Record<string, unknown>;
    expect(made).toMatchObject({
      $schema,
      definitions,
      allOf: [{ $ref: '#/definitions/d' }],
      properties: { a: true },
      ...shut,
    });
    expect(made.$ref).toBeUndefined();
  });
});

describe('what may be added where writers write what they declare', () => {
  const kind = (name: string, payload: object) =>
    object({ kind: { const: name }, payload: object(payload) }, { required: ['kind'] });
  const number = { type: 'number' };

  it.each([
    ['to one half of an allOf', (more) => ({ allOf: [object({ id: string }), object({ a: string, ...more })] })],
    [
      'to what an envelope holds',
      (more) => ({ allOf: [object({ data: { type: 'object' } }), object({ data: object({ a: string, ...more }) })] }),
    ],
    [
      'to the payload of one kind',
      (more) => object({ id: string }, { oneOf: [kind('a', { x: string }), kind('b', { y: string, ...more })] }),
    ],
    [
      'to what then says',
      (more) =>
        object(
          { k: string },
          {
            if: { required: ['k'] },
            // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
            then: object({ p: object({ x: string, ...more }) }),
            else: object({ p: object({ y: string }) }),
          },
        ),
    ],
    [
      'to what a condition looks at',
      (more) =>
        object(
          { address: object({ country: string, ...more }) },
          {
            if: { properties: { address: { properties: { country: { const: 'US' } } } } },
            // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
            then: { required: ['zip'] },
          },
        ),
    ],
    [
      'to the items of a tuple',
      (more) => ({ prefixItems: [object({ a: string, ...more })], items: object({ b: string, ...more }) }),
    ],
    ['to the values of a map', (more) => object({ map: { additionalProperties: object({ a: string, ...more }) } })],
    [
      'in a recursion',
      (more) => ({ $ref: '#/$defs/n', $defs: { n: object({ next: { $ref: '#/$defs/n' }, ...more }) } }),
    ],
  ] as [string, (more: object) => JsonSchema][])('an optional property %s', (_, schema) => {
    const [before, after] = [schema({}), schema({ added: number })];
    expect(diff(before, after).every(({ compatible }) => compatible)).toBe(false);
    expect(diff(before, after, { writers: 'DECLARED' }).filter(({ compatible }) => !compatible)).toEqual([]);
    expect(diff(closed(before), after).filter(({ compatible }) => !compatible)).toEqual([]);
  });
});

describe('what teams do without breaking anybody', () => {
  type Edits = Record<string, unknown>;
  const line = object({ sku: string, quantity: { type: 'integer', minimum: 1 } });
  const kind = (type: string, more: object = {}) => object({ type: { const: type }, ...more }, { required: ['type'] });
  const order = {
    type: 'object',
    properties: {
      id: string,
      state: { enum: ['open', 'paid'] },
      lines: { type: 'array', minItems: 1, items: { $ref: '#/$defs/line' } },
      payment: { oneOf: [kind('card', { last4: string }), kind('cash')] },
      note: { anyOf: [string, { type: 'null' }] },
    },
    required: ['id', 'lines'],
    $defs: { line },
  };
  /** The order with a value put at a path, or what is there taken away. */
  const changed = (edits: Edits): JsonSchema => {
    const copy = structuredClone(order);
    for (const [path, value] of Object.entries(edits)) {
      const steps = path.split('/');
      const last = steps.pop()!;
      const place = steps.reduce<Record<string, unknown>>((at, step) => at[step] as Record<string, unknown>, copy);
      if (value === undefined) delete place[last];
      else place[last] = value;
    }
    return copy;
  };

  it.each([
    ['add an optional property', { 'properties/currency': string }],
    [
      'add a required property with a default',
      { 'properties/currency': { ...string, default: 'EUR' }, 'required/2': 'currency' },
    ],
    ['let a property go', { 'properties/state': undefined }],
    ['make a property optional', { required: ['id'] }],
    ['add a value to an enum', { 'properties/state/enum/2': 'shipped' }],
    ['turn an enum into a string', { 'properties/state': string }],
    ['make a property nullable', { 'properties/id': { type: ['string', 'null'] } }],
    ['write nullable in another way', { 'properties/note': { type: ['null', 'string'] } }],
    ['write nullable with oneOf', { 'properties/note': { oneOf: [{ type: 'null' }, string] } }],
    ['widen an integer to a number', { '$defs/line/properties/quantity/type': 'number' }],
    ['loosen a bound', { 'properties/lines/minItems': 0 }],
    ['allow another kind of payment', { 'properties/payment/oneOf/2': kind('voucher') }],
    [
      'put the kinds of payment in another order',
      { 'properties/payment/oneOf': [kind('cash'), kind('card', { last4: string })] },
    ],
    ['add a property to one kind of payment', { 'properties/payment/oneOf/1/properties/change': { type: 'number' } }],
    [
      'give an inner schema a name',
      { '$defs/note': { anyOf: [string, { type: 'null' }] }, 'properties/note': { $ref: '#/$defs/note' } },
    ],
    [
      'rename a definition',
      { '$defs/row': line, '$defs/line': undefined, 'properties/lines/items/$ref': '#/$defs/row' },
    ],
    ['write what a definition says in its place', { 'properties/lines/items': line }],
    ['say it in allOf', { 'properties/id': { allOf: [string] } }],
    [
      'list the values with titles',
      { 'properties/state': { oneOf: [{ const: 'open', title: 'Open' }, { const: 'paid' }] } },
    ],
    [
      'split what is said into two',
      {
        properties: undefined,
        allOf: [
          { properties: { id: string, state: order.properties.state, note: order.properties.note } },
          { properties: { lines: order.properties.lines, payment: order.properties.payment } },
        ],
      },
    ],
    ['unroll a definition', { '$defs/line/properties/part': { $ref: '#/$defs/line' } }],
    ['say >= 1 as > 0', { '$defs/line/properties/quantity': { type: 'integer', exclusiveMinimum: 0 } }],
    ['describe things', { description: 'An order', 'properties/id/examples': ['1'], 'properties/id/deprecated': true }],
  ] as [string, Edits][])('%s', (_, edits) => {
    const next = changed(edits);
    expect(next).not.toEqual(order);
    expect(diff(order, next, { writers: 'DECLARED' }).filter(({ compatible }) => !compatible)).toEqual([]);
  });
});
