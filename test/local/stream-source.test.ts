import { DeleteItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import { describe, expect, test, vi } from 'vitest';
import { streamPositions } from '../../lib/local/event-sources/stream-positions.ts';
import {
  engines,
  errors,
  eventually,
  folder,
  functionOf,
  idsOf,
  positions,
  put,
  start,
  streamArn,
  table,
  untilDone,
  useStreams,
} from './fixtures/stream-under-test.ts';

useStreams();

const sequenceOf = ({ dynamodb }: DynamoDBRecord): string => dynamodb!.SequenceNumber!;
const named = (records: DynamoDBRecord[], id: string) =>
  records.find((record) => idsOf([record])[0] === id) as DynamoDBRecord;

describe('a batch of a stream', () => {
  test('comes as the event that Lambda sends', async () => {
    const seen: DynamoDBRecord[] = [];
    const { dynamodb } = engines.clients;
    const Item = {
      id: { S: 'a' },
      picture: { B: new Uint8Array([1, 2, 3]) },
      parts: { L: [{ M: { blobs: { BS: [new Uint8Array([4])] }, none: { NULL: true } } }] },
    };
    await dynamodb.send(new PutItemCommand({ TableName: table, Item }));
    await dynamodb.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { id: { S: 'a' } },
        UpdateExpression: 'REMOVE picture, parts',
      }),
    );
    await dynamodb.send(new DeleteItemCommand({ TableName: table, Key: { id: { S: 'a' } } }));
    const source = await start(
      functionOf((records) => {
        seen.push(...records);
      }),
    );
    await untilDone(source);
    const image = {
      id: { S: 'a' },
      picture: { B: 'AQID' },
      parts: { L: [{ M: { blobs: { BS: ['BA=='] }, none: { NULL: true } } }] },
    };
    const shape = (dynamodb: object) => ({
      eventID: expect.any(String),
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: 'eu-central-1',
      eventSourceARN: streamArn,
      dynamodb: {
        ApproximateCreationDateTime: expect.any(Number),
        Keys: { id: { S: 'a' } },
        SequenceNumber: expect.stringMatching(/^\d+$/),
        SizeBytes: expect.any(Number),
        StreamViewType: 'NEW_AND_OLD_IMAGES',
        ...dynamodb,
      },
    });
    expect(JSON.parse(JSON.stringify(seen))).toEqual([
      { eventName: 'INSERT', ...shape({ NewImage: image }) },
      { eventName: 'MODIFY', ...shape({ OldImage: image, NewImage: { id: { S: 'a' } } }) },
      { eventName: 'REMOVE', ...shape({ OldImage: { id: { S: 'a' } } }) },
    ]);
    expect(seen[0]!.dynamodb!.ApproximateCreationDateTime).toBeGreaterThan(1_600_000_000);
    expect(seen[0]!.dynamodb!.ApproximateCreationDateTime).toBeLessThan(100_000_000_000);
  });

  test('is no larger than the batch size, and everything comes in order', async () => {
    await put('a', 'b', 'c', 'd', 'e');
    const fn = functionOf();
    const source = await start(fn, { batchSize: 2 });
    await untilDone(source);
    await put('f');
    await vi.waitFor(() => expect(fn.batches.flat()).toContain('f'), eventually);
    expect(fn.batches).toEqual([['a', 'b'], ['c', 'd'], ['e'], ['f']]);
    await untilDone(source);
    expect(source.stats()).toMatchObject({ received: 6, delivered: 6, deleted: 6, failures: 0 });
  });

  test('waits for its window, and less when it is full', async () => {
    const fn = functionOf();
    await start(fn, { batchSize: 3, windowSeconds: 1 });
    await put('a');
    await put('b');
    await vi.waitFor(() => expect(fn.batches).toEqual([['a', 'b']]), eventually);
    await put('c', 'd', 'e');
    await vi.waitFor(
      () =>
        expect(fn.batches).toEqual([
          ['a', 'b'],
          ['c', 'd', 'e'],
        ]),
      eventually,
    );
  });

  test('has what the filters let pass only', async () => {
    await put('keep-1', 'drop-1', 'keep-2', 'drop-2');
    const fn = functionOf();
    const filters = [
      JSON.stringify({ eventName: ['INSERT'], dynamodb: { NewImage: { id: { S: [{ prefix: 'keep' }] } } } }),
    ];
    const source = await start(fn, { filters });
    await untilDone(source);
    expect(fn.batches).toEqual([['keep-1', 'keep-2']]);
    expect(source.stats()).toMatchObject({ received: 4, filtered: 2, delivered: 2 });
  });

  test('begins with what comes after the start where the template says LATEST', async () => {
    await put('before');
    const fn = functionOf();
    const source = await start(fn, { startingPosition: 'LATEST' });
    await vi.waitFor(async () => expect(await source.isEmpty()).toBe(true), eventually);
    await put('after');
    await vi.waitFor(() => expect(fn.batches).toEqual([['after']]), eventually);
  });
});

describe('a failed batch', () => {
  test('is tried again as a whole, and holds up what is behind it', async () => {
    await put('a', 'b', 'c');
    let failures = 2;
    const fn = functionOf(() => {
      if (failures-- > 0) throw new Error('not yet');
    });
    const source = await start(fn, { batchSize: 2 });
    await untilDone(source);
    expect(fn.batches).toEqual([['a', 'b'], ['a', 'b'], ['a', 'b'], ['c']]);
    expect(source.stats()).toMatchObject({ failures: 2, left: 4, deleted: 3 });
  });

  test('begins again at the lowest sequence number that its response lists', async () => {
    await put('a', 'b', 'c', 'd');
    let answered = false;
    const fn = functionOf((records) => {
      if (answered) return undefined;
      answered = true;
      return { batchItemFailures: ['c', 'b'].map((id) => ({ itemIdentifier: sequenceOf(named(records, id)) })) };
    });
    const source = await start(fn, { reportBatchItemFailures: true });
    await untilDone(source);
    expect(fn.batches).toEqual([
      ['a', 'b', 'c', 'd'],
      ['b', 'c', 'd'],
    ]);
  });

  test('is tried again as a whole when its response names no record of it', async () => {
    await put('a', 'b');
    let answered = false;
    const fn = functionOf(() => {
      if (answered) return {};
      answered = true;
      return { batchItemFailures: [{ itemIdentifier: '' }] };
    });
    await untilDone(await start(fn, { reportBatchItemFailures: true }));
    expect(fn.batches).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  test('is given up when its attempts are used up, and said so', async () => {
    await put('poison', 'b');
    const fn = functionOf((records) => {
      if (idsOf(records).includes('poison')) throw new Error('never');
    });
    const source = await start(fn, { batchSize: 1, maximumRetryAttempts: 2 });
    await untilDone(source);
    expect(fn.batches).toEqual([['poison'], ['poison'], ['poison'], ['b']]);
    expect(errors).toEqual([
      expect.stringMatching(/^orders\/Mapping: 1 records up to \d+ failed 3 times, and are given up/),
    ]);
  });

  test('is halved where that is asked for, until the poison is alone', async () => {
    await put('a', 'b', 'poison', 'd');
    const fn = functionOf((records) => {
      if (idsOf(records).includes('poison')) throw new Error('never');
    });
    const source = await start(fn, { bisectOnError: true, maximumRetryAttempts: 1 });
    await untilDone(source);
    expect(fn.batches).toEqual([['a', 'b', 'poison', 'd'], ['a', 'b'], ['poison', 'd'], ['poison'], ['poison'], ['d']]);
    expect(errors).toHaveLength(1);
  });

  test('is given up when it is older than allowed', async () => {
    await put('old');
    const fn = functionOf();
    const clock = () => Date.now() + 120_000;
    const source = await start(fn, { maximumRecordAgeSeconds: 60 }, { clock });
    await untilDone(source);
    expect(fn.batches).toEqual([]);
    expect(errors).toEqual(['orders/Mapping: 1 records are older than allowed, and are given up']);
  });

  test('that was only throttled is tried again, and counts as no attempt', async () => {
    await put('a');
    const fn = functionOf();
    let throttles = 3;
    const throttling: typeof fn = {
      ...fn,
      invoke: async (payload) =>
        throttles-- > 0 ? { status: 'throttled', requestId: 'r', reason: 'busy' } : await fn.invoke(payload),
    };
    const source = await start(throttling, { maximumRetryAttempts: 0 });
    await untilDone(source);
    expect(fn.batches).toEqual([['a']]);
    expect(source.stats()).toMatchObject({ throttles: 3, failures: 0 });
  });
});

describe('a mapping', () => {
  test('that is disabled lets what runs end, and goes on where it was', async () => {
    await put('a', 'b', 'c');
    const gate = Promise.withResolvers<void>();
    const fn = functionOf(() => gate.promise);
    const source = await start(fn, { batchSize: 1 });
    await vi.waitFor(() => expect(fn.batches).toHaveLength(1), eventually);
    source.pause();
    expect(source.state).toBe('Disabling');
    gate.resolve();
    await vi.waitFor(() => expect(source.state).toBe('Disabled'), eventually);
    expect(fn.batches).toEqual([['a']]);
    expect(await source.isEmpty()).toBe(false);
    source.configure({ batchSize: 10 });
    source.resume();
    await untilDone(source);
    expect(fn.batches).toEqual([['a'], ['b', 'c']]);
  });

  test('that is disabled while its batch fails loses no record of it', async () => {
    await put('a', 'b');
    let failing = true;
    const fn = functionOf(() => {
      if (failing) throw new Error('down');
    });
    const source = await start(fn);
    await vi.waitFor(() => expect(fn.batches.length).toBeGreaterThan(0), eventually);
    source.pause();
    await vi.waitFor(() => expect(source.state).toBe('Disabled'), eventually);
    failing = false;
    source.resume();
    await untilDone(source);
    expect(fn.batches.at(-1)).toEqual(['a', 'b']);
  });

  test('that starts again goes on behind what was done with', async () => {
    await put('a', 'b');
    const before = functionOf();
    const source = await start(before);
    await untilDone(source);
    await source.stop();
    await put('c');
    const after = functionOf();
    const again = await start(after, {}, { positions: streamPositions(`${folder}/positions.json`) });
    await untilDone(again);
    expect(after.batches).toEqual([['c']]);
  });

  test('reads on after the engine was away', async () => {
    const fn = functionOf();
    await put('a');
    const source = await start(fn);
    await untilDone(source);
    const send = vi
      .spyOn(await engines.streams(), 'send')
      .mockImplementation(() => Promise.reject(new Error('away')) as never);
    await vi.waitFor(() => expect(errors).toContain('away'), eventually);
    send.mockRestore();
    await put('b');
    await vi.waitFor(() => expect(fn.batches).toEqual([['a'], ['b']]), eventually);
    expect(positions.get('c8a1f4d0', `shardId-00000001-${table}`)).toBeDefined();
  });
});
