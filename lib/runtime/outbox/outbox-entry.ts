import { hash } from 'node:crypto';
import type { AttributeValue, CancellationReason, TransactWriteItem } from '@aws-sdk/client-dynamodb';
import type { Envelope } from '../../contracts/envelope.ts';
import type { ClaimCheck } from '../claim-check/claim-check.ts';
import { largestOf } from '../publish/message.ts';
import { fitEvents } from './fitting.ts';

/** Where a producer's outbox is. */
export interface OutboxProps {
  table: string;
  /** How many partitions the entries are spread over; the same number for every writer and relay of the table. */
  shards: number;
  /** Whether the entries of a key are kept in commit order whatever the writers' clocks say. Costs one write per key and commit. */
  fenced: boolean;
  /**
   * The largest event that the relay's topic takes, attributes included, in bytes.
   * @default BATON_OUTBOX_MAX_BYTES of the environment, or 262,144
   */
  maxBytes?: number;
  /** Where the data of events goes that would be too large. @default nowhere: they are refused */
  claimCheck?: ClaimCheck | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
}

/** What a commit adds to its transaction for the events it publishes. */
export interface OutboxEntries {
  /** In their present form: another one after each `adjust` that returned true. */
  readonly items: readonly TransactWriteItem[];
  /** Puts what the events refer to: to be awaited before the items are written. @default they have their data with them */
  readonly store?: () => Promise<void>;
  /**
   * Hears why its item at `position` was refused. A commit that repeats one whose answer was lost is refused here as well:
   * ask the guard's record first whether it is done already.
   * @param position among `items`, counted from 0
   * @returns true when the item has changed, so that the transaction is worth sending again
   */
  adjust(position: number, reason: CancellationReason): boolean;
}

/** The entries of a producer's outbox. */
export interface Outbox {
  /**
   * @throws PublishError when an event, or all events of one key together, are larger than what has to carry them, and no
   *   claim check makes them smaller: it could never be relayed, so it must not be committed
   */
  entriesFor(events: readonly Envelope[]): OutboxEntries;
}

/** Stamps are microseconds since the epoch: room for a thousand commits of one process in a millisecond. */
const STAMPS_PER_MS = 1_000;
const STAMP_DIGITS = 16;
const DAY_SECONDS = 86_400;
/** Bytes of a text within a key; sort keys have 1,024 in all (source: as above). */
const LONGEST_PART = 512;

/**
 * An outbox to commit to. Each key gets one entry a commit, in the partition of its shard, under a stamp that grows from commit to
 * commit. `fenced`, a second item per key holds the stamp of the key's newest entry: a writer whose clock is behind is refused
 * by it, and tries again just above. So a key's entries are stamped in the order in which they were committed.
 */
export function createOutbox({ table, shards, fenced, claimCheck, clock = Date.now, ...limits }: OutboxProps): Outbox {
  const maxBytes = limits.maxBytes ?? largestOf('BATON_OUTBOX_MAX_BYTES');
  let newest = 0;
  const nextStamp = () => {
    newest = Math.max(newest + 1, Math.floor(clock() * STAMPS_PER_MS));
    return newest;
  };
  return {
    entriesFor(events) {
      const { byKey, store } = fitEvents(events, maxBytes, claimCheck);
      const drafts = [...byKey].map(([key, { texts, firstId }]) => ({
        key,
        texts,
        firstId,
        stamp: nextStamp(),
      }));
      const itemsOf = (draft: (typeof drafts)[number]): TransactWriteItem[] => [
        { Put: { TableName: table, Item: entryItem(draft, shards, clock()) } },
        ...(fenced ? [fenceUpdate(table, draft)] : []),
      ];
      let items: TransactWriteItem[] | undefined;
      return {
        ...(store && {
          async store() {
            await store();
            // of the time of the commit, not of that before a long upload: entries of other commits went first meanwhile
            for (const draft of drafts) draft.stamp = nextStamp();
            items = undefined;
          },
        }),
        get items() {
          items ??= drafts.flatMap(itemsOf);
          return items;
        },
        adjust(position, { Code, Item }) {
          // entry, fence, entry, fence, ...
          const draft = drafts[(position - 1) / 2];
          if (!fenced || draft === undefined || Code !== 'ConditionalCheckFailed') return false;
          const last = Number(Item?.last?.N);
          if (!Number.isSafeInteger(last)) return false;
          newest = Math.max(newest, last);
          draft.stamp = nextStamp();
          items = undefined;
          return true;
        },
      };
    },
  };
}

/** The partition of a shard. */
export function shardKey(shard: number): string {
  return `shard#${shard}`;
}

/** The number of the shard with this partition; undefined when it is another kind of item. */
export function shardOf(partition: string): number | undefined {
  const [, number] = /^shard#(\d+)$/.exec(partition) ?? [];
  return number === undefined ? undefined : Number(number);
}

/** An entry as a relay finds it. */
export interface Entry {
  /** Its sort key: entries of one key in their order. */
  sk: string;
  key: string;
  /** Envelopes as JSON, in order. */
  events: readonly string[];
  /** Milliseconds since the epoch, by the writer's clock. */
  committedAt: number;
}

/** Reads an item of a shard. An entry that lacks something has no events: whoever relays it has to say so. */
export function readEntry({ sk, key, events, committedAt }: Record<string, AttributeValue>): Entry {
  return {
    sk: sk!.S!,
    key: key?.S ?? sk!.S!,
    events: (events?.L ?? []).map(({ S }) => S ?? ''),
    committedAt: Number(committedAt?.N ?? 0),
  };
}

interface Draft {
  key: string;
  texts: readonly string[];
  firstId: string;
  stamp: number;
}

function entryItem({ key, texts, firstId, stamp }: Draft, shards: number, now: number): Record<string, AttributeValue> {
  return {
    pk: { S: shardKey(shardOfKey(key, shards)) },
    sk: { S: `${String(stamp).padStart(STAMP_DIGITS, '0')}#${fitted(firstId)}` },
    events: { L: texts.map((S) => ({ S })) },
    key: { S: key },
    committedAt: { N: String(now) },
  };
}

function fenceUpdate(table: string, { key, stamp }: Draft): TransactWriteItem {
  // Reckoned from the stamp, not from a clock: a fence must not be gone before the stamps that it holds back are past.
  const expiration = Math.floor(stamp / STAMPS_PER_MS / 1_000) + DAY_SECONDS;
  return {
    Update: {
      TableName: table,
      Key: { pk: { S: `key#${fitted(key)}` }, sk: { S: 'fence' } },
      UpdateExpression: 'SET #last = :stamp, #expiration = :expiration',
      ConditionExpression: 'attribute_not_exists(pk) OR #last < :stamp',
      ExpressionAttributeNames: { '#last': 'last', '#expiration': 'expiration' },
      ExpressionAttributeValues: { ':stamp': { N: String(stamp) }, ':expiration': { N: String(expiration) } },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    },
  };
}

function shardOfKey(key: string, shards: number): number {
  return hash('sha1', key, 'buffer').readUInt32BE(0) % shards;
}

function fitted(text: string): string {
  return Buffer.byteLength(text) <= LONGEST_PART ? text : hash('sha256', text);
}
