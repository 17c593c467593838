import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sqs } from '../../../lib/runtime/aws/clients.ts';
import { createDeadLetters, failureContext } from '../../../lib/runtime/batch/dead-letter.ts';
import { DeadLetterError } from '../../../lib/runtime/errors.ts';
import { ParkedError } from '../../../lib/runtime/parking/errors.ts';
import { answering, type Engines, recordOf, startEngines, type TestQueue } from '../engines.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});

const about = { consumer: 'inventory', functionVersion: '7', clock: () => 0 };
const lettersFor = (queue: TestQueue, client: Sqs = engines.clients.sqs) =>
  createDeadLetters({ client, queueUrl: queue.url, ...about });

test('the dead letters of a batch share a call', async () => {
  const queue = engines.createQueue();
  const deadLetter = lettersFor(queue);
  engines.calls.length = 0;
  const records = Array.from({ length: 10 }, (_, n) => recordOf(queue, { body: `body ${n}` }));
  await Promise.all(records.map((record) => deadLetter({ record, error: new Error('no') })));
  expect(engines.count('SendMessageBatch')).toBe(1);
  expect(engines.fauxqs.inspectQueue(queue.name)?.messages.ready.map(({ body }) => body)).toEqual(
    records.map(({ body }) => body),
  );
});

test('a message with what SQS refuses in attributes gets there all the same', async () => {
  const queue = engines.createQueue();
  const error = new Error(`bell \u0007, null \u0000, half \ud800, ${'ü'.repeat(5_000)}`);
  await lettersFor(queue)({ record: recordOf(queue, { body: 'x' }), error, eventId: '' });
  const [letter] = await engines.receive(queue);
  const message = letter!.MessageAttributes!.errorMessage!.StringValue!;
  expect(message).toMatch(/^bell \ufffd, null \ufffd, half \ufffd, ü+$/);
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1_024);
  expect(Buffer.byteLength(letter!.MessageAttributes!.errorStack!.StringValue!)).toBeLessThanOrEqual(4_096);
});

test('a body that leaves no room keeps what matters most of its context', async () => {
  const queue = engines.createQueue();
  const body = 'x'.repeat(1_048_576 - 200);
  await lettersFor(queue)({ record: recordOf(queue, { body }), error: new TypeError('no'), eventId: 'e-1' });
  const [letter] = await engines.receive(queue);
  expect(letter?.Body).toBe(body);
  const names = Object.keys(letter!.MessageAttributes!);
  expect(names).toContain('errorClass');
  expect(names).toContain('eventId');
  expect(names).not.toContain('errorStack');
});

test('a body of the largest size goes without context rather than not at all', async () => {
  const queue = engines.createQueue();
  const body = 'x'.repeat(1_048_576);
  await lettersFor(queue)({ record: recordOf(queue, { body }), error: new Error('no') });
  expect(await engines.receive(queue)).toHaveLength(1);
});

test('an entry that the DLQ refuses rejects for its own record only', async () => {
  const queue = engines.createQueue();
  const client = answering<Sqs>(() => ({ Failed: [{ Id: '1', Code: 'InternalError', SenderFault: false }] }));
  const deadLetter = lettersFor(queue, client);
  const results = await Promise.allSettled(
    ['a', 'b', 'c'].map((body) => deadLetter({ record: recordOf(queue, { body }), error: new Error('no stock') })),
  );
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(results[1]).toMatchObject({ reason: expect.any(DeadLetterError) });
  expect(String((results[1] as PromiseRejectedResult).reason)).toMatch(/InternalError.*no stock/);
});

test('what is thrown need not be an error', () => {
  const queue = engines.createQueue();
  expect(failureContext({ record: recordOf(queue, { body: '' }), error: 'just a text' }, about)).toMatchObject({
    errorClass: 'string',
    errorMessage: 'just a text',
    eventId: 'unknown',
  });
});

test('a parked message says what it follows, in at most ten attributes', async () => {
  const queue = engines.createQueue({ fifo: true });
  const record = recordOf(queue, { body: 'x', attributes: { MessageGroupId: 'order-1' } as never });
  const letter = { record, error: new ParkedError('order-1', 'e-1'), eventId: 'e-2', parkedBehind: 'e-1' };
  await lettersFor(queue)({
    ...letter,
    group: 'redrive-1',
    parkedKey: 'order-1',
    redriveId: 'redrive-1',
    reason: 'retention',
  });
  const [received] = await engines.receive(queue);
  const attributes = received!.MessageAttributes!;
  expect(Object.keys(attributes).length).toBeLessThanOrEqual(10);
  const values = Object.fromEntries(Object.entries(attributes).map(([name, { StringValue }]) => [name, StringValue]));
  expect(values).toMatchObject({
    errorClass: 'ParkedError',
    eventId: 'e-2',
    parked: 'true',
    parkedBehind: 'e-1',
    redriveId: 'redrive-1',
    reason: 'retention',
    parkedKey: 'order-1',
    consumer: 'inventory',
  });
  expect(received!.Attributes).toMatchObject({
    MessageGroupId: 'redrive-1',
    MessageDeduplicationId: record.messageId,
  });
});

test('a failure without anything special has the nine attributes of its context', () => {
  const queue = engines.createQueue();
  const context = failureContext({ record: recordOf(queue, { body: '' }), error: new Error('no') }, about);
  expect(Object.keys(context)).toHaveLength(9);
});

test('message and stack are masked, causes included, before they are cut', () => {
  const queue = engines.createQueue();
  const error = new Error('card 4111 declined', { cause: new Error('card 4111') });
  const mask = (text: string) => text.replaceAll('4111', '****');
  const context = failureContext({ record: recordOf(queue, { body: '' }), error, mask }, about);
  expect(context.errorMessage).toBe('card **** declined');
  expect(context.errorStack).toContain('caused by Error: card ****');
  expect(JSON.stringify(context)).not.toContain('4111');
});
