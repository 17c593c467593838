import type { AttributeValue, TransactWriteItem } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AwsError } from '../../lib/runtime/aws/aws-error.ts';
import type { DynamoDb } from '../../lib/runtime/aws/clients.ts';
import { UnsupportedError } from '../../lib/testing/index.ts';
import { createMemoryDynamoDb, type OnStatement } from '../../lib/testing/memory-dynamodb.ts';
import { MemoryTable } from '../../lib/testing/memory-table.ts';
import { type Engines, startEngines } from '../runtime/engines.ts';
import { seeded } from '../runtime/seed.ts';

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});

function inMemory(name: string, onStatement?: OnStatement): DynamoDb {
  const table = new MemoryTable(name, ['id']);
  return createMemoryDynamoDb({
    tableOf: (wanted) => {
      if (wanted !== name) throw new UnsupportedError(wanted);
      return table;
    },
    onStatement,
  });
}

type Request = (client: DynamoDb, TableName: string) => Promise<unknown>;

/** Names a request by what it is made of, for the report of a counterexample. */
function named(parts: unknown, request: Request): Request {
  return Object.assign(request, { [fc.toStringMethod]: () => JSON.stringify(parts) });
}

/** What a request comes to: its answer, or the name of its error with what it says about each item. */
async function outcome(request: Promise<unknown>): Promise<unknown> {
  try {
    return comparable(await request);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return comparable({ name: error.name, reasons: error.details.CancellationReasons });
  }
}

/** Without what says the same in other words: messages, names of tables, and parts that are not there. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const parts = Object.entries(value)
    .filter(([name, part]) => !['Message', 'TableName', 'ConsumedCapacity'].includes(name) && part != null)
    .map(([name, part]) => [name, comparable(part)]);
  return Object.fromEntries(parts);
}

/** Makes the same requests of the engine and of the memory. */
async function compare(requests: readonly Request[]): Promise<void> {
  const table = await engines.createTable();
  const memory = inMemory(table);
  for (const [position, request] of requests.entries()) {
    const [real, ours] = [
      await outcome(request(engines.clients.dynamodb, table)),
      await outcome(request(memory, table)),
    ];
    expect({ position, outcome: ours }).toEqual({ position, outcome: real });
  }
  for (const id of IDS) {
    const read = (client: DynamoDb) => client.call('GetItem', { TableName: table, Key: { id: { S: id } } });
    const { Item } = await read(memory);
    expect({ id, Item }).toEqual({ id, Item: (await read(engines.clients.dynamodb)).Item });
  }
}

const IDS = ['a', 'b', 'c'];
const key = (id: string) => ({ id: { S: id } });

/** Statements as the runtime and its handlers make them. */
const statement = (
  table: string,
  kind: string,
  id: string,
  n: string,
): { Statement: string; Parameters: AttributeValue[] } => {
  const [ID, N] = [{ S: id }, { N: n }];
  switch (kind) {
    case 'insert':
      return { Statement: `INSERT INTO "${table}" VALUE {'id': ?, 'n': ?, 'list': [1, 'x']}`, Parameters: [ID, N] };
    case 'update':
      return { Statement: `UPDATE "${table}" SET "n" = ? WHERE "id" = ?`, Parameters: [N, ID] };
    case 'updateIf':
      return { Statement: `UPDATE "${table}" SET n = ? WHERE id = ? AND n = ?`, Parameters: [{ N: '9' }, ID, N] };
    case 'add':
      return { Statement: `UPDATE "${table}" SET n = n + ? WHERE id = ? AND n >= 0`, Parameters: [N, ID] };
    case 'delete':
      return { Statement: `DELETE FROM "${table}" WHERE "id" = ?`, Parameters: [ID] };
    default:
      return { Statement: `DELETE FROM "${table}" WHERE "id" = ? AND n = ?`, Parameters: [ID, N] };
  }
};

const anId = fc.constantFrom(...IDS);
const aNumber = fc.constantFrom('0', '1', '2');
const CONDITIONS = [
  'attribute_not_exists(id)',
  'attribute_exists(#n)',
  '#n = :n',
  '#n <> :n',
  '#n < :n OR attribute_not_exists(#n)',
  'NOT (#n >= :n) AND attribute_exists(id)',
  '#n BETWEEN :zero AND :n',
  '#n IN (:zero, :n)',
  'attribute_not_exists(#id) OR #n < :n OR begins_with(#s, :s) OR (#s = :t AND #n < :n)',
  'size(#s) > :zero AND contains(#s, :t)',
  'attribute_type(#n, :type)',
];
const UPDATES = [
  'SET #n = :n',
  'SET #n = if_not_exists(#n, :zero) + :n, #s = :s',
  'ADD #n :n',
  'SET #s = :t REMOVE #n',
  'SET #l = list_append(if_not_exists(#l, :none), :some)',
];
const NAMES = { '#id': 'id', '#n': 'n', '#s': 's', '#l': 'l' };
const VALUES = {
  ':zero': { N: '0' },
  ':s': { S: 'RELEASED#' },
  ':t': { S: 'RELEASED#1' },
  ':type': { S: 'N' },
  ':none': { L: [] },
  ':some': { L: [{ S: 'x' }] },
};

/** Names and values that an expression uses: DynamoDB refuses others. */
function used(n: string, ...expressions: (string | undefined)[]) {
  const text = expressions.join(' ');
  const pick = <Value>(all: Record<string, Value>) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => new RegExp(`${name}(?!\\w)`).test(text)));
  const [names, values] = [pick(NAMES), pick({ ...VALUES, ':n': { N: n } })];
  return {
    ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  };
}

const aWrite = fc.record({
  kind: fc.constantFrom('Put', 'Update', 'Delete', 'ConditionCheck'),
  id: anId,
  n: aNumber,
  text: fc.constantFrom('RELEASED#1', 'COMPLETED'),
  condition: fc.option(fc.constantFrom(...CONDITIONS), { nil: undefined }),
  update: fc.constantFrom(...UPDATES),
});
type Write = typeof aWrite extends fc.Arbitrary<infer W> ? W : never;

function transactItem(TableName: string, { kind, id, n, text, condition, update }: Write): TransactWriteItem {
  const ReturnValuesOnConditionCheckFailure = 'ALL_OLD';
  const conditional =
    condition === undefined ? {} : { ConditionExpression: condition, ReturnValuesOnConditionCheckFailure };
  switch (kind) {
    case 'Put': {
      const Item = { id: { S: id }, n: { N: n }, s: { S: text } };
      return { Put: { TableName, Item, ...conditional, ...used(n, condition) } as never };
    }
    case 'Update':
      return {
        Update: {
          TableName,
          Key: key(id),
          UpdateExpression: update,
          ...conditional,
          ...used(n, condition, update),
        } as never,
      };
    case 'Delete':
      return { Delete: { TableName, Key: key(id), ...conditional, ...used(n, condition) } as never };
    default: {
      const ConditionExpression = condition ?? 'attribute_exists(id)';
      return {
        ConditionCheck: {
          TableName,
          Key: key(id),
          ConditionExpression,
          ReturnValuesOnConditionCheckFailure,
          ...used(n, ConditionExpression),
        } as never,
      };
    }
  }
}

const aRequest: fc.Arbitrary<Request> = fc.oneof(
  fc
    .uniqueArray(
      fc.record({
        kind: fc.constantFrom('insert', 'update', 'updateIf', 'add', 'delete', 'deleteIf'),
        id: anId,
        n: aNumber,
      }),
      { minLength: 1, maxLength: 3, selector: ({ id }) => id },
    )
    .map((all) =>
      named(all, (client, table) =>
        client.call('BatchExecuteStatement', {
          Statements: all.map(({ kind, id, n }) => statement(table, kind, id, n)),
        }),
      ),
    ),
  fc.uniqueArray(anId, { minLength: 1, maxLength: 3 }).map((ids) =>
    named(ids, (client, table) =>
      client.call('BatchExecuteStatement', {
        Statements: ids.map((id) => ({
          Statement: `SELECT * FROM "${table}" WHERE "id" = ?`,
          Parameters: [{ S: id }],
          ConsistentRead: true,
        })),
      }),
    ),
  ),
  fc.uniqueArray(aWrite, { minLength: 1, maxLength: 3, selector: ({ id }) => id }).map((writes): Request => {
    return (client, table) =>
      client.call('TransactWriteItems', { TransactItems: writes.map((write) => transactItem(table, write)) });
  }),
  aWrite.map((write) =>
    named(write, (client, table) => {
      const { Put, Update, Delete, ConditionCheck } = transactItem(table, write);
      if (Put) return client.call('PutItem', Put);
      if (Update) return client.call('UpdateItem', { ...Update, ReturnValues: 'ALL_NEW' });
      if (Delete) return client.call('DeleteItem', Delete);
      return client.call('GetItem', { TableName: table, Key: ConditionCheck!.Key });
    }),
  ),
);

test('whatever is asked of it, it answers as the engine does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aRequest, { minLength: 1, maxLength: 12 }), compare),
    seeded({ numRuns: 150 }),
  );
});

describe('a request that DynamoDB refuses as a whole', () => {
  test.each<[string, Request]>([
    [
      'two statements on one item',
      (client, table) =>
        client.call('BatchExecuteStatement', {
          Statements: [statement(table, 'insert', 'a', '1'), statement(table, 'update', 'a', '1')],
        }),
    ],
    [
      'two writes on one item in a transaction',
      (client, table) =>
        client.call('TransactWriteItems', {
          TransactItems: [
            { Put: { TableName: table, Item: key('a') } },
            { Delete: { TableName: table, Key: key('a') } },
          ],
        }),
    ],
    [
      'an item without its key',
      (client, table) => client.call('PutItem', { TableName: table, Item: { n: { N: '1' } } }),
    ],
    [
      'a change of the key',
      (client, table) =>
        client.call('UpdateItem', {
          TableName: table,
          Key: key('a'),
          UpdateExpression: 'SET id = :id',
          ExpressionAttributeValues: { ':id': { S: 'b' } },
        }),
    ],
  ])('is %s', async (_, request) => {
    await compare([request]);
    await expect(request(inMemory('table'), 'table')).rejects.toMatchObject({ $fault: 'client' });
  });
});

describe('what it does not know', () => {
  const execute = (client: DynamoDb, Statement: string) =>
    client.call('BatchExecuteStatement', { Statements: [{ Statement }] });

  test.each([
    [`SELECT * FROM "table" WHERE n = 1`, "no equation for 'id'"],
    [`SELECT * FROM "table" WHERE id = 'a' OR id = 'b'`, "no equation for 'id'"],
    [`UPDATE "table" SET n = 1 WHERE id = 'a' RETURNING ALL OLD *`, "'RETURNING' is not understood"],
    [`EXISTS(SELECT * FROM "table")`, 'SELECT was expected'],
    [`UPDATE "table" SET n = ? WHERE id = 'a'`, 'no parameter'],
    [`SELECT * FROM "table" WHERE id = 'a' AND n = %`, "'%' cannot be read"],
  ])('is an error that names it: %s', async (text, said) => {
    const executing = execute(inMemory('table'), text);
    await expect(executing).rejects.toThrow(UnsupportedError);
    await expect(executing).rejects.toThrow(said);
    await expect(executing).rejects.toThrow('onStatement');
  });

  test('goes to onStatement, the rest does not', async () => {
    const asked: (string | undefined)[] = [];
    const client = inMemory('table', ({ Statement }) => {
      asked.push(Statement);
      return { n: { N: '7' } };
    });
    await execute(client, `INSERT INTO "table" VALUE {'id': 'a'}`);
    const { Responses } = await execute(client, 'SELECT COUNT(*) FROM "table"');
    expect(Responses).toEqual([{ Item: { n: { N: '7' } } }]);
    expect(asked).toEqual(['SELECT COUNT(*) FROM "table"']);
  });

  test('is an operation as well', async () => {
    await expect(inMemory('table').call('Scan' as never, {} as never)).rejects.toThrow('no Scan');
  });
});

test('a query finds the items of a partition in order, page by page', async () => {
  const table = new MemoryTable('table', ['pk', 'sk']);
  const client = createMemoryDynamoDb({ tableOf: () => table });
  for (const sk of ['c', 'a', 'b']) table.put({ pk: { S: 'p' }, sk: { S: sk } });
  table.put({ pk: { S: 'other' }, sk: { S: 'a' } });
  const ask = (more: object) =>
    client.call('Query', {
      TableName: 'table',
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: 'p' } },
      ...more,
    });
  const keys = ({ Items = [] }: Awaited<ReturnType<typeof ask>>) => Items.map(({ sk }) => sk?.S);
  const first = await ask({ Limit: 2 });
  expect(keys(first)).toEqual(['a', 'b']);
  const second = await ask({ Limit: 2, ExclusiveStartKey: first.LastEvaluatedKey });
  expect(keys(second)).toEqual(['c']);
  expect(second.LastEvaluatedKey).toBeUndefined();
  expect(keys(await ask({ ScanIndexForward: false }))).toEqual(['c', 'b', 'a']);
});
