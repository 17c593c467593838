import { setTimeout as delay } from 'node:timers/promises';
import { DescribeStreamCommand, type DynamoDBStreamsClient, type Shard } from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBRecord } from 'aws-lambda';
import type { StreamSourceResource } from '../resources.ts';
import { MAX_PAYLOAD_BYTES } from './batch-buffer.ts';
import { applySettings, backoff, type EventSource, type Invocable } from './event-source.ts';
import { compileFilters } from './filter-criteria.ts';
import { type Chunk, sequenceOf, stepAfter } from './stream-batches.ts';
import type { StreamPositions } from './stream-positions.ts';
import { streamRecordOf } from './stream-record.ts';
import { openShard, type StreamShard } from './stream-shard.ts';

/** Between two looks at a shard that had nothing, in milliseconds: Lambda polls shards 4 times a second. */
const POLL_MS = 250;

export interface StreamSourceOptions {
  streams: DynamoDBStreamsClient;
  fn: Invocable;
  /** What `awsRegion` says in records. */
  region: string;
  positions: StreamPositions;
  /** Milliseconds. @default Date.now */
  clock?: () => number;
  /** Milliseconds between two looks at a shard that had nothing. @default 250 */
  pollMs?: number;
  /** What went wrong between the mapping and its stream, and what was given up; the mapping goes on by itself. */
  onError?: (error: Error) => void;
}

/**
 * Reads the shards of a DynamoDB stream and invokes a function with batches of their records, as Lambda does: in order, one
 * batch of a shard at a time, a child shard after its parent. A failed batch holds up its shard until it succeeds or is
 * given up; {@link stepAfter} says how it is tried again. A mapping that is stopped goes on behind the last record that was done with.
 *
 * @throws FilterPatternError when a filter pattern is not understood.
 */
export function startStreamSource(resource: StreamSourceResource, options: StreamSourceOptions): EventSource {
  const { streams, fn, region, positions, clock = Date.now, pollMs = POLL_MS, onError = () => {} } = options;
  const passes = compileFilters(resource.filters);
  const counts = {
    received: 0,
    filtered: 0,
    delivered: 0,
    invocations: 0,
    failures: 0,
    throttles: 0,
    deleted: 0,
    left: 0,
    duplicatesInjected: 0,
  };
  const stopping = new AbortController();
  const shards = new Map<string, StreamShard>();
  const buffered = new Map<string, number>();
  let running = 0;
  let reading = 0;
  let wake = Promise.withResolvers<void>();

  const report = (error: unknown): void => onError(error instanceof Error ? error : new Error(String(error)));
  const active = (): boolean => resource.enabled && !stopping.signal.aborted;
  const changed = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  /** A pause ends it early. */
  const rest = async (ms: number): Promise<void> => {
    const rested = new AbortController();
    await Promise.race([delay(ms, undefined, { signal: rested.signal }).catch(() => {}), wake.promise]);
    rested.abort();
  };
  const recordOf = (record: Parameters<typeof streamRecordOf>[0]): DynamoDBRecord =>
    streamRecordOf(record, resource.streamArn, region);

  /** Tries the batch until all of it is done with or given up. @returns false when the mapping stopped before that. */
  const process = async (shard: StreamShard, batch: DynamoDBRecord[]): Promise<boolean> => {
    let chunks: Chunk[] = [{ records: batch, failures: 0 }];
    let attempts = 0;
    for (;;) {
      chunks = withoutExpired(chunks, shard);
      const [first, ...others] = chunks;
      if (first === undefined) return true;
      if (!active()) return false;
      running += 1;
      counts.delivered += first.records.length;
      counts.invocations += 1;
      const result = await fn.invoke({ Records: first.records }).finally(() => {
        running -= 1;
      });
      if (result.status === 'throttled') {
        counts.throttles += 1;
        await rest(backoff(attempts++));
        continue;
      }
      const step = stepAfter(result, [first, ...others], resource);
      chunks = step.chunks;
      counts.deleted += step.done;
      if (step.settled !== undefined) shard.settle(step.settled);
      if (!step.failed) {
        attempts = 0;
        continue;
      }
      if (step.done === 0) counts.failures += 1;
      counts.left += first.records.length - step.done;
      if (step.givenUp !== undefined) report(new Error(`${resource.path}: ${step.givenUp}, and are given up`));
      else await rest(backoff(attempts++));
    }
  };

  const withoutExpired = (chunks: Chunk[], shard: StreamShard): Chunk[] => {
    const [first, ...others] = chunks;
    if (first === undefined || resource.maximumRecordAgeSeconds < 0) return chunks;
    const oldest = clock() / 1000 - resource.maximumRecordAgeSeconds;
    const fresh = first.records.findIndex(
      ({ dynamodb }) => (dynamodb?.ApproximateCreationDateTime ?? oldest) >= oldest,
    );
    if (fresh === 0) return chunks;
    const expired = fresh === -1 ? first.records : first.records.slice(0, fresh);
    shard.settle(sequenceOf(expired.at(-1)!));
    report(new Error(`${resource.path}: ${expired.length} records are older than allowed, and are given up`));
    const left = first.records.slice(expired.length);
    return left.length > 0 ? [{ ...first, records: left }, ...others] : withoutExpired(others, shard);
  };

  /** @returns what may go to the function, and how many records there were; undefined at the end of a closed shard. */
  const read = async (shard: StreamShard, nothingPending: boolean) => {
    reading += 1;
    try {
      const records = (await shard.read())?.map(recordOf);
      if (records === undefined) return undefined;
      const passed = records.filter(passes);
      counts.received += records.length;
      counts.filtered += records.length - passed.length;
      if (nothingPending && passed.length === 0 && records.length > 0) shard.settle(sequenceOf(records.at(-1)!));
      return { passed, count: records.length };
    } finally {
      reading -= 1;
    }
  };

  /** Reads a shard to its end: which comes when it is closed, or the mapping stops. */
  const follow = async (shard: StreamShard): Promise<void> => {
    let pending: DynamoDBRecord[] = [];
    let since = 0;
    let open = true;
    let failures = 0;
    const startOver = (): void => {
      pending = [];
      open = true;
      shard.rewind();
    };
    while (!stopping.signal.aborted && (open || pending.length > 0)) {
      if (!resource.enabled) {
        // What was read and not handed over is read again.
        startOver();
        buffered.set(shard.id, 0);
        await wake.promise;
        continue;
      }
      try {
        let more = false;
        if (open && pending.length < resource.batchSize) {
          const found = await read(shard, pending.length === 0);
          open = found !== undefined;
          more = found !== undefined && found.count > 0;
          if (pending.length === 0) since = clock();
          pending.push(...(found?.passed ?? []));
        }
        failures = 0;
        const full = pending.length >= resource.batchSize || !open;
        const due = since + resource.windowSeconds * 1000 - clock();
        const batch = active() && (full || due <= 0) ? takeBatch(pending, resource.batchSize) : [];
        buffered.set(shard.id, pending.length);
        if (batch.length > 0) {
          if (!(await process(shard, batch))) startOver();
          since = clock();
        } else if (!more && open) {
          await rest(pending.length > 0 ? Math.min(pollMs, Math.max(1, due)) : pollMs);
        }
      } catch (error) {
        report(error);
        await rest(backoff(failures++));
      }
    }
    buffered.set(shard.id, 0);
  };

  /** Follows every shard that is new, and their children once they have ended. */
  const discover = async (fresh: boolean): Promise<void> => {
    const known = await shardsOf(streams, resource.streamArn);
    const ids = new Set(known.map(({ ShardId }) => ShardId));
    const opened = known.filter(
      ({ ShardId, ParentShardId }) => !shards.has(ShardId!) && !(ids.has(ParentShardId) && !ended.has(ParentShardId!)),
    );
    await Promise.all(
      opened.map(async ({ ShardId: shardId }) => {
        const shard = await openShard({ streams, resource, shardId: shardId!, fresh, positions });
        shards.set(shard.id, shard);
        following.push(
          follow(shard).then(() => {
            ended.add(shard.id);
            if (!stopping.signal.aborted) return discoverInTheEnd(true);
          }),
        );
      }),
    );
  };
  const discoverInTheEnd = async (fresh: boolean): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; failures += 1) {
      try {
        return await discover(fresh);
      } catch (error) {
        report(error);
        await rest(backoff(failures));
      }
    }
  };
  const ended = new Set<string>();
  const following: Promise<void>[] = [];
  const discovered = discoverInTheEnd(false);
  const bufferedNow = (): number => [...buffered.values()].reduce((sum, count) => sum + count, 0);
  let stopped: Promise<void> | undefined;

  return {
    resource,
    get state() {
      if (resource.enabled) return 'Enabled';
      return running + reading + bufferedNow() === 0 ? 'Disabled' : 'Disabling';
    },
    pause() {
      resource.enabled = false;
      changed();
    },
    resume() {
      resource.enabled = true;
      changed();
    },
    configure(settings) {
      applySettings(resource, settings);
      changed();
    },
    async isEmpty() {
      await discovered;
      for (const shard of shards.values()) {
        if (ended.has(shard.id)) continue;
        for await (const records of shard.unsettled()) if (records.map(recordOf).some(passes)) return false;
      }
      return true;
    },
    stop() {
      stopped ??= (async () => {
        stopping.abort();
        changed();
        await discovered;
        for (let count = 0; count < following.length; count = following.length) await Promise.all(following);
      })();
      return stopped;
    },
    stats: () => ({ ...counts, running, buffered: bufferedNow() }),
  };
}

async function shardsOf(streams: DynamoDBStreamsClient, StreamArn: string): Promise<Shard[]> {
  const shards: Shard[] = [];
  let ExclusiveStartShardId: string | undefined;
  do {
    const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn, ExclusiveStartShardId }));
    shards.push(...(StreamDescription?.Shards ?? []));
    ExclusiveStartShardId = StreamDescription?.LastEvaluatedShardId;
  } while (ExclusiveStartShardId !== undefined);
  return shards;
}

/** Takes from the front what Lambda would send at once: so many records, so many bytes, at least one. */
function takeBatch(pending: DynamoDBRecord[], batchSize: number): DynamoDBRecord[] {
  let bytes = 0;
  let count = 0;
  for (const record of pending) {
    bytes += Buffer.byteLength(JSON.stringify(record)) + 1;
    if (count === batchSize || (count > 0 && bytes > MAX_PAYLOAD_BYTES)) break;
    count += 1;
  }
  return pending.splice(0, count);
}
