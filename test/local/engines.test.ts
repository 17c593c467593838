import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, GetItemCommand, ListTablesCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ListTopicsCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, it } from 'vitest';
import { findDynoxide, startDynamoDbEngine } from '../../lib/local/dynamodb-engine.ts';
import {
  DataDirectoryBusyError,
  type EngineCrashedError,
  EngineMissingError,
  EngineUnreachableError,
  PortBusyError,
} from '../../lib/local/engine-errors.ts';
import { type Engines, type EnginesProps, startEngines } from '../../lib/local/engines.ts';
import { findFreePort } from '../../lib/local/free-port.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function start(props: Partial<EnginesProps> = {}): Promise<Engines> {
  const engines = await startEngines({ region: 'eu-west-1', ...props });
  cleanUps.push(() => engines.stop());
  return engines;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'baton-engines-test-'));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function occupiedPort(): Promise<number> {
  const port = await findFreePort();
  const server = await new Promise<Server>((resolve) => {
    const listening = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1', () => resolve(listening));
  });
  cleanUps.push(() => new Promise((resolve) => server.close(resolve)));
  return port;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('the engines', () => {
  it('answer through the real SDK when startEngines returns', async () => {
    const { clients } = await start();
    await Promise.all([
      clients.sqs.send(new ListQueuesCommand({})),
      clients.sns.send(new ListTopicsCommand({})),
      clients.dynamodb.send(new ListTablesCommand({})),
    ]);
  });

  it('tell a process all that it needs to reach them', async () => {
    const engines = await start();
    const { sqs, dynamodb } = engines.endpoints;
    expect(engines.environment()).toEqual({
      AWS_ENDPOINT_URL_SQS: sqs,
      AWS_ENDPOINT_URL_SNS: sqs,
      AWS_ENDPOINT_URL_S3: sqs,
      AWS_ENDPOINT_URL_STS: sqs,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
      AWS_REGION: 'eu-west-1',
      AWS_DEFAULT_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    });
    const { QueueUrl } = await engines.clients.sqs.send(new CreateQueueCommand({ QueueName: 'orders' }));
    expect(QueueUrl).toBe(engines.queueUrl('orders'));
  });

  it('listen on the loopback interface only', async () => {
    const { endpoints } = await start();
    const outside = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const endpoint of [endpoints.sqs, endpoints.dynamodb]) {
      for (const { address } of outside) {
        await expect(fetch(endpoint.replace('127.0.0.1', address))).rejects.toThrow();
      }
    }
  });

  it('leave no process and no open port behind', async () => {
    const engines = await startEngines({ region: 'eu-west-1' });
    const pid = engines.dynamodbPid!;
    expect(isAlive(pid)).toBe(true);
    await Promise.all([engines.stop(), engines.stop()]);
    expect(isAlive(pid)).toBe(false);
    await expect(fetch(engines.endpoints.sqs)).rejects.toThrow();
    await expect(fetch(engines.endpoints.dynamodb)).rejects.toThrow();
  });

  it('say when the oldest message of a queue was sent, in flight or not', async () => {
    const engines = await start();
    const { sqs } = engines.clients;
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'orders' }));
    expect(engines.oldestMessageSentAt('orders')).toBeUndefined();
    expect(engines.oldestMessageSentAt('nobody')).toBeUndefined();
    const before = Date.now();
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'first' }));
    const after = Date.now();
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'second' }));
    await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    const sentAt = engines.oldestMessageSentAt('orders')!;
    expect(sentAt).toBeGreaterThanOrEqual(before);
    expect(sentAt).toBeLessThanOrEqual(after);
  });
});

describe('a DynamoDB engine that ends by itself', () => {
  it('is reported, and comes back on the same port with what was written', async () => {
    const crashed = Promise.withResolvers<EngineCrashedError>();
    const engines = await start({ dataDir: temporaryFolder(), onCrash: crashed.resolve });
    const { dynamodb } = engines.clients;
    const TableName = 'orders';
    await dynamodb.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      }),
    );
    await dynamodb.send(new PutItemCommand({ TableName, Item: { id: { S: 'accepted' } } }));
    const pid = engines.dynamodbPid!;
    process.kill(pid, 'SIGKILL');

    const error = await crashed.promise;
    expect(error.message).toMatch(/ended by itself \(exit code 137\)/);
    await engines.restartDynamodb();
    expect(engines.dynamodbPid).not.toBe(pid);
    const { Item } = await dynamodb.send(new GetItemCommand({ TableName, Key: { id: { S: 'accepted' } } }));
    expect(Item).toEqual({ id: { S: 'accepted' } });
  });

  it('is not reported when it was told to end', async () => {
    const crashes: EngineCrashedError[] = [];
    const engines = await start({ onCrash: (error) => crashes.push(error) });
    await engines.restartDynamodb();
    await engines.stop();
    expect(crashes).toEqual([]);
  });
});

describe('engines that cannot start', () => {
  it('name the busy port and its flag', async () => {
    const port = await occupiedPort();
    const messaging = start({ messagingPort: port });
    await expect(messaging).rejects.toThrow(PortBusyError);
    await expect(messaging).rejects.toThrow(new RegExp(`Port ${port}, meant for the messaging engine.*--port`));
    const dynamodb = start({ dynamodbPort: port });
    await expect(dynamodb).rejects.toThrow(PortBusyError);
    await expect(dynamodb).rejects.toThrow(new RegExp(`Port ${port}, meant for the DynamoDB.*--dynamodb-port`));
  });

  it('do not take another DynamoDB engine on the port for their own', async () => {
    const first = await start();
    const port = Number(new URL(first.endpoints.dynamodb).port);
    await expect(start({ dynamodbPort: port })).rejects.toThrow(PortBusyError);
  });

  it('say how to get a missing binary', () => {
    const find = () =>
      findDynoxide('/nowhere', (() => {
        throw new Error('not installed');
      }) as unknown as NodeJS.RequireResolve);
    expect(find).toThrow(EngineMissingError);
    expect(find).toThrow(/npm install[\s\S]*cargo install dynoxide[\s\S]*--dynamodb-endpoint/);
  });

  it('repeat what a broken binary said', async () => {
    const starting = startDynamoDbEngine({ binary: '/bin/false' });
    await expect(starting).rejects.toThrow(EngineUnreachableError);
    await expect(starting).rejects.toThrow(/\/bin\/false\) ended with exit code 1/);
  });

  it('refuse a folder that other engines use', async () => {
    const dataDir = temporaryFolder();
    const first = await start({ dataDir });
    await expect(start({ dataDir })).rejects.toThrow(DataDirectoryBusyError);
    await first.stop();
    await start({ dataDir });
  });
});

describe('engines that run already', () => {
  it('are used by their endpoints, and outlive us', async () => {
    const running = await start();
    const ours = await start({
      sqsEndpoint: running.endpoints.sqs,
      dynamodbEndpoint: `${running.endpoints.dynamodb}/`,
    });
    expect(ours.endpoints).toEqual(running.endpoints);
    expect(ours.dynamodbPid).toBeUndefined();
    await ours.clients.sqs.send(new CreateQueueCommand({ QueueName: 'shared' }));
    await expect(ours.restartMessaging()).rejects.toThrow('--sqs-endpoint');
    await ours.stop();
    await running.clients.sqs.send(new GetQueueUrlCommand({ QueueName: 'shared' }));
  });

  it('have to answer', async () => {
    const nobody = `http://127.0.0.1:${await findFreePort()}`;
    await expect(start({ dynamodbEndpoint: nobody })).rejects.toThrow(
      `Nothing answers at ${nobody}. Start the engine there, or leave --dynamodb-endpoint out`,
    );
  });
});
