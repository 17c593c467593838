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
import { type AnyContract, accepted, type Envelope, parseEnvelope, parseEvent } from '../../../lib/contracts/index.ts';
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

/** Topics that are made elsewhere, one that shares its name with another, one that nobody knows the name of, and who publishes where. */
const ARN = 'arn:aws:sns:eu-west-1:111122223333:orders.fifo';
const imported: DescribedPipeline = {
  contracts: [OrderPlaced, OrderShipped, PlaceOrder],
  facts: {
    topics: [
      ...orders.facts.topics,
      { name: 'copies', owner: 'archive', ordered: false, events: [OrderPlaced.dataschema] },
    ],
    consumers: [
      {
        ...consumer,
        name: 'mirror',
        kind: 'consumer',
        queue: 'mirror',
        deadLetterQueue: 'mirror-dlq',
        maxReceives: 13,
        topic: 'orders.fifo',
        importedTopic: { path: 'Shop/Theirs', arn: ARN, ordered: true },
        events: [OrderPlaced.dataschema],
        produces: [OrderPlaced.dataschema, OrderShipped.dataschema],
        publishesTo: [
          { topic: 'copies', events: [OrderPlaced.dataschema] },
          { importedTopic: { path: 'Shop/Unknown', ordered: true }, events: [OrderShipped.dataschema] },
        ],
      },
      {
        ...consumer,
        name: 'guest',
        kind: 'consumer',
        queue: 'guest',
        deadLetterQueue: 'guest-dlq',
        importedTopic: { path: 'Shop/Unknown', ordered: true },
        events: [OrderPlaced.dataschema],
        // nobody said where to
        produces: [OrderPlaced.dataschema, PlaceOrder.dataschema],
      },
      { ...orders.facts.consumers[1]!, produces: [] },
    ],
  },
};

/** The document as a reader of the file has it. */
function documentOf(pipeline: DescribedPipeline, version: '3.0.0' | '3.1.0' = '3.0.0') {
  return JSON.parse(JSON.stringify(asyncApi(pipeline, { ...PROPS, asyncapi: version }))) as {
    info: unknown;
    channels: Record<
      string,
      { messages: Record<string, unknown>; address: string | null; summary: string; bindings?: Record<string, unknown> }
    >;
    operations: Record<
      string,
      {
        action: string;
        summary: string;
        channel: { $ref: string };
        messages: { $ref: string }[];
        tags: unknown;
        bindings?: Record<string, unknown>;
      }
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
    ['topics that are made elsewhere', imported],
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
    // a queue that a topic fills is no channel, known or not
    expect(Object.keys(channels).filter((id) => id.startsWith('sqs.'))).toEqual(['sqs.sender']);
    expect(components.messages['parcel.sent.v3']!.headers).toMatchObject({
      properties: { carrier: { type: 'string' }, grams: { type: 'number' } },
    });
  });

  it('sends only where a function says that it publishes, or where it may when it does not say', () => {
    const { operations } = documentOf(imported);
    const sent = Object.entries(operations).filter(([, { action }]) => action === 'send');
    expect(
      sent.map(([id, { channel, messages }]) => [
        id,
        channel.$ref.replace('#/channels/', ''),
        messages.map(({ $ref }) => $ref.split('/').at(-1)).join(),
      ]),
    ).toEqual([
      // untold, it may be either topic of the pipeline, and the queue that takes the command; never one that is made elsewhere
      ['guest.send.copies', 'sns.copies', 'order.placed.v1'],
      ['guest.send.orders.fifo', 'sns.orders.fifo', 'order.placed.v1'],
      ['guest.send.place-order', 'sqs.place-order', 'order.place.v1'],
      ['mirror.send.Shop_Unknown', 'sns.Shop_Unknown', 'order.shipped.v1'],
      ['mirror.send.copies', 'sns.copies', 'order.placed.v1'],
    ]);
    expect(operations['mirror.send.copies']!.summary).toBe('mirror publishes order.placed to the topic copies.');
    expect(operations['guest.send.place-order']!.summary).toBe('guest sends order.place to the queue place-order.');
  });

  it('has a channel for a topic that is made elsewhere, by its ARN or without an address', () => {
    const { channels, operations } = documentOf(imported);
    expect(Object.entries(channels).map(([id, { address }]) => [id, address])).toEqual([
      ['sns.Shop_Unknown', null],
      [`sns.${ARN.replaceAll(':', '_')}`, ARN],
      ['sns.copies', 'copies'],
      ['sns.orders.fifo', 'orders.fifo'],
      ['sqs.place-order', 'place-order'],
    ]);
    expect(channels['sns.Shop_Unknown']).toMatchObject({
      title: 'the topic behind Shop/Unknown',
      summary: 'A FIFO topic, made elsewhere, of which this pipeline knows order.placed and order.shipped.',
      servers: [{ $ref: '#/servers/sns' }],
    });
    expect(channels['sns.Shop_Unknown']).not.toHaveProperty('bindings');
    expect(operations['mirror.receive']).toMatchObject({
      channel: { $ref: `#/channels/sns.${ARN.replaceAll(':', '_')}` },
      bindings: { sns: { topic: { arn: ARN } } },
    });
    expect(operations['guest.receive']!.channel.$ref).toBe('#/channels/sns.Shop_Unknown');
    expect(operations['guest.receive']!.bindings).not.toHaveProperty('sns.topic');
  });

  it('takes order from the topic itself, not from who subscribes to it', () => {
    const theirs = { ...imported.facts.consumers[0]!, produces: [], publishesTo: [] };
    const ofTopic = (topic: string, ordered: boolean) =>
      documentOf({
        ...imported,
        facts: { topics: [], consumers: [{ ...theirs, topic, importedTopic: { path: 'T', ordered }, ordered: false }] },
      }).channels[`sns.${topic}`]!.bindings!.sns;
    expect(ofTopic('theirs.fifo', true)).toMatchObject({ ordering: { type: 'FIFO' } });
    expect(ofTopic('theirs', false)).toMatchObject({ ordering: { type: 'standard' } });
  });

  it('tells the queue of dead letters from the queue by its redrive policy', () => {
    const { operations, channels } = documentOf(imported);
    expect(operations['mirror.receive']!.bindings!.sqs).toEqual({
      queues: [
        {
          name: 'mirror',
          fifoQueue: false,
          redrivePolicy: { deadLetterQueue: { name: 'mirror-dlq' }, maxReceiveCount: 13 },
        },
        { name: 'mirror-dlq', fifoQueue: false },
      ],
      bindingVersion: '0.2.0',
    });
    // where nobody says how many receives there are, the binding does not either
    expect(channels['sqs.place-order']!.bindings!.sqs).toEqual({
      queue: {
        name: 'place-order',
        fifoQueue: false,
        redrivePolicy: { deadLetterQueue: { name: 'place-order-dlq' } },
      },
      deadLetterQueue: { name: 'place-order-dlq', fifoQueue: false },
      bindingVersion: '0.2.0',
    });
    // what the channel says of its queue, the operation does not repeat
    expect(operations['place-order.receive']).not.toHaveProperty('bindings');
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

  it('describes every attribute of an envelope, and no other', () => {
    // one more in Envelope does not compile here until it is listed, and then fails until the schema has it
    const attributes: Record<keyof Envelope, true> = {
      specversion: true,
      id: true,
      source: true,
      type: true,
      time: true,
      datacontenttype: true,
      dataschema: true,
      subject: true,
      data: true,
      dataref: true,
      datahash: true,
      datasize: true,
      readablefrom: true,
      versions: true,
      correlationid: true,
      causationid: true,
      traceparent: true,
      headers: true,
      tenant: true,
    };
    const { properties } = documentOf(orders).components.schemas.CloudEvent as { properties: object };
    expect(Object.keys(properties).toSorted()).toEqual(Object.keys(attributes).toSorted());
  });

  it.each([
    ['datasize', '0', true],
    ['datasize', '123456789012345', true],
    ['datasize', '1234567890123456', false],
    ['datasize', '1.5', false],
    ['versions', '1', true],
    ['versions', '1,2,30', true],
    ['versions', '0', false],
    ['versions', '1, 2', false],
    ['versions', '1,', false],
    ['readablefrom', '2', true],
    ['readablefrom', '0', false],
  ])('judges an envelope whose %s is %j as readers do', (attribute, value, valid) => {
    const { components } = documentOf(orders);
    const envelope = { ...components.messages['order.placed.v1']!.examples![0]!.payload, [attribute]: value };
    const ajv = formats.default(new Ajv({ strict: false, logger: false }));
    expect(ajv.validate(components.schemas.CloudEvent!, envelope)).toBe(valid);
    const read = () => parseEnvelope(JSON.stringify(envelope));
    if (valid) expect(read()).toMatchObject({ [attribute]: value });
    else expect(read).toThrow(attribute);
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
