import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { AnyContract } from '../../contracts/index.ts';
import type { ICommandQueue } from '../command-queue.ts';
import { UnsafePropsError } from '../errors.ts';
import { grantMessageKey } from '../security/encryption.ts';

/** What is known of a command queue that was made elsewhere. */
export interface CommandQueueAttributes {
  /** That of a FIFO queue ends in `.fifo`. */
  readonly queueArn: string;
  /** The command that is sent there. */
  readonly command: AnyContract;
  /**
   * The key that encrypts it. Needed to send there; its owner has to admit who does.
   *
   * @default none that anybody here needs to use
   */
  readonly encryptionKey?: kms.IKey;
}

/** A queue of another stack, account or region. Nothing of it is changed: who may send is said by its owner. */
export class ImportedCommandQueue extends Construct implements ICommandQueue {
  readonly queue: sqs.IQueue;
  readonly command: AnyContract;
  readonly encryptionKey: kms.IKey | undefined;

  constructor(scope: Construct, id: string, { queueArn, command, encryptionKey }: CommandQueueAttributes) {
    super(scope, id);
    if (command.kind !== 'command') {
      throw new UnsafePropsError(
        this,
        `'${command.type}' is an event, and more than one consumer may care for it.`,
        'Publish it on an EventTopic instead.',
      );
    }
    this.command = command;
    this.encryptionKey = encryptionKey;
    this.queue = sqs.Queue.fromQueueArn(this, 'Queue', queueArn);
  }

  get queueUrl(): string {
    return this.queue.queueUrl;
  }

  grantSend(grantee: iam.IGrantable): iam.Grant {
    return grantSendTo(this, grantee);
  }

  metricSent(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.queue.metricNumberOfMessagesSent(props);
  }
}

/** Lets a principal send to a queue and use its key. */
export function grantSendTo(
  { queue, encryptionKey }: Pick<ICommandQueue, 'queue' | 'encryptionKey'>,
  grantee: iam.IGrantable,
): iam.Grant {
  const grant = iam.Grant.addToPrincipal({ grantee, actions: ['sqs:SendMessage'], resourceArns: [queue.queueArn] });
  return encryptionKey ? grant.combine(grantMessageKey(encryptionKey, grantee)) : grant;
}
