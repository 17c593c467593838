import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { Engines } from './engines.ts';
import type { EventSource } from './event-sources/event-source.ts';
import type { EventSourceResource } from './resources.ts';

/** Milliseconds between two looks at whether everything is handled. */
const IDLE_INTERVAL = 100;

/**
 * Waits until no queue that something delivers from has a message left, and nothing is being handled.
 * @returns when that began, as `performance.now` counts; undefined when it was aborted
 */
export async function untilIdle(
  sources: readonly EventSource[],
  engines: Engines,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  let last = -1;
  let before: { delivered: number; at: number } | undefined;
  for (;;) {
    if (signal?.aborted) return undefined;
    const at = performance.now();
    const stats = sources.map((source) => source.stats());
    const delivered = stats.reduce((sum, source) => sum + source.delivered, 0);
    // Asking every queue costs what a delivery costs: nobody asks while the event sources are busy.
    const resting = delivered === last && stats.every(({ running, buffered }) => running + buffered === 0);
    last = delivered;
    const empty =
      resting && (await Promise.all(sources.map(({ resource }) => isEmpty(resource, engines)))).every(Boolean);
    // An event moves from queue to queue between two looks: only two empty looks with nothing delivered in between count.
    if (!empty) before = undefined;
    else if (before?.delivered === delivered) return before.at;
    else before = { delivered, at };
    await sleep(IDLE_INTERVAL, undefined, { signal }).catch(() => {});
  }
}

async function isEmpty({ queueUrl }: EventSourceResource, engines: Engines): Promise<boolean> {
  const { Attributes = {} } = await engines.clients.sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ],
    }),
  );
  return Object.values(Attributes).every((count) => Number(count) === 0);
}
