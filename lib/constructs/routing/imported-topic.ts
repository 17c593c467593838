import { type Size, Token } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { AnyContract } from '../../contracts/index.ts';
import type { IClaimCheck } from '../claim-check.ts';
import { UnsafePropsError } from '../errors.ts';
import { DEFAULT_TOPIC_SIZE } from './payload-limit.ts';
import { EventTopicBase } from './topic-base.ts';

/** What is known of a topic that was made elsewhere. */
export interface EventTopicAttributes {
  /** That of a FIFO topic ends in `.fifo`. */
  readonly topicArn: string;

  /** The events that travel over it, as far as this app cares. */
  readonly events: readonly AnyContract[];

  /**
   * Whether it is a FIFO topic.
   *
   * @default whether its ARN ends in `.fifo`
   */
  readonly ordered?: boolean;

  /**
   * The key that encrypts it. Needed to publish there; its owner has to admit who does.
   *
   * @default none that anybody here needs to use
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * The largest event that it takes, attributes included: 1 KiB to 1 MiB.
   *
   * @default Size.kibibytes(256)
   */
  readonly maxMessageSize?: Size;

  /**
   * Where the data of its events is when it is too large to travel; its owner has to admit who reads or writes there.
   *
   * @default nothing larger is taken
   */
  readonly claimCheck?: IClaimCheck;
}

/** A topic of another stack, account or region. Nothing of it is changed: who may subscribe or publish is said by its owner. */
export class ImportedEventTopic extends EventTopicBase {
  readonly topic: sns.ITopic;
  readonly ordered: boolean;
  readonly maxMessageSize: Size;
  readonly encryptionKey: kms.IKey | undefined;
  readonly claimCheck: IClaimCheck | undefined;

  constructor(scope: Construct, id: string, props: EventTopicAttributes) {
    super(scope, id, props.events);
    const { topicArn } = props;
    const isFifo = Token.isUnresolved(topicArn) ? undefined : topicArn.endsWith('.fifo');
    this.ordered = props.ordered ?? isFifo ?? false;
    if (isFifo !== undefined && isFifo !== this.ordered) {
      throw new UnsafePropsError(
        this,
        `\`ordered\` is ${this.ordered}, but ${topicArn} ${isFifo ? 'is' : 'is not'} a FIFO topic.`,
        'Leave `ordered` out.',
      );
    }
    this.maxMessageSize = props.maxMessageSize ?? DEFAULT_TOPIC_SIZE;
    this.encryptionKey = props.encryptionKey;
    this.claimCheck = props.claimCheck;
    this.topic = sns.Topic.fromTopicAttributes(this, 'Topic', { topicArn });
  }

  /** Others may subscribe to it, unseen from here. */
  subscribed(): void {}
}
