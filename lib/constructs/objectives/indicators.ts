import type { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as sns from 'aws-cdk-lib/aws-sns';
import { type ConsumerMetric, runtimeMetric } from '../alarms/consumer-metrics.ts';

/** What an objective counts: all events that matter to it, and the bad ones among them, as sums of metrics by id. */
export interface Indicator {
  readonly total: readonly string[];
  readonly bad: readonly string[];
  readonly metrics: Readonly<Record<string, cloudwatch.Metric>>;
}

/** CloudWatch takes 10 metrics an alarm (source: Amazon CloudWatch user guide, "Limits" of alarms); a topic has two. */
export const MOST_TOPICS = 5;

/**
 * Of what a flow's consumers were done with, what was handled. An event that is dead-lettered, or parked behind a dead letter
 * of its key, was not.
 */
export function successIndicator(flow: string): Indicator {
  const metrics = {
    handled: flowMetric(flow, 'Handled'),
    deadLettered: flowMetric(flow, 'DeadLettered'),
    parked: flowMetric(flow, 'Parked'),
  };
  return { total: ['handled', 'deadLettered', 'parked'], bad: ['deadLettered', 'parked'], metrics };
}

/** Of what a flow's consumers handled, what was in time. */
export function latencyIndicator(flow: string): Indicator {
  const metrics = { handled: flowMetric(flow, 'Handled'), late: flowMetric(flow, 'Late') };
  return { total: ['handled'], bad: ['late'], metrics };
}

/** Of what topics tried to hand over, what arrived: every subscription counts, and what a filter holds back does not. */
export function deliveryIndicator(topics: readonly sns.ITopic[]): Indicator {
  const delivered = topics.map((_, n) => `delivered${n + 1}`);
  const failed = topics.map((_, n) => `failed${n + 1}`);
  const metrics = topics.flatMap((topic, n) => [
    [delivered[n]!, topicMetric(topic, 'NumberOfNotificationsDelivered')] as const,
    [failed[n]!, topicMetric(topic, 'NumberOfNotificationsFailed')] as const,
  ]);
  return { total: [...delivered, ...failed], bad: failed, metrics: Object.fromEntries(metrics) };
}

/** What all consumers of a flow count together. Sum over a minute unless told otherwise. */
export function flowMetric(
  flow: string,
  metricName: ConsumerMetric,
  props: cloudwatch.MetricOptions = {},
): cloudwatch.Metric {
  return runtimeMetric(metricName, { flow }, props);
}

/** `bad` and `total` of an indicator, for an expression over them. Silence is 0 events, and not a missing datapoint. */
export function withCounts(
  { total, bad, metrics }: Indicator,
  period: Duration,
): Record<'bad' | 'total', cloudwatch.IMetric> {
  const sum = (ids: readonly string[]) =>
    new cloudwatch.MathExpression({
      expression: ids.map((id) => `FILL(${id}, 0)`).join(' + '),
      usingMetrics: Object.fromEntries(ids.map((id) => [id, metrics[id]!.with({ period })])),
      period,
    });
  return { bad: sum(bad), total: sum(total) };
}

/** By the name that it was given: a token would be an export of its stack. */
function topicMetric(topic: sns.ITopic, metricName: string): cloudwatch.Metric {
  const resource = topic.node.defaultChild;
  const given = resource instanceof sns.CfnTopic ? resource.topicName : undefined;
  return new cloudwatch.Metric({
    namespace: 'AWS/SNS',
    metricName,
    dimensionsMap: { TopicName: given ?? topic.topicName },
    statistic: 'Sum',
  });
}
