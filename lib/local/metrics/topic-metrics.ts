import type { Metric } from '../resources.ts';
import type { TopicListener } from '../topics/topic-observer.ts';
import type { AlarmClock } from './alarm-clock.ts';
import type { MetricStore } from './metric-store.ts';
import { addValue, emptyStatisticSet, type StatisticSet } from './statistic.ts';

/** The metrics of AWS/SNS that are recorded here; their dimension is TopicName. */
export const TOPIC_METRICS = [
  'NumberOfMessagesPublished',
  'PublishSize',
  'NumberOfNotificationsDelivered',
  'NumberOfNotificationsFailed',
  'NumberOfNotificationsFilteredOut',
  'NumberOfNotificationsFilteredOut-NoMessageAttributes',
  'NumberOfNotificationsRedrivenToDlq',
  'NumberOfNotificationsFailedToRedriveToDlq',
] as const;

type TopicMetric = (typeof TOPIC_METRICS)[number];

export interface TopicMetricsProps {
  store: MetricStore;
  clock: AlarmClock;
  /** Real ms between two times that what was counted goes into the store. @default half a minute of alarm time, within 50 ms and 500 ms */
  intervalMs?: number;
}

export interface TopicMetrics extends TopicListener {
  /** Puts what was counted into the store. */
  flush(): void;
  stop(): void;
}

/**
 * Counts what SNS publishes to CloudWatch for a topic ("Amazon SNS metrics" in its developer guide). A message passes through
 * here at every publish, so it is counted in memory, and the store is told a few times a second.
 */
export function startTopicMetrics({ store, clock, ...props }: TopicMetricsProps): TopicMetrics {
  const intervalMs = props.intervalMs ?? Math.min(500, Math.max(50, 30_000 / clock.speed));
  const topics = new Map<string, Map<TopicMetric, StatisticSet>>();
  const newCounters = (topicArn: string) => {
    const counters = new Map(TOPIC_METRICS.map((name) => [name, emptyStatisticSet()]));
    topics.set(topicArn, counters);
    return counters;
  };
  const count = (topicArn: string, name: TopicMetric, value = 1) => {
    const counters = topics.get(topicArn) ?? newCounters(topicArn);
    addValue(counters.get(name)!, value);
  };
  const flush = () => {
    const now = clock.now();
    for (const [arn, counters] of topics) {
      for (const [name, set] of counters) {
        if (set.count === 0) continue;
        const unit = name === 'PublishSize' ? 'Bytes' : 'Count';
        store.putSet(topicMetric(arn.slice(arn.lastIndexOf(':') + 1), name), set, now, { unit });
        counters.set(name, emptyStatisticSet());
      }
    }
  };
  const timer = setInterval(flush, intervalMs);
  timer.unref();
  return {
    published(topicArn, bytes) {
      count(topicArn, 'NumberOfMessagesPublished');
      count(topicArn, 'PublishSize', bytes);
    },
    delivered: (topicArn) => count(topicArn, 'NumberOfNotificationsDelivered'),
    filteredOut(topicArn, { withoutAttributes }) {
      count(topicArn, 'NumberOfNotificationsFilteredOut');
      if (withoutAttributes) count(topicArn, 'NumberOfNotificationsFilteredOut-NoMessageAttributes');
    },
    failed(topicArn, { redriven }) {
      count(topicArn, 'NumberOfNotificationsFailed');
      if (redriven === true) count(topicArn, 'NumberOfNotificationsRedrivenToDlq');
      if (redriven === false) count(topicArn, 'NumberOfNotificationsFailedToRedriveToDlq');
    },
    flush,
    stop() {
      clearInterval(timer);
      flush();
    },
  };
}

/** A metric of AWS/SNS. */
export function topicMetric(topicName: string, name: TopicMetric): Metric {
  return { namespace: 'AWS/SNS', name, dimensions: { TopicName: topicName } };
}
