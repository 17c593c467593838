import type { AttributeValue, TransactWriteItem } from '@aws-sdk/client-dynamodb';
import type { HandlerContext } from '../../lib/runtime/index.ts';

/** The value of one attribute of a row. */
export type Field = string | number;

/** Names a row of the shop's table. */
export interface RowKey {
  pk: string;
  sk: string;
}

/** Writes a row of the shop's table, as part of a commit. */
export function putRow(key: RowKey, fields: Record<string, Field>): TransactWriteItem {
  return { Put: { TableName: shopTable(), Item: attributesOf({ ...key, ...fields }) } };
}

/** The same, provided that the row is not there yet. */
export function insertRow(key: RowKey, fields: Record<string, Field>): TransactWriteItem {
  const { Put } = putRow(key, fields);
  return { Put: { ...Put!, ConditionExpression: 'attribute_not_exists(pk)' } };
}

/** Whether a row of the shop's table is there now. The looks of a whole batch travel in one request. */
export async function isThere(context: HandlerContext, { pk, sk }: RowKey): Promise<boolean> {
  const row = await context.read({
    Statement: `SELECT pk FROM "${shopTable()}" WHERE pk = ? AND sk = ?`,
    Parameters: [{ S: pk }, { S: sk }],
  });
  return row !== undefined;
}

function attributesOf(row: Record<string, Field>): Record<string, AttributeValue> {
  const attributes = Object.entries(row).map(([name, value]): [string, AttributeValue] => [
    name,
    typeof value === 'number' ? { N: String(value) } : { S: value },
  ]);
  return Object.fromEntries(attributes);
}

/** The name of the shop's table, as the stack passes it. */
function shopTable(): string {
  const name = process.env.SHOP_TABLE;
  if (name === undefined) throw new Error('SHOP_TABLE is not set; the stack passes it to every function of the shop.');
  return name;
}
