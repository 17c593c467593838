import type { Message, QueueAttributeName } from '@aws-sdk/client-sqs';
import type { DirectSqs } from '../messaging-engine.ts';
import type { QueueCalls } from './source-queue.ts';

/** How long one wait for messages lasts, in seconds: SQS's longest. It costs nothing, and ends when it is not wanted. */
const WAIT_SECONDS = 20;

/**
 * The calls to an engine in this process, without the way through HTTP and back. The same code answers, so that all of SQS
 * that the engine knows holds here too; and a wait can be given up without the risk of losing what it would have brought.
 */
export function directCalls(sqs: DirectSqs, QueueUrl: string): QueueCalls {
  const take = async (count: number): Promise<Message[]> => {
    const { Messages } = await sqs.call<{ Messages?: Message[] }>('ReceiveMessage', {
      QueueUrl,
      MaxNumberOfMessages: count,
      WaitTimeSeconds: 0,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    });
    return Messages ?? [];
  };
  return {
    async receive(count, unwanted) {
      if (unwanted.aborted) return [];
      const there = await take(count);
      if (there.length > 0) return there;
      await sqs.arrival(QueueUrl, WAIT_SECONDS, unwanted);
      return unwanted.aborted ? [] : await take(count);
    },
    async deleteBatch(Entries) {
      const { Failed } = await sqs.call<{ Failed: [] }>('DeleteMessageBatch', { QueueUrl, Entries });
      return Failed;
    },
    async changeVisibilityBatch(Entries) {
      const { Failed } = await sqs.call<{ Failed: [] }>('ChangeMessageVisibilityBatch', { QueueUrl, Entries });
      return Failed;
    },
    async attributes(AttributeNames: QueueAttributeName[]) {
      const { Attributes } = await sqs.call<{ Attributes: Record<string, string> }>('GetQueueAttributes', {
        QueueUrl,
        AttributeNames,
      });
      return Attributes;
    },
  };
}
