import type { DynamoDBRecord } from 'aws-lambda';
import type { InvokeResult } from '../functions/invocation.ts';
import type { StreamSourceResource } from '../resources.ts';
import { verdictOf } from './partial-response.ts';

/** Records of a stream on their way through the function, in order: only the first chunk is ever tried. */
export interface Chunk {
  records: DynamoDBRecord[];
  /** Attempts that failed so far; splitting a batch does not count, and what gets further begins anew. */
  failures: number;
}

/** What an attempt at the first chunk leads to. */
export interface Step {
  /** The last record that is done with, if any. */
  settled?: string;
  /** How many records are done with. */
  done: number;
  /** What is still to do. */
  chunks: Chunk[];
  failed: boolean;
  /** Why the records of a chunk are given up. */
  givenUp?: string;
}

/**
 * What follows from an attempt ("Retain discarded records", "Reporting batch item failures for Lambda functions with a
 * DynamoDB trigger", AWS Lambda Developer Guide): a partial response begins again at the lowest sequence number that it lists;
 * another failure halves the chunk where that is asked for, and else tries all of it again, until its attempts are used up.
 */
export function stepAfter(
  result: Exclude<InvokeResult, { status: 'throttled' }>,
  [chunk, ...others]: readonly [Chunk, ...Chunk[]],
  resource: StreamSourceResource,
): Step {
  const { records, failures } = chunk;
  const from = result.status === 'succeeded' ? firstFailed(result.payload, records, resource) : 0;
  if (from === records.length)
    return { settled: sequenceOf(records.at(-1)!), done: from, chunks: others, failed: false };
  if (from > 0) {
    const rest = { records: records.slice(from), failures: 0 };
    return { settled: sequenceOf(records[from - 1]!), done: from, chunks: [rest, ...others], failed: true };
  }
  if (resource.bisectOnError && result.status === 'failed' && records.length > 1) {
    const middle = Math.ceil(records.length / 2);
    const halves = [records.slice(0, middle), records.slice(middle)].map((half) => ({ records: half, failures }));
    return { done: 0, chunks: [...halves, ...others], failed: true };
  }
  const { maximumRetryAttempts: most } = resource;
  if (most >= 0 && failures >= most) {
    const givenUp = `${records.length} records up to ${sequenceOf(records.at(-1)!)} failed ${failures + 1} times`;
    return { settled: sequenceOf(records.at(-1)!), done: 0, chunks: others, failed: true, givenUp };
  }
  return { done: 0, chunks: [{ records, failures: failures + 1 }, ...others], failed: true };
}

export function sequenceOf({ dynamodb }: DynamoDBRecord): string {
  return dynamodb?.SequenceNumber ?? '';
}

/** The index of the first record that is to be tried again; the number of records when there is none. */
function firstFailed(
  payload: unknown,
  records: readonly DynamoDBRecord[],
  { reportBatchItemFailures }: StreamSourceResource,
): number {
  if (!reportBatchItemFailures) return records.length;
  const verdict = verdictOf(payload, new Set(records.map(sequenceOf)));
  if (verdict.kind === 'success') return records.length;
  if (verdict.kind === 'failure') return 0;
  return records.findIndex((record) => verdict.failed.has(sequenceOf(record)));
}
