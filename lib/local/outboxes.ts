import { type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import type { Resources } from './resources.ts';

/** The outboxes that functions commit events to: what is in them is on its way, although no queue shows it. */
export interface Outboxes {
  isEmpty(): Promise<boolean>;
}

/** Finds the outboxes by the variables that every producer is given. */
export function outboxesOf({ functions }: Pick<Resources, 'functions'>, dynamodb: DynamoDBClient): Outboxes {
  const shards = new Set(
    functions.flatMap(({ environment: { BATON_OUTBOX_TABLE: table, BATON_OUTBOX_SHARDS: count } }) =>
      table === undefined ? [] : Array.from({ length: Number(count) || 0 }, (_, shard) => `${table} shard#${shard}`),
    ),
  );
  const holdsNothing = async (shard: string): Promise<boolean> => {
    const [TableName, pk] = shard.split(' ');
    const { Count } = await dynamodb.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': { S: pk! } },
        Select: 'COUNT',
        Limit: 1,
      }),
    );
    return Count === 0;
  };
  return {
    async isEmpty() {
      return (await Promise.all([...shards].map(holdsNothing))).every(Boolean);
    },
  };
}
