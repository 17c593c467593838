import type { Context, DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { startDeadline } from '../batch/deadline.ts';
import { shardOf } from './outbox-entry.ts';
import type { RelayResult } from './relay.ts';
import { equipRelay, type RelayEquipment, type RelayOptions } from './relay-equipment.ts';

/** The Lambda handler of a relay behind the outbox's stream; called without records, by a schedule, it sweeps all shards. */
export type StreamRelay = (
  event: Partial<DynamoDBStreamEvent>,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<DynamoDBBatchResponse>;

/**
 * Makes a relay that the table's stream wakes. A stream record is a doorbell: what is published is read from the table, so
 * that nothing overtakes an older entry that is still pending, whatever the stream brings first or again.
 *
 * An event that the topic refuses as such does not hold up the stream: it waits in the table, and the sweep tries it again.
 * @throws ConfigurationError when the environment is incomplete; in a sweep, the error of a shard that could not be relayed
 */
export function createStreamRelay(options: RelayOptions = {}): StreamRelay {
  let equipment: RelayEquipment | undefined;
  return async ({ Records }, context) => {
    equipment ??= equipRelay(options);
    const { settings, meter, tracing } = equipment;
    const deadline = startDeadline(context);
    try {
      if (Records === undefined) {
        const every = Array.from({ length: settings.shards }, (_, shard) => shard);
        const results = await relayShards(every, equipment, deadline.signal);
        for (const result of results.values()) if (result instanceof Error) throw result;
        return { batchItemFailures: [] };
      }
      const rung = new Set(Records.map(shardOfRecord).filter((shard) => shard !== undefined));
      const results = await relayShards([...rung], equipment, deadline.signal);
      // Lambda begins again at the first one that is reported (source: AWS Lambda developer guide, partial batch response for DynamoDB)
      const failed = Records.find((record) => isPending(record, results));
      return {
        batchItemFailures: failed === undefined ? [] : [{ itemIdentifier: failed.dynamodb!.SequenceNumber! }],
      };
    } finally {
      deadline.close();
      meter.write();
      await tracing.flush();
    }
  };
}

type Results = ReadonlyMap<number, RelayResult | Error>;

async function relayShards(
  shards: readonly number[],
  equipment: RelayEquipment,
  signal: AbortSignal,
): Promise<Results> {
  const { relay, logger } = equipment;
  const results = await Promise.all(
    shards.map(async (shard): Promise<[number, RelayResult | Error]> => {
      try {
        return [shard, await relay(shard, signal)];
      } catch (cause) {
        const error = cause instanceof Error ? cause : new Error(String(cause));
        logger.error('A shard of the outbox could not be relayed.', { shard, error });
        return [shard, error];
      }
    }),
  );
  return new Map(results);
}

function shardOfRecord({ dynamodb }: DynamoDBRecord): number | undefined {
  return shardOf(dynamodb?.Keys?.pk?.S ?? '');
}

function isPending(record: DynamoDBRecord, results: Results): boolean {
  const shard = shardOfRecord(record);
  if (shard === undefined) return false;
  const result = results.get(shard);
  if (result === undefined || result instanceof Error || !result.drained) return true;
  return result.waiting.has(record.dynamodb!.Keys!.sk!.S!);
}

export const handler = createStreamRelay();
