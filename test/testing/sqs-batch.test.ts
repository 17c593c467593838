import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidDataError, parseEnvelope, routingAttributes } from '../../lib/contracts/index.ts';
import { receivedAgain, sqsBatch } from '../../lib/testing/index.ts';
import { type Engines, startEngines } from '../runtime/engines.ts';
import { OrderPlaced, orderPlaced } from '../runtime/pipeline.ts';

describe('a batch', () => {
  test('has a message for each event, as raw delivery from a topic makes it', () => {
    const event = orderPlaced('1');
    const { Records } = sqsBatch([event], { queue: 'inventory', sentAt: new Date('2026-05-01T10:00:00Z') });
    expect(Records).toEqual([
      {
        messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        receiptHandle: expect.stringMatching(/^\S{100,}$/),
        body: JSON.stringify(event),
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: '1777629600000',
          SenderId: expect.any(String),
          ApproximateFirstReceiveTimestamp: '1777629600010',
        },
        messageAttributes: {
          type: { stringValue: 'order.placed', stringListValues: [], binaryListValues: [], dataType: 'String' },
          version: { stringValue: '1', stringListValues: [], binaryListValues: [], dataType: 'String' },
          key: { stringValue: '1', stringListValues: [], binaryListValues: [], dataType: 'String' },
        },
        md5OfBody: expect.stringMatching(/^[0-9a-f]{32}$/),
        md5OfMessageAttributes: expect.stringMatching(/^[0-9a-f]{32}$/),
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:eu-west-1:123456789012:inventory',
        awsRegion: 'eu-west-1',
      },
    ]);
  });

  test('of a FIFO queue has groups by key, and sequence numbers that grow', () => {
    const batch = () =>
      sqsBatch([orderPlaced('1'), orderPlaced('2'), orderPlaced('1', { id: 'other' })], { fifo: true });
    const records = [...batch().Records, ...batch().Records];
    expect(records[0]?.eventSourceARN).toMatch(/\.fifo$/);
    expect(records.slice(0, 3).map(({ attributes }) => attributes.MessageGroupId)).toEqual(['1', '2', '1']);
    expect(records[2]?.attributes.MessageDeduplicationId).toBe('other');
    const numbers = records.map(({ attributes }) => attributes.SequenceNumber!);
    expect(numbers.every((number) => /^\d{20}$/.test(number))).toBe(true);
    expect(numbers).toEqual([...new Set(numbers)].sort());
  });

  test('makes events of contracts and their data', () => {
    const { Records } = sqsBatch([
      [OrderPlaced, { orderId: '1', total: 3 }],
      [OrderPlaced, { orderId: '2', total: 4 }, { id: 'e-2', source: '/shop' }],
    ]);
    const [first, second] = Records.map(({ body }) => parseEnvelope(body));
    expect(first).toMatchObject({ type: 'order.placed', source: '/test', data: { orderId: '1', total: 3 } });
    expect(second).toMatchObject({ id: 'e-2', source: '/shop', subject: '2' });
    expect(() => sqsBatch([[OrderPlaced, { orderId: 1 }]])).toThrow(InvalidDataError);
  });

  test('takes bodies as they are, and messages that differ from the others', () => {
    const { Records } = sqsBatch(
      [
        'not JSON',
        { body: orderPlaced('1'), receiveCount: 3, groupId: 'g', attributes: { redriveId: 'r' }, messageId: 'm' },
      ],
      { fifo: true, receiveCount: 2 },
    );
    expect(Records[0]).toMatchObject({
      body: 'not JSON',
      messageAttributes: {},
      attributes: { ApproximateReceiveCount: '2', MessageGroupId: 'test' },
    });
    expect(Records[0]).not.toHaveProperty('md5OfMessageAttributes');
    expect(Records[1]).toMatchObject({
      messageId: 'm',
      attributes: { ApproximateReceiveCount: '3', MessageGroupId: 'g' },
      messageAttributes: { redriveId: { stringValue: 'r' }, key: { stringValue: '1' } },
    });
  });

  test('received again is the same, once more', () => {
    const { Records } = sqsBatch([orderPlaced('1')], { receiveCount: 2 });
    const again = receivedAgain(Records).Records[0]!;
    expect(again.attributes.ApproximateReceiveCount).toBe('3');
    expect(again.receiptHandle).not.toBe(Records[0]?.receiptHandle);
    expect({ ...again, attributes: 0, receiptHandle: 0 }).toEqual({ ...Records[0], attributes: 0, receiptHandle: 0 });
  });
});

describe('the MD5 sums', () => {
  let engines: Engines;
  beforeAll(async () => {
    engines = await startEngines();
  });
  afterAll(async () => {
    await engines.stop();
  });

  test('are those of SQS', async () => {
    const event = orderPlaced('größer');
    const [record] = sqsBatch([{ body: event, attributes: { note: 'ä€' } }]).Records;
    const sent = await engines.sqs.send(
      new SendMessageCommand({
        QueueUrl: engines.createQueue().url,
        MessageBody: record!.body,
        MessageAttributes: Object.fromEntries(
          Object.entries({ ...routingAttributes(event), note: 'ä€' }).map(([name, StringValue]) => [
            name,
            { DataType: 'String', StringValue },
          ]),
        ),
      }),
    );
    expect(record?.md5OfBody).toBe(sent.MD5OfMessageBody);
    expect(record?.md5OfMessageAttributes).toBe(sent.MD5OfMessageAttributes);
  });
});
