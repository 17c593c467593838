import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { OperationError } from './errors.ts';

/** What a lane reader works with. */
export interface LaneReaderProps {
  sqs: SQSClient;
  /** A FIFO queue. */
  queueUrl: string;
  /** Seconds that a receive waits for a message. Over zero, SQS asks all of its servers, so that none is overlooked. */
  waitSeconds: number;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

/** Reads single message groups of a FIFO queue, in order. SQS gives what is there: the rest is held meanwhile, then given back. */
export interface LaneReader {
  /** The next messages of a group; none when there are no more that anybody could receive. */
  next(group: string): Promise<Message[]>;
  /** Whether a message of {@link next} is still hidden from others for long enough to be moved. */
  holds(message: Message): boolean;
  remove(message: Message): Promise<void>;
  /** Messages that somebody else holds, which may be of any group. Approximate, as SQS is. */
  heldElsewhere(): Promise<number>;
  /** Lets others see everything that was not removed. */
  giveBack(): Promise<void>;
}

const LEASE_SECONDS = 300;
/** Too little of a lease to begin with anything. */
const SPARE_MS = 30_000;
/** A FIFO queue has no more than so many messages in flight, and answers as if it were empty. Source: Amazon SQS quotas. */
const IN_FLIGHT = 20_000;
const ENTRIES = 10;

interface Held {
  message: Message;
  until: number;
}

export function createLaneReader({ sqs, queueUrl: QueueUrl, waitSeconds, clock }: LaneReaderProps): LaneReader {
  /** By message id. */
  const held = new Map<string, Held>();
  /** Not asked for yet, by group. */
  const waiting = new Map<string, Message[]>();

  async function receive(): Promise<number> {
    const until = clock() + LEASE_SECONDS * 1_000;
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: ENTRIES,
        VisibilityTimeout: LEASE_SECONDS,
        WaitTimeSeconds: waitSeconds,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['MessageGroupId', 'MessageDeduplicationId'],
      }),
    );
    for (const message of Messages) {
      held.set(message.MessageId!, { message, until });
      const group = message.Attributes?.MessageGroupId ?? '';
      waiting.set(group, [...(waiting.get(group) ?? []), message]);
    }
    return Messages.length;
  }

  return {
    async next(group) {
      while (!waiting.has(group)) {
        if (held.size >= IN_FLIGHT) {
          throw new OperationError(
            `More than ${IN_FLIGHT} message groups of ${QueueUrl} come before '${group}'. Release or redrive those first.`,
          );
        }
        if ((await receive()) === 0) return [];
      }
      const messages = waiting.get(group)!;
      waiting.delete(group);
      return messages;
    },
    holds({ MessageId }) {
      const { until = 0 } = held.get(MessageId!) ?? {};
      return clock() < until - SPARE_MS;
    },
    async remove({ MessageId, ReceiptHandle }) {
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      held.delete(MessageId!);
    },
    async heldElsewhere() {
      const name = 'ApproximateNumberOfMessagesNotVisible';
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [name] }));
      return Math.max(Number(Attributes?.[name] ?? 0) - held.size, 0);
    },
    async giveBack() {
      // the later ones of a group first, so that nobody is given them before the earlier ones
      const messages = [...held.values()].map(({ message }) => message).reverse();
      held.clear();
      waiting.clear();
      for (let start = 0; start < messages.length; start += ENTRIES) {
        await sqs.send(
          new ChangeMessageVisibilityBatchCommand({
            QueueUrl,
            Entries: messages.slice(start, start + ENTRIES).map(({ ReceiptHandle }, position) => ({
              Id: String(position),
              ReceiptHandle,
              VisibilityTimeout: 0,
            })),
          }),
        );
      }
    },
  };
}
