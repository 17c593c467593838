import {
  GetEventSourceMappingCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
  UpdateEventSourceMappingCommand,
  type UpdateEventSourceMappingCommandInput,
} from '@aws-sdk/client-lambda';
import { CreateQueueCommand, SendMessageBatchCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Engines, startEngines } from '../../lib/local/engines.ts';
import { directCalls } from '../../lib/local/event-sources/direct-calls.ts';
import type { EventSource } from '../../lib/local/event-sources/event-source.ts';
import { startQueueSource } from '../../lib/local/event-sources/queue-source.ts';
import { networkCalls } from '../../lib/local/event-sources/source-queue.ts';
import { untilIdle } from '../../lib/local/idle.ts';
import { type LambdaApi, startLambdaApi } from '../../lib/local/lambda-api/lambda-api.ts';
import type { QueueSourceResource, StreamSourceResource } from '../../lib/local/resources.ts';

const eventually = { timeout: 10_000, interval: 10 };
const QUEUE_ARN = 'arn:aws:sqs:eu-central-1:000000000000:';
let engines: Engines;
let api: LambdaApi;
let lambda: LambdaClient;
let queueNumber = 0;
let queueName: string;
let source: EventSource;
let batches: string[][];
/** While it is there, invocations wait for it. */
let gate: PromiseWithResolvers<void> | undefined;

const ledger: StreamSourceResource = {
  kind: 'stream',
  stack: 'shop',
  logicalId: 'Relay',
  path: 'shop/Relay',
  uuid: 'stream-uuid',
  streamArn: 'arn:aws:dynamodb:ddblocal:000000000000:table/ledger/stream/1',
  functionName: 'relay',
  batchSize: 100,
  windowSeconds: 0,
  startingPosition: 'TRIM_HORIZON',
  bisectOnError: true,
  maximumRetryAttempts: 5,
  maximumRecordAgeSeconds: -1,
  reportBatchItemFailures: true,
  filters: ['{"eventName":["INSERT"]}'],
  enabled: true,
};
/** A mapping that only has to be shown. */
const shown = {
  resource: ledger,
  state: 'Enabled',
  configure: () => {},
  stop: () => Promise.resolve(),
} as unknown as EventSource;

beforeAll(async () => {
  engines = await startEngines({ region: 'eu-central-1' });
  api = await startLambdaApi({ region: engines.region, accountId: engines.accountId, clock: () => 1_700_000_000_500 });
  lambda = new LambdaClient({
    endpoint: api.url,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
});
afterAll(async () => {
  lambda.destroy();
  await api.stop();
  await engines.stop();
});

async function startOn(name: string, calls: 'direct' | 'network'): Promise<void> {
  queueName = name;
  const QueueName = queueName;
  const fifo = name.endsWith('.fifo');
  await engines.clients.sqs.send(new CreateQueueCommand({ QueueName, Attributes: fifo ? { FifoQueue: 'true' } : {} }));
  const queueUrl = engines.queueUrl(queueName);
  const resource: QueueSourceResource = {
    kind: 'queue',
    stack: 'shop',
    logicalId: 'Inventory',
    path: 'shop/Inventory',
    uuid: 'queue-uuid',
    queueArn: QUEUE_ARN + queueName,
    queueUrl,
    functionName: 'inventory',
    batchSize: 10,
    windowSeconds: 0,
    reportBatchItemFailures: true,
    filters: [],
    enabled: true,
    fifo,
  };
  source = startQueueSource(resource, {
    queue: calls === 'direct' ? directCalls(engines.direct!, queueUrl) : networkCalls(engines.clients.sqs, queueUrl),
    fn: {
      async invoke(payload) {
        batches.push((payload as SQSEvent).Records.map(({ body }) => body));
        await gate?.promise;
        return { status: 'succeeded', requestId: 'r', payload: null, durationMs: 0 };
      },
    },
  });
  api.serve([source, shown]);
}

beforeEach(async () => {
  batches = [];
  gate = undefined;
  await startOn(`inventory-${++queueNumber}`, 'direct');
});
afterEach(async () => {
  gate?.resolve();
  await source.stop();
});

const get = (UUID = 'queue-uuid') => lambda.send(new GetEventSourceMappingCommand({ UUID }));
const update = (input: Omit<UpdateEventSourceMappingCommandInput, 'UUID'>, UUID = 'queue-uuid') =>
  lambda.send(new UpdateEventSourceMappingCommand({ UUID, ...input }));
const state = async () => (await get()).State;
async function send(...bodies: string[]): Promise<void> {
  const Entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
  await engines.clients.sqs.send(new SendMessageBatchCommand({ QueueUrl: engines.queueUrl(queueName), Entries }));
}

describe('a mapping', () => {
  test('is shown as AWS shows it', async () => {
    const { $metadata: _, ...shownQueue } = await get();
    expect(shownQueue).toEqual({
      UUID: 'queue-uuid',
      EventSourceMappingArn: 'arn:aws:lambda:eu-central-1:000000000000:event-source-mapping:queue-uuid',
      EventSourceArn: QUEUE_ARN + queueName,
      FunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:inventory',
      BatchSize: 10,
      MaximumBatchingWindowInSeconds: 0,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      LastModified: new Date(1_700_000_000_500),
      State: 'Enabled',
      StateTransitionReason: 'USER_INITIATED',
    });
    expect(await get('stream-uuid')).toMatchObject({
      EventSourceArn: ledger.streamArn,
      StartingPosition: 'TRIM_HORIZON',
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 5,
      FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] },
    });
  });

  test('is listed by its function and by its source, page by page', async () => {
    const list = async (input: object) =>
      (await lambda.send(new ListEventSourceMappingsCommand(input))).EventSourceMappings?.map(({ UUID }) => UUID);
    expect(await list({})).toEqual(['queue-uuid', 'stream-uuid']);
    expect(await list({ FunctionName: 'relay' })).toEqual(['stream-uuid']);
    expect(await list({ FunctionName: 'arn:aws:lambda:eu-central-1:000000000000:function:inventory:live' })).toEqual([
      'queue-uuid',
    ]);
    expect(await list({ EventSourceArn: ledger.streamArn })).toEqual(['stream-uuid']);
    expect(await list({ EventSourceArn: ledger.streamArn, FunctionName: 'inventory' })).toEqual([]);
    const page = await lambda.send(new ListEventSourceMappingsCommand({ MaxItems: 1 }));
    expect(page.EventSourceMappings).toHaveLength(1);
    expect(await list({ MaxItems: 1, Marker: page.NextMarker })).toEqual(['stream-uuid']);
  });

  test('that is disabled finishes what runs, and takes no message more', async () => {
    gate = Promise.withResolvers();
    await send('first');
    await vi.waitFor(() => expect(batches).toEqual([['first']]), eventually);
    expect(await update({ Enabled: false })).toMatchObject({ State: 'Disabling', $metadata: { httpStatusCode: 202 } });
    expect(await state()).toBe('Disabling');
    await expect(update({ Enabled: true })).rejects.toMatchObject({
      name: 'ResourceInUseException',
      $metadata: { httpStatusCode: 400 },
    });
    gate.resolve();
    gate = undefined;
    await vi.waitFor(async () => expect(await state()).toBe('Disabled'), eventually);
    await send('second', 'third');
    expect(await source.isEmpty()).toBe(false);

    expect(await update({ Enabled: true, BatchSize: 1 })).toMatchObject({ State: 'Enabling', BatchSize: 1 });
    expect(await state()).toBe('Enabled');
    await vi.waitFor(() => expect(batches).toEqual([['first'], ['second'], ['third']]), eventually);
  });

  test('that is disabled while it waits for messages burns no receive of the next one', async () => {
    await update({ Enabled: false });
    await vi.waitFor(async () => expect(await state()).toBe('Disabled'), eventually);
    await send('later');
    await update({ Enabled: true });
    await vi.waitFor(() => expect(batches).toEqual([['later']]), eventually);
    expect(source.stats()).toMatchObject({ received: 1 });
  });

  test('over the network: what a poll brings after it was disabled goes back', async () => {
    await source.stop();
    await startOn(`inventory-${++queueNumber}`, 'network');
    await update({ Enabled: false });
    await send('late');
    await vi.waitFor(async () => expect(await state()).toBe('Disabled'), eventually);
    expect(batches).toEqual([]);
    await update({ Enabled: true });
    await vi.waitFor(() => expect(batches).toEqual([['late']]), eventually);
  });

  test('takes up a smaller concurrency at once, and none again', async () => {
    gate = Promise.withResolvers();
    await update({ BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } });
    await send('a', 'b', 'c', 'd');
    await vi.waitFor(() => expect(source.stats().running).toBe(2), eventually);
    expect((await get()).ScalingConfig).toEqual({ MaximumConcurrency: 2 });
    expect((await update({ ScalingConfig: {} })).ScalingConfig).toBeUndefined();
    await vi.waitFor(() => expect(source.stats().running).toBe(4), eventually);
  });

  test('takes up a window', async () => {
    expect(await update({ BatchSize: 100, MaximumBatchingWindowInSeconds: 1 })).toMatchObject({ State: 'Updating' });
    await send('a');
    await send('b');
    await vi.waitFor(() => expect(batches).toEqual([['a', 'b']]), eventually);
  });
});

describe('what is refused', () => {
  test('is a mapping that is not there', async () => {
    for (const refused of [get('nobody'), update({ Enabled: true }, 'nobody')]) {
      await expect(refused).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
        message: 'The resource you requested does not exist.',
        $metadata: { httpStatusCode: 404 },
      });
    }
  });

  test.each([
    [{ BatchSize: 0 }, 'BatchSize has to be between 1 and 10000, and is 0.'],
    [{ BatchSize: 11 }, 'greater than 0 if maximum batch size is greater than 10'],
    [{ MaximumBatchingWindowInSeconds: 301 }, 'between 0 and 300'],
    [{ ScalingConfig: { MaximumConcurrency: 1 } }, 'MaximumConcurrency has to be between 2 and 1000'],
    [{ FunctionName: 'another' }, 'cannot be changed in the local cloud'],
    [{ MaximumRetryAttempts: 3 }, 'MaximumRetryAttempts cannot be changed in the local cloud'],
  ])('is %j', async (input, message) => {
    const refused = update({ Enabled: false, ...input });
    await expect(refused).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: expect.stringContaining(message),
      $metadata: { httpStatusCode: 400 },
    });
    expect(await state()).toBe('Enabled');
  });

  test('is a window for a FIFO queue, and a concurrency for a stream', async () => {
    await expect(update({ ScalingConfig: { MaximumConcurrency: 2 } }, 'stream-uuid')).rejects.toThrow('only supported');
    await source.stop();
    await startOn(`inventory-${++queueNumber}.fifo`, 'direct');
    await expect(update({ MaximumBatchingWindowInSeconds: 1 })).rejects.toThrow('not supported for FIFO queues');
    await expect(update({ BatchSize: 11 })).rejects.toThrow(/between 1 and 10, and is 11/);
  });

  test('is any other operation, by its name', async () => {
    await expect(lambda.send(new ListFunctionsCommand({}))).rejects.toMatchObject({
      name: 'UnknownOperationException',
      message: expect.stringContaining('is not emulated'),
    });
  });
});

describe('idleness', () => {
  const calm = { restless: () => false };
  const outboxes = { isEmpty: () => Promise.resolve(true) };

  test('does not come while messages wait for a mapping that is disabled', async () => {
    source.pause();
    await send('waiting');
    const over = new AbortController();
    const idle = untilIdle([source], calm, outboxes, over.signal);
    expect(await Promise.race([idle, new Promise((resolve) => setTimeout(resolve, 500, 'not yet'))])).toBe('not yet');
    source.resume();
    expect(await idle).toBeGreaterThan(0);
    expect(batches).toEqual([['waiting']]);
  });

  test('takes longer while a scheduled function runs: it may bring events yet', async () => {
    const idle = untilIdle([source], { restless: () => true }, outboxes, undefined);
    const late = setTimeout(() => {
      void engines.clients.sqs.send(
        new SendMessageCommand({ QueueUrl: engines.queueUrl(queueName), MessageBody: 'late' }),
      );
    }, 1_000);
    await idle;
    clearTimeout(late);
    expect(batches).toEqual([['late']]);
  });
});
