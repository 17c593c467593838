import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { ReleaseBusyError } from './errors.ts';
import { markerIdOf, type ParkedMarker, readMarker } from './parked-keys.ts';

/** What a lease on a marker works with. */
export interface MarkerLeaseProps {
  dynamodb: DynamoDBClient;
  table: string;
  consumer: string;
  key: string;
  /** Who holds it: unique for each run. */
  operator: string;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

/** The one operator at a time who may release a key. */
export interface MarkerLease {
  /**
   * Takes the lease, or goes on with it, and tells how things stand; undefined when the key is not parked (any more).
   * @throws ReleaseBusyError when somebody else holds it
   */
  touch(): Promise<ParkedMarker | undefined>;
  /** Starts a redrive; for a marker that has none, which only the holder of the lease can change. Undefined when it is gone. */
  beginRedrive(redriveId: string): Promise<ParkedMarker | undefined>;
  /** Takes a lane off the list, unless the list changed since. */
  dropLane(marker: ParkedMarker, lane: string): Promise<void>;
  /** Lets others have it. */
  end(): Promise<void>;
}

/** Longer than anything that happens between two touches. */
const LEASE_MS = 60_000;

/** A lease in the marker itself, so that it is gone when the marker is. */
export function createMarkerLease(props: MarkerLeaseProps): MarkerLease {
  const { dynamodb, table, consumer, key, operator, clock } = props;
  const Key = { id: { S: markerIdOf(consumer, key) } };
  const mine = { ':operator': { S: operator } };
  let taken = false;

  async function update(
    expression: string,
    values: Record<string, { S: string }> = {},
  ): Promise<ParkedMarker | undefined> {
    const now = clock();
    try {
      const { Attributes } = await dynamodb.send(
        new UpdateItemCommand({
          TableName: table,
          Key,
          UpdateExpression: `SET #operator = :operator, #until = :until${expression}`,
          // once taken, a marker without it is another one: the key was freed, and parked behind a new dead letter
          ConditionExpression: taken
            ? '#operator = :operator'
            : 'attribute_exists(#head) AND (attribute_not_exists(#operator) OR #operator = :operator OR #until < :now)',
          ExpressionAttributeNames: {
            '#operator': 'operator',
            '#until': 'operatorUntil',
            ...(!taken && { '#head': 'head' }),
            ...(expression.includes('#redrive') && { '#redrive': 'redrive' }),
          },
          ExpressionAttributeValues: {
            ...mine,
            ...values,
            ':until': { N: String(now + LEASE_MS) },
            ...(!taken && { ':now': { N: String(now) } }),
          },
          ReturnValues: 'ALL_NEW',
        }),
      );
      taken = true;
      return readMarker(Attributes!);
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      const { Item } = await dynamodb.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }));
      if (Item === undefined || (taken && Item.operator === undefined)) return undefined;
      // parked or freed between the two calls
      if (Item.operator === undefined) return await update(expression, values);
      const until = new Date(Number(Item.operatorUntil?.N ?? now)).toISOString();
      throw new ReleaseBusyError(
        `The key '${key}' of ${consumer} is being released by somebody else, who holds it until ${until}. Wait for that, then look again.`,
      );
    }
  }

  return {
    touch: () => update(''),
    beginRedrive: (redriveId) => update(', #redrive = :redrive', { ':redrive': { S: redriveId } }),
    async dropLane(marker, lane) {
      const list = (lanes: readonly string[]) => ({ L: lanes.map((S) => ({ S })) });
      await whenTrue(
        dynamodb.send(
          new UpdateItemCommand({
            TableName: table,
            Key,
            UpdateExpression: 'SET #lanes = :left',
            ConditionExpression: '#lanes = :seen AND #operator = :operator',
            ExpressionAttributeNames: { '#lanes': 'lanes', '#operator': 'operator' },
            ExpressionAttributeValues: {
              ...mine,
              ':seen': list(marker.lanes),
              ':left': list(marker.lanes.filter((one) => one !== lane)),
            },
          }),
        ),
      );
    },
    async end() {
      await whenTrue(
        dynamodb.send(
          new UpdateItemCommand({
            TableName: table,
            Key,
            UpdateExpression: 'REMOVE #operator, #until',
            ConditionExpression: '#operator = :operator',
            ExpressionAttributeNames: { '#operator': 'operator', '#until': 'operatorUntil' },
            ExpressionAttributeValues: mine,
          }),
        ),
      );
    },
  };
}

async function whenTrue(update: Promise<unknown>): Promise<void> {
  try {
    await update;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}
