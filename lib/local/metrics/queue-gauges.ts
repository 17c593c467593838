import type { QueueAttributeName } from '@aws-sdk/client-sqs';
import type { Metric } from '../resources.ts';
import type { AlarmClock } from './alarm-clock.ts';
import type { MetricStore } from './metric-store.ts';

/** The metrics of AWS/SQS that are sampled here; their dimension is QueueName. */
export const QUEUE_METRICS = [
  'ApproximateNumberOfMessagesVisible',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
  'ApproximateAgeOfOldestMessage',
] as const;

export interface QueueGaugesProps {
  queues: readonly { name: string; url: string }[];
  /** Attributes of the queue at a URL. */
  attributesOf(queueUrl: string, names: QueueAttributeName[]): Promise<Partial<Record<string, string>>>;
  store: MetricStore;
  clock: AlarmClock;
  /**
   * When the oldest message of a queue was sent (ms of the wall clock), undefined when the queue is empty.
   * {@link oldestSentAt} says which messages count.
   */
  oldestMessageSentAt: (queueName: string) => number | undefined;
  /** Real ms between samples. @default half a minute of alarm time, within 100 ms and 1 s */
  intervalMs?: number;
  /** Called when a queue cannot be read, once until it can be read again. */
  onError?: (queueName: string, error: unknown) => void;
}

export interface QueueGauges {
  /** Reads every queue once; resolves when all samples are in the store. */
  sampleNow(): Promise<void>;
  /** Stops sampling; resolves when no request is under way. */
  stop(): Promise<void>;
}

/** Samples the gauges that SQS publishes to CloudWatch for every queue, empty ones included (as 0). */
export function startQueueGauges(props: QueueGaugesProps): QueueGauges {
  const { queues, attributesOf, store, clock, oldestMessageSentAt, onError } = props;
  const intervalMs = props.intervalMs ?? Math.min(1000, Math.max(100, 30_000 / clock.speed));
  const failing = new Set<string>();
  let underway: Promise<void> | undefined;
  let stopped = false;

  async function sample({ name, url }: { name: string; url: string }): Promise<void> {
    try {
      const attributes = await attributesOf(url, [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ]);
      if (stopped) return;
      const now = clock.now();
      const sentAt = oldestMessageSentAt(name);
      const age = sentAt === undefined ? 0 : Math.max(0, Math.floor((now - clock.toAlarmTime(sentAt)) / 1000));
      const gauges: Record<(typeof QUEUE_METRICS)[number], [value: number, unit: string]> = {
        ApproximateNumberOfMessagesVisible: [Number(attributes.ApproximateNumberOfMessages), 'Count'],
        ApproximateNumberOfMessagesNotVisible: [Number(attributes.ApproximateNumberOfMessagesNotVisible), 'Count'],
        ApproximateNumberOfMessagesDelayed: [Number(attributes.ApproximateNumberOfMessagesDelayed), 'Count'],
        ApproximateAgeOfOldestMessage: [age, 'Seconds'],
      };
      for (const metric of QUEUE_METRICS) {
        const [value, unit] = gauges[metric];
        store.sample(queueMetric(name, metric), value, now, { unit });
      }
      failing.delete(name);
    } catch (error) {
      if (!stopped && !failing.has(name)) {
        failing.add(name);
        onError?.(name, error);
      }
    }
  }

  function sampleNow(): Promise<void> {
    underway ??= Promise.all(queues.map(sample)).then(() => {
      underway = undefined;
    });
    return underway;
  }

  const timer = setInterval(() => void sampleNow(), intervalMs);
  timer.unref();
  return {
    sampleNow,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await underway;
    },
  };
}

/** A metric of AWS/SQS. */
export function queueMetric(queueName: string, name: (typeof QUEUE_METRICS)[number]): Metric {
  return { namespace: 'AWS/SQS', name, dimensions: { QueueName: queueName } };
}

/** What is known of a message that waits in a queue. */
export interface WaitingMessage {
  /** ms of the wall clock. */
  sentTimestamp: number;
  approximateReceiveCount: number;
}

/**
 * When the message was sent that ApproximateAgeOfOldestMessage speaks of. On a standard queue a message that was received
 * more than three times does not count, so that one poison pill cannot hide how old the others are ("Available CloudWatch
 * metrics for Amazon SQS"); on a FIFO queue every message counts. Pass those in flight too.
 */
export function oldestSentAt(messages: Iterable<WaitingMessage>, fifo = false): number | undefined {
  let oldest: number | undefined;
  for (const { sentTimestamp, approximateReceiveCount } of messages) {
    if (!fifo && approximateReceiveCount > 3) continue;
    if (oldest === undefined || sentTimestamp < oldest) oldest = sentTimestamp;
  }
  return oldest;
}
