import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { ConfigurationError } from '../errors.ts';
import { goesBack, type Outcome } from './outcome.ts';

/** What became of a batch. */
export interface BatchResult {
  outcomes: Map<SQSRecord, Outcome>;
  /** Names exactly the records that go back. */
  response: SQSBatchResponse;
}

/**
 * Handles the records of a batch, started in their order, so many at a time: what a record needs while it is handled is
 * there for that many of them, however large the batch.
 * @throws ConfigurationError when the event is none of SQS
 */
export async function processBatch(
  event: SQSEvent,
  handle: (record: SQSRecord) => Promise<Outcome>,
  concurrency: number,
): Promise<BatchResult> {
  const records = recordsOf(event);
  const outcomes = new Map<SQSRecord, Outcome>();
  const waiting = records.values();
  const work = async () => {
    for (const record of waiting) outcomes.set(record, await handle(record));
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, records.length) }, work));
  return {
    outcomes,
    response: {
      batchItemFailures: records
        .filter((record) => goesBack(outcomes.get(record)!))
        .map(({ messageId }) => ({ itemIdentifier: messageId })),
    },
  };
}

function recordsOf(event: SQSEvent): readonly SQSRecord[] {
  const records: unknown = event?.Records;
  if (!Array.isArray(records) || records.some((record) => record?.eventSource !== 'aws:sqs')) {
    throw new ConfigurationError(
      `This function was invoked with something else than a batch from SQS (${(JSON.stringify(event) ?? 'nothing').slice(0, 200)}). Invoke it through an SQS event source mapping.`,
    );
  }
  return records;
}
