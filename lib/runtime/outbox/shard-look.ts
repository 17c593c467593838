import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { DynamoDb } from '../aws/clients.ts';
import { type Entry, readEntry, shardKey } from './outbox-entry.ts';

/** What one reading of a shard found. */
export interface Look {
  /** Oldest first. */
  entries: readonly Entry[];
  /** Whether the reading came to the shard's end. */
  complete: boolean;
}

/** Characters of events that one look holds at most, or one entry if that is larger: eight shards share a function's memory. */
const MOST_TEXT = 4_000_000;

/**
 * Reads a shard from its start, strongly consistent, until it has found so many entries that are wanted.
 * Always from the start: a cursor would pass by what a writer with a slow clock commits behind it.
 */
export async function lookAtShard(
  dynamodb: DynamoDb,
  table: string,
  shard: number,
  depth: number,
  isWanted: (entry: Entry) => boolean,
): Promise<Look> {
  const entries: Entry[] = [];
  let text = 0;
  let from: Record<string, AttributeValue> | undefined;
  do {
    const { Items = [], LastEvaluatedKey } = await dynamodb.call('Query', {
      TableName: table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: shardKey(shard) } },
      ConsistentRead: true,
      Limit: depth,
      ...(from && { ExclusiveStartKey: from }),
    });
    for (const item of Items) {
      const entry = readEntry(item);
      if (!isWanted(entry)) continue;
      entries.push(entry);
      for (const event of entry.events) text += event.length;
    }
    from = LastEvaluatedKey;
  } while (from !== undefined && entries.length < depth && text < MOST_TEXT);
  return { entries, complete: from === undefined };
}
