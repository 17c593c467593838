import { ArnFormat, Duration, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { physicalName } from '../names.ts';

/** The maximum of SQS: a dead letter must have the time to be found. */
export const DEAD_LETTER_RETENTION = Duration.days(14);

/** What {@link guardedQueue} takes; the values have been checked by the construct it belongs to. */
export interface GuardedQueueProps {
  readonly ordered: boolean;
  readonly visibilityTimeout: Duration;
  readonly retention: Duration;
  /** Receives before SQS itself moves a message to the dead letters: the safety net below the runtime's own retries. */
  readonly maxReceiveCount: number;
  readonly encryptionKey: kms.IKey;
  readonly removalPolicy: RemovalPolicy;
}

/** A queue and the queue of its dead letters. */
export interface GuardedQueue {
  readonly queue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;
}

/** A queue whose messages end handled or in a DLQ that takes dead letters of this queue only. */
export function guardedQueue(scope: Construct, props: GuardedQueueProps): GuardedQueue {
  const queueName = physicalName(scope, '', 80, props.ordered ? '.fifo' : '');
  // By name, not by reference: the DLQ has to name its source, and the source already depends on the DLQ.
  const source = sqs.Queue.fromQueueArn(
    scope,
    'Source',
    Stack.of(scope).formatArn({ service: 'sqs', resource: queueName, arnFormat: ArnFormat.NO_RESOURCE_NAME }),
  );
  const deadLetterQueue = lastResort(scope, 'DeadLetters', {
    name: 'dead-letters',
    ordered: props.ordered,
    encryptionKey: props.encryptionKey,
    removalPolicy: props.removalPolicy,
    redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.BY_QUEUE, sourceQueues: [source] },
  });
  const queue = new sqs.Queue(scope, 'Queue', {
    queueName,
    ...orderedQueue(props.ordered),
    visibilityTimeout: props.visibilityTimeout,
    retentionPeriod: props.retention,
    deadLetterQueue: { queue: deadLetterQueue, maxReceiveCount: props.maxReceiveCount },
    redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.DENY_ALL },
    encryption: sqs.QueueEncryption.KMS,
    encryptionMasterKey: props.encryptionKey,
    enforceSSL: true,
    removalPolicy: props.removalPolicy,
  });
  return { queue, deadLetterQueue };
}

/** What {@link lastResort} takes. */
export interface LastResortProps {
  readonly name: string;
  readonly ordered: boolean;
  readonly encryptionKey: kms.IKey;
  readonly removalPolicy: RemovalPolicy;
  readonly redriveAllowPolicy: sqs.RedriveAllowPolicy;
}

/** A queue where messages wait, as long as SQS allows, for an operator. */
export function lastResort(scope: Construct, id: string, props: LastResortProps): sqs.Queue {
  return new sqs.Queue(scope, id, {
    queueName: physicalName(scope, props.name, 80, props.ordered ? '.fifo' : ''),
    ...orderedQueue(props.ordered),
    retentionPeriod: DEAD_LETTER_RETENTION,
    redriveAllowPolicy: props.redriveAllowPolicy,
    encryption: sqs.QueueEncryption.KMS,
    encryptionMasterKey: props.encryptionKey,
    enforceSSL: true,
    removalPolicy: props.removalPolicy,
  });
}

/** High throughput: order and deduplication are kept per key, and keys do not wait for each other. */
function orderedQueue(ordered: boolean): Partial<sqs.QueueProps> {
  return ordered
    ? {
        fifo: true,
        fifoThroughputLimit: sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        deduplicationScope: sqs.DeduplicationScope.MESSAGE_GROUP,
      }
    : {};
}
