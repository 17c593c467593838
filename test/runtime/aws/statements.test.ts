import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createClients, type DynamoDb } from '../../../lib/runtime/aws/clients.ts';
import { createStatements } from '../../../lib/runtime/aws/statements.ts';
import { StatementError } from '../../../lib/runtime/errors.ts';
import { answering, type Engines, startEngines } from '../engines.ts';

let engines: Engines;
let table: string;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  table = await engines.createTable();
  engines.calls.length = 0;
});

const insert = (id: string) => ({ Statement: `INSERT INTO "${table}" VALUE {'id': ?}`, Parameters: [{ S: id }] });
const codeOf = (result: PromiseSettledResult<unknown>) =>
  result.status === 'fulfilled' ? 'done' : (result.reason as StatementError).code;

test('what is asked for in one turn goes out in calls of up to 25', async () => {
  const execute = createStatements({ client: engines.clients.dynamodb, kind: 'writes' });
  await Promise.all(Array.from({ length: 60 }, (_, n) => execute(insert(`item-${n}`))));
  expect(engines.calls.map(({ input }) => input.Statements.length)).toEqual([25, 25, 10]);
  expect((await engines.dynamodb.send(new ScanCommand({ TableName: table }))).Count).toBe(60);
});

test('each statement has its own fate', async () => {
  const execute = createStatements({ client: engines.clients.dynamodb, kind: 'writes' });
  await execute(insert('taken'));
  const results = await Promise.allSettled([
    execute(insert('taken')),
    execute(insert('free')),
    execute({
      Statement: `UPDATE "${table}" SET n = ? WHERE "id" = ? AND n = ?`,
      Parameters: [{ N: '1' }, { S: 'free-too' }, { N: '0' }],
    }),
    execute({ Statement: 'UPDATE "nowhere" SET n = ? WHERE "id" = ?', Parameters: [{ N: '1' }, { S: 'a' }] }),
    execute({ Statement: 'nonsense' }),
  ]);
  expect(results.map(codeOf)).toEqual([
    'DuplicateItem',
    'done',
    'ConditionalCheckFailed',
    'ResourceNotFound',
    expect.stringMatching(/^Validation/),
  ]);
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(StatementError);
  }
});

test('statements on the same item, which DynamoDB refuses in one call, each get through alone', async () => {
  const execute = createStatements({ client: engines.clients.dynamodb, kind: 'writes' });
  const results = await Promise.allSettled(['a', 'a', 'b'].map((id) => execute(insert(id))));
  expect(results.map(codeOf).sort()).toEqual(['DuplicateItem', 'done', 'done']);
});

test('reads find what was written just before', async () => {
  const write = createStatements({ client: engines.clients.dynamodb, kind: 'writes' });
  const read = createStatements({ client: engines.clients.dynamodb, kind: 'reads' });
  await write(insert('here'));
  const find = (id: string) => read({ Statement: `SELECT * FROM "${table}" WHERE "id" = ?`, Parameters: [{ S: id }] });
  expect(await Promise.all([find('here'), find('not here')])).toEqual([{ id: { S: 'here' } }, undefined]);
  expect(engines.calls.at(-1)?.input.Statements[0]).toMatchObject({ ConsistentRead: true });
});

test('a throttled statement is sent again, the others are not', async () => {
  const sent: number[] = [];
  const client = answering<DynamoDb>((_, { Statements }) => {
    sent.push(Statements.length);
    return {
      Responses: Statements.map((_: object, n: number) =>
        n === 0 && sent.length < 3 ? { Error: { Code: 'ThrottlingError' } } : {},
      ),
    };
  });
  const execute = createStatements({ client, kind: 'writes', random: () => 0 });
  await Promise.all(['a', 'b', 'c'].map((id) => execute(insert(id))));
  expect(sent).toEqual([3, 1, 1]);
});

test('a call that fails fails each of its statements, by name', async () => {
  const { dynamodb: client } = createClients({
    AWS_REGION: 'eu-west-1',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
    AWS_MAX_ATTEMPTS: '1',
  });
  const execute = createStatements({ client, kind: 'writes' });
  const results = await Promise.allSettled(['a', 'b'].map((id) => execute(insert(id))));
  for (const result of results) {
    expect(result).toMatchObject({ status: 'rejected', reason: expect.any(StatementError) });
  }
});
