import { CreateTopicCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import { z } from 'zod';
import { defineEvent, type Envelope } from '../../../lib/contracts/index.ts';
import {
  consume,
  type Outcome,
  outgoing,
  PublishError,
  Publisher,
  type PublishProps,
} from '../../../lib/runtime/index.ts';
import { relayShard } from '../../../lib/runtime/outbox/relay.ts';
import { batchOf, type Engines, lambdaContext, recordOf, startEngines, type TestQueue } from '../engines.ts';
import { type OutboxUnderTest, outboxUnderTest } from '../outbox/outbox-fixture.ts';
import { failedIds, OrderCancelled, OrderPlaced, orderPlaced, send, surround } from '../pipeline.ts';
import { stubbornTopic } from './stubborn-topic.ts';

vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');

/** The version that comes after that of the pipeline: the total has a currency. */
const OrderPlaced2 = defineEvent({
  type: 'order.placed',
  version: 2,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  schema: z.object({ orderId: z.string(), amount: z.object({ value: z.number(), currency: z.string() }) }),
  major: 2,
  previous: {
    contract: OrderPlaced,
    upcast: ({ orderId, total }: { orderId: string; total: number }) => ({
      orderId,
      amount: { value: total, currency: 'USD' },
    }),
  },
});

const newer = (orderId: string) => ({ orderId, amount: { value: 10, currency: 'USD' } });
const older = (orderId: string) => ({ orderId, total: 10 });
const both = (orderId: string) => ({ alongside: [outgoing(OrderPlaced, older(orderId))] });

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(() => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  return () => vi.restoreAllMocks();
});

/** A topic with a consumer that knows the old version alone and gets no other, and one that accepts both and gets all. */
async function topicWithConsumers(fifo: boolean) {
  const topicArn = await engines.createTopic({ fifo });
  const consumers = await Promise.all(
    [OrderPlaced, OrderPlaced2].map(async (contract) => {
      const around = await surround(engines, { fifo, environment: { BATON_CONSUMER: `v${contract.version}` } });
      const FilterPolicy = JSON.stringify({
        type: ['order.placed'],
        ...(contract === OrderPlaced && { version: ['1'] }),
      });
      await engines.sns.send(
        new SubscribeCommand({
          TopicArn: topicArn,
          Protocol: 'sqs',
          Endpoint: around.queue.arn,
          Attributes: { RawMessageDelivery: 'true', FilterPolicy },
        }),
      );
      const seen: Envelope[] = [];
      const outcomes: Outcome['kind'][] = [];
      const fn = consume([contract as typeof OrderPlaced2], (event) => void seen.push(event), {
        environment: around.environment,
        clients: engines.clients,
        // what went back comes again below
        onSettled: (_, { kind }) => kind === 'returned' || outcomes.push(kind),
      });
      const receive = async () => {
        for (;;) {
          const messages = await engines.receive(around.queue);
          if (messages.length === 0) return { seen, outcomes };
          const batch = batchOf(around.queue, messages);
          const again = failedIds(await fn(batch, lambdaContext()));
          const Records = batch.Records.filter(({ messageId }) => again.includes(messageId));
          for (const { attributes } of Records) attributes.ApproximateReceiveCount = '2';
          if (Records.length > 0) await fn({ Records }, lambdaContext());
          for (const { ReceiptHandle } of messages) await engines.remove(around.queue, ReceiptHandle!);
        }
      };
      return receive;
    }),
  );
  return { topicArn, old: consumers[0]!, present: consumers[1]! };
}

describe.each([
  ['a standard topic', false],
  ['a FIFO topic', true],
])('two versions of an event, side by side on %s,', (_, fifo) => {
  test('are handled once by a consumer that accepts both, and once by one that knows the older', async () => {
    const { topicArn, old, present } = await topicWithConsumers(fifo);
    const publisher = new Publisher({ topicArn, source: '/orders', client: engines.clients.sns });
    const event = await publisher.publish(OrderPlaced2, newer('1'), both('1'));

    expect(event).toMatchObject({ dataschema: 'urn:baton:order.placed:2', data: newer('1') });
    const theOld = await old();
    const thePresent = await present();
    expect(theOld.outcomes).toEqual(['handled']);
    expect(theOld.seen[0]).toMatchObject({ id: event.id, dataschema: 'urn:baton:order.placed:1', data: older('1') });
    expect(thePresent.outcomes.sort()).toEqual(['duplicate', 'handled']);
    expect(thePresent.seen).toHaveLength(1);
    expect(thePresent.seen[0]).toMatchObject({ id: event.id, data: newer('1') });
    const { dataschema, data, readablefrom, ...common } = event;
    expect(theOld.seen[0]).toMatchObject(common);
  });

  test('of a handler are one event of its cause, and the next one is another', async () => {
    const { topicArn, old, present } = await topicWithConsumers(fifo);
    const around = await surround(engines, { environment: { BATON_TOPIC_ARN: topicArn } });
    const published: Envelope[] = [];
    const relay = (alongside: boolean) =>
      consume(
        OrderCancelled,
        async (_event, { publish }) => {
          const props = alongside ? both('7') : {};
          published.push(await publish(OrderPlaced2, newer('7'), props));
          published.push(await publish(OrderPlaced2, newer('7'), props));
        },
        { environment: around.environment, clients: engines.clients },
      );
    const cancelled = { ...orderPlaced('7'), type: 'order.cancelled', dataschema: OrderCancelled.dataschema };
    await send(engines, around.queue, [{ ...cancelled, data: { orderId: '7', reason: 'x' } } as Envelope]);
    const batch = batchOf(around.queue, await engines.receive(around.queue));
    await relay(true)(batch, lambdaContext());
    const ids = published.map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
    expect((await old()).seen.map(({ id }) => id).sort()).toEqual(ids.toSorted());
    const { seen, outcomes } = await present();
    expect(seen.map(({ id }) => id).sort()).toEqual(ids.toSorted());
    expect(outcomes.sort()).toEqual(['duplicate', 'duplicate', 'handled', 'handled']);
    expect(seen[0]).toMatchObject({ causationid: cancelled.id, correlationid: cancelled.correlationid });
    // without the older version the ids are the same: it is no event of its own
    published.length = 0;
    const fresh = await surround(engines, { environment: { BATON_TOPIC_ARN: topicArn } });
    const again = consume(
      OrderCancelled,
      async (_event, { publish }) => {
        published.push(await publish(OrderPlaced2, newer('7')));
        published.push(await publish(OrderPlaced2, newer('7')));
      },
      { environment: fresh.environment, clients: engines.clients },
    );
    await again(batch, lambdaContext());
    expect(published.map(({ id }) => id)).toEqual(ids);
  });
});

describe('on a FIFO topic', () => {
  let queue: TestQueue;
  let topicArn: string;
  beforeEach(async () => {
    topicArn = await engines.createTopic({ fifo: true });
    queue = engines.createQueue({ fifo: true });
    await engines.subscribe(topicArn, queue);
  });

  const arrived = (under: Pick<OutboxUnderTest, 'queue'> = { queue }) =>
    engines.fauxqs.inspectQueue(under.queue.name)!.messages.ready.map(({ body }) => {
      const { id, dataschema } = JSON.parse(body) as Envelope;
      return `${id} ${dataschema.at(-1)}`;
    });

  test('the newest goes first, and what is published again arrives once', async () => {
    const publisher = new Publisher({ topicArn, source: '/orders', client: engines.clients.sns });
    const newest = outgoing(OrderPlaced2, newer('1'));
    await publisher.publish(OrderPlaced, older('1'), { id: 'e-1', alongside: [newest] });
    await publisher.publish(OrderPlaced2, newer('1'), { id: 'e-1', ...both('1') });
    await publisher.publish(OrderPlaced2, newer('1'), { id: 'e-1' });
    expect(arrived()).toEqual(['e-1 2', 'e-1 1']);
  });

  test('a commit keeps them together, and the relay tells them apart', async () => {
    const under = await outboxUnderTest(engines);
    const { BATON_OUTBOX_TABLE, BATON_OUTBOX_SHARDS } = under.environment as { [name: string]: string };
    const around = await surround(engines, {
      environment: { BATON_OUTBOX_TABLE: BATON_OUTBOX_TABLE!, BATON_OUTBOX_SHARDS: BATON_OUTBOX_SHARDS! },
    });
    const fn = consume(
      OrderPlaced,
      (_, { commit }) =>
        commit({
          publish: [
            outgoing(OrderPlaced2, newer('1'), { id: 'e-1', ...both('1') }),
            outgoing(OrderPlaced2, newer('1'), { id: 'e-2' }),
          ],
        }),
      { guard: 'transaction', environment: around.environment, clients: engines.clients },
    );
    await send(engines, around.queue, [orderPlaced('1')]);
    await fn(batchOf(around.queue, await engines.receive(around.queue)), lambdaContext());
    await relayShard({
      dynamodb: engines.clients.dynamodb,
      publisher: under.publisher(),
      table: under.table,
      shard: 0,
      random: () => 0,
    });
    expect(arrived(under)).toEqual(['e-1 2', 'e-1 1', 'e-2 2']);
  });
});

describe('versions', () => {
  const publisher = () => new Publisher({ topicArn: 'arn:orders', source: '/orders', client: stubbornTopic().client });

  test.each([
    ['of another type', [outgoing(OrderCancelled, { orderId: '1', reason: 'x' })], /another type/],
    ['with another key', [outgoing(OrderPlaced, older('2'))], /its key is '1', that of version 1 is '2'/],
    ['given twice', [outgoing(OrderPlaced, older('1')), outgoing(OrderPlaced, older('1'))], /version 1 is given twice/],
    ['that the event has itself', [outgoing(OrderPlaced2, newer('1'))], /version 2 is given twice/],
    ['with an id of their own', [outgoing(OrderPlaced, older('1'), { id: 'x' })], /an id or an `alongside` of its own/],
    [
      'with others alongside',
      [outgoing(OrderPlaced, older('1'), { alongside: [outgoing(OrderPlaced2, newer('1'))] })],
      /an id or an `alongside` of its own/,
    ],
  ])('%s are refused, and nothing is sent', async (_, alongside, message) => {
    const topic = stubbornTopic();
    const publisher = new Publisher({ topicArn: 'arn:orders', source: '/orders', client: topic.client });
    const publishing = publisher.publish(OrderPlaced2, newer('1'), { alongside: alongside as never });
    await expect(publishing).rejects.toThrow(PublishError);
    await expect(publishing).rejects.toThrow(message);
    await expect(publishing).rejects.toMatchObject({ permanent: true });
    expect(topic.sent).toEqual([]);
  });

  test('of another type are refused by the compiler as well', () => {
    expectTypeOf(outgoing(OrderPlaced, older('1'))).toExtend<
      NonNullable<PublishProps<'order.placed'>['alongside']>[number]
    >();
    expectTypeOf(outgoing(OrderCancelled, { orderId: '1', reason: 'x' })).not.toExtend<
      NonNullable<PublishProps<'order.placed'>['alongside']>[number]
    >();
  });

  test('that break their contract keep all of them from being sent', async () => {
    const alongside = [outgoing(OrderPlaced, { orderId: '1', total: 'ten' as unknown as number })];
    await expect(publisher().publish(OrderPlaced2, newer('1'), { alongside })).rejects.toThrow(/data\.total/);
  });

  test('are all accepted, or the promise rejects; a retry sends the same', async () => {
    const topic = stubbornTopic((_, call) => (call === 1 ? 'accept' : 'refuse'));
    // the two are told apart by the size of a call
    const publisher = new Publisher({ topicArn: 'arn:orders.fifo', source: '/orders', client: topic.client });
    const publishing = publisher.publish(OrderPlaced2, newer('1'), { id: 'e-1', ...both('1') });
    await expect(publishing).rejects.toMatchObject({ name: 'PublishError', eventId: 'e-1' });
    expect(topic.sent).toEqual([['e-1'], ['e-1']]);
  });
});

test('a topic that somebody else made takes them too', async () => {
  // the deduplication id has a character that SNS has to take there
  const { TopicArn } = await engines.sns.send(
    new CreateTopicCommand({ Name: 'by-hand.fifo', Attributes: { FifoTopic: 'true' } }),
  );
  const publisher = new Publisher({ topicArn: TopicArn!, source: '/orders', client: engines.clients.sns });
  engines.calls.length = 0;
  await publisher.publish(OrderPlaced2, newer('1'), { id: 'e-1', ...both('1') });
  const ids = engines.calls.map(({ input }) => input.PublishBatchRequestEntries[0].MessageDeduplicationId);
  expect(ids).toEqual(['e-1/2', 'e-1/1']);
});

describe('whichever version comes first,', () => {
  const versions = async () => {
    const topicArn = await engines.createTopic({ fifo: false });
    const publisher = new Publisher({ topicArn, source: '/orders', client: engines.clients.sns });
    engines.calls.length = 0;
    const yen = { orderId: '1', amount: { value: 100, currency: 'JPY' } };
    await publisher.publish(OrderPlaced2, yen, {
      alongside: [outgoing(OrderPlaced, { orderId: '1', total: 0.68 })],
    });
    return engines.calls
      .flatMap(({ input }) => input.PublishBatchRequestEntries as { Message: string }[])
      .map(({ Message }) => Message);
  };

  test.each(['lease', 'transaction'] as const)('the newest is handled on a standard queue (%s)', async (guard) => {
    const [newest, oldest] = await versions();
    const around = await surround(engines);
    const charged: unknown[] = [];
    const outcomes: Outcome[] = [];
    const fn = consume([OrderPlaced2], ({ data }) => void charged.push(data.amount), {
      guard,
      environment: around.environment,
      clients: engines.clients,
      onSettled: (_, outcome) => outcomes.push(outcome),
    });
    const record = recordOf(around.queue, { body: oldest! });
    await fn({ Records: [record] }, lambdaContext());
    expect(outcomes).toEqual([{ kind: 'returned', reason: 'newer-version', delaySeconds: 5 }]);
    await fn({ Records: [recordOf(around.queue, { body: newest! })] }, lambdaContext());
    record.attributes.ApproximateReceiveCount = '2';
    await fn({ Records: [record] }, lambdaContext());
    expect(outcomes.slice(1).map(({ kind }) => kind)).toEqual(['handled', 'duplicate']);
    expect(charged).toEqual([{ value: 100, currency: 'JPY' }]);
  });

  test('the older is handled when the newest does not come', async () => {
    const [, oldest] = await versions();
    const around = await surround(engines);
    const charged: unknown[] = [];
    const fn = consume([OrderPlaced2], ({ data }) => void charged.push(data.amount), {
      environment: around.environment,
      clients: engines.clients,
    });
    const record = recordOf(around.queue, { body: oldest! });
    record.attributes.ApproximateReceiveCount = '2';
    expect(failedIds(await fn({ Records: [record] }, lambdaContext()))).toEqual([]);
    expect(charged).toEqual([{ value: 0.68, currency: 'USD' }]);
  });

  test.each(['data', 'data.amount'])('payload validation does not take them for two events (%s)', async (path) => {
    const bodies = await versions();
    const around = await surround(engines);
    const outcomes: Outcome['kind'][] = [];
    const fn = consume([OrderPlaced2], () => undefined, {
      environment: around.environment,
      clients: engines.clients,
      idempotency: { payloadValidationJmesPath: path },
      onSettled: (_, { kind }) => outcomes.push(kind),
    });
    for (const body of bodies) {
      const record = recordOf(around.queue, { body });
      record.attributes.ApproximateReceiveCount = '2';
      await fn({ Records: [record] }, lambdaContext());
    }
    expect(outcomes).toEqual(['handled', 'duplicate']);
  });
});

test('nothing is sent when one of them is too large', async () => {
  const topicArn = await engines.createTopic({ fifo: false });
  const props = { topicArn, source: '/orders', client: engines.clients.sns, claimCheckBucket: '' };
  const publisher = new Publisher(props);
  engines.calls.length = 0;
  const large = { orderId: '1', amount: { value: 1, currency: 'x'.repeat(300_000) } };
  await expect(publisher.publish(OrderPlaced2, large, both('1'))).rejects.toThrow(/the topic takes 262144/);
  expect(engines.count('PublishBatch')).toBe(0);
});
