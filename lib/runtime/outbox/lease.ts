import type { DynamoDb } from '../aws/clients.ts';

/** Who polls an outbox at the moment. Nothing depends on it but that things are not done twice. */
export interface Lease {
  /** Takes the lease, or renews it. @returns whether this owner has it now */
  acquire(): Promise<boolean>;
  /** Gives it up, so that the next owner need not wait for its end. */
  release(): Promise<void>;
}

/** How a lease is kept. */
export interface LeaseProps {
  dynamodb: DynamoDb;
  /** The outbox's table. */
  table: string;
  /** Different for every relay that runs. */
  owner: string;
  /** How long it lasts unless it is renewed, in milliseconds. */
  duration: number;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

const KEY = { pk: { S: 'relay' }, sk: { S: 'lease' } };
const NAMES = { '#owner': 'owner' };

/** The lease of an outbox: an item of its table. */
export function createLease({ dynamodb, table, owner, duration, clock }: LeaseProps): Lease {
  const number = (value: number) => ({ N: String(value) });
  const mine = { ':me': { S: owner } };
  return {
    acquire: () =>
      unlessRefused(
        dynamodb.call('UpdateItem', {
          TableName: table,
          Key: KEY,
          UpdateExpression: 'SET #owner = :me, #until = :until',
          ConditionExpression: 'attribute_not_exists(pk) OR #until < :now OR #owner = :me',
          ExpressionAttributeNames: { ...NAMES, '#until': 'until' },
          ExpressionAttributeValues: { ...mine, ':now': number(clock()), ':until': number(clock() + duration) },
        }),
      ),
    async release() {
      await unlessRefused(
        dynamodb.call('DeleteItem', {
          TableName: table,
          Key: KEY,
          ConditionExpression: '#owner = :me',
          ExpressionAttributeNames: NAMES,
          ExpressionAttributeValues: mine,
        }),
      );
    },
  };
}

async function unlessRefused(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if ((error as Error).name === 'ConditionalCheckFailedException') return false;
    throw error;
  }
}
