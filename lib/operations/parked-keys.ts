import { type AttributeValue, type DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';

/** A key of a strictly ordered consumer that waits for an operator: its events go to the DLQ until it is released. */
export interface ParkedKey {
  consumer: string;
  key: string;
  /** The id of the event that failed, which all others follow. */
  headEvent: string;
  /** RFC 3339. */
  parkedAt: string;
  /** How often something was put into the DLQ for it since then: at least the letters that are there. */
  count: number;
  /** The redrive that is under way. */
  redrive?: string;
}

/** A {@link ParkedKey} as its consumer's runtime keeps it. */
export interface ParkedMarker extends ParkedKey {
  /** Message groups of the DLQ, oldest messages first; the last one takes what arrives. */
  lanes: readonly string[];
  /** The message id, in the consumer's queue, of the newest letter in the last lane. */
  last: string;
  /** The id of the control message that the consumer met last. */
  met?: string;
  /** What `count` was then. */
  metCount?: number;
}

/** Where markers are. */
export interface ParkedKeysProps {
  dynamodb: DynamoDBClient;
  /** The idempotency table. */
  table: string;
  /** @default all consumers that share the table */
  consumer?: string;
}

const PREFIX = 'parked#';

/**
 * Lists the keys that are parked. Reads the whole table, page by page: that costs what its size does, so it is for
 * operators, not for monitoring.
 */
export async function listParkedKeys({ dynamodb, table, consumer }: ParkedKeysProps): Promise<ParkedKey[]> {
  const found: ParkedKey[] = [];
  const pages = paginateScan(
    { client: dynamodb },
    {
      TableName: table,
      ConsistentRead: true,
      FilterExpression: 'begins_with(#id, :prefix)',
      ExpressionAttributeNames: { '#id': 'id' },
      ExpressionAttributeValues: { ':prefix': { S: consumer === undefined ? PREFIX : `${PREFIX}${consumer}#` } },
    },
  );
  for await (const { Items = [] } of pages) {
    for (const item of Items) {
      const { lanes: _lanes, last: _last, met: _met, metCount: _metCount, ...key } = readMarker(item);
      found.push(key);
    }
  }
  return found.sort((one, other) => one.parkedAt.localeCompare(other.parkedAt));
}

/** The id of a key's marker in the idempotency table. */
export function markerIdOf(consumer: string, key: string): string {
  return `${PREFIX}${consumer}#${key}`;
}

/** A marker as DynamoDB has it. Consumers are named without '#', so that the first one after the prefix ends the name. */
export function readMarker(item: Record<string, AttributeValue>): ParkedMarker {
  const [, consumer = '', key = ''] = /^parked#([^#]*)#(.*)$/s.exec(item.id?.S ?? '') ?? [];
  return {
    consumer,
    key,
    headEvent: item.headEvent?.S ?? 'unknown',
    parkedAt: item.parkedAt?.S ?? '',
    count: Number(item.count?.N ?? 0),
    lanes: (item.lanes?.L ?? []).map(({ S = '' }) => S),
    last: item.last?.S ?? '',
    ...(item.redrive?.S !== undefined && { redrive: item.redrive.S }),
    ...(item.met?.S !== undefined && { met: item.met.S }),
    ...(item.metCount?.N !== undefined && { metCount: Number(item.metCount.N) }),
  };
}
