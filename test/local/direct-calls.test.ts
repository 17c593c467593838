import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Engines, startEngines } from '../../lib/local/engines.ts';
import { directCalls } from '../../lib/local/event-sources/direct-calls.ts';
import { recordOf } from '../../lib/local/event-sources/record.ts';
import { networkCalls, type QueueCalls } from '../../lib/local/event-sources/source-queue.ts';

const ARN = 'arn:aws:sqs:eu-central-1:000000000000:orders.fifo';
const wanted = new AbortController().signal;
let folder: string;
let engines: Engines;
let url: string;
let direct: QueueCalls;
let network: QueueCalls;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'baton-direct-'));
  engines = await startEngines({ region: 'eu-central-1', dataDir: folder });
  await engines.clients.sqs.send(
    new CreateQueueCommand({
      QueueName: 'orders.fifo',
      Attributes: { FifoQueue: 'true', ContentBasedDeduplication: 'true', VisibilityTimeout: '600' },
    }),
  );
  url = engines.queueUrl('orders.fifo');
  direct = directCalls(engines.direct!, url);
  network = networkCalls(engines.clients.sqs, url);
});
afterEach(async () => {
  await engines.stop();
  rmSync(folder, { recursive: true });
});

const send = (MessageBody: string, attributes: Partial<SendMessageCommand['input']> = {}) =>
  engines.clients.sqs.send(
    new SendMessageCommand({ QueueUrl: url, MessageBody, MessageGroupId: MessageBody, ...attributes }),
  );
const handleOf = async (receiving: Promise<{ ReceiptHandle?: string }[]>) => {
  const [message] = await receiving;
  return { Id: '0', ReceiptHandle: message?.ReceiptHandle };
};

test('a record is the same as over the network, bytes included', async () => {
  await send('order', {
    MessageAttributes: {
      type: { DataType: 'String', StringValue: 'order.placed' },
      count: { DataType: 'Number', StringValue: '3' },
      blob: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255, 3]) },
    },
  });
  const record = async (calls: QueueCalls) => {
    const [message] = await calls.receive(1, wanted);
    const { ReceiptHandle } = message!;
    await calls.changeVisibilityBatch([{ Id: '0', ReceiptHandle, VisibilityTimeout: 0 }]);
    const { receiptHandle: _, attributes, ...rest } = recordOf(message!, ARN);
    const { ApproximateReceiveCount: __, ...others } = attributes;
    return { ...rest, attributes: others };
  };
  const overNetwork = await record(network);
  expect(overNetwork.messageAttributes.blob).toMatchObject({ binaryValue: 'AP8D', dataType: 'Binary' });
  expect(await record(direct)).toEqual(overNetwork);
});

test('a wait ends with a message, and is given up without taking one', async () => {
  const receiving = direct.receive(10, wanted);
  await send('a');
  expect((await receiving).map(({ Body }) => Body)).toEqual(['a']);

  const unwanted = new AbortController();
  const waiting = direct.receive(10, unwanted.signal);
  unwanted.abort();
  expect(await waiting).toEqual([]);
  await send('b');
  const [message] = await direct.receive(10, wanted);
  expect(message).toMatchObject({ Body: 'b', Attributes: { ApproximateReceiveCount: '1' } });
});

test('messages and receipt handles outlive a restart of the engine', async () => {
  await send('a');
  const entry = await handleOf(direct.receive(1, wanted));
  const waiting = direct.receive(1, wanted);
  const restarting = engines.restartMessaging();
  // Asked for while the engine is away.
  const deleting = direct.deleteBatch([entry]);
  await restarting;
  expect(await deleting).toEqual([]);
  // The old engine had nothing more to give, and the new one is asked.
  expect(await waiting).toEqual([]);
  await send('b');
  expect(await direct.receive(1, wanted)).toMatchObject([{ Body: 'b' }]);
  expect(await direct.attributes(['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'])).toEqual({
    ApproximateNumberOfMessages: '0',
    ApproximateNumberOfMessagesNotVisible: '1',
  });
});

test('a refusal of the engine is an error here too', async () => {
  const nowhere = directCalls(engines.direct!, engines.queueUrl('nowhere'));
  await expect(nowhere.receive(1, wanted)).rejects.toThrow('does not exist');
  const refused = await direct.changeVisibilityBatch([{ Id: '0', ReceiptHandle: 'bogus', VisibilityTimeout: 0 }]);
  expect(refused).toMatchObject([{ Id: '0', SenderFault: true }]);
});

test('there is no direct way to an engine elsewhere', async () => {
  const elsewhere = await startEngines({ region: 'eu-central-1', sqsEndpoint: engines.endpoints.sqs });
  expect(elsewhere.direct).toBeUndefined();
  await elsewhere.stop();
});
