import { Duration } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Health } from './health.ts';
import type { SafeThresholds } from './thresholds.ts';

/** The alarms of a consumer's function, by what Lambda itself counts. Those switched off are not there. */
export interface FunctionAlarms {
  /** Lambda refuses invocations. A ticket: the messages come again. */
  readonly throttles?: cloudwatch.Alarm;
  /** Invocations come close to the timeout. A ticket: nothing was cut off yet. */
  readonly duration?: cloudwatch.Alarm;
  /** Invocations crash, time out or cannot start. A ticket: the messages come again, and count a receive. */
  readonly crashes?: cloudwatch.Alarm;
}

const period = Duration.minutes(1);

/** Adds the alarms of a consumer's function to its health. */
export function functionAlarms(
  health: Health,
  consumer: string,
  handler: lambda.IFunction,
  timeout: Duration,
  { throttles, durationPercent, crashes }: SafeThresholds,
): FunctionAlarms {
  return {
    ...(throttles !== false && {
      throttles: health.add('ThrottlesAlarm', 'ticket', {
        runbook: 'throttles',
        meaning: `Lambda refuses invocations of ${consumer}: no concurrency is left. Its messages are delivered again, and each refusal may use up a receive.`,
        first: 'Compare ConcurrentExecutions of the account with its limit, and look who uses the most.',
        metric: handler.metricThrottles({ period, statistic: 'Sum' }),
        threshold: throttles,
        datapointsToAlarm: 3,
        evaluationPeriods: 5,
      }),
    }),
    ...(durationPercent !== false && {
      duration: health.add('DurationAlarm', 'ticket', {
        runbook: 'duration',
        meaning: `Invocations of ${consumer} take ${durationPercent}% or more of the ${timeout.toHumanString()} they have. What is cut off is delivered again after the visibility timeout only.`,
        first: 'Look whether a dependency has become slow, or whether the batch is too large for the timeout.',
        metric: handler.metricDuration({ period, statistic: 'Maximum' }),
        threshold: (timeout.toMilliseconds() * durationPercent) / 100,
        datapointsToAlarm: 3,
        evaluationPeriods: 5,
      }),
    }),
    ...(crashes !== false && {
      crashes: health.add('CrashesAlarm', 'ticket', {
        runbook: 'crashes',
        meaning: `Invocations of ${consumer} crash, time out or cannot start. Failures of the handler are not among them: this takes whole batches.`,
        first: 'Look in the log for "Task timed out", "Runtime exited" and errors of the INIT phase.',
        metric: handler.metricErrors({ period, statistic: 'Sum' }),
        threshold: crashes,
        datapointsToAlarm: 2,
        evaluationPeriods: 15,
      }),
    }),
  };
}
