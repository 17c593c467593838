import { Duration, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { UnsafePropsError } from '../errors.ts';
import { METRICS_NAMESPACE } from './consumer-metrics.ts';
import type { Health } from './health.ts';

/** When the alarms of a topic fire; `false` leaves an alarm out. */
export interface TopicAlarmProps {
  /**
   * Notifications within 5 minutes that SNS gave up, at once or after its retries: a page.
   *
   * @default 1
   */
  readonly failed?: number | false;

  /**
   * Notifications within 5 minutes that SNS put into the DLQ of their subscription: a ticket, because the consumer whose
   * `undeliverable` it is pages.
   *
   * @default 1
   */
  readonly redriven?: number | false;

  /**
   * Notifications within 5 minutes that SNS could not even put into the DLQ: a page, they are lost.
   *
   * @default 1
   */
  readonly lost?: number | false;

  /**
   * The publishes of an hour as a share of the same hour a week ago, more than 0; below it there is a ticket. The heartbeat of
   * `OnCall` writes that share, of topics whose name is known at synth; of others somebody else has to, or the alarm is
   * silent.
   *
   * @default 0.5
   */
  readonly publishRatio?: number | false;
}

/** The alarms of one topic. Those that were switched off are not there. */
export interface TopicAlarms {
  readonly failed?: cloudwatch.Alarm;
  readonly redriven?: cloudwatch.Alarm;
  readonly lost?: cloudwatch.Alarm;
  readonly publishRatio?: cloudwatch.Alarm;
}

/** Ends a quarter of an hour after the last one, so that what comes in bursts is told once. */
const ANY = { datapointsToAlarm: 1, evaluationPeriods: 3 };

/**
 * Adds the alarms of a topic to its health.
 *
 * @throws UnsafePropsError when a threshold is out of bounds
 */
export function topicAlarms(health: Health, topic: sns.ITopic, props: TopicAlarmProps = {}): TopicAlarms {
  refuseUnsafe(health, props);
  const { failed = 1, redriven = 1, lost = 1, publishRatio = 0.5 } = props;
  const { subject } = health;
  if (publishRatio !== false) watchPublishing(health, topic);
  const count = (name: string) => topic.metric(name, { period: Duration.minutes(5), statistic: 'Sum' });
  return {
    ...(failed !== false && {
      failed: health.add('NotificationsFailedAlarm', 'page', {
        runbook: 'notifications-failed',
        meaning: `SNS gave up delivering events of ${subject} to at least one subscription: somebody does not get them.`,
        first:
          "Look which subscription it is (the delivery log, or the consumers' undeliverable queues), then at its policy and key.",
        metric: count('NumberOfNotificationsFailed'),
        threshold: failed,
        ...ANY,
      }),
    }),
    ...(redriven !== false && {
      redriven: health.add('NotificationsRedrivenAlarm', 'ticket', {
        runbook: 'notifications-redriven',
        meaning: `Events of ${subject} went into the dead-letter queue of a subscription instead of to the consumer.`,
        first: 'Look which undeliverable queue is not empty.',
        metric: count('NumberOfNotificationsRedrivenToDlq'),
        threshold: redriven,
        ...ANY,
      }),
    }),
    ...(lost !== false && {
      lost: health.add('NotificationsLostAlarm', 'page', {
        runbook: 'notifications-lost',
        meaning: `SNS could deliver events of ${subject} neither to a subscription nor to its dead-letter queue: for that consumer they are lost.`,
        first:
          'Mend the policies of the undeliverable queues and their key, then publish again what the producers still have.',
        metric: count('NumberOfNotificationsFailedToRedriveToDlq'),
        threshold: lost,
        ...ANY,
      }),
    }),
    ...(publishRatio !== false && {
      publishRatio: health.add('PublishRateAlarm', 'ticket', {
        runbook: 'publish-rate',
        meaning: `Less than ${publishRatio * 100}% of the events of the same hour a week ago were published on ${subject}.`,
        first:
          'Look whether the producers are well, and whether their outbox still publishes; then whether it is a holiday.',
        metric: publishRatioMetric(topic),
        threshold: publishRatio,
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        datapointsToAlarm: 1,
        evaluationPeriods: 1,
      }),
    }),
  };
}

/** The publishes of an hour divided by those of the same hour a week ago; written once an hour by whoever watches the topic. */
export function publishRatioMetric(topic: sns.ITopic, props: cloudwatch.MetricOptions = {}): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName: 'PublishRatio',
    dimensionsMap: { topic: nameOf(topic) },
    statistic: 'Minimum',
    period: Duration.hours(1),
    ...props,
  });
}

function watchPublishing({ onCall }: Health, topic: sns.ITopic): void {
  const name = nameOf(topic);
  if (!Token.isUnresolved(name)) onCall.watchPublishRate?.(name);
}

/** The name it was given, where it was: the heartbeat may be in a stack that the topic's stack depends on. */
function nameOf(topic: sns.ITopic): string {
  const resource = topic.node.defaultChild;
  return (resource instanceof sns.CfnTopic && resource.topicName) || topic.topicName;
}

function refuseUnsafe(health: Health, props: TopicAlarmProps): void {
  const scope = health.node.scope as Construct;
  for (const name of ['failed', 'redriven', 'lost'] as const) {
    const { [name]: value = 1 } = props;
    if (value === false || (Number.isInteger(value) && value >= 1)) continue;
    throw new UnsafePropsError(
      scope,
      `\`alarms.${name}\` is ${value}.`,
      'Use a whole number of 1 or more, or `false` to go without.',
    );
  }
  const { publishRatio = 0.5 } = props;
  if (publishRatio !== false && !(publishRatio > 0 && Number.isFinite(publishRatio))) {
    throw new UnsafePropsError(
      scope,
      `\`alarms.publishRatio\` is ${publishRatio}.`,
      'Use a share above 0, such as 0.5, or `false` to go without.',
    );
  }
}
