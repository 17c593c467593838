import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CreateTopicCommand, PublishCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Engines, startEngines } from '../../lib/local/engines.ts';

let dataDir: string;
let engines: Engines;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'baton-persistence-test-'));
});
afterEach(async () => {
  await engines.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function open(): Promise<void> {
  engines = await startEngines({ region: 'eu-west-1', dataDir });
}

async function createQueue(name: string, Attributes: Record<string, string> = {}): Promise<string> {
  const { QueueUrl } = await engines.clients.sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  return QueueUrl!;
}

async function receive(QueueUrl: string, WaitTimeSeconds = 0): Promise<Message[]> {
  const { Messages = [] } = await engines.clients.sqs.send(
    new ReceiveMessageCommand({
      QueueUrl,
      WaitTimeSeconds,
      MaxNumberOfMessages: 10,
      MessageSystemAttributeNames: ['All'],
    }),
  );
  return Messages;
}

async function drain(QueueUrl: string): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const messages = await receive(QueueUrl);
    if (messages.length === 0) return bodies;
    for (const { Body, ReceiptHandle } of messages) {
      bodies.push(Body ?? '');
      await engines.clients.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  }
}

describe('with a data folder, over a restart of the messaging engine', () => {
  it('messages stay: ready, delayed and in flight', async () => {
    await open();
    const { sqs } = engines.clients;
    const url = await createQueue('orders', { VisibilityTimeout: '1' });
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'in flight' }));
    const [inFlight] = await receive(url);
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'ready' }));
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'delayed', DelaySeconds: 1 }));

    await engines.restartMessaging();
    expect((await receive(url)).map(({ Body }) => Body)).toEqual(['ready']);
    await sleep(1100);
    const rest = await receive(url);
    expect(rest.map(({ Body }) => Body).sort()).toEqual(['delayed', 'in flight', 'ready']);
    expect(rest.find(({ Body }) => Body === 'in flight')?.Attributes?.ApproximateReceiveCount).toBe('2');
    expect(inFlight?.Body).toBe('in flight');
  });

  it('a receipt handle stays good, so that a handler that runs meanwhile can acknowledge', async () => {
    await open();
    const { sqs } = engines.clients;
    const url = await createQueue('orders', { VisibilityTimeout: '30' });
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'handled' }));
    const [message] = await receive(url);
    await engines.restartMessaging();
    await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message?.ReceiptHandle }));
    expect(engines.oldestMessageSentAt('orders')).toBeUndefined();
  });

  it('a message that was given back at once keeps its receive count', async () => {
    await open();
    const { sqs } = engines.clients;
    const url = await createQueue('orders');
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'again' }));
    const [message] = await receive(url);
    await sqs.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: url,
        ReceiptHandle: message?.ReceiptHandle,
        VisibilityTimeout: 0,
      }),
    );
    await engines.restartMessaging();
    const [again] = await receive(url);
    expect(again?.Attributes?.ApproximateReceiveCount).toBe('2');
  });

  it('the order within a message group stays, and its lock', async () => {
    await open();
    const { sqs } = engines.clients;
    const url = await createQueue('orders.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' });
    for (const MessageBody of ['1', '2', '3']) {
      await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody, MessageGroupId: 'g' }));
    }
    const [first] = await receive(url);
    expect(first?.Body).toBe('1');
    await engines.restartMessaging();
    expect(await receive(url)).toEqual([]);
    await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: first?.ReceiptHandle }));
    expect(await drain(url)).toEqual(['2', '3']);
  });

  it('deduplication ids stay, also of messages that are gone', async () => {
    await open();
    const { sqs } = engines.clients;
    const url = await createQueue('orders.fifo', { FifoQueue: 'true' });
    const message = { QueueUrl: url, MessageBody: 'once', MessageGroupId: 'g', MessageDeduplicationId: 'd' };
    const { MessageId } = await sqs.send(new SendMessageCommand(message));
    expect(await drain(url)).toEqual(['once']);
    await engines.restartMessaging();
    expect((await sqs.send(new SendMessageCommand(message))).MessageId).toBe(MessageId);
    expect(await drain(url)).toEqual([]);
  });

  it('topics and subscriptions stay, with their filters', async () => {
    await open();
    const { sns } = engines.clients;
    const url = await createQueue('orders');
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'orders' }));
    await sns.send(
      new SubscribeCommand({
        TopicArn,
        Protocol: 'sqs',
        Endpoint: 'arn:aws:sqs:eu-west-1:000000000000:orders',
        Attributes: { RawMessageDelivery: 'true', FilterPolicy: '{"type":["order.placed"]}' },
      }),
    );
    await engines.restartMessaging();
    for (const type of ['order.placed', 'order.shipped']) {
      const MessageAttributes = { type: { DataType: 'String', StringValue: type } };
      await sns.send(new PublishCommand({ TopicArn, Message: type, MessageAttributes }));
    }
    expect(await drain(url)).toEqual(['order.placed']);
  });

  it('clients go on without noticing while it restarts', async () => {
    await open();
    const { sqs } = engines.clients;
    const url = await createQueue('orders');
    const sending = Array.from({ length: 50 }, async (_, i) => {
      await sleep(i * 4);
      await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: `message-${i}` }));
      return `message-${i}`;
    });
    await sleep(50);
    await engines.restartMessaging();
    const accepted = await Promise.all(sending);
    expect(new Set(await drain(url))).toEqual(new Set(accepted));
  });
});

describe('with a data folder', () => {
  it('on another port, queues answer with the URL of that port', async () => {
    await open();
    await createQueue('orders');
    await engines.stop();
    await open();
    const { sqs } = engines.clients;
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'orders' }));
    expect(QueueUrl).toBe(engines.queueUrl('orders'));
    expect((await sqs.send(new ListQueuesCommand({}))).QueueUrls).toEqual([QueueUrl]);
  });

  it('a process that is killed loses no message that it accepted, and takes its DynamoDB engine with it', async () => {
    const script = fileURLToPath(new URL('fixtures/engines/accepting-process.ts', import.meta.url));
    const child = spawn(process.execPath, [script, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (output.includes('message-200\n')) child.kill('SIGKILL');
    });
    await new Promise((resolve) => child.once('close', resolve));
    const [first, ...lines] = output.split('\n').slice(0, -1);
    const pid = Number(first?.replace('pid ', ''));

    await open();
    const url = engines.queueUrl('accepted');
    const kept = new Set(await drain(url));
    expect(lines.length).toBeGreaterThan(200);
    expect(lines.filter((body) => !kept.has(body))).toEqual([]);
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'));
  });
});
