import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';

/** The namespace that every consumer writes its metrics to. */
export const METRICS_NAMESPACE = 'Baton';

/**
 * What the runtime counts, record by record: `Delivered` in the batch; `Handled` by the handler now; `Duplicates` that
 * were done before; `Retried` and `DeadLettered`, together `Failed`; `Returned` to the queue unharmed, of those
 * `InProgress` because another invocation has the event; `Parked` behind a dead letter of their key; `OutOfOrder`: dead
 * letters that later events of their key have overtaken; `Late`: handled, and later than promised. `Latency` from the
 * event's time to its settlement and `Duration` of the handler, in milliseconds.
 */
export type ConsumerMetric =
  | 'Delivered'
  | 'Handled'
  | 'Duplicates'
  | 'Retried'
  | 'DeadLettered'
  | 'Returned'
  | 'Failed'
  | 'InProgress'
  | 'Parked'
  | 'OutOfOrder'
  | 'Late'
  | 'Latency'
  | 'Duration';

/** A metric that the runtime of a consumer writes. Sum over a minute unless told otherwise. */
export function consumerMetric(
  consumer: string,
  metricName: ConsumerMetric,
  props: cloudwatch.MetricOptions = {},
): cloudwatch.Metric {
  return runtimeMetric(metricName, { service: consumer }, props);
}

/** A metric that one of Baton's functions writes. Sum over a minute unless told otherwise. */
export function runtimeMetric(
  metricName: string,
  dimensionsMap: Readonly<Record<string, string>>,
  props: cloudwatch.MetricOptions = {},
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap,
    statistic: 'Sum',
    period: Duration.minutes(1),
    ...props,
  });
}
