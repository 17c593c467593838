import type { SQSRecord } from 'aws-lambda';
import { expect, test } from 'vitest';
import { batchBuffer } from '../../lib/local/event-sources/batch-buffer.ts';

let sequence = 0;

function record(body: string, group?: string): SQSRecord {
  sequence += 1;
  const fifo = group === undefined ? {} : { MessageGroupId: group, SequenceNumber: String(sequence) };
  return {
    messageId: body,
    receiptHandle: body,
    body,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '0',
      SenderId: '',
      ApproximateFirstReceiveTimestamp: '0',
      ...fifo,
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-central-1:000000000000:orders',
    awsRegion: 'eu-central-1',
  };
}

const bodies = (batch: readonly SQSRecord[] | undefined): string[] | undefined => batch?.map(({ body }) => body);

test('a batch is ready at once without a window, and at the end of it with one', () => {
  const eager = batchBuffer({ batchSize: 10, windowMs: 0 });
  eager.add([record('a')], 1_000);
  expect(bodies(eager.take(1_000))).toEqual(['a']);

  const patient = batchBuffer({ batchSize: 10, windowMs: 500 });
  patient.add([record('a')], 1_000);
  patient.add([record('b')], 1_400);
  expect(patient.take(1_499)).toBeUndefined();
  expect(patient.dueAt()).toBe(1_500);
  expect(bodies(patient.take(1_500))).toEqual(['a', 'b']);
  expect(patient.dueAt()).toBeUndefined();
});

test('a full batch does not wait for its window', () => {
  const buffer = batchBuffer({ batchSize: 2, windowMs: 60_000 });
  buffer.add([record('a'), record('b'), record('c')], 0);
  expect(bodies(buffer.take(0))).toEqual(['a', 'b']);
  expect(buffer.take(0)).toBeUndefined();
});

test('a batch stays below the payload limit, and what reaches it does not wait', () => {
  const buffer = batchBuffer({ batchSize: 100, windowMs: 60_000 });
  const large = (name: string): SQSRecord => ({
    ...record('x'.repeat(2_500_000)),
    messageId: name,
    receiptHandle: name,
  });
  buffer.add([large('a'), large('b'), large('c')], 0);
  const batch = buffer.take(0);
  expect(batch?.map(({ messageId }) => messageId)).toEqual(['a', 'b']);
  expect(JSON.stringify({ Records: batch }).length).toBeLessThanOrEqual(6 * 1024 * 1024);
  expect(buffer.size).toBe(1);
});

test('bytes count as they travel, however few the characters', () => {
  const buffer = batchBuffer({ batchSize: 100, windowMs: 0 });
  // Six bytes a character in JSON, and three in UTF-8.
  for (const character of ['\u0001', '\u20ac']) {
    const each = Math.floor((2.5 * 1024 * 1024) / (character === '\u0001' ? 6 : 3));
    buffer.add(
      ['a', 'b', 'c'].map((name) => ({ ...record(character.repeat(each)), messageId: name, receiptHandle: name })),
      0,
    );
    expect(buffer.take(0)?.map(({ messageId }) => messageId)).toEqual(['a', 'b']);
    expect(buffer.take(0)?.map(({ messageId }) => messageId)).toEqual(['c']);
  }
});

test('a message group is in one batch at a time, and other groups pass it', () => {
  const buffer = batchBuffer({ batchSize: 2, windowMs: 0 });
  buffer.add([record('a1', 'a'), record('a2', 'a'), record('a3', 'a'), record('b1', 'b')], 0);
  const first = buffer.take(0)!;
  expect(bodies(first)).toEqual(['a1', 'a2']);
  const second = buffer.take(0)!;
  expect(bodies(second)).toEqual(['b1']);
  expect(buffer.take(0)).toBeUndefined();
  expect(buffer.settle(first, [])).toEqual([]);
  expect(bodies(buffer.take(0))).toEqual(['a3']);
});

test('what waits behind a record that stays in the queue goes back with it', () => {
  const buffer = batchBuffer({ batchSize: 2, windowMs: 0 });
  buffer.add([record('a1', 'a'), record('a2', 'a'), record('a3', 'a'), record('b1', 'b')], 0);
  const first = buffer.take(0)!;
  expect(bodies(buffer.settle(first, first.slice(1)))).toEqual(['a3']);
  expect(bodies(buffer.take(0))).toEqual(['b1']);
});
