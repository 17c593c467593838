import type { OperatorAction } from '../operations/audit.ts';
import type { Configured } from '../operations/caller.ts';

/** Where actions are recorded, as the user said it. */
export interface RecordOptions {
  /** The table; it has to be there. */
  auditTable?: string;
  /** The environment, whose table is taken when there is one. */
  env?: string;
}

/** What the options that name the audit table say about it. */
export const AUDIT_TABLE_HELP =
  "the table to record it in (default: the environment's own, when there is one; env: BATON_AUDIT_TABLE)";

/** Who acts, by the credentials of a client. */
export async function caller(client: Configured): Promise<string> {
  const { callerOf } = await import('../operations/caller.ts');
  return await callerOf(client);
}

/**
 * Does what is recorded in the audit trail first. Without a table of that name for the environment, it says that nothing
 * is recorded, and does it all the same; a table that the user named has to be there.
 */
export async function onRecord<T>(
  { auditTable = process.env.BATON_AUDIT_TABLE, env }: RecordOptions,
  action: OperatorAction,
  work: () => Promise<T>,
  detailOf?: (result: T) => string | undefined,
): Promise<T> {
  const table = auditTable || (env === undefined ? undefined : `Baton-${env}-Foundation-Audit`);
  if (table === undefined) return await unrecorded(work);
  const [{ DynamoDBClient }, { audited }, { AuditMissingError }] = await Promise.all([
    import('@aws-sdk/client-dynamodb'),
    import('../operations/audit.ts'),
    import('../operations/errors.ts'),
  ]);
  const dynamodb = new DynamoDBClient({});
  try {
    return await audited({ dynamodb, table }, action, work, detailOf);
  } catch (error) {
    if (!(error instanceof AuditMissingError) || auditTable) throw error;
    return await unrecorded(work, table);
  } finally {
    dynamodb.destroy();
  }
}

/** Told afterwards: of what was not done nothing could be recorded. */
async function unrecorded<T>(work: () => Promise<T>, table?: string): Promise<T> {
  const { OperationError } = await import('../operations/errors.ts');
  const why = table === undefined ? 'no audit table is named' : `there is no table ${table}`;
  const tell = () => process.stderr.write(`Not recorded: ${why}. Name one with --audit-table or BATON_AUDIT_TABLE.\n`);
  try {
    const result = await work();
    tell();
    return result;
  } catch (error) {
    if (!(error instanceof OperationError)) tell();
    throw error;
  }
}
