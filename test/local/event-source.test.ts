import { ChangeMessageVisibilityCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { describe, expect, test, vi } from 'vitest';
import {
  createQueue,
  eventually,
  functionOf,
  inspect,
  left,
  name,
  numbered,
  send,
  sqs,
  start,
  untilEmpty,
  url,
  useQueues,
  waitOneRound,
} from './fixtures/queue-under-test.ts';

useQueues();

describe('a batch', () => {
  test('comes as the event that Lambda sends', async () => {
    let event: SQSRecord[] = [];
    const MessageAttributes = {
      type: { DataType: 'String', StringValue: 'order.placed' },
      blob: { DataType: 'Binary', BinaryValue: new Uint8Array([1, 2, 3]) },
    };
    const sent = await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '{"a":1}', MessageAttributes }));
    start(
      functionOf((records) => {
        event = records;
      }),
    );
    await untilEmpty();
    expect(event).toEqual([
      {
        messageId: sent.MessageId,
        receiptHandle: expect.any(String),
        body: '{"a":1}',
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: expect.stringMatching(/^\d{13}$/),
          SenderId: expect.any(String),
          ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
        },
        messageAttributes: {
          type: { stringValue: 'order.placed', stringListValues: [], binaryListValues: [], dataType: 'String' },
          blob: { binaryValue: 'AQID', stringListValues: [], binaryListValues: [], dataType: 'Binary' },
        },
        md5OfBody: sent.MD5OfMessageBody,
        md5OfMessageAttributes: sent.MD5OfMessageAttributes,
        eventSource: 'aws:sqs',
        eventSourceARN: `arn:aws:sqs:eu-central-1:000000000000:${name}`,
        awsRegion: 'eu-central-1',
      },
    ]);
  });

  test('is no larger than the batch size, and deleted once handled', async () => {
    const sizes: number[] = [];
    await send(numbered(25));
    const source = start(
      functionOf((records) => {
        sizes.push(records.length);
      }),
      { batchSize: 4 },
    );
    await untilEmpty();
    expect(Math.max(...sizes)).toBe(4);
    expect(source.stats()).toMatchObject({ received: 25, delivered: 25, deleted: 25, left: 0, failures: 0 });
  });

  test('is filled by several receives when it may be larger than 10', async () => {
    const sizes: number[] = [];
    await send(numbered(35));
    start(
      functionOf((records) => {
        sizes.push(records.length);
      }),
      { batchSize: 25, windowSeconds: 1 },
    );
    await untilEmpty();
    expect(sizes).toEqual([25, 10]);
  });

  test('waits for its window', async () => {
    const batches: string[][] = [];
    start(
      functionOf((records) => {
        batches.push(records.map(({ body }) => body));
      }),
      { windowSeconds: 1 },
    );
    await send(['a']);
    await vi.waitFor(async () => expect((await left()).inflight).toEqual(['a']), eventually);
    await send(['b']);
    await untilEmpty();
    expect(batches).toEqual([['a', 'b']]);
  });

  test('runs beside others, up to the maximum concurrency', async () => {
    let running = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    await send(numbered(40));
    start(
      functionOf(async () => {
        running += 1;
        most = Math.max(most, running);
        if (running === 3) gate.resolve();
        await gate.promise;
        running -= 1;
      }),
      { batchSize: 5, maximumConcurrency: 3 },
    );
    await untilEmpty();
    expect(most).toBe(3);
  });
});

describe('what a function answers', () => {
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['an empty object', {}],
    ['an empty list', { batchItemFailures: [] }],
    ['no list', { batchItemFailures: null }],
  ])('%s: the whole batch is deleted', async (_what, answer) => {
    await send(numbered(3));
    start(functionOf(() => answer));
    await untilEmpty();
  });

  test.each([
    [
      'an unknown identifier',
      (ids: string[]) => ({ batchItemFailures: [{ itemIdentifier: ids[0] }, { itemIdentifier: 'x' }] }),
    ],
    ['an empty identifier', () => ({ batchItemFailures: [{ itemIdentifier: '' }] })],
    ['no identifier', () => ({ batchItemFailures: [{ itemIdentifier: null }] })],
    ['another key', (ids: string[]) => ({ batchItemFailures: [{ messageId: ids[0] }] })],
    ['not a list', () => ({ batchItemFailures: 'all' })],
    ['not an object', () => 'done'],
  ])('%s: nothing is deleted', async (_what, answer) => {
    const errors: Error[] = [];
    await send(numbered(3));
    const source = start(
      functionOf((records) => answer(records.map(({ messageId }) => messageId))),
      {},
      { onError: (error) => errors.push(error) },
    );
    await vi.waitFor(
      () => expect(source.stats()).toMatchObject({ left: 3, failures: source.stats().invocations, running: 0 }),
      eventually,
    );
    expect((await left()).inflight).toHaveLength(3);
    expect(errors[0]?.message).toContain('The response of inventory fails its whole batch');
  });

  test('some failures: the others are deleted, and those keep the visibility that the handler gave them', async () => {
    await send(numbered(4));
    const source = start(
      functionOf(async (records) => {
        const failing = records.find(({ body }) => body === 'order-2');
        if (failing === undefined) return undefined;
        const { receiptHandle: ReceiptHandle, messageId: itemIdentifier } = failing;
        await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout: 600 }));
        return { batchItemFailures: [{ itemIdentifier }] };
      }),
    );
    await vi.waitFor(() => expect(source.stats()).toMatchObject({ deleted: 3, left: 1, running: 0 }), eventually);
    const [message, ...others] = (await inspect()).inflight;
    expect(others).toEqual([]);
    expect(message!.visibilityDeadline - Date.now()).toBeGreaterThan(500_000);
  });

  test('failures where partial responses are off: they are not read', async () => {
    await send(numbered(2));
    start(
      functionOf(([first]) => ({ batchItemFailures: [{ itemIdentifier: first?.messageId }] })),
      { reportBatchItemFailures: false },
    );
    await untilEmpty();
  });

  test('an error: the batch comes back after the visibility timeout, counted as received again', async () => {
    await createQueue({ VisibilityTimeout: '1' });
    await send(numbered(3));
    const counts: string[] = [];
    const startedAt = Date.now();
    start(
      functionOf((records) => {
        counts.push(...records.map(({ attributes }) => attributes.ApproximateReceiveCount));
        if (counts.length <= 3) throw new Error('not yet');
      }),
      { reportBatchItemFailures: false },
    );
    await untilEmpty();
    expect(counts).toEqual(['1', '1', '1', '2', '2', '2']);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1_000);
  });

  test('a throttle: the same batch is tried again, without another receive', async () => {
    await send(['order']);
    const counts: string[] = [];
    const source = start({
      async invoke(payload) {
        const [record] = (payload as SQSEvent).Records;
        counts.push(record!.attributes.ApproximateReceiveCount);
        if (counts.length < 3) return { status: 'throttled', requestId: 'r', reason: 'busy' };
        return { status: 'succeeded', requestId: 'r', payload: null, durationMs: 1 };
      },
    });
    await untilEmpty();
    expect(counts).toEqual(['1', '1', '1']);
    expect(source.stats()).toMatchObject({ received: 1, throttles: 2 });
  });
});

describe('function errors', () => {
  test.each([
    ['reduce the concurrency', false, 1],
    ['do not reduce the concurrency under partial responses', true, 4],
  ])('%s', async (_what, reportBatchItemFailures, expected) => {
    let running = 0;
    let most = 0;
    let invocations = 0;
    const gate = Promise.withResolvers<void>();
    await send(numbered(24));
    start(
      functionOf(async () => {
        running += 1;
        invocations += 1;
        if (running === 4) gate.resolve();
        await gate.promise;
        if (invocations > 4) most = Math.max(most, running);
        await waitOneRound();
        running -= 1;
        throw new Error('down');
      }),
      { batchSize: 1, reportBatchItemFailures },
      { concurrency: 4 },
    );
    await vi.waitFor(() => expect(invocations).toBe(24), eventually);
    expect(most).toBe(expected);
  });
});
