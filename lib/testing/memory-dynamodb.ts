import type * as dynamodb from '@aws-sdk/client-dynamodb';
import { AwsError } from '../runtime/aws/aws-error.ts';
import type { DynamoDb } from '../runtime/aws/clients.ts';
import type { Item } from '../runtime/aws/statements.ts';
import type { Attributes } from './attribute-values.ts';
import { readCondition } from './condition.ts';
import { UnsupportedError } from './errors.ts';
import type { MemoryTable } from './memory-table.ts';
import type { Bindings } from './operand.ts';
import { type PreparedStatement, prepare, StatementFailure } from './partiql.ts';
import { readUpdate } from './update.ts';
import { invalid } from './validation.ts';

/** Executes a statement that the in-memory tables cannot. Returns the item that a SELECT finds. */
export type OnStatement = (statement: dynamodb.BatchStatementRequest) => Item | undefined | Promise<Item | undefined>;

/** What the in-memory DynamoDB works with. */
export interface MemoryDynamoDbProps {
  /** @throws UnsupportedError when there is no such table */
  tableOf: (name: string) => MemoryTable;
  /** @default an error */
  onStatement?: OnStatement | undefined;
}

/** The operations by name. */
type Operation = (input: never, props: MemoryDynamoDbProps) => object | Promise<object>;

/** Source: TransactWriteItems, Amazon DynamoDB API reference. */
const TRANSACTION_ITEMS = 100;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  BatchExecuteStatement: executeStatements,
  BatchWriteItem: writeItems,
  DeleteItem: (input: dynamodb.DeleteItemInput, props) => write({ Delete: input as dynamodb.Delete }, input, props),
  GetItem: ({ TableName, Key }: dynamodb.GetItemInput, { tableOf }) => {
    const Item = tableOf(TableName!).get(Key!);
    return Item ? { Item } : {};
  },
  PutItem: (input: dynamodb.PutItemInput, props) => write({ Put: input as dynamodb.Put }, input, props),
  Query: query,
  TransactWriteItems: transact,
  UpdateItem: (input: dynamodb.UpdateItemInput, props) => write({ Update: input as dynamodb.Update }, input, props),
};

/** DynamoDB as far as a consumer needs it: on tables in memory, by the same expressions and statements, with its errors. */
export function createMemoryDynamoDb(props: MemoryDynamoDbProps): DynamoDb {
  return {
    async call(operation: string, input: object) {
      const perform = OPERATIONS[operation];
      if (perform === undefined) throw new UnsupportedError(`The in-memory DynamoDB has no ${operation}.`);
      // what is answered must not change when the caller changes what it sent
      return structuredClone(await perform(structuredClone(input) as never, props));
    },
  } as DynamoDb;
}

async function executeStatements(
  { Statements = [] }: dynamodb.BatchExecuteStatementInput,
  { tableOf, onStatement }: MemoryDynamoDbProps,
): Promise<dynamodb.BatchExecuteStatementOutput> {
  const prepared = Statements.map(({ Statement = '', Parameters = [] }) => {
    try {
      return prepare(Statement, Parameters, tableOf);
    } catch (error) {
      if (error instanceof UnsupportedError && onStatement) return undefined;
      if (!(error instanceof UnsupportedError)) throw error;
      throw new UnsupportedError(`${error.message} Give the world an onStatement that executes it.`);
    }
  });
  refuseTwins(prepared.filter((one) => one !== undefined));
  const Responses = await Promise.all(
    prepared.map(async (statement, position) => {
      const respond = (item: Item | undefined) => ({
        ...(statement && { TableName: statement.table.name }),
        ...(item && { Item: item }),
      });
      try {
        return respond(statement ? statement.execute() : await onStatement!(Statements[position]!));
      } catch (error) {
        if (error instanceof StatementFailure) return { Error: { Code: error.code, Message: error.message } };
        if (error instanceof AwsError) return { Error: { Code: 'ValidationError', Message: error.message } };
        throw error;
      }
    }),
  );
  return { Responses: Responses as dynamodb.BatchStatementResponse[] };
}

function refuseTwins(prepared: readonly PreparedStatement[]): void {
  const items = prepared.map(({ table, key }) => `${table.name}/${table.identify(key)}`);
  if (new Set(items).size < items.length) invalid('Provided list of item keys contains duplicates');
}

function writeItems(
  { RequestItems = {} }: dynamodb.BatchWriteItemInput,
  { tableOf }: MemoryDynamoDbProps,
): dynamodb.BatchWriteItemOutput {
  for (const [name, requests] of Object.entries(RequestItems)) {
    const table = tableOf(name);
    for (const { PutRequest, DeleteRequest } of requests) {
      if (PutRequest) table.put(PutRequest.Item!);
      if (DeleteRequest) table.delete(DeleteRequest.Key!);
    }
  }
  return {};
}

function query(input: dynamodb.QueryInput, { tableOf }: MemoryDynamoDbProps): dynamodb.QueryOutput {
  if (input.IndexName) throw new UnsupportedError(`The in-memory DynamoDB has no indexes: '${input.IndexName}'.`);
  const table = tableOf(input.TableName!);
  const isWanted = readCondition(input.KeyConditionExpression, bindingsOf(input));
  const isKept = readCondition(input.FilterExpression, bindingsOf(input));
  let items = table.all().filter(isWanted.holds);
  if (input.ScanIndexForward === false) items.reverse();
  const start = input.ExclusiveStartKey && table.identify(input.ExclusiveStartKey);
  if (start !== undefined) items = items.slice(items.findIndex((item) => table.identify(item) === start) + 1);
  const page = items.slice(0, input.Limit ?? items.length);
  const found = page.filter(isKept.holds);
  return {
    Items: found,
    Count: found.length,
    ScannedCount: page.length,
    ...(page.length < items.length && { LastEvaluatedKey: table.keyOf(page.at(-1)!) }),
  };
}

/** One write outside a transaction. */
function write(
  item: dynamodb.TransactWriteItem,
  { ReturnValues, ReturnValuesOnConditionCheckFailure }: dynamodb.UpdateItemInput | dynamodb.PutItemInput,
  props: MemoryDynamoDbProps,
): { Attributes?: Attributes } {
  const planned = plan(item, props);
  const old = planned.table.get(planned.key);
  if (!planned.holds(old)) {
    const details = ReturnValuesOnConditionCheckFailure === 'ALL_OLD' && old ? { Item: old } : {};
    throw new AwsError('ConditionalCheckFailedException', 'The conditional request failed', { status: 400, details });
  }
  const next = planned.make(old);
  planned.apply(next);
  if (ReturnValues === undefined || ReturnValues === 'NONE') return {};
  if (ReturnValues === 'ALL_OLD') return old ? { Attributes: old } : {};
  if (ReturnValues === 'ALL_NEW') return next ? { Attributes: next } : {};
  throw new UnsupportedError(`The in-memory DynamoDB returns ALL_OLD or ALL_NEW, not ${ReturnValues}.`);
}

function transact(
  { TransactItems = [] }: dynamodb.TransactWriteItemsInput,
  props: MemoryDynamoDbProps,
): dynamodb.TransactWriteItemsOutput {
  if (TransactItems.length > TRANSACTION_ITEMS) {
    invalid(`Member must have length less than or equal to ${TRANSACTION_ITEMS}`);
  }
  const plans = TransactItems.map((item) => plan(item, props));
  const items = plans.map(({ table, key }) => `${table.name}/${table.identify(key)}`);
  if (new Set(items).size < items.length) {
    invalid('Transaction request cannot include multiple operations on one item');
  }
  const reasons = plans.map(({ table, key, holds, returnsOld }) => {
    const old = table.get(key);
    if (holds(old)) return { Code: 'None' };
    const Message = 'The conditional request failed';
    return { Code: 'ConditionalCheckFailed', Message, ...(returnsOld && old && { Item: old }) };
  });
  if (reasons.some(({ Code }) => Code !== 'None')) {
    throw new AwsError(
      'TransactionCanceledException',
      `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons.map(({ Code }) => Code).join(', ')}]`,
      { status: 400, details: { CancellationReasons: reasons } },
    );
  }
  const results = plans.map(({ table, key, make }) => make(table.get(key)));
  plans.forEach(({ apply }, position) => {
    apply(results[position]);
  });
  return {};
}

/** A write that was understood and not made yet. */
interface Plan {
  table: MemoryTable;
  key: Attributes;
  holds(old: Attributes | undefined): boolean;
  /** The item as it will be; undefined when it will be gone. */
  make(old: Attributes | undefined): Attributes | undefined;
  apply(next: Attributes | undefined): void;
  returnsOld: boolean;
}

function plan(
  { Put, Update, Delete, ConditionCheck }: dynamodb.TransactWriteItem,
  { tableOf }: MemoryDynamoDbProps,
): Plan {
  const request = Put ?? Update ?? Delete ?? ConditionCheck;
  if (request === undefined) return invalid('A transaction item must have exactly one operation');
  const table = tableOf(request.TableName!);
  const condition = readCondition(request.ConditionExpression, bindingsOf(request));
  const key = table.keyOf(Put?.Item ?? Update?.Key ?? Delete?.Key ?? ConditionCheck?.Key ?? {});
  table.identify(key);
  const change = readUpdate(Update?.UpdateExpression, bindingsOf(request));
  return {
    table,
    key,
    holds: condition.holds,
    make(old) {
      if (Put) return Put.Item!;
      if (Delete) return undefined;
      if (!Update) return old;
      const next = change(old ?? key);
      if (table.identify(next) !== table.identify(key)) invalid('Cannot update an attribute that is part of the key');
      return next;
    },
    apply(next) {
      if (next === undefined) table.delete(key);
      else table.put(next);
    },
    returnsOld: request.ReturnValuesOnConditionCheckFailure === 'ALL_OLD',
  };
}

function bindingsOf(input: {
  ExpressionAttributeNames?: Record<string, string> | undefined;
  ExpressionAttributeValues?: Attributes | undefined;
}): Bindings {
  return { names: input.ExpressionAttributeNames, values: input.ExpressionAttributeValues };
}
