import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { OrderPlaced } from '../../../events/order-placed.ts';
import { OrderShipped } from '../../../events/order-shipped.ts';
import { PlaceOrder } from '../../../events/place-order.ts';
import { schemaComponents } from '../../../lib/contracts/documents/asyncapi-schema.ts';
import { asyncApi, type DescribedPipeline } from '../../../lib/contracts/documents/index.ts';
import { type AnyContract, accepted, parseEnvelope, parseEvent } from '../../../lib/contracts/index.ts';
import type { ConsumerFacts } from '../../../lib/contracts/pipeline.ts';
import { schemaDocument } from '../../../lib/contracts/registry/schema-document.ts';
import * as shop from './hostile-shop.ts';

const PROPS = { title: 'Shop', version: '1.2.3', description: 'Parcels.', license: 'Apache-2.0' };

const consumer: Omit<ConsumerFacts, 'name' | 'kind' | 'queue' | 'deadLetterQueue' | 'events'> = {
  owner: 'fulfilment',
  ordered: false,
  pinned: false,
  produces: [],
};
const orders: DescribedPipeline = {
  contracts: [OrderPlaced, OrderShipped, PlaceOrder],
  facts: {
    topics: [
      {
        name: 'orders.fifo',
        owner: 'checkout',
        ordered: true,
        events: [OrderPlaced.dataschema, OrderShipped.dataschema],
      },
    ],
    consumers: [
      {
        ...consumer,
        name: 'inventory',
        kind: 'consumer',
        queue: 'inventory',
        deadLetterQueue: 'inventory-dlq',
        topic: 'orders.fifo',
        events: [OrderPlaced.dataschema],
      },
      {
        ...consumer,
        name: 'place-order',
        kind: 'commandQueue',
        queue: 'place-order',
        deadLetterQueue: 'place-order-dlq',
        events: [PlaceOrder.dataschema],
        produces: [OrderPlaced.dataschema],
      },
    ],
  },
};
const hostile: DescribedPipeline = { contracts: shop.contracts, facts: shop.facts, readers: shop.readers };

/** The document as a reader of the file has it. */
function documentOf(pipeline: DescribedPipeline, version: '3.0.0' | '3.1.0' = '3.0.0') {
  return JSON.parse(JSON.stringify(asyncApi(pipeline, { ...PROPS, asyncapi: version }))) as {
    info: unknown;
    channels: Record<string, { messages: Record<string, unknown> }>;
    operations: Record<
      string,
      { action: string; summary: string; channel: unknown; messages: { $ref: string }[]; tags: unknown }
    >;
    components: {
      messages: Record<string, { payload: object; headers: object; examples?: { payload: object; headers: object }[] }>;
      schemas: Record<string, object>;
    };
  };
}

async function diagnosticsOf(document: unknown) {
  const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
  return {
    parsed,
    found: diagnostics.map(({ code, message, path }) => `${code}: ${message} (${path.join('/')})`),
  };
}

describe('the AsyncAPI document', () => {
  it.each([
    ['the orders', orders],
    ['contracts that are hard to write down', hostile],
    ['a pipeline of nothing', { contracts: [], facts: { topics: [], consumers: [] } }],
  ])('of %s is accepted by the parser without a word', async (_, pipeline) => {
    const { parsed, found } = await diagnosticsOf(documentOf(pipeline, '3.1.0'));
    expect(found).toEqual([]);
    expect(parsed).toBeDefined();
    // of 3.0.0 it says only, as information, that there is a 3.1.0
    const older = await diagnosticsOf(documentOf(pipeline));
    expect(older.found.filter((one) => !one.startsWith('asyncapi-latest-version'))).toEqual([]);
    expect(older.parsed?.version()).toBe('3.0.0');
  });

  it('that is committed is accepted as well', async () => {
    const file = new URL('../../../docs/events/asyncapi.json', import.meta.url);
    const { parsed, found } = await diagnosticsOf(JSON.parse(readFileSync(file, 'utf8')));
    expect(found.filter((one) => !one.startsWith('asyncapi-latest-version'))).toEqual([]);
    expect(parsed!.operations().all().length).toBeGreaterThan(6);
  });

  it('would not be accepted with a reference that leads nowhere', async () => {
    const document = documentOf(orders, '3.1.0');
    document.operations['inventory.receive']!.messages[0]!.$ref = '#/channels/none/messages/none';
    expect((await diagnosticsOf(document)).found).not.toEqual([]);
  });

  it('has the channels, operations and owners of the pipeline', async () => {
    const { parsed } = await diagnosticsOf(documentOf(orders));
    expect(
      parsed!
        .channels()
        .all()
        .map((one) => one.address()),
    ).toEqual(['orders.fifo', 'place-order']);
    const operations = parsed!.operations().all();
    expect(
      operations.map((one) => [
        one.id(),
        one.action(),
        one.channels().all()[0]!.address(),
        one
          .messages()
          .all()
          .map((message) => message.title())
          .join(),
        one
          .tags()
          .all()
          .map((tag) => tag.name())
          .join(),
      ]),
    ).toEqual([
      ['inventory.receive', 'receive', 'orders.fifo', 'order.placed version 1', 'fulfilment'],
      ['place-order.receive', 'receive', 'place-order', 'order.place version 1', 'fulfilment'],
      ['place-order.send.orders.fifo', 'send', 'orders.fifo', 'order.placed version 1', 'fulfilment'],
    ]);
    expect(
      parsed!
        .info()
        .tags()
        .all()
        .map((tag) => tag.name()),
    ).toEqual(['checkout', 'fulfilment']);
  });

  it('tells versions apart, and what a consumer gets of them', () => {
    const { channels, operations, components } = documentOf(hostile);
    const ofParcels = ['parcel.sent.v1', 'parcel.sent.v2', 'parcel.sent.v3'];
    expect(Object.keys(channels['sns.parcels.fifo']!.messages)).toEqual(ofParcels);
    const messagesOf = (id: string) => operations[id]!.messages.map(({ $ref }) => $ref.split('/').at(-1));
    expect(messagesOf('tracking.receive')).toEqual(ofParcels);
    expect(messagesOf('pinned.receive')).toEqual(['parcel.sent.v1']);
    expect(messagesOf('sender.send.parcels.fifo')).toEqual(['parcel.sent.v2', 'parcel.sent.v3']);
    expect(messagesOf('elsewhere.receive')).toEqual(['folder.moved.v1']);
    expect(Object.keys(channels)).toContain('sns.a-topic-of-others');
    expect(Object.keys(channels)).toContain('sqs.unnamed');
    expect(components.messages['parcel.sent.v3']!.headers).toMatchObject({
      properties: { carrier: { type: 'string' }, grams: { type: 'number' } },
    });
  });

  it.each([
    ['orders', orders],
    ['hostile', hostile],
  ])('has examples (%s) that its own schemas and the readers of the contract accept', (_, pipeline) => {
    const { components } = documentOf(pipeline);
    const ajv = formats.default(new Ajv({ strict: false, logger: false }));
    ajv.addSchema({ $id: 'doc', components });
    const contracts = new Map<string, AnyContract>(
      pipeline.contracts.flatMap(accepted).map((one) => [one.dataschema, one]),
    );
    let judged = 0;
    for (const [id, { examples = [], headers }] of Object.entries(components.messages)) {
      for (const { payload, headers: shown } of examples) {
        const valid = ajv.compile({ $ref: `doc#/components/messages/${id}/payload` });
        expect(valid(payload), `${id}: ${JSON.stringify(valid.errors)}`).toBe(true);
        expect(ajv.validate(headers, shown)).toBe(true);
        const envelope = parseEnvelope(JSON.stringify(payload));
        expect(parseEvent(envelope, [contracts.get(envelope.dataschema)!]).subject).not.toBe('');
        judged++;
      }
    }
    // without one: what nothing fits, and what would be taken for a reference
    const without = Object.entries(components.messages).filter(([, { examples }]) => examples === undefined);
    expect(without.map(([id]) => id)).toEqual(pipeline === hostile ? ['all.refuse.v1', 'everything.happened.v1'] : []);
    expect(judged).toBeGreaterThan(2);
  });

  it('is the same however the templates are ordered', () => {
    const turned = {
      ...hostile,
      contracts: hostile.contracts.toReversed(),
      facts: { topics: shop.facts.topics.toReversed(), consumers: shop.facts.consumers.toReversed() },
    };
    expect(JSON.stringify(documentOf(turned))).toBe(JSON.stringify(documentOf(hostile)));
  });
});

describe('schemas in the words of draft-07', () => {
  const everything = schemaDocument(shop.EverythingHappened);
  const sample = {
    'größe|straße': 1,
    名前: 'ab',
    '`ticks` <b>': '<script>alert(1)</script>',
    constructor: 'c',
    hasOwnProperty: true,
    $ref: 'x',
    pay: { by: 'cash', coins: [1, 2] },
    either: 5,
    pair: ['a', 1, true],
    prices: { USD: 1 },
    perDay: { mon: 1, tue: 2 },
    both: { left: 'a', right: null },
    many: 'value-3',
    at: '2026-03-01T09:30:00Z',
    who: 'a@example.com',
    which: '0b8f5f3e-6a5e-4c1a-9d2b-000000000001',
    where: 'https://example.com',
    shown: 's',
    nothing: null,
    any: [],
  };
  it.each([
    ['the sample', {}, true],
    ['a wrong first of a tuple', { pair: [1, 1] }, false],
    ['a wrong rest of a tuple', { pair: ['a', 1, 'no'] }, false],
    ['a wrong name in a record', { prices: { usd: 1 } }, false],
    ['a wrong value under a name that tools stumble over', { hasOwnProperty: 'no' }, false],
    ['a wrong value under $ref', { $ref: 5 }, false],
    ['a branch that is none', { pay: { by: 'card', coins: [1, 2] } }, false],
  ])('judge %s as those of 2020-12 do', (_, change, valid) => {
    const data = { ...sample, ...change };
    const original = formats.default(new Ajv2020({ strict: false, logger: false })).compile(everything as object);
    expect(original(data)).toBe(valid);
    const schemas = Object.fromEntries(schemaComponents('it', everything));
    const ajv = formats.default(new Ajv({ strict: false, logger: false }));
    ajv.addSchema({ $id: 'doc', components: { schemas } });
    expect(ajv.compile({ $ref: 'doc#/components/schemas/it' })(data)).toBe(valid);
  });

  it('lead every reference to a component, those of a recursion and of a property called $ref', () => {
    const components = schemaComponents('folder', schemaDocument(shop.FolderMoved));
    const references = [...JSON.stringify([...components]).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to!);
    expect(references.length).toBeGreaterThan(2);
    for (const to of references) expect([...components.keys()]).toContain(to.replace('#/components/schemas/', ''));
  });

  it('say dependencies and what stands beside a reference in the older words', () => {
    const components = schemaComponents('x', {
      $defs: { 'a/b': { type: 'string' }, 'a b': { type: 'number' } },
      properties: { one: { $ref: '#/$defs/a~1b', maxLength: 3 }, two: { $ref: '#/$defs/a%20b' } },
      dependentRequired: { one: ['two'] },
      dependentSchemas: { one: { minProperties: 2 }, three: false },
    });
    expect(Object.fromEntries(components)).toEqual({
      x: {
        properties: {
          one: { maxLength: 3, allOf: [{ $ref: '#/components/schemas/x.a_b' }] },
          two: { $ref: '#/components/schemas/x.a_b2' },
        },
        dependencies: { one: { allOf: [{ minProperties: 2 }, { required: ['two'] }] }, three: false },
      },
      'x.a_b': { type: 'string' },
      'x.a_b2': { type: 'number' },
    });
  });
});
