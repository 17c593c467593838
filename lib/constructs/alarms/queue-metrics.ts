import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { AlarmRule } from './health.ts';

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);

/** Messages that wait or are in flight, by the minute: a dead letter that an operator is looking at is still one. */
export function inQueue(queue: sqs.IQueue): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({
    label: 'messages',
    expression: 'visible + inFlight',
    period: MINUTE,
    usingMetrics: {
      visible: queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum' }),
      inFlight: queue.metricApproximateNumberOfMessagesNotVisible({ period: MINUTE, statistic: 'Maximum' }),
    },
  });
}

/**
 * By how many messages a queue that nobody empties has grown, in 5 minutes against the 5 before. `NumberOfMessagesSent` would
 * not do: it leaves out what SQS itself moves to a DLQ.
 *
 * The means of both are taken over the samples of the visible ones, because those in flight are reported only while there
 * are any: so nothing grows when somebody receives a letter to look at it. Before a queue's first sample it was empty: SQS
 * reports nothing of a queue that has not been used for 6 hours. Later gaps repeat what was there before them.
 */
export function growth(queue: sqs.IQueue): cloudwatch.MathExpression {
  const period = FIVE_MINUTES;
  return new cloudwatch.MathExpression({
    label: 'messages that arrived',
    expression: 'FLOOR(DIFF(FILL(FILL(waiting, REPEAT), 0)) + 0.5)',
    period,
    usingMetrics: {
      waiting: new cloudwatch.MathExpression({
        expression: 'visible + FILL(inFlight, 0) / samples',
        period,
        usingMetrics: {
          visible: queue.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Average' }),
          inFlight: queue.metricApproximateNumberOfMessagesNotVisible({ period, statistic: 'Sum' }),
          samples: queue.metricApproximateNumberOfMessagesVisible({ period, statistic: 'SampleCount' }),
        },
      }),
    },
  });
}

/** {@link growth}, or what the runtime says it sent there: whichever is more. `reported` is summed over 5 minutes. */
export function arrivals(queue: sqs.IQueue, reported: cloudwatch.Metric): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({
    label: 'messages that arrived',
    expression: 'MAX([FILL(reported, 0), grown])',
    period: FIVE_MINUTES,
    usingMetrics: { reported: reported.with({ period: FIVE_MINUTES, statistic: 'Sum' }), grown: growth(queue) },
  });
}

/**
 * One of the last 4 times 5 minutes. SQS may take 15 minutes to report on a queue that was idle (source: Amazon SQS developer
 * guide, "Monitoring Amazon SQS queues using CloudWatch"): the letter that the runtime reported is then not news again.
 */
export const SOMETHING_ARRIVED = { datapointsToAlarm: 1, evaluationPeriods: 4 } satisfies Partial<AlarmRule>;
