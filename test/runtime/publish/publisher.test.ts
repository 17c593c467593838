import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { InvalidDataError } from '../../../lib/contracts/index.ts';
import { PublishError } from '../../../lib/runtime/errors.ts';
import { Publisher } from '../../../lib/runtime/publish/publisher.ts';
import { type Engines, startEngines, type TestQueue } from '../engines.ts';
import { OrderCancelled, OrderPlaced } from '../pipeline.ts';
import { type CallFate, type Fate, stubbornTopic } from './stubborn-topic.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(() => {
  engines.calls.length = 0;
});

async function topicWithQueue(fifo = false): Promise<{ topicArn: string; queue: TestQueue }> {
  const topicArn = await engines.createTopic({ fifo });
  const queue = engines.createQueue({ fifo });
  await engines.subscribe(topicArn, queue);
  engines.calls.length = 0;
  return { topicArn, queue };
}

const order = (n: number) => ({ orderId: `order-${n}`, total: n });

describe('a publisher', () => {
  test('sends one event by itself, with what filter policies look at', async () => {
    const { topicArn, queue } = await topicWithQueue();
    const publisher = new Publisher({ topicArn, source: '/orders', client: engines.clients.sns });

    const event = await publisher.publish(OrderPlaced, order(1), { id: 'e-1' });

    expect(engines.calls.map(({ operation }) => operation)).toEqual(['PublishBatch']);
    expect(event).toMatchObject({ id: 'e-1', source: '/orders', subject: 'order-1' });
    const [message] = await engines.receive(queue);
    expect(JSON.parse(message!.Body!)).toEqual(event);
    expect(message?.MessageAttributes).toMatchObject({
      type: { StringValue: 'order.placed' },
      version: { StringValue: '1' },
      key: { StringValue: 'order-1' },
    });
  });

  test('sends what is published in one turn in batches of 10', async () => {
    const { topicArn } = await topicWithQueue();
    const publisher = new Publisher({ topicArn, source: '/orders', client: engines.clients.sns });
    await Promise.all(Array.from({ length: 21 }, (_, n) => publisher.publish(OrderPlaced, order(n))));
    expect(engines.calls.map(({ input }) => input.PublishBatchRequestEntries.length)).toEqual([10, 10, 1]);
  });

  test('keeps a batch within 256 KiB', async () => {
    const { topicArn, queue } = await topicWithQueue();
    const publisher = new Publisher({ topicArn, source: '/orders', client: engines.clients.sns });
    const bulky = (n: number) => ({ orderId: `order-${n}`, reason: 'x'.repeat(100_000) });
    await Promise.all([0, 1, 2, 3, 4].map((n) => publisher.publish(OrderCancelled, bulky(n))));
    expect(engines.calls.map(({ input }) => input.PublishBatchRequestEntries.length)).toEqual([2, 2, 1]);
    expect(engines.fauxqs.inspectQueue(queue.name)?.messages.ready).toHaveLength(5);
  });

  test('refuses data that breaks the contract before anything is sent', async () => {
    const publisher = new Publisher({
      topicArn: await engines.createTopic(),
      source: '/orders',
      client: engines.clients.sns,
    });
    engines.calls.length = 0;
    await expect(publisher.publish(OrderPlaced, { orderId: '', total: 1 })).rejects.toThrow(InvalidDataError);
    expect(engines.calls).toEqual([]);
  });

  test('refuses an event that no topic takes, once and for all', async () => {
    const publisher = new Publisher({
      topicArn: await engines.createTopic(),
      source: '/orders',
      client: engines.clients.sns,
    });
    engines.calls.length = 0;
    const publishing = publisher.publish(OrderPlaced, { orderId: 'x'.repeat(262_144), total: 1 });
    await expect(publishing).rejects.toThrow(PublishError);
    await expect(publishing).rejects.toMatchObject({ permanent: true, senderFault: true });
    expect(engines.calls).toEqual([]);
  });

  test('rejects when the topic does not exist', async () => {
    const topicArn = 'arn:aws:sns:eu-west-1:000000000000:nowhere';
    const publisher = new Publisher({ topicArn, source: '/orders', client: engines.clients.sns });
    const publishing = Promise.allSettled([1, 2].map((n) => publisher.publish(OrderPlaced, order(n))));
    for (const result of await publishing) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(PublishError) });
    }
  });

  test('on a FIFO topic orders by key, and deduplicates by event id', async () => {
    const { topicArn, queue } = await topicWithQueue(true);
    const publisher = new Publisher({ topicArn, source: '/orders', client: engines.clients.sns });
    const publish = (id: string) => publisher.publish(OrderPlaced, order(1), { id });

    await Promise.all(['a', 'b', 'a', 'c'].map(publish));

    const { ready } = engines.fauxqs.inspectQueue(queue.name)!.messages;
    expect(ready.map(({ body }) => JSON.parse(body).id)).toEqual(['a', 'b', 'c']);
    expect(new Set(ready.map((message) => message.messageGroupId))).toEqual(new Set(['order-1']));
  });

  test('takes any key and id on a FIFO topic, whatever SNS allows there', async () => {
    const { topicArn, queue } = await topicWithQueue(true);
    const publisher = new Publisher({ topicArn, source: '/orders', client: engines.clients.sns });
    const orderId = `Größe ${'x'.repeat(200)}`;
    for (const id of ['first of all', 'second of all'])
      await publisher.publish(OrderPlaced, { orderId, total: 1 }, { id });
    const { ready } = engines.fauxqs.inspectQueue(queue.name)!.messages;
    expect(ready.map(({ body }) => JSON.parse(body).id)).toEqual(['first of all', 'second of all']);
    expect(new Set(ready.map(({ messageGroupId }) => messageGroupId))).toEqual(
      new Set([expect.stringMatching(/^[0-9a-f]{64}$/)]),
    );
  });
});

/** A publisher of events `a`, `b`, ... all of the key `order-1` unless another one is given: `a@order-2`. */
function publishing(
  fateOf: (id: string, call: number) => Fate,
  fateOfCall?: (call: number, entries: number) => CallFate,
  topicArn = 'arn:aws:sns:eu-west-1:000000000000:orders',
) {
  const topic = stubbornTopic(fateOf, fateOfCall);
  const publisher = new Publisher({
    topicArn,
    source: '/orders',
    client: topic.client,
    maxAttempts: 3,
    random: () => 0,
  });
  const publish = (...names: string[]) =>
    Promise.allSettled(
      names.map((name) => {
        const [id, orderId = 'order-1'] = name.split('@') as [string, string?];
        return publisher.publish(OrderPlaced, { orderId, total: 1 }, { id });
      }),
    );
  return { ...topic, publisher, publish };
}

const statuses = (results: PromiseSettledResult<unknown>[]) => results.map(({ status }) => status);

describe('an event that the topic fails', () => {
  test('is sent again, alone', async () => {
    const { sent, publish } = publishing((id, call) => (id === 'b' && call < 3 ? 'fail' : 'accept'));
    expect(statuses(await publish('a', 'b', 'c'))).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(sent).toEqual([['a', 'b', 'c'], ['b'], ['b']]);
  });

  test('rejects its own promise only, when it keeps failing', async () => {
    const { sent, publish } = publishing((id) => (id === 'b' ? 'fail' : 'accept'));
    const results = await publish('a', 'b', 'c');
    expect(sent).toHaveLength(3);
    expect(statuses(results)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { name: 'PublishError', eventId: 'b', senderFault: false } });
  });

  test('is not sent again when it is the sender who is at fault', async () => {
    const { sent, publish } = publishing((id) => (id === 'b' ? 'refuse' : 'accept'));
    const results = await publish('a', 'b');
    expect(sent).toHaveLength(1);
    expect(results[1]).toMatchObject({ status: 'rejected', reason: { senderFault: true } });
  });

  test('does not count as published when the answer leaves it out', async () => {
    const { sent, publish } = publishing((id) => (id === 'b' ? 'leaveOut' : 'accept'));
    expect(statuses(await publish('a', 'b'))).toEqual(['fulfilled', 'rejected']);
    expect(sent).toEqual([['a', 'b'], ['b'], ['b']]);
  });

  test('takes no other with it when a whole call is refused for one of them', async () => {
    const { sent, publish } = publishing(
      (id) => (id === 'b' ? 'refuse' : 'accept'),
      (_, entries) => (entries > 1 ? 'refuse' : 'answer'),
    );
    expect(statuses(await publish('a', 'b', 'c'))).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(sent).toEqual([['a', 'b', 'c'], ['a'], ['b'], ['c']]);
  });

  test('is at no fault when the call is denied, and is not sent again alone', async () => {
    const { sent, publish } = publishing(
      () => 'accept',
      () => 'deny',
    );
    const results = await publish('a', 'b');
    expect(sent).toEqual([['a', 'b']]);
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { senderFault: false } });
  });
});

describe('a message group', () => {
  const fifo = 'arn:aws:sns:eu-west-1:000000000000:orders.fifo';

  test('is once in a call, and groups travel together', async () => {
    const { sent, publish } = publishing(() => 'accept', undefined, fifo);
    await publish('a1@a', 'a2@a', 'b1@b', 'c1@c', 'b2@b', 'a3@a');
    expect(sent).toEqual([['a1', 'b1', 'c1'], ['a2', 'b2'], ['a3']]);
  });

  test('waits while its first event is sent again; others go on', async () => {
    const { accepted, publish } = publishing(
      (id, call) => (id === 'a1' && call < 3 ? 'fail' : 'accept'),
      undefined,
      fifo,
    );
    expect(statuses(await publish('a1@a', 'a2@a', 'b1@b', 'b2@b'))).toEqual(new Array(4).fill('fulfilled'));
    const order = accepted.map(({ id }) => id);
    expect(order.filter((id) => id.startsWith('a'))).toEqual(['a1', 'a2']);
    expect(order.indexOf('b2')).toBeLessThan(order.indexOf('a1'));
  });

  test('goes on after an event that can never be sent', async () => {
    const { accepted, publish } = publishing((id) => (id === 'a1' ? 'refuse' : 'accept'), undefined, fifo);
    expect(statuses(await publish('a1@a', 'a2@a'))).toEqual(['rejected', 'fulfilled']);
    expect(accepted.map(({ id }) => id)).toEqual(['a2']);
  });

  test('goes no further when an event of it is given up', async () => {
    const { accepted, sent, publish } = publishing((id) => (id === 'a1' ? 'fail' : 'accept'), undefined, fifo);
    const results = await publish('a1@a', 'a2@a', 'b1@b');
    expect(statuses(results)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({
      reason: { message: expect.stringContaining('before it in its message group') },
    });
    expect(accepted.map(({ id }) => id)).toEqual(['b1']);
    expect(sent.flat()).not.toContain('a2');
    // what is handed in afterwards is a new start
    expect(statuses(await publish('a3@a'))).toEqual(['fulfilled']);
  });
});

describe('many events', () => {
  test('of 100 keys go in full batches, four calls at a time', async () => {
    const topic = stubbornTopic();
    const publisher = new Publisher({ topicArn: 'arn:orders.fifo', source: '/orders', client: topic.client });
    await Promise.all(
      Array.from({ length: 3_000 }, (_, n) => publisher.publish(OrderPlaced, order(n % 100), { id: `e-${n}` })),
    );
    expect(topic.accepted).toHaveLength(3_000);
    expect(topic.busiest).toBe(4);
    expect(topic.sent.length).toBeLessThanOrEqual(310);
  });

  test('go in as many calls at a time as was asked for', async () => {
    const topic = stubbornTopic();
    const publisher = new Publisher({
      topicArn: 'arn:orders',
      source: '/orders',
      client: topic.client,
      maxCallsInFlight: 2,
    });
    await Promise.all(Array.from({ length: 100 }, (_, n) => publisher.publish(OrderPlaced, order(n))));
    expect([topic.busiest, topic.sent.length]).toEqual([2, 10]);
  });
});

describe('a flush', () => {
  test('waits for everything handed in so far, sent again or not', async () => {
    const { accepted, publisher } = publishing((_, call) => (call < 3 ? 'fail' : 'accept'));
    void publisher.publish(OrderPlaced, order(1));
    void publisher.publish(OrderPlaced, order(2));
    expect(await publisher.flush()).toEqual([]);
    expect(accepted).toHaveLength(2);
  });

  test('hands over what failed and nobody awaited, once', async () => {
    const { publisher } = publishing((id) => (id === 'good' ? 'accept' : 'refuse'));
    const awaited = publisher.publish(OrderPlaced, order(1), { id: 'awaited' }).catch(() => 'caught');
    void publisher.publish(OrderPlaced, order(1), { id: 'bad' });
    void publisher.publish(OrderPlaced, order(1), { id: 'good' });
    void publisher.publish(OrderPlaced, { orderId: '', total: 1 });
    const failures = await publisher.flush();
    expect(failures).toEqual([expect.any(PublishError), expect.any(InvalidDataError)]);
    expect(failures[0]).toMatchObject({ eventId: 'bad' });
    expect(await publisher.flush()).toEqual([]);
    expect(await awaited).toBe('caught');
  });

  test('that never comes leaves a process warning, and no unhandled rejection', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined);
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { publisher, sent } = publishing(() => 'refuse');
    void publisher.publish(OrderPlaced, order(1), { id: 'bad' });
    await vi.waitFor(() => expect(warned).toHaveBeenCalled());
    expect(sent).toHaveLength(1);
    expect(warned.mock.calls[0]).toEqual([expect.stringContaining('bad'), 'UnpublishedEventWarning']);
    expect(unhandled).not.toHaveBeenCalled();
    process.off('unhandledRejection', unhandled);
    warned.mockRestore();
  });
});
