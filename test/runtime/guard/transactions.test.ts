import {
  type AttributeValue,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import type { DynamoDb } from '../../../lib/runtime/aws/clients.ts';
import { createStatements } from '../../../lib/runtime/aws/statements.ts';
import {
  ClaimedElsewhereError,
  ConditionFailedError,
  LeaseLostError,
  TransactionError,
  TransactionTooLargeError,
} from '../../../lib/runtime/errors.ts';
import { createTransactions } from '../../../lib/runtime/guard/transactions.ts';
import { type Engines, startEngines } from '../engines.ts';

let engines: Engines;
let table: string;
let rows: string;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  [table, rows] = await Promise.all([engines.createTable(), engines.createTable()]);
  engines.calls.length = 0;
});

function transactionsOf(owner: string, client: DynamoDb = engines.clients.dynamodb) {
  return createTransactions({
    client,
    table,
    owner,
    ttlSeconds: 3_600,
    read: createStatements({ client, kind: 'reads' }),
    write: createStatements({ client, kind: 'writes' }),
    clock: Date.now,
    random: () => 0,
  });
}

const transaction = (id: string, writes: TransactWriteItem[] = [], leased = false) => ({
  id,
  writes,
  events: [],
  leased,
});

/** Counts the effects of an event: an increment shows what happens twice. */
const increment = (id: string): TransactWriteItem => ({
  Update: {
    TableName: rows,
    Key: { id: { S: id } },
    UpdateExpression: 'ADD effects :one',
    ExpressionAttributeValues: { ':one': { N: '1' } },
  },
});

const onlyOnce = (id: string): TransactWriteItem => ({
  Put: { TableName: rows, Item: { id: { S: id } }, ConditionExpression: 'attribute_not_exists(id)' },
});

async function get(TableName: string, id: string): Promise<Record<string, AttributeValue> | undefined> {
  return (await engines.dynamodb.send(new GetItemCommand({ TableName, Key: { id: { S: id } } }))).Item;
}

const effects = async (id: string) => Number((await get(rows, id))?.effects?.N ?? 0);

async function store(item: Record<string, string | number>): Promise<void> {
  const Item = Object.fromEntries(
    Object.entries(item).map(([name, value]) => [
      name,
      typeof value === 'number' ? { N: String(value) } : { S: value },
    ]),
  );
  await engines.dynamodb.send(new PutItemCommand({ TableName: table, Item }));
}

/** A client whose next so many calls are carried out, but not answered. */
function losingAnswers(count: number): DynamoDb {
  let left = count;
  return {
    async call(operation: never, input: never) {
      const answer = await engines.clients.dynamodb.call(operation, input);
      if (left-- > 0) throw AwsError.ofNetwork('dynamodb', new Error('socket hang up'));
      return answer;
    },
  } as DynamoDb;
}

describe('a transaction', () => {
  test('writes the effect and its record together', async () => {
    expect(await transactionsOf('one').commit(transaction('event', [increment('row')]))).toBe('committed');
    expect(await effects('row')).toBe(1);
    expect(await get(table, 'event')).toMatchObject({ status: { S: 'COMPLETED' }, owner: { S: 'one' } });
  });

  test('of an event that was handled before changes nothing', async () => {
    await transactionsOf('one').commit(transaction('event', [increment('row')]));
    expect(await transactionsOf('two').commit(transaction('event', [increment('row')]))).toBe('duplicate');
    expect(await effects('row')).toBe(1);
  });

  test('is told from a failed condition of the handler by its place among the reasons', async () => {
    await transactionsOf('one').commit(transaction('event', [onlyOnce('row')]));
    // both the record and the row are there: the event is a duplicate, whatever its conditions say
    expect(await transactionsOf('two').commit(transaction('event', [onlyOnce('row')]))).toBe('duplicate');
    const other = transactionsOf('two').commit(transaction('other', [increment('more'), onlyOnce('row')]));
    await expect(other).rejects.toThrow(ConditionFailedError);
    await expect(other).rejects.toMatchObject({ position: 1 });
    expect(await effects('more')).toBe(0);
    expect(await get(table, 'other')).toBeUndefined();
  });

  test('hands over the item that its condition met, when the write asks for it', async () => {
    await transactionsOf('one').commit(transaction('event', [increment('row')]));
    const write = onlyOnce('row');
    write.Put!.ReturnValuesOnConditionCheckFailure = 'ALL_OLD';
    await expect(transactionsOf('two').commit(transaction('other', [write]))).rejects.toMatchObject({
      item: { id: { S: 'row' }, effects: { N: '1' } },
    });
  });

  test('may follow another one whose condition failed', async () => {
    const transactions = transactionsOf('one');
    await transactions.commit(transaction('earlier', [onlyOnce('row')]));
    await expect(transactions.commit(transaction('event', [onlyOnce('row')]))).rejects.toThrow(ConditionFailedError);
    expect(await transactions.commit(transaction('event', [increment('other')]))).toBe('committed');
  });

  test('whose answer was lost counts as what it was: committed, once', async () => {
    const client = losingAnswers(1);
    await expect(transactionsOf('one', client).commit(transaction('event', [increment('row')]))).rejects.toThrow(
      AwsError,
    );
    expect(await effects('row')).toBe(1);
    expect(await transactionsOf('one').commit(transaction('event', [increment('row')]))).toBe('committed');
    expect(await transactionsOf('two').commit(transaction('event', [increment('row')]))).toBe('duplicate');
    expect(await effects('row')).toBe(1);
  });

  test('starts anew where a failed attempt, an expired claim or a forgotten event is found', async () => {
    const now = Date.now();
    const soon = Math.round(now / 1_000) + 100;
    await store({ id: 'failed', status: 'RELEASED#2', expiration: soon });
    await store({
      id: 'crashed',
      status: 'INPROGRESS',
      owner: 'gone',
      in_progress_expiration: now - 1,
      expiration: soon,
    });
    await store({ id: 'forgotten', status: 'COMPLETED', owner: 'gone', expiration: soon - 200 });
    for (const id of ['failed', 'crashed', 'forgotten']) {
      expect(await transactionsOf('one').commit(transaction(id, [increment(id)]))).toBe('committed');
      expect(await effects(id)).toBe(1);
    }
  });

  test('waits for a claim that somebody holds', async () => {
    const until = Date.now() + 60_000;
    await store({ id: 'event', status: 'INPROGRESS', owner: 'other', in_progress_expiration: until, expiration: 9e9 });
    const commit = transactionsOf('one').commit(transaction('event', [increment('row')]));
    await expect(commit).rejects.toThrow(ClaimedElsewhereError);
    await expect(commit).rejects.toMatchObject({ expiresAt: until });
    expect(await effects('row')).toBe(0);
  });

  test('under a lease completes its own claim, and never another one', async () => {
    const held = { status: 'INPROGRESS', in_progress_expiration: Date.now() + 60_000, expiration: 9e9 };
    await store({ id: 'event', owner: 'one', ...held });
    expect(await transactionsOf('one').commit(transaction('event', [increment('row')], true))).toBe('committed');
    expect(await get(table, 'event')).toMatchObject({ status: { S: 'COMPLETED' } });
    await store({ id: 'other', owner: 'two', ...held });
    await expect(transactionsOf('one').commit(transaction('other', [increment('row')], true))).rejects.toThrow(
      LeaseLostError,
    );
    expect(await effects('row')).toBe(1);
  });

  test('of more than 100 items or 4 MB is refused before it is sent', async () => {
    const many = transactionsOf('one').commit(
      transaction(
        'event',
        Array.from({ length: 100 }, (_, n) => increment(`row-${n}`)),
      ),
    );
    await expect(many).rejects.toThrow(TransactionTooLargeError);
    await expect(many).rejects.toThrow(/100 writes and 1 items of Baton's; DynamoDB takes 100/);
    const bulky = Array.from({ length: 11 }, (_, n) => ({
      Put: { TableName: rows, Item: { id: { S: `row-${n}` }, bulk: { S: 'x'.repeat(399_000) } } },
    }));
    await expect(transactionsOf('one').commit(transaction('event', bulky))).rejects.toThrow(/DynamoDB takes 4194304/);
    expect(engines.calls).toEqual([]);
  });

  test('that DynamoDB refuses for what it contains says so', async () => {
    const twice = transactionsOf('one').commit(transaction('event', [increment('row'), increment('row')]));
    await expect(twice).rejects.toThrow(/multiple operations on one item/);
    expect(await get(table, 'event')).toBeUndefined();
  });
});

describe('transactions of one turn', () => {
  test('travel in one call', async () => {
    const transactions = transactionsOf('one');
    const ids = Array.from({ length: 25 }, (_, n) => `event-${n}`);
    const results = await Promise.all(ids.map((id) => transactions.commit(transaction(id, [increment(id)]))));
    expect(new Set(results)).toEqual(new Set(['committed']));
    expect(engines.count('TransactWriteItems')).toBe(1);
  });

  test('are split at 100 items', async () => {
    const transactions = transactionsOf('one');
    const ids = Array.from({ length: 60 }, (_, n) => `event-${n}`);
    await Promise.all(ids.map((id) => transactions.commit(transaction(id, [increment(id)]))));
    expect(engines.calls.map(({ input }) => input.TransactItems.length)).toEqual([100, 20]);
  });

  test('do not decide each other: duplicates, failed conditions and claims are settled, the rest is written', async () => {
    await transactionsOf('one').commit(transaction('duplicate', [increment('duplicate')]));
    await transactionsOf('one').commit(transaction('occupant', [onlyOnce('occupied')]));
    await store({
      id: 'held',
      status: 'INPROGRESS',
      owner: 'x',
      in_progress_expiration: Date.now() + 9e4,
      expiration: 9e9,
    });
    await store({ id: 'free', status: 'RELEASED#1', expiration: 9e9 });
    const transactions = transactionsOf('two');
    const results = await Promise.allSettled([
      transactions.commit(transaction('a', [increment('a')])),
      transactions.commit(transaction('duplicate', [increment('duplicate')])),
      transactions.commit(transaction('b', [increment('b')])),
      transactions.commit(transaction('refused', [onlyOnce('occupied')])),
      transactions.commit(transaction('held', [increment('held')])),
      transactions.commit(transaction('free', [increment('free')])),
    ]);
    expect(results).toMatchObject([
      { value: 'committed' },
      { value: 'duplicate' },
      { value: 'committed' },
      { reason: expect.any(ConditionFailedError) },
      { reason: expect.any(ClaimedElsewhereError) },
      { value: 'committed' },
    ]);
    expect(await Promise.all(['a', 'b', 'duplicate', 'held', 'free'].map(effects))).toEqual([1, 1, 1, 0, 1]);
  });

  test('that touch the same item go one after the other', async () => {
    const transactions = transactionsOf('one');
    // the key of the table is known from here on
    await transactions.commit(transaction('first', [increment('row')]));
    engines.calls.length = 0;
    const results = await Promise.all(
      ['a', 'b', 'c'].map((id) => transactions.commit(transaction(id, [increment('row'), increment(id)]))),
    );
    expect(results).toEqual(['committed', 'committed', 'committed']);
    expect(await effects('row')).toBe(4);
    expect(engines.count('TransactWriteItems')).toBe(3);
  });

  test('that DynamoDB refuses as a whole are sent apart', async () => {
    const transactions = transactionsOf('one');
    const put = (value: string): TransactWriteItem => ({
      Put: { TableName: rows, Item: { id: { S: 'same' }, value: { S: value } } },
    });
    const results = await Promise.all(['a', 'b'].map((id) => transactions.commit(transaction(id, [put(id)]))));
    expect(results).toEqual(['committed', 'committed']);
    expect((await engines.dynamodb.send(new ScanCommand({ TableName: table }))).Count).toBe(2);
  });

  test('whose answer is lost are all known as committed when they are sent again', async () => {
    const ids = ['a', 'b', 'c'];
    const commitAll = (client?: DynamoDb) => {
      const transactions = transactionsOf('one', client);
      return Promise.allSettled(ids.map((id) => transactions.commit(transaction(id, [increment(id)]))));
    };
    expect((await commitAll(losingAnswers(1))).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'rejected',
    ]);
    expect(await commitAll()).toMatchObject(ids.map(() => ({ value: 'committed' })));
    expect(await Promise.all(ids.map(effects))).toEqual([1, 1, 1]);
  });

  test('that conflict with others are sent again, alone, and give up in the end', async () => {
    const conflict = new AwsError('TransactionCanceledException', 'cancelled', {
      status: 400,
      details: {
        CancellationReasons: [{ Code: 'None' }, { Code: 'TransactionConflict' }, { Code: 'None' }, { Code: 'None' }],
      },
    });
    const alone = new AwsError('TransactionCanceledException', 'cancelled', {
      status: 400,
      details: { CancellationReasons: [{ Code: 'TransactionConflict' }, { Code: 'None' }] },
    });
    const sent: number[] = [];
    const client = (failures: number) =>
      ({
        async call(_: string, input: { TransactItems: unknown[] }) {
          sent.push(input.TransactItems.length);
          if (sent.length > failures) return {};
          throw input.TransactItems.length === 4 ? conflict : alone;
        },
      }) as unknown as DynamoDb;
    const both = (transactions: ReturnType<typeof transactionsOf>) =>
      Promise.allSettled(['a', 'b'].map((id) => transactions.commit(transaction(id, [increment(id)]))));
    expect(await both(transactionsOf('one', client(1)))).toMatchObject([
      { value: 'committed' },
      { value: 'committed' },
    ]);
    expect(sent).toEqual([4, 2, 2]);
    sent.length = 0;
    const never = {
      call: async () => {
        throw alone;
      },
    } as unknown as DynamoDb;
    await expect(transactionsOf('one', never).commit(transaction('a', [increment('a')]))).rejects.toThrow(
      TransactionError,
    );
  });
});

describe('the failures of an event', () => {
  test('are counted, found, and forgotten', async () => {
    const transactions = transactionsOf('one');
    expect(await transactions.find('event')).toBeUndefined();
    await transactions.recordFailure('event', 0);
    await transactions.recordFailure('event', 1);
    expect(await transactions.find('event')).toEqual({ kind: 'free', failures: 2 });
    await transactions.forgetFailures('event', 2);
    expect(await transactions.find('event')).toBeUndefined();
  });
});
