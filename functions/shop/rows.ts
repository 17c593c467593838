import { type HandlerContext, StatementError } from '../../lib/runtime/index.ts';

/** The value of one attribute of a row. */
export type Field = string | number;

/**
 * Inserts a row of the shop's table, once: when a row with the same key is there already, an earlier attempt got this
 * far, and nothing changes. The inserts of a whole batch travel in one request.
 * @returns whether the row is new
 */
export async function insertOnce(
  context: HandlerContext,
  key: { pk: string; sk: string },
  fields: Record<string, Field>,
): Promise<boolean> {
  const row: [string, Field][] = Object.entries({ ...key, ...fields });
  const names = row.map(([name]) => `'${name}': ?`).join(', ');
  try {
    await context.execute({
      Statement: `INSERT INTO "${shopTable()}" VALUE {${names}}`,
      Parameters: row.map(([, value]) => (typeof value === 'number' ? { N: String(value) } : { S: value })),
    });
    return true;
  } catch (error) {
    if (error instanceof StatementError && error.code === 'DuplicateItem') return false;
    throw error;
  }
}

/** Whether a row of the shop's table is there now. The looks of a whole batch travel in one request. */
export async function isThere(context: HandlerContext, { pk, sk }: { pk: string; sk: string }): Promise<boolean> {
  const row = await context.read({
    Statement: `SELECT pk FROM "${shopTable()}" WHERE pk = ? AND sk = ?`,
    Parameters: [{ S: pk }, { S: sk }],
  });
  return row !== undefined;
}

/** The name of the shop's table, as the stack passes it. */
function shopTable(): string {
  const name = process.env.SHOP_TABLE;
  if (name === undefined) throw new Error('SHOP_TABLE is not set; the stack passes it to every function of the shop.');
  return name;
}
