import { setTimeout as delay } from 'node:timers/promises';
import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';

/** What SQS takes and gives in one call. */
const MAX_ENTRIES = 10;
/** How often entries that SQS refused are sent again, and how long before the first time (it doubles), in milliseconds. */
const ENTRY_ATTEMPTS = 4;
const ENTRY_BACKOFF_MS = 50;

/** The queue of a mapping, in the four calls that a mapping makes. */
export interface SourceQueue {
  visibilityTimeoutMs(): Promise<number>;
  /** Long polls for `waitSeconds`. */
  receive(count: number, waitSeconds: number, signal: AbortSignal): Promise<Message[]>;
  /** @returns the records that SQS would not delete, after retries: they will come again. */
  remove(records: readonly SQSRecord[]): Promise<SQSRecord[]>;
  /** Makes the records visible again at once. On a FIFO queue give them last first: SQS puts each back to the front. */
  release(records: readonly SQSRecord[]): Promise<SQSRecord[]>;
}

export function sourceQueue(sqs: SQSClient, queueUrl: string): SourceQueue {
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
      const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['VisibilityTimeout'] });
      const { Attributes } = await sqs.send(command);
      return Number(Attributes?.VisibilityTimeout ?? 30) * 1000;
    },
    async receive(count, waitSeconds, signal) {
      const command = new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(count, MAX_ENTRIES),
        WaitTimeSeconds: waitSeconds,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      });
      const { Messages } = await sqs.send(command, { abortSignal: signal });
      return Messages ?? [];
    },
    remove: (records) =>
      inEntries(records, async (some) => {
        const Entries = some.map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle }));
        const { Failed } = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
        return Failed ?? [];
      }),
    release: (records) =>
      inEntries(records, async (some) => {
        const Entries = some.map(({ receiptHandle }, index) => ({
          Id: String(index),
          ReceiptHandle: receiptHandle,
          VisibilityTimeout: 0,
        }));
        const { Failed } = await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
        // A message that is no longer in flight needs no release.
        return (Failed ?? []).filter(({ SenderFault }) => SenderFault !== true);
      }),
  };
}
