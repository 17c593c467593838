import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { AnyContract } from '../contracts/index.ts';
import { QueueFunction, type QueueFunctionProps } from './delivery/queue-function.ts';
import { UnsafePropsError } from './errors.ts';
import { grantMessageKey } from './security/encryption.ts';

/** What a {@link CommandQueue} takes. */
export interface CommandQueueProps extends QueueFunctionProps {
  /** The command that is sent here. */
  readonly command: AnyContract;

  /**
   * Whether the commands of one key are carried out one after the other, in the order they were sent (a FIFO queue).
   *
   * @default false
   */
  readonly ordered?: boolean;

  /**
   * The customer managed key that encrypts queues and log; its policy is extended to admit CloudWatch Logs. An imported
   * key has to admit it already.
   *
   * @default the key of the idempotency table
   */
  readonly encryptionKey?: kms.IKey;
}

/**
 * Work that exactly one handler does: a queue that is sent to directly, its DLQ, function and alarms.
 *
 * @throws UnsafePropsError when messages could be lost, blocked or repeated, or when given an event
 * @throws BundleError when the handler is missing or does not compile
 */
export class CommandQueue extends QueueFunction {
  readonly command: AnyContract;

  constructor(scope: Construct, id: string, props: CommandQueueProps) {
    super(scope, id, props, {
      ordered: props.ordered ?? false,
      encryptionKey: props.encryptionKey ?? props.idempotency.encryptionKey,
      description: `Carries out ${props.command.type} for ${props.owner}`,
    });
    if (props.command.kind !== 'command') {
      throw new UnsafePropsError(
        this,
        `'${props.command.type}' is an event, and more than one consumer may care for it.`,
        'Publish it on an EventTopic instead.',
      );
    }
    this.command = props.command;
  }

  /** Lets a principal send commands, and use the queue's key for that. */
  grantSend(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['sqs:SendMessage'],
      resourceArns: [this.queue.queueArn],
    }).combine(grantMessageKey(this.encryptionKey, grantee));
  }
}
