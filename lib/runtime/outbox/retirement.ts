import type { WriteRequest } from '@aws-sdk/client-dynamodb';
import type { DynamoDb } from '../aws/clients.ts';
import { backoff, type Random } from '../batch/retry.ts';
import { RuntimeError } from '../errors.ts';
import { shardKey } from './outbox-entry.ts';

/** Entries that the topic has accepted could not be taken out of the outbox: they will be published again, under the same ids. */
export class RetirementError extends RuntimeError {
  override name = 'RetirementError';
}

/** BatchWriteItem takes 25 requests (source: Amazon DynamoDB API reference). */
const REQUESTS = 25;
const ATTEMPTS = 8;
/** Milliseconds. */
const BACKOFF = { base: 40, cap: 2_000 };

/**
 * Takes delivered entries out of their shard.
 * @param sortKeys of the entries
 * @throws RetirementError when DynamoDB leaves some of them unprocessed time and again
 */
export async function retire(
  dynamodb: DynamoDb,
  table: string,
  shard: number,
  sortKeys: readonly string[],
  random: Random,
): Promise<void> {
  const pk = { S: shardKey(shard) };
  const requests = sortKeys.map((sk): WriteRequest => ({ DeleteRequest: { Key: { pk, sk: { S: sk } } } }));
  const calls: Promise<void>[] = [];
  for (let start = 0; start < requests.length; start += REQUESTS) {
    calls.push(remove(dynamodb, table, requests.slice(start, start + REQUESTS), random));
  }
  // all of them have to end before the caller hears of one that failed
  const failed = (await Promise.allSettled(calls)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

async function remove(dynamodb: DynamoDb, table: string, requests: WriteRequest[], random: Random): Promise<void> {
  let open = requests;
  for (let attempt = 1; ; attempt++) {
    const { UnprocessedItems = {} } = await dynamodb.call('BatchWriteItem', { RequestItems: { [table]: open } });
    open = UnprocessedItems[table] ?? [];
    if (open.length === 0) return;
    if (attempt === ATTEMPTS) {
      throw new RetirementError(
        `${open.length} delivered entries are still in ${table} after ${attempt} attempts; they are published again, under the same ids. Look for throttled writes.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, backoff(attempt, BACKOFF, random)));
  }
}
