import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { DeleteMessageCommand, type Message, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Context, SQSEvent, SQSRecord } from 'aws-lambda';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { type Clients, createClients } from '../../lib/runtime/aws/clients.ts';

/** A request of the runtime. */
export interface Call {
  operation: string;
  // biome-ignore lint/suspicious/noExplicitAny: each operation has an input of its own, and tests look into them all
  input: any;
}

/** The engines: the tests speak to them through the real SDK, the runtime through its own clients. */
export interface Engines {
  /** For the runtime. */
  clients: Required<Clients>;
  dynamodb: DynamoDBClient;
  s3: S3Client;
  sns: SNSClient;
  sqs: SQSClient;
  fauxqs: FauxqsServer;
  /** As the SDK's environment variables name them. */
  endpoints: Record<'AWS_ENDPOINT_URL' | 'AWS_ENDPOINT_URL_DYNAMODB', string>;
  /** Every call that the runtime made so far; tests clear it. */
  calls: Call[];
  /** How many of the calls so far were of this operation: `BatchExecuteStatement`. */
  count(operation: string): number;
  /** With the partition key `id`, or with `pk` and `sk`. */
  createTable(options?: { sortKey?: boolean }): Promise<string>;
  createBucket(): Promise<string>;
  createQueue(options?: { fifo?: boolean }): TestQueue;
  createTopic(options?: { fifo?: boolean }): Promise<string>;
  subscribe(topicArn: string, queue: TestQueue): Promise<void>;
  receive(queue: TestQueue, max?: number): Promise<Message[]>;
  /** Acknowledges a message. */
  remove(queue: TestQueue, receiptHandle: string): Promise<void>;
  stop(): Promise<void>;
}

export interface TestQueue {
  name: string;
  url: string;
  arn: string;
}

const REGION = 'eu-west-1';
let names = 0;

export async function startEngines(): Promise<Engines> {
  const [fauxqs, { process: dynoxide, endpoint: dynamodbEndpoint }] = await Promise.all([
    startFauxqs({ port: 0, host: '127.0.0.1', logger: false }),
    startDynoxide(),
  ]);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const endpoint = `http://127.0.0.1:${fauxqs.port}`;
  const dynamodb = new DynamoDBClient({ region: REGION, credentials, endpoint: dynamodbEndpoint, maxAttempts: 2 });
  const s3 = new S3Client({ region: REGION, credentials, endpoint, maxAttempts: 2, forcePathStyle: true });
  const sns = new SNSClient({ region: REGION, credentials, endpoint, maxAttempts: 2 });
  const sqs = new SQSClient({ region: REGION, credentials, endpoint, maxAttempts: 2 });
  const calls: Call[] = [];
  const endpoints = { AWS_ENDPOINT_URL: endpoint, AWS_ENDPOINT_URL_DYNAMODB: dynamodbEndpoint };
  const environment = {
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_MAX_ATTEMPTS: '2',
    ...endpoints,
  };
  return {
    clients: recording(createClients(environment), calls),
    dynamodb,
    s3,
    sns,
    sqs,
    fauxqs,
    calls,
    endpoints,
    count: (operation) => calls.filter((call) => call.operation === operation).length,
    async createTable({ sortKey = false } = {}) {
      const TableName = `table-${++names}`;
      const keys = sortKey ? ['pk', 'sk'] : ['id'];
      await dynamodb.send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: keys.map((AttributeName, n) => ({ AttributeName, KeyType: n === 0 ? 'HASH' : 'RANGE' })),
          AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        }),
      );
      return TableName;
    },
    async createBucket() {
      const Bucket = `bucket-${++names}`;
      await s3.send(new CreateBucketCommand({ Bucket }));
      return Bucket;
    },
    createQueue({ fifo = false } = {}) {
      const name = `queue-${++names}${fifo ? '.fifo' : ''}`;
      const { queueArn: arn } = fauxqs.createQueue(name, {
        region: REGION,
        attributes: { VisibilityTimeout: '60', ...(fifo && { FifoQueue: 'true' }) },
      });
      return { name, arn, url: `${endpoint}/000000000000/${name}` };
    },
    async createTopic({ fifo = false } = {}) {
      const Name = `topic-${++names}${fifo ? '.fifo' : ''}`;
      const { TopicArn } = await sns.send(
        new CreateTopicCommand({ Name, ...(fifo && { Attributes: { FifoTopic: 'true' } }) }),
      );
      return TopicArn!;
    },
    async subscribe(TopicArn, { arn }) {
      await sns.send(
        new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: arn, Attributes: { RawMessageDelivery: 'true' } }),
      );
    },
    async receive(queue, max = 10) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queue.url,
          MaxNumberOfMessages: max,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      return Messages;
    },
    async remove({ url }, ReceiptHandle) {
      await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }));
    },
    async stop() {
      await stopProcess(dynoxide);
      await fauxqs.stop();
      for (const client of [dynamodb, s3, sns, sqs]) client.destroy();
    },
  };
}

/** A client that answers by itself. */
export function answering<Client>(answer: (operation: string, input: Call['input']) => object): Client {
  return { call: async (operation: string, input: object) => answer(operation, input) } as Client;
}

function recording(clients: Required<Clients>, calls: Call[]): Required<Clients> {
  const record = <Client extends { call: unknown }>(client: Client) =>
    ({
      call(operation: string, input: object) {
        calls.push({ operation, input });
        return (client.call as (operation: string, input: object) => Promise<object>)(operation, input);
      },
    }) as unknown as Client;
  return {
    dynamodb: record(clients.dynamodb),
    s3: record(clients.s3),
    sns: record(clients.sns),
    sqs: record(clients.sqs),
  };
}

/** The event that Lambda would pass on for what was received from a queue. */
export function batchOf(queue: TestQueue, messages: readonly Message[]): SQSEvent {
  return {
    Records: messages.map((message) =>
      recordOf(queue, {
        messageId: message.MessageId!,
        receiptHandle: message.ReceiptHandle!,
        body: message.Body!,
        attributes: message.Attributes as unknown as SQSRecord['attributes'],
        messageAttributes: Object.fromEntries(
          Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue = '', DataType = '' }]) => [
            name,
            { stringValue: StringValue, dataType: DataType as 'String' },
          ]),
        ),
      }),
    ),
  };
}

/** A record as it never was in a queue: for what an engine does not give (a group's second message, say). */
export function recordOf(queue: TestQueue, parts: Partial<SQSRecord> & { body: string }): SQSRecord {
  const messageId = parts.messageId ?? `message-${++names}`;
  return {
    messageId,
    receiptHandle: `receipt-${messageId}`,
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: queue.arn,
    awsRegion: REGION,
    ...parts,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '0',
      SenderId: 'test',
      ApproximateFirstReceiveTimestamp: '0',
      ...parts.attributes,
    },
  };
}

/** An invocation that has so much time left, in milliseconds, from now on. */
export function lambdaContext(timeoutMs = 30_000): Context {
  const end = performance.now() + timeoutMs;
  const nothing = () => undefined;
  return {
    awsRequestId: `request-${++names}`,
    functionName: 'function',
    functionVersion: '7',
    invokedFunctionArn: `arn:aws:lambda:${REGION}:000000000000:function:function`,
    memoryLimitInMB: '256',
    logGroupName: 'group',
    logStreamName: 'stream',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(end - performance.now(), 0),
    done: nothing,
    fail: nothing,
    succeed: nothing,
  };
}

async function startDynoxide(): Promise<{ process: ChildProcess; endpoint: string }> {
  const port = await freePort();
  const binary = createRequire(import.meta.url).resolve('@dynoxide/linux-x64/dynoxide');
  const child = spawn(binary, ['serve', '--host', '127.0.0.1', '--port', String(port)], { stdio: 'ignore' });
  const endpoint = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 200; tries++) {
    const answered = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (answered) return { process: child, endpoint };
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await stopProcess(child);
  throw new Error(`dynoxide did not answer on ${endpoint} within 5 seconds.`);
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
