import { setTimeout as delay } from 'node:timers/promises';
import type { SQSRecord } from 'aws-lambda';
import type { InvokeResult } from '../functions/invocation.ts';
import type { QueueSourceResource } from '../resources.ts';
import { batchBuffer } from './batch-buffer.ts';
import { duplicateInjector } from './duplicates.ts';
import { applySettings, backoff, type EventSource, type Invocable } from './event-source.ts';
import { compileFilters } from './filter-criteria.ts';
import { verdictOf } from './partial-response.ts';
import { recordOf } from './record.ts';
import { type QueueCalls, sourceQueue } from './source-queue.ts';

export interface QueueSourceOptions {
  queue: QueueCalls;
  fn: Invocable;
  /**
   * Concurrent invocations, at most; the mapping's maximum concurrency and the function's own win when they are lower.
   * @default 10
   */
  concurrency?: number;
  /**
   * Receives under way at a time. One keeps several invocations busy.
   * @default 1
   */
  pollers?: number;
  /**
   * How many of the handled records (0 to 1) are delivered a second time, as SQS may do at any time.
   * @default 0
   */
  duplicateRate?: number;
  /** @default Math.random */
  random?: () => number;
  /** Milliseconds. @default Date.now */
  clock?: () => number;
  /** Records that were handed to the function. */
  onDelivered?: (count: number) => void;
  /** What went wrong between the mapping and its queue, or in a response; the mapping goes on by itself. */
  onError?: (error: Error) => void;
}

/**
 * Polls a queue and invokes a function with batches of its messages, as Lambda does for an SQS event source:
 *
 * - A handled record is deleted. A record that a partial response lists stays in the queue with the visibility it has, so
 *   that the handler's own `ChangeMessageVisibility` holds. After a function error the whole batch stays, until its
 *   visibility timeout.
 * - Function errors reduce the concurrency by half, successes raise it again by one; not so with partial responses.
 * - A throttled batch is tried again until its visibility timeout is over.
 * - On a FIFO queue a message group is in one invocation at a time.
 *
 * @throws FilterPatternError when a filter pattern is not understood.
 */
export function startQueueSource(resource: QueueSourceResource, options: QueueSourceOptions): EventSource {
  const { fn, random = Math.random, clock = Date.now, pollers = 1, onError = () => {} } = options;
  const queue = sourceQueue(options.queue);
  const passes = compileFilters(resource.filters);
  const buffer = batchBuffer({
    get batchSize() {
      return resource.batchSize;
    },
    get windowMs() {
      return resource.windowSeconds * 1000;
    },
  });
  const duplicates = duplicateInjector(options.duplicateRate ?? 0, random);
  const counts = {
    received: 0,
    filtered: 0,
    delivered: 0,
    invocations: 0,
    failures: 0,
    throttles: 0,
    deleted: 0,
    left: 0,
  };
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  const maximum = (): number =>
    Math.min(resource.maximumConcurrency ?? 1_000, options.concurrency ?? 10, fn.concurrency ?? 1_000);
  let allowance = maximum();
  /** Aborted by a pause: whoever waits for messages need not any more. */
  let unwanted = new AbortController();
  let receiving = 0;
  let releasing = 0;
  let windowTimer: NodeJS.Timeout | undefined;
  let wake = Promise.withResolvers<void>();

  const report = (error: unknown): void => onError(error instanceof Error ? error : new Error(String(error)));
  const active = (): boolean => resource.enabled && !stopping.signal.aborted;
  // A function of concurrency 0 throttles; the mapping learns that by invoking it.
  const limit = (): number => Math.max(1, Math.min(allowance, maximum()));
  const changed = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const rest = (ms: number): Promise<void> => delay(ms, undefined, { signal: stopping.signal }).catch(() => {});

  const track = (work: Promise<void>): void => {
    const tracked = work.catch(report).finally(() => {
      running.delete(tracked);
      changed();
      pump();
    });
    running.add(tracked);
  };

  const remove = async (records: readonly SQSRecord[]): Promise<void> => {
    const kept = await queue.remove(records);
    if (kept.length > 0)
      report(new Error(`${resource.queueArn} did not delete ${kept.length} records: they come again`));
    counts.deleted += records.length - kept.length;
  };

  const release = async (records: readonly SQSRecord[]): Promise<void> => {
    if (records.length === 0) return;
    releasing += 1;
    await queue.release(records.toReversed()).finally(() => {
      releasing -= 1;
    });
  };

  const poll = async (): Promise<void> => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const room = resource.batchSize - buffer.size;
      if (!resource.enabled || room <= 0 || running.size + receiving >= limit()) {
        await wake.promise;
        continue;
      }
      receiving += 1;
      try {
        const messages = await queue.receive(room, unwanted.signal);
        failures = 0;
        if (messages.length > 0) await admit(messages.map((message) => recordOf(message, resource.queueArn)));
      } catch (error) {
        report(error);
        await rest(backoff(failures++));
      } finally {
        receiving -= 1;
      }
      pump();
    }
  };

  const admit = async (records: SQSRecord[]): Promise<void> => {
    counts.received += records.length;
    if (!active()) return release(records);
    const passed = resource.filters.length === 0 ? records : records.filter(passes);
    buffer.add(passed, clock());
    if (passed.length === records.length) return;
    const dropped = records.filter((record) => !passed.includes(record));
    counts.filtered += dropped.length;
    await remove(dropped);
  };

  /** Sends off every batch that is ready and has a place, and comes back when the next window ends. */
  const pump = (): void => {
    if (!active()) return;
    clearTimeout(windowTimer);
    while (running.size < limit()) {
      const batch = buffer.take(clock());
      if (batch === undefined) break;
      track(handle(batch));
    }
    const due = buffer.dueAt();
    if (due !== undefined && running.size < limit()) windowTimer = setTimeout(pump, Math.max(1, due - clock()));
  };

  const handle = async (batch: SQSRecord[]): Promise<void> => {
    const handled = await deliver(batch);
    const left = batch.filter((record) => !handled.has(record));
    counts.left += left.length;
    try {
      const again = [...handled].filter((record) => duplicates.chooses(record));
      const done = again.length === 0 ? [...handled] : [...handled].filter((record) => !again.includes(record));
      if (done.length > 0) await remove(done);
      await release(again);
    } finally {
      await release(buffer.settle(batch, left));
    }
  };

  /** Invokes the function with the batch. @returns the records that it handled. */
  const deliver = async (batch: SQSRecord[]): Promise<ReadonlySet<SQSRecord>> => {
    counts.delivered += batch.length;
    options.onDelivered?.(batch.length);
    const result = await invokeThroughThrottles(batch);
    if (result.status !== 'succeeded') {
      if (result.status === 'failed') counts.failures += 1;
      if (!resource.reportBatchItemFailures) allowance = Math.max(1, Math.floor(limit() / 2));
      // Never begun: a mapping that stops does not keep it from the next one.
      if (result.status === 'throttled' && !active()) await release(batch);
      return new Set();
    }
    allowance = Math.min(maximum(), allowance + 1);
    if (!resource.reportBatchItemFailures) return new Set(batch);
    const verdict = verdictOf(result.payload, new Set(batch.map(({ messageId }) => messageId)));
    if (verdict.kind === 'success') return new Set(batch);
    if (verdict.kind === 'partial') return new Set(batch.filter(({ messageId }) => !verdict.failed.has(messageId)));
    counts.failures += 1;
    report(new Error(`The response of ${resource.functionName} fails its whole batch: ${verdict.reason}`));
    return new Set();
  };

  const invokeThroughThrottles = async (batch: SQSRecord[]): Promise<InvokeResult> => {
    const startedAt = clock();
    for (let throttles = 0; ; throttles += 1) {
      counts.invocations += 1;
      const result = await fn.invoke({ Records: batch });
      if (result.status !== 'throttled') return result;
      counts.throttles += 1;
      allowance = Math.max(1, Math.floor(limit() / 2));
      const pause = backoff(throttles);
      if (!active() || clock() + pause > startedAt + (await queue.visibilityTimeoutMs())) return result;
      await rest(pause);
    }
  };

  const giveBack = (): Promise<void> => {
    clearTimeout(windowTimer);
    return release(buffer.drain()).catch(report);
  };

  const polling = Array.from({ length: pollers }, poll);
  const shutDown = async (): Promise<void> => {
    stopping.abort();
    unwanted.abort();
    changed();
    await Promise.all([...polling, giveBack()]);
    while (running.size > 0) await Promise.all(running);
    await giveBack();
  };
  let stopped: Promise<void> | undefined;

  return {
    resource,
    get state() {
      if (resource.enabled) return 'Enabled';
      return running.size + receiving + releasing + buffer.size === 0 ? 'Disabled' : 'Disabling';
    },
    pause() {
      resource.enabled = false;
      unwanted.abort();
      void giveBack();
    },
    resume() {
      resource.enabled = true;
      unwanted = new AbortController();
      changed();
      pump();
    },
    configure(settings) {
      applySettings(resource, settings);
      allowance = maximum();
      changed();
      pump();
    },
    isEmpty: () => queue.isEmpty(),
    stop() {
      stopped ??= shutDown();
      return stopped;
    },
    stats: () => ({ ...counts, duplicatesInjected: duplicates.count, running: running.size, buffered: buffer.size }),
  };
}
