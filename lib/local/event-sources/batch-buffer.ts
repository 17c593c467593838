import type { SQSRecord } from 'aws-lambda';

/** Lambda's limit on the payload of an invocation, in bytes. */
export const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024;
/** Around the records: `{"Records":[]}`. */
const FRAME_BYTES = 14;
/** What else a record consists of, its ids, names and ARN: amply. */
const RECORD_CHARACTERS = 2_000;
/** What else a message attribute consists of: amply. */
const ATTRIBUTE_CHARACTERS = 100;

interface Item {
  record: SQSRecord;
  since: number;
  /** Known once it mattered. */
  bytes?: number;
}

export interface BatchLimits {
  /** Records in a batch, at most. */
  batchSize: number;
  /** How long the first record of a batch waits for others, in milliseconds; 0 sends what one receive brought. */
  windowMs: number;
  /** @default 6 MiB */
  maxBytes?: number;
}

/**
 * Received records on their way into batches. A batch is ready when it has its size, its bytes, or its window has run
 * out. A message group is in one batch at a time: while that runs, later records of the group wait here.
 */
export interface BatchBuffer {
  readonly size: number;
  add(records: readonly SQSRecord[], now: number): void;
  /** The next batch that is ready at `now` (milliseconds), if any. Its message groups are busy until `settle`. */
  take(now: number): SQSRecord[] | undefined;
  /** When the next batch is ready at the latest; in milliseconds. */
  dueAt(): number | undefined;
  /**
   * Frees the groups of a batch that `take` gave.
   * @returns what waited here behind a record that is `left` in the queue: it must go back too, or it would overtake.
   */
  settle(batch: readonly SQSRecord[], left: readonly SQSRecord[]): SQSRecord[];
  /** Empties the buffer. */
  drain(): SQSRecord[];
}

/** The limits are read anew for every batch, so that they may change. */
export function batchBuffer(limits: BatchLimits): BatchBuffer {
  let waiting: Item[] = [];
  const busyGroups = new Set<string>();
  const isFree = ({ record }: { record: SQSRecord }): boolean => !busyGroups.has(groupOf(record) ?? '');

  return {
    get size() {
      return waiting.length;
    },
    add(records, now) {
      for (const record of records) waiting.push({ record, since: now });
    },
    take(now) {
      const { batchSize, windowMs, maxBytes = MAX_PAYLOAD_BYTES } = limits;
      const free = busyGroups.size === 0 ? waiting : waiting.filter(isFree);
      const [first] = free;
      if (first === undefined) return undefined;
      const count = fitting(free, batchSize, maxBytes);
      const full = count === batchSize || count < free.length;
      if (!full && now < first.since + windowMs) return undefined;
      const batch = free.slice(0, count).map(({ record }) => record);
      const taken = new Set(batch);
      waiting = waiting.filter(({ record }) => !taken.has(record));
      for (const group of groupsOf(batch)) busyGroups.add(group);
      return batch;
    },
    dueAt() {
      const first = waiting.find(isFree);
      return first === undefined ? undefined : first.since + limits.windowMs;
    },
    settle(batch, left) {
      for (const group of groupsOf(batch)) busyGroups.delete(group);
      const blocked = groupsOf(left);
      if (blocked.size === 0) return [];
      const isBlocked = (record: SQSRecord): boolean => blocked.has(groupOf(record) ?? '');
      const overtaking = waiting.map(({ record }) => record).filter(isBlocked);
      waiting = waiting.filter(({ record }) => !isBlocked(record));
      return overtaking;
    },
    drain() {
      return waiting.splice(0).map(({ record }) => record);
    },
  };
}

/** How many of the first records go into one batch; one that is too large alone still goes: it is Lambda that refuses it. */
function fitting(items: readonly Item[], batchSize: number, maxBytes: number): number {
  const most = Math.min(batchSize, items.length);
  let bound = FRAME_BYTES;
  for (let index = 0; index < most; index += 1) bound += boundOf(items[index]!.record);
  if (bound <= maxBytes) return most;
  let bytes = FRAME_BYTES;
  for (let count = 0; count < most; count += 1) {
    const item = items[count]!;
    item.bytes ??= Buffer.byteLength(JSON.stringify(item.record)) + 1;
    bytes += item.bytes;
    if (count > 0 && bytes > maxBytes) return count;
  }
  return most;
}

/** No character takes more than 6 bytes of JSON: what a record cannot exceed is known without writing it. */
function boundOf({ body, attributes, messageAttributes }: SQSRecord): number {
  let characters = body.length + RECORD_CHARACTERS;
  for (const value of Object.values(attributes)) characters += String(value).length;
  for (const [name, { stringValue, binaryValue, dataType }] of Object.entries(messageAttributes)) {
    characters += name.length + dataType.length + ATTRIBUTE_CHARACTERS;
    characters += (stringValue?.length ?? 0) + (binaryValue?.length ?? 0);
  }
  return characters * 6;
}

/** Standard queues know message groups too (fair queues), but only on a FIFO queue do they come with a sequence number. */
function groupOf({ attributes }: SQSRecord): string | undefined {
  return attributes.SequenceNumber === undefined ? undefined : attributes.MessageGroupId;
}

function groupsOf(records: readonly SQSRecord[]): Set<string> {
  return new Set(records.flatMap((record) => groupOf(record) ?? []));
}
