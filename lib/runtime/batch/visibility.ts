import type { SQSRecord } from 'aws-lambda';
import type { Sqs } from '../aws/clients.ts';

/** When a record is to be seen again. */
export interface Delay {
  record: SQSRecord;
  seconds: number;
}

/** SQS takes 10 entries a call. */
const ENTRIES = 10;

/**
 * Sets when records are seen again: one call for a batch of up to 10.
 * Never rejects: a record whose visibility could not be changed comes back when the queue's own timeout ends.
 * @returns the messages that this went wrong for, with the reason
 */
export async function delay(client: Sqs, queueUrl: string, delays: readonly Delay[]): Promise<string[]> {
  const calls: Promise<string[]>[] = [];
  for (let start = 0; start < delays.length; start += ENTRIES) {
    calls.push(call(client, queueUrl, delays.slice(start, start + ENTRIES)));
  }
  return (await Promise.all(calls)).flat();
}

async function call(client: Sqs, queueUrl: string, delays: readonly Delay[]): Promise<string[]> {
  try {
    const { Failed = [] } = await client.call('ChangeMessageVisibilityBatch', {
      QueueUrl: queueUrl,
      Entries: delays.map(({ record, seconds }, position) => ({
        Id: String(position),
        ReceiptHandle: record.receiptHandle,
        VisibilityTimeout: seconds,
      })),
    });
    return Failed.map(({ Id, Code, Message }) => `${delays[Number(Id)]?.record.messageId}: ${Code} ${Message ?? ''}`);
  } catch (error) {
    return delays.map(({ record }) => `${record.messageId}: ${String(error)}`);
  }
}
