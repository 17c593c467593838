import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createEnvelope, defineEvent, type Envelope } from '../../../lib/contracts/index.ts';
import { PublishError } from '../../../lib/runtime/errors.ts';
import { createOutbox } from '../../../lib/runtime/outbox/outbox-entry.ts';
import { relayShard } from '../../../lib/runtime/outbox/relay.ts';
import { Publisher } from '../../../lib/runtime/publish/publisher.ts';
import { type Engines, startEngines, type TestQueue } from '../engines.ts';
import { commit, event as oldEvent, outboxUnderTest } from '../outbox/outbox-fixture.ts';
import { stubbornTopic } from './stubborn-topic.ts';

const OrderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  headers: { region: (order) => order.region, total: (order) => order.total },
  tenant: (order) => order.shop,
  schema: z.object({ orderId: z.string(), shop: z.string(), region: z.string(), total: z.number() }),
});
const order = (n: number, shop = 'paris') => ({ orderId: `order-${n}`, shop, region: 'eu', total: n });

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});

async function topicWithQueue(fifo = false): Promise<{ topicArn: string; queue: TestQueue }> {
  const topicArn = await engines.createTopic({ fifo });
  const queue = engines.createQueue({ fifo });
  await engines.subscribe(topicArn, queue);
  engines.calls.length = 0;
  return { topicArn, queue };
}

const attributesOf = (message: { MessageAttributes?: Record<string, { StringValue?: string; DataType?: string }> }) =>
  Object.fromEntries(
    Object.entries(message.MessageAttributes ?? {}).map(([name, one]) => [name, [one.DataType, one.StringValue]]),
  );

describe('a publisher', () => {
  test('sends the headers of an event as attributes of their kind', async () => {
    const { topicArn, queue } = await topicWithQueue();
    const publisher = new Publisher({ topicArn, source: '/shop', client: engines.clients.sns });
    await publisher.publish(OrderPlaced, order(7));
    const [message] = await engines.receive(queue);
    expect(attributesOf(message!)).toEqual({
      type: ['String', 'order.placed'],
      version: ['String', '1'],
      key: ['String', 'order-7'],
      region: ['String', 'eu'],
      total: ['Number', '7'],
    });
  });

  test('on a standard topic makes the tenant the message group, in any characters', async () => {
    const { topicArn, queue } = await topicWithQueue();
    const publisher = new Publisher({ topicArn, source: '/shop', client: engines.clients.sns });
    await publisher.publish(OrderPlaced, order(1, 'paris'));
    await publisher.publish(OrderPlaced, order(2, 'São Paulo'));
    const entries = engines.calls.flatMap(({ input }) => input.PublishBatchRequestEntries);
    expect(entries[0]).toMatchObject({ MessageGroupId: 'paris' });
    expect(entries[0]).not.toHaveProperty('MessageDeduplicationId');
    expect(entries[1].MessageGroupId).toMatch(/^[0-9a-f]{64}$/);
    expect(await engines.receive(queue)).toHaveLength(2);
  });

  test('on a FIFO topic keeps the key as the group', async () => {
    const { topicArn } = await topicWithQueue(true);
    const publisher = new Publisher({ topicArn, source: '/shop', client: engines.clients.sns });
    await publisher.publish(OrderPlaced, order(1));
    expect(engines.calls[0]!.input.PublishBatchRequestEntries[0]).toMatchObject({ MessageGroupId: 'order-1' });
  });

  test('lets the events of a tenant travel together: a group of a standard topic orders nothing', async () => {
    const topic = stubbornTopic();
    const publisher = new Publisher({ topicArn: 'arn:orders', source: '/shop', client: topic.client });
    await Promise.all([1, 2, 3].map((n) => publisher.publish(OrderPlaced, order(n), { id: `e-${n}` })));
    expect(topic.sent).toEqual([['e-1', 'e-2', 'e-3']]);
    expect(topic.groups).toEqual([['paris', 'paris', 'paris']]);
  });

  test('refuses headers that it cannot read, once and for all', async () => {
    const topic = stubbornTopic();
    const publisher = new Publisher({ topicArn: 'arn:orders', source: '/shop', client: topic.client });
    const envelope = { ...createEnvelope(OrderPlaced, order(1), { source: '/shop' }), headers: 'eu' } as Envelope;
    const sending = publisher.send(envelope);
    await expect(sending).rejects.toThrow(/cannot be routed: headers is eu/);
    await expect(sending).rejects.toMatchObject({ senderFault: true, permanent: true });
    expect(topic.sent).toEqual([]);
  });
});

describe('the size of an event', () => {
  const bulky = (n: number, bytes: number) => ({
    ...createEnvelope(OrderPlaced, order(n), { source: '/shop', id: `e-${n}` }),
    data: 'x'.repeat(bytes),
  });
  const publishing = (maxBytes: number) => {
    const topic = stubbornTopic();
    return {
      topic,
      publisher: new Publisher({ topicArn: 'arn:orders', source: '/shop', client: topic.client, maxBytes }),
    };
  };
  const bytesOf = (envelope: Envelope) =>
    Buffer.byteLength(JSON.stringify(envelope)) +
    'typeStringorder.placed'.length +
    'versionString1'.length +
    'keyStringorder-1'.length +
    'regionStringeu'.length +
    'totalNumber1'.length;

  test('counts its headers, to the byte', async () => {
    const event = bulky(1, 10_000) as Envelope;
    await expect(publishing(bytesOf(event)).publisher.send(event)).resolves.toBeUndefined();
    await expect(publishing(bytesOf(event) - 1).publisher.send(event)).rejects.toThrow(
      new RegExp(`has ${bytesOf(event)} bytes with its attributes; the topic takes ${bytesOf(event) - 1}`),
    );
  });

  test('may be 1 MiB where the topic takes that, and calls carry as much', async () => {
    const { topic, publisher } = publishing(1_048_576);
    await Promise.all(
      [300_000, 300_000, 300_000, 900_000].map((bytes, n) => publisher.send(bulky(n, bytes) as Envelope)),
    );
    expect(topic.sent).toEqual([['e-0', 'e-1', 'e-2'], ['e-3']]);
  });

  test('is that of the smaller topic, and so are the calls', async () => {
    const { topic, publisher } = publishing(20_000);
    await Promise.all([9_000, 9_000, 9_000].map((bytes, n) => publisher.send(bulky(n, bytes) as Envelope)));
    expect(topic.sent).toEqual([['e-0', 'e-1'], ['e-2']]);
  });

  test('is what the environment says', async () => {
    process.env.BATON_TOPIC_MAX_BYTES = '400000';
    process.env.BATON_OUTBOX_MAX_BYTES = '300000';
    try {
      const publisher = new Publisher({ topicArn: 'arn:orders', source: '/shop', client: stubbornTopic().client });
      await expect(publisher.send(bulky(1, 390_000) as Envelope)).resolves.toBeUndefined();
      const outbox = createOutbox({ table: 'outbox', shards: 1, fenced: false });
      expect(() => outbox.entriesFor([bulky(1, 290_000) as Envelope])).not.toThrow();
      expect(() => outbox.entriesFor([bulky(1, 301_000) as Envelope])).toThrow(/the topic takes 300000/);
    } finally {
      delete process.env.BATON_TOPIC_MAX_BYTES;
      delete process.env.BATON_OUTBOX_MAX_BYTES;
    }
  });

  test('counts its headers before it is committed to an outbox', () => {
    const event = bulky(1, 10_000) as Envelope;
    const entriesFor = (maxBytes: number) =>
      createOutbox({ table: 'outbox', shards: 1, fenced: false, maxBytes }).entriesFor([event]);
    expect(() => entriesFor(bytesOf(event))).not.toThrow();
    expect(() => entriesFor(bytesOf(event) - 1)).toThrow(PublishError);
  });
});

describe('a relay', () => {
  test('sends what was committed with its headers, and entries from before there were headers without', async () => {
    const under = await outboxUnderTest(engines, { fifo: false });
    await commit(engines.clients, under.outbox, [createEnvelope(OrderPlaced, order(1), { source: '/shop' })]);
    await commit(engines.clients, under.outbox, [oldEvent('old', 1)]);
    await relayShard({
      dynamodb: engines.clients.dynamodb,
      publisher: under.publisher(),
      table: under.table,
      shard: 0,
    });
    const messages = await engines.receive(under.queue);
    const attributes = new Map(messages.map((one) => [attributesOf(one).key?.[1], attributesOf(one)]));
    expect(attributes.get('order-1')).toMatchObject({ region: ['String', 'eu'], total: ['Number', '1'] });
    expect(Object.keys(attributes.get('old') ?? {}).toSorted()).toEqual(['key', 'type', 'version']);
  });
});
