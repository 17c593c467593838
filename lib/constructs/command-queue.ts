import type { Size } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct, IConstruct } from 'constructs';
import { type AnyContract, accepted } from '../contracts/index.ts';
import type { IClaimCheck } from './claim-check.ts';
import { describeConsumer } from './delivery/pipeline-facts.ts';
import { QueueFunction, type QueueFunctionProps } from './delivery/queue-function.ts';
import { UnsafePropsError } from './errors.ts';
import { describe } from './routing/description.ts';
import { refuseUnfair } from './routing/fairness.ts';
import {
  type CommandQueueAttributes,
  grantSendTo,
  ImportedCommandQueue,
  refuseBadCommand,
} from './routing/imported-command-queue.ts';
import { announceTopicSize, LARGEST_MESSAGE, limitMessages, refuseBadSize } from './routing/payload-limit.ts';

export type { CommandQueueAttributes } from './routing/imported-command-queue.ts';

/** A queue of commands, made in this app or elsewhere. */
export interface ICommandQueue extends IConstruct {
  readonly queue: sqs.IQueue;
  /** Where commands are sent. */
  readonly queueUrl: string;
  readonly command: AnyContract;
  /** The key that encrypts it; undefined when nobody said so. */
  readonly encryptionKey: kms.IKey | undefined;
  /** Where the data of commands is when it is too large to travel; undefined when nothing larger is taken. */
  readonly claimCheck: IClaimCheck | undefined;

  /** Lets a principal send commands, and use the queue's key for that. Both accounts have to agree if they differ. */
  grantSend(grantee: iam.IGrantable): iam.Grant;

  /** Commands sent, as SQS counts them. Sum over 5 minutes unless told otherwise. */
  metricSent(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** What a {@link CommandQueue} takes. */
export interface CommandQueueProps extends QueueFunctionProps {
  /** The command that is sent here; the handler may accept earlier versions of it. */
  readonly command: AnyContract;

  /**
   * Where the data of commands is when it is too large to travel. The handler may read there; senders get
   * `claimCheck.environment` and `claimCheck.grantWrite`.
   *
   * @default nothing larger is taken
   */
  readonly claimCheck?: IClaimCheck;

  /**
   * Whether the commands of one key are carried out one after the other, in the order they were sent (a FIFO queue).
   *
   * @default false
   */
  readonly ordered?: boolean;

  /**
   * Whether the backlog of one tenant may not make the others wait: the command has to declare its `tenant`, which its senders
   * give as the message group. Not for an ordered queue, whose group is the key.
   *
   * @default false
   */
  readonly fair?: boolean;

  /**
   * The largest command that it takes, attributes included: 1 KiB to 1 MiB.
   *
   * @default Size.mebibytes(1)
   */
  readonly maxMessageSize?: Size;

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
 * @throws UnsafePropsError when messages could be lost, blocked or repeated, when given an event or a partial contract, when it
 *   is fair and ordered, or fair without a tenant, or when data that is too large to travel would be out of reach
 * @throws BundleError when the handler is missing or does not compile
 */
export class CommandQueue extends QueueFunction implements ICommandQueue {
  /** A queue that was made elsewhere, by its ARN. */
  static fromQueueArn(scope: Construct, id: string, queueArn: string, command: AnyContract): ICommandQueue {
    return new ImportedCommandQueue(scope, id, { queueArn, command });
  }

  /** A queue that was made elsewhere, also in another account or region. */
  static fromQueueAttributes(scope: Construct, id: string, attributes: CommandQueueAttributes): ICommandQueue {
    return new ImportedCommandQueue(scope, id, attributes);
  }

  readonly command: AnyContract;
  readonly claimCheck: IClaimCheck | undefined;

  constructor(scope: Construct, id: string, props: CommandQueueProps) {
    super(scope, id, props, {
      ordered: props.ordered ?? false,
      encryptionKey: keyFor(props),
      description: describe('Carries out', [props.command.type], props.owner),
      claimCheck: props.claimCheck,
    });
    refuseBadCommand(this, props.command);
    this.command = props.command;
    this.claimCheck = props.claimCheck;
    if (props.fair) refuseUnfair(this, { ordered: props.ordered ?? false, contracts: [props.command] });
    const size = props.maxMessageSize ?? LARGEST_MESSAGE;
    refuseBadSize(this, size);
    limitMessages(this.queue, size);
    // Dead letters carry their failure context on top.
    limitMessages(this.deadLetterQueue, LARGEST_MESSAGE);
    announceTopicSize(this.function, props.publishes);
    describeConsumer(this, {
      kind: 'commandQueue',
      owner: props.owner,
      ordered: props.ordered ?? false,
      events: accepted(props.command).map(({ dataschema }) => dataschema),
      pinned: false,
    });
  }

  /** Where commands are sent. */
  get queueUrl(): string {
    return this.queue.queueUrl;
  }

  /** Lets a principal send commands, and use the queue's key for that. Both accounts have to agree if they differ. */
  grantSend(grantee: iam.IGrantable): iam.Grant {
    return grantSendTo(this, grantee);
  }

  /** Commands sent, as SQS counts them. Sum over 5 minutes unless told otherwise. */
  metricSent(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.queue.metricNumberOfMessagesSent(props);
  }
}

function keyFor({ encryptionKey, idempotency }: CommandQueueProps): kms.IKey {
  const key = encryptionKey ?? idempotency.encryptionKey;
  if (key !== undefined) return key;
  throw new UnsafePropsError(
    idempotency,
    'Nobody said what key encrypts it, and a CommandQueue would take it for its own.',
    'Set `encryptionKey` of the command queue.',
  );
}
