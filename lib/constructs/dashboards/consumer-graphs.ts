import type { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { METRICS_NAMESPACE } from '../alarms/consumer-metrics.ts';
import type { QueueFunction } from '../delivery/queue-function.ts';
import { MINUTE } from './widgets.ts';

/** The percentiles that times are shown by. */
export const PERCENTILES = ['p50', 'p90', 'p99'] as const;

/** What waits in a queue and what is in somebody's hands, together; `id` tells it from others in the same widget. */
export function inQueue(queue: sqs.IQueue, id: string, label: string): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({
    label,
    expression: `visible${id} + inFlight${id}`,
    period: MINUTE,
    usingMetrics: {
      [`visible${id}`]: queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum' }),
      [`inFlight${id}`]: queue.metricApproximateNumberOfMessagesNotVisible({ period: MINUTE, statistic: 'Maximum' }),
    },
  });
}

/** The age of the oldest message as a share of something, such as percent of a promise; `seconds` is one unit of it. */
export function ageIn(queue: sqs.IQueue, seconds: number, id: string, label: string): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({
    label,
    expression: `age${id} / ${seconds}`,
    period: MINUTE,
    usingMetrics: { [`age${id}`]: queue.metricApproximateAgeOfOldestMessage({ period: MINUTE, statistic: 'Maximum' }) },
  });
}

/** A time of a consumer by its percentiles. */
export function percentiles(
  metric: (props: cloudwatch.MetricOptions) => cloudwatch.IMetric,
  period: Duration = MINUTE,
): cloudwatch.IMetric[] {
  return PERCENTILES.map((statistic) => metric({ statistic, period, label: statistic }));
}

/** How often Lambda refused to run a consumer because no concurrency was left. */
export function throttles(consumer: QueueFunction, label: string): cloudwatch.Metric {
  return consumer.function.metricThrottles({ period: MINUTE, label });
}

/** The state of the circuit of a consumer's dependency: 0 closed, 1 half-open, 2 open; written while it is not at rest. */
export function circuitState(consumer: string, dependency: string): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName: 'CircuitState',
    dimensionsMap: { service: consumer, dependency },
    statistic: 'Maximum',
    period: MINUTE,
    label: `${consumer} to ${dependency}`,
  });
}
