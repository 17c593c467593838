/** Which messages of a batch failed. */
export type BatchVerdict =
  | { kind: 'success' }
  | { kind: 'partial'; failed: ReadonlySet<string> }
  | { kind: 'failure'; reason: string };

/**
 * Reads a function's answer under `ReportBatchItemFailures` as Lambda does ("Handling errors for an SQS event source in
 * Lambda", AWS Lambda Developer Guide): an empty or null answer, or list, is success; an identifier that is empty, null,
 * under another key, or of no message of the batch makes the whole batch a failure.
 */
export function verdictOf(payload: unknown, messageIds: ReadonlySet<string>): BatchVerdict {
  if (payload === null || payload === undefined || payload === '') return { kind: 'success' };
  if (typeof payload !== 'object' || Array.isArray(payload))
    return { kind: 'failure', reason: 'the response is not an object' };
  if (!('batchItemFailures' in payload)) return { kind: 'success' };
  const failures = payload.batchItemFailures;
  if (failures === null || failures === undefined) return { kind: 'success' };
  if (!Array.isArray(failures)) return { kind: 'failure', reason: 'batchItemFailures is not a list' };
  const failed = new Set<string>();
  for (const failure of failures as unknown[]) {
    const id =
      typeof failure === 'object' && failure !== null && 'itemIdentifier' in failure
        ? failure.itemIdentifier
        : undefined;
    if (typeof id !== 'string' || !messageIds.has(id)) {
      return {
        kind: 'failure',
        reason: `${JSON.stringify(failure)} in batchItemFailures names no message of the batch`,
      };
    }
    failed.add(id);
  }
  return failed.size === 0 ? { kind: 'success' } : { kind: 'partial', failed };
}
