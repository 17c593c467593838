import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { consumerMetric } from './consumer-metrics.ts';
import type { Health } from './health.ts';

/** When the alarms of a consumer fire. The threshold of the age alarm is not here: it is the consumer's `maxAge`. */
export interface AlarmThresholds {
  /**
   * Messages that wait, over 10 minutes.
   *
   * @default 1000
   */
  readonly depth?: number;

  /**
   * Failures (retries and dead letters) among what the handler was given, in percent, in 3 of 5 minutes.
   *
   * @default 25
   */
  readonly failurePercent?: number;
}

/** The alarms of one consumer or command queue. */
export interface ConsumerAlarms {
  /** More waits than the handler keeps up with. A ticket: nothing is late yet. */
  readonly depth: cloudwatch.Alarm;
  /** The oldest message is older than promised. A page. */
  readonly age: cloudwatch.Alarm;
  /** Something is in the DLQ. A page: somebody's order is standing still. */
  readonly deadLetters: cloudwatch.Alarm;
  /** Many attempts fail. A ticket: retries still cover it; if they stop to, age and dead letters page. */
  readonly failureRate: cloudwatch.Alarm;
}

/** What {@link consumerAlarms} takes. */
export interface ConsumerAlarmsProps {
  /** The name in the metrics. */
  readonly consumer: string;
  readonly maxAge: Duration;
  readonly queue: sqs.IQueue;
  readonly deadLetterQueue: sqs.IQueue;
  readonly thresholds: AlarmThresholds;
}

const MINUTE = Duration.minutes(1);

/** The four alarms that say whether a consumer keeps its promise, heard through its health. */
export function consumerAlarms(health: Health, props: ConsumerAlarmsProps): ConsumerAlarms {
  const { consumer, maxAge } = props;
  const depth = props.thresholds.depth ?? 1000;
  const failurePercent = props.thresholds.failurePercent ?? 25;
  return {
    depth: health.add('DepthAlarm', 'ticket', {
      runbook: 'depth',
      meaning: `${depth} or more messages have waited for ${consumer} for 10 minutes: it does not keep up.`,
      first:
        'Compare Delivered with the events published: a burst drains by itself, a slow or throttled handler does not.',
      metric: props.queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum' }),
      threshold: depth,
      datapointsToAlarm: 10,
      evaluationPeriods: 10,
    }),
    age: health.add('AgeAlarm', 'page', {
      runbook: 'age',
      meaning: `The oldest message of ${consumer} is older than the ${maxAge.toHumanString()} it promises.`,
      first:
        'Look whether the function runs at all (throttled, disabled event source, failing at start), then at its failure rate.',
      metric: props.queue.metricApproximateAgeOfOldestMessage({ period: MINUTE, statistic: 'Maximum' }),
      threshold: maxAge.toSeconds(),
      datapointsToAlarm: 2,
      evaluationPeriods: 3,
    }),
    deadLetters: health.add('DeadLettersAlarm', 'page', {
      runbook: 'dead-letters',
      meaning: `${consumer} gave up on at least one event; it waits in the DLQ and will not move by itself.`,
      first: 'Read the failure context (errorClass, errorMessage, attempts) of one dead letter before redriving any.',
      metric: inQueue(props.deadLetterQueue),
      threshold: 1,
      datapointsToAlarm: 1,
      evaluationPeriods: 1,
    }),
    failureRate: health.add('FailureRateAlarm', 'ticket', {
      runbook: 'failure-rate',
      meaning: `${failurePercent}% or more of what ${consumer} handles fails and is retried or dead-lettered.`,
      first:
        "Group the function's error log by error class: one class is a dependency or a bug, many are the function itself.",
      metric: failureRate(consumer),
      threshold: failurePercent,
      datapointsToAlarm: 3,
      evaluationPeriods: 5,
    }),
  };
}

/** Fires when SNS could not put an event into the consumer's queue. A page: the consumer does not even know of it. */
export function undeliverableAlarm(health: Health, undeliverable: sqs.IQueue): cloudwatch.Alarm {
  return health.add('UndeliverableAlarm', 'page', {
    runbook: 'undeliverable',
    meaning: `SNS could not deliver at least one event into the queue of ${health.subject}.`,
    first: 'Check the policy and the key of the queue: SNS does not retry what it is not allowed to do.',
    metric: inQueue(undeliverable),
    threshold: 1,
    datapointsToAlarm: 1,
    evaluationPeriods: 1,
  });
}

/** Visible and in flight: a dead letter that an operator is looking at is still one. `NumberOfMessagesSent` does not count redriven messages. */
function inQueue(queue: sqs.IQueue): cloudwatch.MathExpression {
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

/** In percent; 0 in a minute without traffic. Lambda's own `Errors` is blind to what a partial batch response returns. */
export function failureRate(consumer: string, period = MINUTE): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({
    label: 'failures in percent',
    expression: 'IF(handled + failed > 0, 100 * failed / (handled + failed), 0)',
    period,
    usingMetrics: {
      handled: consumerMetric(consumer, 'Handled', { period }),
      failed: consumerMetric(consumer, 'Failed', { period }),
    },
  });
}
