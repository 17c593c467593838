import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { AnyContract } from '../../contracts/index.ts';
import type { IClaimCheck } from '../claim-check.ts';
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

  /**
   * Where the data of its commands is when it is too large to travel; its owner has to admit who writes there.
   *
   * @default nothing larger is taken
   */
  readonly claimCheck?: IClaimCheck;
}

/** A queue of another stack, account or region. Nothing of it is changed: who may send is said by its owner. */
export class ImportedCommandQueue extends Construct implements ICommandQueue {
  readonly queue: sqs.IQueue;
  readonly command: AnyContract;
  readonly encryptionKey: kms.IKey | undefined;
  readonly claimCheck: IClaimCheck | undefined;

  constructor(scope: Construct, id: string, { queueArn, command, ...attributes }: CommandQueueAttributes) {
    super(scope, id);
    refuseBadCommand(this, command);
    this.command = command;
    this.encryptionKey = attributes.encryptionKey;
    this.claimCheck = attributes.claimCheck;
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

/** @throws UnsafePropsError for what is no command, or a part of one */
export function refuseBadCommand(scope: Construct, { kind, type, version, partial }: AnyContract): void {
  if (kind !== 'command') {
    throw new UnsafePropsError(
      scope,
      `'${type}' is an event, and more than one consumer may care for it.`,
      'Publish it on an EventTopic instead.',
    );
  }
  if (partial) {
    throw new UnsafePropsError(
      scope,
      `'${type}' version ${version} is given as what its handler needs of it, which is less than what is sent.`,
      "Give the command's own contract; `needs` belongs into the handler.",
    );
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
