import type { PublishBatchInput } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { InvalidDataError } from '../../../lib/contracts/index.ts';
import type { Sns } from '../../../lib/runtime/aws/clients.ts';
import { PublishError } from '../../../lib/runtime/errors.ts';
import { Publisher } from '../../../lib/runtime/publish/publisher.ts';
import { answering, type Engines, startEngines, type TestQueue } from '../engines.ts';
import { OrderCancelled, OrderPlaced } from '../pipeline.ts';

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

    expect(engines.calls.map(({ operation }) => operation)).toEqual(['Publish']);
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
    expect(engines.calls.map(({ operation }) => operation).sort()).toEqual(['Publish', 'PublishBatch', 'PublishBatch']);
  });

  test('keeps a batch within 256 KiB', async () => {
    const { topicArn, queue } = await topicWithQueue();
    const publisher = new Publisher({ topicArn, source: '/orders', client: engines.clients.sns });
    const bulky = (n: number) => ({ orderId: `order-${n}`, reason: 'x'.repeat(100_000) });
    await Promise.all([0, 1, 2, 3, 4].map((n) => publisher.publish(OrderCancelled, bulky(n))));
    expect(engines.calls.map(({ operation }) => operation)).toEqual(['Publish', 'PublishBatch', 'PublishBatch']);
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
});

describe('a failed entry of a batch', () => {
  /** A topic that fails entries at will; the embedded engine accepts everything. */
  function failing(verdict: (eventId: string, call: number) => { SenderFault: boolean } | undefined) {
    const sent: string[][] = [];
    const client = answering<Sns>((_, input) => {
      const { PublishBatchRequestEntries: entries = [] } = input as PublishBatchInput;
      const ids = entries.map(({ Message }) => JSON.parse(Message!).id as string);
      sent.push(ids);
      const Failed = entries.flatMap(({ Id }, n) => {
        const failure = verdict(ids[n]!, sent.length);
        return failure ? [{ Id, Code: 'InternalError', ...failure }] : [];
      });
      return { Failed };
    });
    const publisher = new Publisher({
      topicArn: 'arn:topic',
      source: '/orders',
      client,
      maxAttempts: 3,
      random: () => 0,
    });
    const publish = (...ids: string[]) =>
      Promise.allSettled(ids.map((id) => publisher.publish(OrderPlaced, order(1), { id })));
    return { sent, publish };
  }

  test('is sent again, alone', async () => {
    const { sent, publish } = failing((id, call) => (id === 'b' && call < 3 ? { SenderFault: false } : undefined));
    const results = await publish('a', 'b', 'c');
    expect(sent).toEqual([['a', 'b', 'c'], ['b'], ['b']]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  test('rejects its own event only, when it keeps failing', async () => {
    const { sent, publish } = failing((id) => (id === 'b' ? { SenderFault: false } : undefined));
    const results = await publish('a', 'b', 'c');
    expect(sent).toHaveLength(3);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { name: 'PublishError', eventId: 'b', senderFault: false } });
  });

  test('is not sent again when it is the sender who is at fault', async () => {
    const { sent, publish } = failing((id) => (id === 'b' ? { SenderFault: true } : undefined));
    const results = await publish('a', 'b');
    expect(sent).toHaveLength(1);
    expect(results[1]).toMatchObject({ status: 'rejected', reason: { senderFault: true } });
  });
});
