import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { consumerMetric } from './consumer-metrics.ts';
import type { Health } from './health.ts';
import { arrivals, growth, inQueue, SOMETHING_ARRIVED } from './queue-metrics.ts';
import type { SafeThresholds } from './thresholds.ts';

/** The alarms of what waits for a consumer. Those that were switched off are not there. */
export interface QueueAlarms {
  /** The oldest message is older than promised. A page. */
  readonly age?: cloudwatch.Alarm;
  /** More waits than the handler keeps up with. A ticket: nothing is late yet. */
  readonly depth?: cloudwatch.Alarm;
  /** What waits takes longer to work off than was promised. A ticket: nothing is late yet. */
  readonly drain?: cloudwatch.Alarm;
}

/** The alarms of what a consumer gave up on. Those that were switched off are not there. */
export interface DeadLetterAlarms {
  /** An event came into the DLQ just now. A page: somebody's order stands still. */
  readonly deadLetters?: cloudwatch.Alarm;
  /** Something is in the DLQ. A ticket: it was news once, and stays work. */
  readonly deadLettersWaiting?: cloudwatch.Alarm;
  /** SQS will soon delete a dead letter. A page: after that nobody can bring it back. */
  readonly deadLettersLost?: cloudwatch.Alarm;
}

const MINUTE = Duration.minutes(1);
/** How long it takes when nothing leaves, in seconds: the longest that SQS keeps a message. */
const NEVER = Duration.days(14).toSeconds();

/** Adds the alarms of a consumer's queue to its health. */
export function queueAlarms(
  health: Health,
  consumer: string,
  queue: sqs.IQueue,
  { age, depth, drain }: SafeThresholds,
): QueueAlarms {
  return {
    ...(age !== false && {
      age: health.add('AgeAlarm', 'page', {
        runbook: 'age',
        meaning: `The oldest message of ${consumer} is older than the ${age.toHumanString()} it promises.`,
        first:
          'Look whether the function runs at all (throttled, disabled event source, failing at start), then at its failure rate.',
        metric: queue.metricApproximateAgeOfOldestMessage({ period: MINUTE, statistic: 'Maximum' }),
        threshold: age.toSeconds(),
        datapointsToAlarm: 2,
        evaluationPeriods: 3,
      }),
    }),
    ...(depth !== false && {
      depth: health.add('DepthAlarm', 'ticket', {
        runbook: 'depth',
        meaning: `${depth} or more messages have waited for ${consumer} for 10 minutes: it does not keep up.`,
        first:
          'Compare Delivered with the events published: a burst drains by itself, a slow or throttled handler does not.',
        metric: queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum' }),
        threshold: depth,
        datapointsToAlarm: 10,
        evaluationPeriods: 10,
      }),
    }),
    ...(drain !== false && {
      drain: health.add('DrainAlarm', 'ticket', {
        runbook: 'drain',
        meaning: `At its present speed ${consumer} needs ${drain.toHumanString()} or more for what waits: it will be late.`,
        first: 'Compare Handled with an hour ago: either less is handled than usual, or more arrives.',
        metric: drainTime(consumer, queue),
        threshold: drain.toSeconds(),
        datapointsToAlarm: 10,
        evaluationPeriods: 10,
      }),
    }),
  };
}

/** How long what waits takes to leave at the speed of this minute, in seconds. What was dead-lettered or parked has left, too. */
export function drainTime(consumer: string, queue: sqs.IQueue): cloudwatch.MathExpression {
  const count = (name: 'Delivered' | 'Retried' | 'Returned') => consumerMetric(consumer, name, { period: MINUTE });
  const visible = queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum' });
  return new cloudwatch.MathExpression({
    label: 'seconds to drain',
    expression: `IF(gone > 0, 60 * visible / gone, IF(visible > 0, ${NEVER}, 0))`,
    period: MINUTE,
    usingMetrics: {
      visible,
      gone: new cloudwatch.MathExpression({
        // A function that is never invoked writes no datapoint that FILL could go on from; what is visible carries the sum.
        expression: 'FILL(delivered, 0) - FILL(retried, 0) - FILL(returned, 0) + 0 * visible',
        period: MINUTE,
        usingMetrics: {
          delivered: count('Delivered'),
          retried: count('Retried'),
          returned: count('Returned'),
          visible,
        },
      }),
    },
  });
}

/** Adds the alarms of a consumer's dead letters to its health. */
export function deadLetterAlarms(
  health: Health,
  consumer: string,
  deadLetterQueue: sqs.IQueue,
  { deadLetters, deadLettersWaiting, lostWithin, letterAge }: SafeThresholds,
): DeadLetterAlarms {
  return {
    ...(deadLetters !== false && {
      deadLetters: health.add('DeadLettersAlarm', 'page', {
        runbook: 'dead-letters',
        meaning: `${consumer} gave up on ${deadLetters === 1 ? 'at least one event' : `${deadLetters} events or more within 5 minutes`}; they wait in the DLQ and will not move by themselves.`,
        first: 'Read the failure context (errorClass, errorMessage, attempts) of one dead letter before redriving any.',
        metric: arrivals(deadLetterQueue, consumerMetric(consumer, 'DeadLettered')),
        threshold: deadLetters,
        ...SOMETHING_ARRIVED,
      }),
    }),
    ...(deadLettersWaiting !== false && {
      deadLettersWaiting: health.add('DeadLettersWaitingAlarm', 'ticket', {
        runbook: 'dead-letters',
        name: 'dead-letters-waiting',
        meaning: `${deadLettersWaiting} or more dead letters of ${consumer} wait for somebody to decide on them.`,
        first: 'Find out whether their cause is mended; redrive them if it is, and ask their owner if it is not.',
        metric: inQueue(deadLetterQueue),
        threshold: deadLettersWaiting,
        datapointsToAlarm: 1,
        evaluationPeriods: 1,
      }),
    }),
    ...(lostWithin !== false && {
      deadLettersLost: health.add('DeadLettersLostAlarm', 'page', {
        runbook: 'dead-letters-lost',
        meaning: `A dead letter of ${consumer} may be deleted by SQS within ${lostWithin.toHumanString()}: after that the event is lost.`,
        first: 'Redrive it, or save its body and attributes, before anything else.',
        metric: deadLetterQueue.metricApproximateAgeOfOldestMessage({
          period: Duration.minutes(5),
          statistic: 'Maximum',
        }),
        threshold: letterAge.toSeconds(),
        datapointsToAlarm: 1,
        evaluationPeriods: 1,
      }),
    }),
  };
}

/**
 * Fires when SNS could not put an event into the consumer's queue: a page, because the consumer does not even know of it.
 * While such events wait there is a ticket as well.
 */
export function undeliverableAlarm(health: Health, undeliverable: sqs.IQueue): cloudwatch.Alarm {
  const page = health.add('UndeliverableAlarm', 'page', {
    runbook: 'undeliverable',
    meaning: `SNS could not deliver at least one event into the queue of ${health.subject}.`,
    first: 'Check the policy and the key of the queue: SNS does not retry what it is not allowed to do.',
    metric: growth(undeliverable),
    threshold: 1,
    ...SOMETHING_ARRIVED,
  });
  health.add('UndeliverableWaitingAlarm', 'ticket', {
    runbook: 'undeliverable',
    name: 'undeliverable-waiting',
    meaning: `Events that SNS could not deliver to ${health.subject} wait to be sent to its queue; after 14 days they are lost.`,
    first: 'Find out whether the cause is mended, then send each of them to the queue of the consumer.',
    metric: inQueue(undeliverable),
    threshold: 1,
    datapointsToAlarm: 1,
    evaluationPeriods: 1,
  });
  return page;
}
