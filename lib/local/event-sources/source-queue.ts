import { setTimeout as delay } from 'node:timers/promises';
import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  type ChangeMessageVisibilityBatchRequestEntry,
  DeleteMessageBatchCommand,
  type DeleteMessageBatchRequestEntry,
  GetQueueAttributesCommand,
  type Message,
  type QueueAttributeName,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';

/** What SQS takes and gives in one call. */
const MAX_ENTRIES = 10;
/** How often entries that SQS refused are sent again, and how long before the first time (it doubles), in milliseconds. */
const ENTRY_ATTEMPTS = 4;
const ENTRY_BACKOFF_MS = 50;

/** One long poll over the network, in seconds. It is not aborted, since SQS may be answering it. */
const POLL_SECONDS = 1;
/** How long after its end a poll may still be answered before it is given up, in milliseconds. */
const POLL_GRACE_MS = 5_000;

/** The calls of SQS that a mapping makes on its queue. */
export interface QueueCalls {
  /**
   * Waits for messages for a while of its own choice. When `unwanted` is aborted it may come back with none at once, but
   * loses none.
   */
  receive(count: number, unwanted: AbortSignal): Promise<Message[]>;
  /** @returns the entries that were refused */
  deleteBatch(entries: DeleteMessageBatchRequestEntry[]): Promise<BatchResultErrorEntry[]>;
  /** @returns the entries that were refused */
  changeVisibilityBatch(entries: ChangeMessageVisibilityBatchRequestEntry[]): Promise<BatchResultErrorEntry[]>;
  attributes(names: QueueAttributeName[]): Promise<Partial<Record<string, string>>>;
}

/** The queue of a mapping. */
export interface SourceQueue {
  visibilityTimeoutMs(): Promise<number>;
  receive(count: number, unwanted: AbortSignal): Promise<Message[]>;
  /** @returns the records that SQS would not delete, after retries: they will come again. */
  remove(records: readonly SQSRecord[]): Promise<SQSRecord[]>;
  /** Makes the records visible again at once. On a FIFO queue give them last first: SQS puts each back to the front. */
  release(records: readonly SQSRecord[]): Promise<SQSRecord[]>;
  /** Whether no message is there, be it visible, in flight or delayed. */
  isEmpty(): Promise<boolean>;
}

/** The calls over the network. */
export function networkCalls(sqs: SQSClient, QueueUrl: string): QueueCalls {
  return {
    async receive(count) {
      const command = new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: count,
        WaitTimeSeconds: POLL_SECONDS,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      });
      const abortSignal = AbortSignal.timeout(POLL_SECONDS * 1000 + POLL_GRACE_MS);
      const { Messages } = await sqs.send(command, { abortSignal });
      return Messages ?? [];
    },
    async deleteBatch(Entries) {
      const { Failed } = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      return Failed ?? [];
    },
    async changeVisibilityBatch(Entries) {
      const { Failed } = await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
      return Failed ?? [];
    },
    async attributes(AttributeNames) {
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
      return Attributes ?? {};
    },
  };
}

export function sourceQueue(calls: QueueCalls): SourceQueue {
  const inEntries = async (
    records: readonly SQSRecord[],
    call: (records: readonly SQSRecord[]) => Promise<BatchResultErrorEntry[]>,
  ): Promise<SQSRecord[]> => {
    const refused: SQSRecord[] = [];
    for (let at = 0; at < records.length; at += MAX_ENTRIES) {
      let left = records.slice(at, at + MAX_ENTRIES);
      for (let attempt = 1; left.length > 0; attempt += 1) {
        const failures = await call(left);
        left = failures.flatMap(({ Id }) => left[Number(Id)] ?? []);
        if (left.length === 0) break;
        if (attempt === ENTRY_ATTEMPTS) {
          refused.push(...left);
          break;
        }
        await delay(ENTRY_BACKOFF_MS * 2 ** (attempt - 1));
      }
    }
    return refused;
  };

  return {
    async visibilityTimeoutMs() {
      const { VisibilityTimeout } = await calls.attributes(['VisibilityTimeout']);
      return Number(VisibilityTimeout ?? 30) * 1000;
    },
    receive: (count, unwanted) => calls.receive(Math.min(count, MAX_ENTRIES), unwanted),
    remove: (records) =>
      inEntries(records, (some) =>
        calls.deleteBatch(
          some.map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle })),
        ),
      ),
    release: (records) =>
      inEntries(records, async (some) => {
        const failed = await calls.changeVisibilityBatch(
          some.map(({ receiptHandle }, index) => ({
            Id: String(index),
            ReceiptHandle: receiptHandle,
            VisibilityTimeout: 0,
          })),
        );
        // A message that is no longer in flight needs no release.
        return failed.filter(({ SenderFault }) => SenderFault !== true);
      }),
    async isEmpty() {
      const counts = await calls.attributes([
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ]);
      return Object.values(counts).every((count) => Number(count) === 0);
    },
  };
}
