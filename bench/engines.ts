import {
  BatchExecuteStatementCommand,
  CreateTableCommand,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { startEngines } from '../lib/local/engines.ts';
import type { Benchmark } from './bench.ts';

const PUTS = 4_000;
const STATEMENTS = 8_000;
const MESSAGES = 5_000;
const SIDE_BY_SIDE = 8;

export const engines: Benchmark = {
  name: 'engines',
  description: 'the engines alone, without a pipeline: what bounds every run on this machine',
  async run() {
    const started = await startEngines({ region: 'us-east-1' });
    try {
      const { dynamodb, sqs } = started.clients;
      return {
        conditionalPutsPerSecond: await conditionalPuts(dynamodb),
        batchedStatementsPerSecond: await batchedStatements(dynamodb),
        receiveDeletesPerSecond: await receiveDeletes(sqs, started.queueUrl('bench')),
      };
    } finally {
      await started.stop();
    }
  },
};

async function conditionalPuts(dynamodb: DynamoDBClient): Promise<number> {
  await createTable(dynamodb, 'puts');
  return perSecond(PUTS, 1, (n) =>
    dynamodb.send(
      new PutItemCommand({
        TableName: 'puts',
        Item: { id: { S: `key-${n}` }, status: { S: 'INPROGRESS' } },
        ConditionExpression: 'attribute_not_exists(id)',
      }),
    ),
  );
}

async function batchedStatements(dynamodb: DynamoDBClient): Promise<number> {
  await createTable(dynamodb, 'statements');
  return perSecond(STATEMENTS, 10, (n) =>
    dynamodb.send(
      new BatchExecuteStatementCommand({
        Statements: Array.from({ length: 10 }, (_, k) => ({
          Statement: `INSERT INTO "statements" VALUE {'id': ?, 'status': ?}`,
          Parameters: [{ S: `key-${n}-${k}` }, { S: 'INPROGRESS' }],
        })),
      }),
    ),
  );
}

async function receiveDeletes(sqs: SQSClient, QueueUrl: string): Promise<number> {
  await sqs.send(new CreateQueueCommand({ QueueName: 'bench' }));
  await perSecond(MESSAGES, 10, (n) =>
    sqs.send(
      new SendMessageBatchCommand({
        QueueUrl,
        Entries: Array.from({ length: 10 }, (_, k) => ({ Id: String(k), MessageBody: `message ${n} ${k}` })),
      }),
    ),
  );
  return perSecond(MESSAGES, 10, async () => {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    await sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl,
        Entries: Messages.map(({ ReceiptHandle }, k) => ({ Id: String(k), ReceiptHandle })),
      }),
    );
  });
}

/** Does `count` things in calls of `perCall`, some calls side by side; returns things a second. */
async function perSecond(count: number, perCall: number, call: (n: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: SIDE_BY_SIDE }, async () => {
      while (next < count / perCall) await call(next++);
    }),
  );
  return count / ((performance.now() - started) / 1000);
}

async function createTable(dynamodb: DynamoDBClient, TableName: string): Promise<void> {
  await dynamodb.send(
    new CreateTableCommand({
      TableName,
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
}
