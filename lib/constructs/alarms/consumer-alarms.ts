import type { Duration } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { type FunctionAlarms, functionAlarms } from './function-alarms.ts';
import { type HandlerAlarms, handlerAlarms } from './handler-alarms.ts';
import type { Health } from './health.ts';
import { type DeadLetterAlarms, deadLetterAlarms, type QueueAlarms, queueAlarms } from './queue-alarms.ts';
import { type AlarmThresholds, type ConsumerPromise, refuseUnsafeThresholds, safeThresholds } from './thresholds.ts';

export { failureRate } from './handler-alarms.ts';
export { undeliverableAlarm } from './queue-alarms.ts';
export type { AlarmThresholds, ExpectedRate } from './thresholds.ts';

/** The alarms of one consumer or command queue. Those that were switched off are not there. */
export interface ConsumerAlarms extends QueueAlarms, DeadLetterAlarms, HandlerAlarms, FunctionAlarms {}

/** What {@link consumerAlarms} takes. */
export interface ConsumerAlarmsProps extends ConsumerPromise {
  /** The name in the metrics. */
  readonly consumer: string;
  readonly queue: sqs.IQueue;
  readonly deadLetterQueue: sqs.IQueue;
  readonly function: lambda.IFunction;
  /** Of the function. */
  readonly timeout: Duration;
  readonly thresholds: AlarmThresholds;
}

/**
 * The alarms that say whether a consumer keeps its promise, heard through its health.
 *
 * @throws UnsafePropsError when a threshold is out of bounds
 */
export function consumerAlarms(health: Health, props: ConsumerAlarmsProps): ConsumerAlarms {
  const { consumer, queue, deadLetterQueue } = props;
  refuseUnsafeThresholds(health.node.scope as Construct, props.thresholds, props);
  const thresholds = safeThresholds(props.thresholds, props);
  return {
    ...queueAlarms(health, consumer, queue, thresholds),
    ...deadLetterAlarms(health, consumer, deadLetterQueue, thresholds),
    ...handlerAlarms(health, consumer, queue, thresholds),
    ...functionAlarms(health, consumer, props.function, props.timeout, thresholds),
  };
}
