import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sqs } from '../../../lib/runtime/aws/clients.ts';
import { delay } from '../../../lib/runtime/batch/visibility.ts';
import { answering, batchOf, type Call, type Engines, recordOf, startEngines, type TestQueue } from '../engines.ts';
import { send, visibleIn } from '../pipeline.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});

const nowhere: TestQueue = { name: 'nowhere', url: 'http://nowhere', arn: 'arn:aws:sqs:::nowhere' };
const delaysOf = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    record: recordOf(nowhere, { messageId: `m-${n}`, body: '' }),
    seconds: n,
  }));

/** A queue that answers each call with the next of some answers, and remembers what it was asked. */
function scripted(...answers: (object | Error)[]) {
  const asked: string[][] = [];
  const client = answering<Sqs>((_, input: Call['input']) => {
    asked.push(input.Entries.map((entry: { ReceiptHandle: string }) => entry.ReceiptHandle.replace('receipt-', '')));
    const answer = answers.shift() ?? {};
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return { client, asked };
}

test('records come back when their delays end, with one call for ten of them', async () => {
  const queue = engines.createQueue();
  await send(engines, queue, ['a', 'b', 'c']);
  const { Records } = batchOf(queue, await engines.receive(queue));
  engines.calls.length = 0;
  const failed = await delay(
    engines.clients.sqs,
    queue.url,
    Records.map((record, n) => ({ record, seconds: 100 * (n + 1) })),
  );
  expect(failed).toEqual([]);
  expect(engines.count('ChangeMessageVisibilityBatch')).toBe(1);
  const seconds = Records.map(({ messageId }) => Math.round(visibleIn(engines, queue).get(messageId)! / 100) * 100);
  expect(seconds).toEqual([100, 200, 300]);
});

test('23 records take three calls, and none takes none', async () => {
  const { client, asked } = scripted();
  expect(await delay(client, nowhere.url, delaysOf(23))).toEqual([]);
  expect(asked.map(({ length }) => length)).toEqual([10, 10, 3]);
  await delay(client, nowhere.url, []);
  expect(asked).toHaveLength(3);
});

test('what SQS failed at is asked for once more, and what it refused is not', async () => {
  const { client, asked } = scripted({
    Failed: [
      { Id: '1', Code: 'InternalError', SenderFault: false },
      { Id: '2', Code: 'ReceiptHandleIsInvalid', Message: 'too late', SenderFault: true },
    ],
  });
  expect(await delay(client, nowhere.url, delaysOf(4))).toEqual(['m-2: ReceiptHandleIsInvalid too late']);
  expect(asked).toEqual([['m-0', 'm-1', 'm-2', 'm-3'], ['m-1']]);
});

test('what fails again is told, with the reason', async () => {
  const { client, asked } = scripted(
    { Failed: [{ Id: '0', Code: 'InternalError', SenderFault: false }] },
    { Failed: [{ Id: '0', Code: 'ServiceUnavailable', SenderFault: false }] },
  );
  expect(await delay(client, nowhere.url, delaysOf(1))).toEqual(['m-0: ServiceUnavailable ']);
  expect(asked).toHaveLength(2);
});

test.each([
  ['the first call', [new Error('no network')], ['m-0: Error: no network', 'm-1: Error: no network']],
  [
    'the second call',
    [{ Failed: [{ Id: '1', Code: 'InternalError', SenderFault: false }] }, new Error('no network')],
    ['m-1: Error: no network'],
  ],
])('%s going wrong is no rejection', async (_, answers, told) => {
  const { client } = scripted(...answers);
  expect(await delay(client, nowhere.url, delaysOf(2))).toEqual(told);
});
