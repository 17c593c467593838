import { DeleteItemCommand, GetItemCommand } from '@aws-sdk/client-dynamodb';
import type { SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createEnvelope, type Envelope } from '../../../lib/contracts/index.ts';
import type { DynamoDb } from '../../../lib/runtime/aws/clients.ts';
import { createStatements, type Execute } from '../../../lib/runtime/aws/statements.ts';
import { ParkedError, ParkingError } from '../../../lib/runtime/parking/errors.ts';
import { createParking } from '../../../lib/runtime/parking/parking.ts';
import { answering, type Engines, recordOf, startEngines, type TestQueue } from '../engines.ts';
import { OrderPlaced, orderPlaced } from '../pipeline.ts';

let engines: Engines;
let table: string;
const queue: TestQueue = { name: 'orders.fifo', url: 'http://orders.fifo', arn: 'arn:aws:sqs:::orders.fifo' };

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  table = await engines.createTable();
});

/** The parking of a new batch. */
function park(dynamodb: DynamoDb = engines.clients.dynamodb, read?: Execute) {
  return createParking({
    table,
    consumer: 'inventory',
    read: read ?? createStatements({ client: engines.clients.dynamodb, kind: 'reads' }),
    dynamodb,
    clock: () => 0,
  });
}

/** The nth message of a key; redriven ones are new messages with the same event. */
function message(key: string, n: number, redriveId?: string): { record: SQSRecord; event: Envelope } {
  const event = orderPlaced(key, { id: `${key}-${n}` });
  const record = recordOf(queue, {
    messageId: `${key}-${n}${redriveId === undefined ? '' : `-${redriveId}`}`,
    body: JSON.stringify(event),
    attributes: { MessageGroupId: key } as never,
    messageAttributes:
      redriveId === undefined ? {} : { redriveId: { stringValue: redriveId, dataType: 'String' as const } },
  });
  return { record, event };
}

function control(key: string, data: { redriveId: string; count: number; consumer?: string }, id = 'control-1') {
  const type = 'baton.key.released';
  const event = {
    ...createEnvelope(OrderPlaced, { orderId: key, total: 0 }, { source: '/baton', id }),
    type,
    data: { consumer: 'inventory', key, ...data },
  } as Envelope;
  return { record: recordOf(queue, { body: '', attributes: { MessageGroupId: key } as never }), event };
}

async function marker(key: string) {
  const { Item } = await engines.dynamodb.send(
    new GetItemCommand({ TableName: table, Key: { id: { S: `parked#inventory#${key}` } }, ConsistentRead: true }),
  );
  return Item;
}

/** What an operator does first. */
async function beginRedrive(key: string, redriveId: string): Promise<void> {
  await engines.clients.dynamodb.call('UpdateItem', {
    TableName: table,
    Key: { id: { S: `parked#inventory#${key}` } },
    UpdateExpression: 'SET redrive = :id',
    ExpressionAttributeValues: { ':id': { S: redriveId } },
  });
}

async function fail(key: string, n: number, redriveId?: string) {
  const { record, event } = message(key, n, redriveId);
  return await park().beforeDeadLetter(record, event.id);
}

async function verdictOn({ record, event }: { record: SQSRecord; event: Envelope }) {
  return await park().verdict(record, event);
}

test('a batch costs one call, whatever its keys, and a second only where something is parked', async () => {
  const parking = park();
  const batch = ['a', 'b', 'c', 'a', 'b'].map((key, n) => message(key, n));
  engines.calls.length = 0;
  parking.prepare(batch.map(({ record }) => record));
  const verdicts = await Promise.all(batch.map(({ record, event }) => parking.verdict(record, event)));
  expect(verdicts).toEqual(batch.map(() => ({ kind: 'run' })));
  await Promise.all(batch.map(({ record }) => parking.settled(record)));
  expect(engines.calls.map(({ operation }) => operation)).toEqual(['BatchExecuteStatement']);
});

test('what follows a dead letter of its key is parked, in the same batch and in later ones; other keys are not', async () => {
  const parking = park();
  const [poison, next, other] = [message('a', 1), message('a', 2), message('b', 1)];
  parking.prepare([poison.record, next.record, other.record]);
  expect(await parking.verdict(poison.record, poison.event)).toEqual({ kind: 'run' });
  expect(await parking.beforeDeadLetter(poison.record, poison.event.id)).toEqual({ group: 'a' });
  const verdict = await parking.verdict(next.record, next.event);
  expect(verdict).toEqual({
    kind: 'park',
    letter: { error: expect.any(ParkedError), eventId: 'a-2', parkedBehind: 'a-1', group: 'a' },
  });
  expect(await parking.verdict(other.record, other.event)).toEqual({ kind: 'run' });
  expect((await verdictOn(message('a', 3))).kind).toBe('park');
  expect(await marker('a')).toMatchObject({ head: { S: 'a-1' }, last: { S: 'a-3' }, count: { N: '3' } });
});

test('a message that is no envelope is parked like any other, and may be the one that the others follow', async () => {
  const poison = recordOf(queue, { messageId: 'm-1', body: 'poison', attributes: { MessageGroupId: 'a' } as never });
  await park().beforeDeadLetter(poison, undefined);
  const second = recordOf(queue, { messageId: 'm-2', body: 'poison', attributes: { MessageGroupId: 'a' } as never });
  expect(await park().verdict(second, undefined)).toMatchObject({ kind: 'park', letter: { parkedBehind: 'm-1' } });
});

test('a record of a standard queue is never parked, and asks nobody', async () => {
  const standard = { ...queue, arn: 'arn:aws:sqs:::orders' };
  const record = recordOf(standard, { body: '', attributes: { MessageGroupId: 'a' } as never });
  engines.calls.length = 0;
  const parking = park();
  parking.prepare([record]);
  expect(await parking.verdict(record, undefined)).toEqual({ kind: 'run' });
  expect(await parking.beforeDeadLetter(record, 'e-1')).toEqual({});
  await parking.settled(record);
  expect(engines.calls).toEqual([]);
});

test('a dead letter that comes again runs again; once it succeeds, nothing is parked behind it', async () => {
  await fail('a', 1);
  const again = message('a', 1);
  const parking = park();
  expect(await parking.verdict(again.record, again.event)).toEqual({ kind: 'run' });
  await parking.settled(again.record);
  expect(await marker('a')).toBeUndefined();
});

test('its success frees nobody who was parked meanwhile', async () => {
  await fail('a', 1);
  await verdictOn(message('a', 2));
  await park().settled(message('a', 1).record);
  expect(await marker('a')).toMatchObject({ count: { N: '2' } });
});

test('its success frees nobody under an operator who has begun to release the key', async () => {
  await fail('a', 1);
  const parking = park();
  const again = message('a', 1);
  await parking.verdict(again.record, again.event);
  await beginRedrive('a', 'redrive-1');
  await parking.settled(again.record);
  await park().settled(again.record);
  expect(await marker('a')).toMatchObject({ redrive: { S: 'redrive-1' } });
});

test('only what carries the id of the redrive under way may run', async () => {
  await fail('a', 1);
  await beginRedrive('a', 'redrive-1');
  expect(await verdictOn(message('a', 1, 'redrive-1'))).toEqual({ kind: 'run' });
  expect(await verdictOn(message('a', 2, 'redrive-0'))).toMatchObject({ kind: 'park', letter: { group: 'a' } });
  expect(await verdictOn(message('a', 3))).toMatchObject({ kind: 'park', letter: { group: 'a' } });
});

test('a redriven event that fails again ends its redrive, in a lane in front of what was not redriven', async () => {
  await fail('a', 1);
  await beginRedrive('a', 'redrive-1');
  await verdictOn(message('a', 9));
  expect(await fail('a', 2, 'redrive-1')).toEqual({ group: 'redrive-1', parkedKey: 'a', redriveId: 'redrive-1' });
  expect(await marker('a')).toMatchObject({
    head: { S: 'a-2-redrive-1' },
    headEvent: { S: 'a-2' },
    lanes: { L: [{ S: 'redrive-1' }, { S: 'a' }] },
    last: { S: 'a-9' },
  });
  expect((await marker('a'))?.redrive).toBeUndefined();
  expect(await verdictOn(message('a', 3, 'redrive-1'))).toMatchObject({
    kind: 'park',
    letter: { group: 'redrive-1', redriveId: 'redrive-1', parkedBehind: 'a-2' },
  });
  expect(await verdictOn(message('a', 10))).toMatchObject({ kind: 'park', letter: { group: 'a' } });
  // its function ended before the letter was sent
  expect(await fail('a', 2, 'redrive-1')).toEqual({ group: 'redrive-1', parkedKey: 'a', redriveId: 'redrive-1' });
});

test('what somebody moved back from a lane of the DLQ as it was is parked in the same lane again', async () => {
  await fail('a', 1);
  await beginRedrive('a', 'redrive-1');
  await fail('a', 2, 'redrive-1');
  const { record, event } = message('a', 3, 'redrive-1');
  const moved: SQSRecord = {
    ...record,
    attributes: { ...record.attributes, MessageGroupId: 'redrive-1' },
    messageAttributes: { ...record.messageAttributes, parkedKey: { stringValue: 'a', dataType: 'String' } },
  };
  const parking = park();
  parking.prepare([moved]);
  expect(await parking.verdict(moved, event)).toMatchObject({
    kind: 'park',
    letter: { group: 'redrive-1', parkedKey: 'a', redriveId: 'redrive-1' },
  });
});

test('a control message frees the key when its redrive went well and nothing was parked since', async () => {
  await fail('a', 1);
  await beginRedrive('a', 'redrive-1');
  const done = { redriveId: 'redrive-1', count: 1 };
  expect(await verdictOn(control('a', { ...done, consumer: 'billing' }))).toEqual({ kind: 'control', released: false });
  expect(await verdictOn(control('a', done))).toEqual({ kind: 'control', released: true });
  expect(await marker('a')).toBeUndefined();
  // it is delivered again
  expect(await verdictOn(control('a', done))).toEqual({ kind: 'control', released: true });
});

test.each([
  ['something was parked since', { redriveId: 'redrive-1', count: 1 }],
  ['its redrive is not the one under way', { redriveId: 'redrive-0', count: 2 }],
  ['the operator was not certain', { redriveId: 'redrive-1', count: -1 }],
])('a control message says that it was met, and frees nothing, when %s', async (_, data) => {
  await fail('a', 1);
  await beginRedrive('a', 'redrive-1');
  await verdictOn(message('a', 2));
  expect(await verdictOn(control('a', data))).toEqual({ kind: 'control', released: false });
  expect(await marker('a')).toMatchObject({ met: { S: 'control-1' }, metCount: { N: '2' }, count: { N: '2' } });
});

test('a control message in a batch sees what the records before it did', async () => {
  await fail('a', 1);
  await beginRedrive('a', 'redrive-1');
  const parking = park();
  const [redriven, end] = [message('a', 1, 'redrive-1'), control('a', { redriveId: 'redrive-1', count: 1 })];
  parking.prepare([redriven.record, end.record]);
  await parking.verdict(redriven.record, redriven.event);
  await parking.beforeDeadLetter(redriven.record, redriven.event.id);
  expect(await parking.verdict(end.record, end.event)).toEqual({ kind: 'control', released: false });
  expect(await marker('a')).toMatchObject({ head: { S: 'a-1-redrive-1' } });
});

test('a key that was released between two records of a batch is parked no longer', async () => {
  await fail('a', 1);
  const parking = park();
  const next = message('a', 2);
  parking.prepare([next.record]);
  await new Promise(setImmediate);
  await parking.settled(next.record);
  await engines.dynamodb.send(new DeleteItemCommand({ TableName: table, Key: { id: { S: 'parked#inventory#a' } } }));
  expect(await parking.verdict(next.record, next.event)).toEqual({ kind: 'run' });
});

test('a call whose answer was lost is made again, and counts as made', async () => {
  const twice: DynamoDb = {
    async call(operation: never, input: never) {
      await engines.clients.dynamodb.call(operation, input);
      return await engines.clients.dynamodb.call(operation, input);
    },
  } as DynamoDb;
  const { record, event } = message('a', 1);
  expect(await park(twice).beforeDeadLetter(record, event.id)).toEqual({ group: 'a' });
  await beginRedrive('a', 'redrive-1');
  const redriven = message('a', 1, 'redrive-1');
  expect(await park(twice).beforeDeadLetter(redriven.record, 'a-1')).toMatchObject({ group: 'redrive-1' });
  expect(await marker('a')).toMatchObject({ lanes: { L: [{ S: 'redrive-1' }, { S: 'a' }] } });
});

test('a table that does not answer is a ParkingError, which says what is not known', async () => {
  const silent = answering<DynamoDb>(() => {
    throw new Error('no network');
  });
  const parking = park(silent, () => Promise.reject(new Error('no network')));
  const { record, event } = message('a', 1);
  parking.prepare([record]);
  const failing = parking.verdict(record, event);
  await expect(failing).rejects.toThrow(ParkingError);
  await expect(failing).rejects.toThrow("Whether the key 'a' is parked could not be settled: Error: no network");
  await expect(parking.beforeDeadLetter(record, event.id)).rejects.toThrow(ParkingError);
});

test('a marker that never stops changing sends the record back', async () => {
  await fail('a', 1);
  const { AwsError } = await import('../../../lib/runtime/aws/aws-error.ts');
  const refusing = answering<DynamoDb>(() => {
    throw new AwsError('ConditionalCheckFailedException', 'no', { status: 400 });
  });
  const { record, event } = message('a', 2);
  await expect(park(refusing).verdict(record, event)).rejects.toThrow(/changed 4 times/);
  await expect(park(refusing).beforeDeadLetter(record, event.id)).rejects.toThrow(/changed 4 times/);
});
