import {
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type _Record as StreamRecord,
} from '@aws-sdk/client-dynamodb-streams';
import type { StreamSourceResource } from '../resources.ts';
import type { StreamPositions } from './stream-positions.ts';

/** Records of one call, at most (GetRecords). */
const MAX_RECORDS = 1_000;

/** A shard of a stream, read from its last settled record on. */
export interface StreamShard {
  readonly id: string;
  /** The next records; undefined at the end of a shard that is closed. */
  read(): Promise<StreamRecord[] | undefined>;
  /** Everything up to this record is done with. */
  settle(sequenceNumber: string): void;
  /** Reads again what was read and not settled. */
  rewind(): void;
  /** What is behind the last settled record, page by page, without moving on. */
  unsettled(): AsyncGenerator<StreamRecord[]>;
}

export interface StreamShardProps {
  streams: DynamoDBStreamsClient;
  resource: StreamSourceResource;
  shardId: string;
  /** A shard that came to be after the mapping is read from its beginning. */
  fresh: boolean;
  positions: StreamPositions;
}

/** Where to begin is settled before this resolves: `LATEST` is what comes after now. */
export async function openShard(props: StreamShardProps): Promise<StreamShard> {
  const { streams, resource, shardId, fresh, positions } = props;
  const iteratorAt = async (position: { type: 'TRIM_HORIZON' | 'LATEST' } | { after: string }) => {
    const { ShardIterator } = await streams.send(
      new GetShardIteratorCommand({
        StreamArn: resource.streamArn,
        ShardId: shardId,
        ...('after' in position
          ? { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: position.after }
          : { ShardIteratorType: position.type }),
      }),
    );
    return ShardIterator;
  };
  const begin = { type: fresh ? ('TRIM_HORIZON' as const) : resource.startingPosition };
  let first = await iteratorAt(begin);
  let next: string | undefined;

  /** An iterator behind the last settled record. */
  const settledIterator = async (): Promise<string | undefined> => {
    const settled = positions.get(resource.uuid, shardId);
    if (settled === undefined) return first;
    try {
      return await iteratorAt({ after: settled });
    } catch (error) {
      // Older than what the stream keeps: the oldest that is left.
      if ((error as Error).name === 'TrimmedDataAccessException') return await iteratorAt({ type: 'TRIM_HORIZON' });
      throw error;
    }
  };
  const page = async (iterator: string) => {
    const { Records = [], NextShardIterator } = await streams.send(
      new GetRecordsCommand({ ShardIterator: iterator, Limit: Math.min(MAX_RECORDS, resource.batchSize) }),
    );
    return { records: Records, next: NextShardIterator };
  };

  return {
    id: shardId,
    async read() {
      const iterator = next ?? (await settledIterator());
      if (iterator === undefined) return undefined;
      try {
        const { records, next: following } = await page(iterator);
        next = following;
        if (following === undefined && records.length === 0) return undefined;
        return records;
      } catch (error) {
        next = undefined;
        // It lives for minutes only; without a settled record there is nothing but the beginning to go back to.
        if ((error as Error).name === 'ExpiredIteratorException') first = await iteratorAt(begin);
        throw error;
      }
    },
    settle: (sequenceNumber) => positions.set(resource.uuid, shardId, sequenceNumber),
    rewind() {
      next = undefined;
    },
    async *unsettled() {
      let iterator = await settledIterator();
      while (iterator !== undefined) {
        const { records, next: following } = await page(iterator);
        if (records.length === 0) return;
        yield records;
        iterator = following;
      }
    },
  };
}
