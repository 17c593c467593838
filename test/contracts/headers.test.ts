import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createEnvelope,
  defineCommand,
  defineEvent,
  type Envelope,
  HeaderError,
  headersOf,
  InvalidContractError,
  messageAttributes,
  parseEnvelope,
} from '../../lib/contracts/index.ts';

const schema = z.object({
  orderId: z.string(),
  shop: z.string(),
  region: z.string().optional(),
  total: z.number(),
  card: z.string().optional(),
});
type Order = z.output<typeof schema>;
const plain = {
  type: 'order.placed',
  version: 3,
  description: 'A test.',
  key: (order: Order) => order.orderId,
  schema,
};

const OrderPlaced = defineEvent({
  ...plain,
  headers: { region: (order) => order.region, total: (order) => order.total },
  tenant: (order) => order.shop,
});
const order: Order = { orderId: 'o-1', shop: 'paris', region: 'eu', total: 12.5 };
const place = (data: Partial<Order> = {}) => createEnvelope(OrderPlaced, { ...order, ...data }, { source: '/shop' });

describe('the headers of an event', () => {
  it('travel beside type, version and key, texts as String and numbers as Number', () => {
    expect(messageAttributes(place())).toEqual({
      type: { DataType: 'String', StringValue: 'order.placed' },
      version: { DataType: 'String', StringValue: '3' },
      key: { DataType: 'String', StringValue: 'o-1' },
      region: { DataType: 'String', StringValue: 'eu' },
      total: { DataType: 'Number', StringValue: '12.5' },
    });
  });

  it('are in the envelope as well, so that whoever publishes it again routes it alike', () => {
    const again = parseEnvelope(JSON.stringify(place()));
    expect(headersOf(again)).toEqual({ region: 'eu', total: 12.5 });
    expect(again.tenant).toBe('paris');
    expect(messageAttributes(again)).toEqual(messageAttributes(place()));
  });

  it('are left out where they are undefined', () => {
    expect(headersOf(place({ region: undefined }))).toEqual({ total: 12.5 });
  });

  it('leave no trace where a contract has none', () => {
    const event = createEnvelope(defineEvent(plain), order, { source: '/shop' });
    expect(event).not.toHaveProperty('headers');
    expect(event).not.toHaveProperty('tenant');
    expect(Object.keys(messageAttributes(event))).toEqual(['type', 'version', 'key']);
  });

  it('are made of commands alike', () => {
    const PlaceOrder = defineCommand({ ...plain, type: 'order.place', tenant: (data) => data.shop });
    expect(createEnvelope(PlaceOrder, order, { source: '/shop' }).tenant).toBe('paris');
  });

  it('never take the place of type, version or key', () => {
    const forged = { ...place(), headers: '{"type":"order.cancelled"}' } as Envelope;
    expect(messageAttributes(forged).type).toEqual({ DataType: 'String', StringValue: 'order.placed' });
  });

  it.each(['{', '[]', '"eu"', '{"region":{}}', 'null'])('cannot be read out of %s', (headers) => {
    expect(() => headersOf({ headers })).toThrow(/headers is .*JSON object of texts and numbers/);
  });
});

describe('an event is not made when', () => {
  const Broken = (make: (order: Order) => string | number | undefined, sensitive: string[] = []) =>
    defineEvent({ ...plain, sensitive, headers: { region: make } });
  const broken = (make: (order: Order) => string | number | undefined, sensitive?: string[]) => () =>
    createEnvelope(Broken(make, sensitive), { ...order, card: '4711-0815' }, { source: '/shop' });

  it('a header cannot be made, and the error names contract, header and reason', () => {
    const throwing = broken(() => {
      throw new TypeError('no region today');
    });
    expect(throwing).toThrow(HeaderError);
    expect(throwing).toThrow("order.placed version 3: its header 'region' could not be made: no region today");
  });

  it('a header cannot be made, without showing what is sensitive', () => {
    const leaking = broken(
      ({ card }) => {
        throw new Error(`cannot route ${card}`);
      },
      ['card'],
    );
    expect(leaking).toThrow(/could not be made: cannot route \*\*\*/);
  });

  it.each([
    ['an empty text', '', /empty text.*Return undefined to leave it out/],
    ['not a number', Number.NaN, /is NaN/],
    ['a number that SNS does not compare', 1e10, /is 10000000000; SNS compares numbers from -1,000,000,000/],
    ['a control character', 'eu\u0000', /characters that SNS does not take/],
    ['half a pair', 'eu\ud800', /half a pair/],
    ['an object', {} as string, /is of type object/],
  ])('a header is %s', (_, value, message) => {
    expect(broken(() => value)).toThrow(message);
  });

  it('nobody knows whose work it is', () => {
    expect(() => place({ shop: '' })).toThrow(/order.placed version 3: its tenant is an empty text/);
  });
});

describe('a contract refuses', () => {
  const withHeaders = (...names: string[]) =>
    defineEvent({ ...plain, headers: Object.fromEntries(names.map((name) => [name, () => 'x'])) });

  it('more headers than raw delivery lets through beside its own three attributes', () => {
    const seven = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    expect(() => withHeaders(...seven)).not.toThrow();
    expect(() => withHeaders(...seven, 'h')).toThrow(InvalidContractError);
    expect(() => withHeaders(...seven, 'h')).toThrow(/order.placed: it has 8 headers .*more than 10.*Keep 7/);
  });

  it.each(['type', 'version', 'key', 'redriveId', 'parkedKey', 'consumer', 'errorClass'])(
    'the name %s, which is taken',
    (name) => {
      expect(() => withHeaders(name)).toThrow(`the header '${name}' has a name that Baton uses itself`);
    },
  );

  it.each(['', 'a b', '.a', 'a.', 'a..b', 'ä', 'x'.repeat(257)])("the name '%s', which SNS does not take", (name) => {
    expect(() => withHeaders(name)).toThrow(/has a name that SNS does not take/);
  });

  it.each(['AWS.x', 'amazon.y'])('the name %s, which is reserved', (name) => {
    expect(() => withHeaders(name)).toThrow(/reserved for AWS/);
  });
});
