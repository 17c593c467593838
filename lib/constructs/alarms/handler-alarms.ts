import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { type ConsumerMetric, consumerMetric } from './consumer-metrics.ts';
import type { Health } from './health.ts';
import type { SafeThresholds } from './thresholds.ts';

/** The alarms of what the handler makes of its events, by the counts of the runtime. Those switched off are not there. */
export interface HandlerAlarms {
  /** Many attempts fail. A ticket: retries still cover it; if they stop to, age and dead letters page. */
  readonly failureRate?: cloudwatch.Alarm;
  /** Many attempts are in vain. A ticket: the work is done, at a multiple of its price. */
  readonly retryRate?: cloudwatch.Alarm;
  /** Many events come again. A ticket: guards hold, but somebody sends or delivers twice. */
  readonly duplicates?: cloudwatch.Alarm;
  /** Messages wait, and none is handled. A page. */
  readonly nothingHandled?: cloudwatch.Alarm;
  /** Nothing is handled, although something always is. A page: it may be that nothing arrives. */
  readonly silence?: cloudwatch.Alarm;
}

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);
const QUARTER = Duration.minutes(15);
const HALF_HOUR = Duration.minutes(30);
const ONCE = { datapointsToAlarm: 1, evaluationPeriods: 1 };

/** Adds the alarms of a consumer's handler to its health. */
export function handlerAlarms(
  health: Health,
  consumer: string,
  queue: sqs.IQueue,
  thresholds: SafeThresholds,
): HandlerAlarms {
  const { failurePercent, retryPercent, duplicatePercent, minimumEvents, nothingHandled, silence } = thresholds;
  return {
    ...(failurePercent !== false && {
      failureRate: health.add('FailureRateAlarm', 'ticket', {
        runbook: 'failure-rate',
        meaning: `${failurePercent}% or more of what ${consumer} was given in 30 minutes failed and is retried or dead-lettered.`,
        first:
          "Group the function's error log by error class: one class is a dependency or a bug, many are the function itself.",
        metric: failureRate(consumer, HALF_HOUR, minimumEvents),
        threshold: failurePercent,
        ...ONCE,
      }),
    }),
    ...(retryPercent !== false && {
      retryRate: health.add('RetryRateAlarm', 'ticket', {
        runbook: 'retry-rate',
        meaning: `More than ${retryPercent}% of what ${consumer} was given in 15 minutes has to be tried again.`,
        first: 'Look which dependency the retried attempts name in the log, and whether it is slow or refuses.',
        metric: shareOfAttempts(consumer, 'Retried', QUARTER, minimumEvents),
        threshold: retryPercent,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        ...ONCE,
      }),
    }),
    ...(duplicatePercent !== false && {
      duplicates: health.add('DuplicatesAlarm', 'ticket', {
        runbook: 'duplicates',
        meaning: `${duplicatePercent}% or more of what ${consumer} was delivered in 15 minutes was done before. Nothing is done twice, but somebody sends twice or the function does not acknowledge.`,
        first:
          'Take the event id of one duplicate and follow it through the logs: was it published or delivered twice?',
        metric: duplicateShare(consumer, minimumEvents),
        threshold: duplicatePercent,
        ...ONCE,
      }),
    }),
    ...(nothingHandled !== false && {
      nothingHandled: health.add('NothingHandledAlarm', 'page', {
        runbook: 'nothing-handled',
        meaning: `Messages have waited for ${consumer} for ${nothingHandled.toHumanString()}, and it handled none of them.`,
        first:
          'Look whether its event source is enabled and its function is invoked, and what the invocations end with.',
        metric: waitingUnhandled(consumer, queue),
        threshold: 1,
        ...everyFiveMinutesOf(nothingHandled),
      }),
    }),
    ...(silence !== false && {
      silence: health.add('SilenceAlarm', 'page', {
        runbook: 'silence',
        meaning: `${consumer} has handled nothing for ${silence.toHumanString()}, although events should arrive all the time.`,
        first:
          'Look whether events are published at all; if they are, whether its subscription and its event source work.',
        metric: done(consumer),
        threshold: 1,
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        // A consumer without invocations writes nothing: that is the silence.
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
        ...everyFiveMinutesOf(silence),
      }),
    }),
  };
}

/**
 * In percent of what the handler was given; 0 below `minimum` events and in a time without traffic. Lambda's own `Errors` is
 * blind to what a partial batch response returns.
 */
export function failureRate(consumer: string, period = MINUTE, minimum = 1): cloudwatch.MathExpression {
  return shareOfAttempts(consumer, 'Failed', period, minimum);
}

function shareOfAttempts(
  consumer: string,
  part: 'Failed' | 'Retried',
  period: Duration,
  minimum: number,
): cloudwatch.MathExpression {
  const id = part.toLowerCase();
  return new cloudwatch.MathExpression({
    label: `${id} in percent`,
    // Filled, so that without traffic it is 0 and not what it was last.
    expression: `IF(FILL(handled, 0) + FILL(failed, 0) >= ${minimum}, 100 * ${id} / (handled + failed), 0)`,
    period,
    usingMetrics: counts(consumer, period, { handled: 'Handled', failed: 'Failed', [id]: part }),
  });
}

function duplicateShare(consumer: string, minimum: number): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({
    label: 'duplicates in percent',
    expression: `IF(FILL(duplicates, 0) >= ${minimum}, 100 * duplicates / delivered, 0)`,
    period: QUARTER,
    usingMetrics: counts(consumer, QUARTER, { duplicates: 'Duplicates', delivered: 'Delivered' }),
  });
}

/** Events that were handled within 5 minutes, or found to be handled before. */
function done(consumer: string): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({
    label: 'events handled',
    expression: 'handled + duplicates',
    period: FIVE_MINUTES,
    usingMetrics: counts(consumer, FIVE_MINUTES, { handled: 'Handled', duplicates: 'Duplicates' }),
  });
}

/** The fewest messages that waited within 5 minutes in which none was handled; 0 when one was. */
function waitingUnhandled(consumer: string, queue: sqs.IQueue): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({
    label: 'messages that wait',
    // A function that is never invoked writes no datapoint that FILL could go on from; operators count what is missing as
    // 0 (source: Amazon CloudWatch user guide, "Basic arithmetic functions"), so what waits carries the sum.
    expression: 'IF(FILL(handled, 0) + FILL(duplicates, 0) + 0 * waiting > 0, 0, waiting)',
    period: FIVE_MINUTES,
    usingMetrics: {
      ...counts(consumer, FIVE_MINUTES, { handled: 'Handled', duplicates: 'Duplicates' }),
      waiting: queue.metricApproximateNumberOfMessagesVisible({ period: FIVE_MINUTES, statistic: 'Minimum' }),
    },
  });
}

function everyFiveMinutesOf(time: Duration): { datapointsToAlarm: number; evaluationPeriods: number } {
  const periods = Math.ceil(time.toSeconds() / FIVE_MINUTES.toSeconds());
  return { datapointsToAlarm: periods, evaluationPeriods: periods };
}

function counts(
  consumer: string,
  period: Duration,
  names: Readonly<Record<string, ConsumerMetric>>,
): Record<string, cloudwatch.Metric> {
  return Object.fromEntries(
    Object.entries(names).map(([id, name]) => [id, consumerMetric(consumer, name, { period })]),
  );
}
