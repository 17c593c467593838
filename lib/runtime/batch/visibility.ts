import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs';
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
 * Sets when records are seen again: one call for 10 of them, and one more for those that SQS itself failed at.
 * Never rejects: a record whose visibility could not be changed comes back when the queue's own timeout ends.
 * @returns the messages that this went wrong for, with the reason
 */
export async function delay(client: Sqs, queueUrl: string, delays: readonly Delay[]): Promise<string[]> {
  const calls: Promise<string[]>[] = [];
  for (let start = 0; start < delays.length; start += ENTRIES) {
    calls.push(settle(client, queueUrl, delays.slice(start, start + ENTRIES)));
  }
  return (await Promise.all(calls)).flat();
}

async function settle(client: Sqs, queueUrl: string, delays: readonly Delay[]): Promise<string[]> {
  try {
    const failed = await call(client, queueUrl, delays);
    const again = failed.filter(({ failure }) => isRetryable(failure)).map(({ entry }) => entry);
    const given = failed.filter(({ failure }) => !isRetryable(failure)).map(tell);
    // what the second call ends with is no reason to hide what the first one said
    if (again.length > 0)
      given.push(...(await call(client, queueUrl, again).then((left) => left.map(tell), tellAll(again))));
    return given;
  } catch (error) {
    return tellAll(delays)(error);
  }
}

/** An entry that SQS refused. */
interface Failed {
  entry: Delay;
  failure: BatchResultErrorEntry;
}

async function call(client: Sqs, queueUrl: string, delays: readonly Delay[]): Promise<Failed[]> {
  const { Failed = [] } = await client.call('ChangeMessageVisibilityBatch', {
    QueueUrl: queueUrl,
    Entries: delays.map(({ record, seconds }, position) => ({
      Id: String(position),
      ReceiptHandle: record.receiptHandle,
      VisibilityTimeout: seconds,
    })),
  });
  return Failed.map((failure) => ({ entry: delays[Number(failure.Id)]!, failure }));
}

/** Another call may help only where SQS does not blame the request. */
function isRetryable({ SenderFault }: BatchResultErrorEntry): boolean {
  return SenderFault === false;
}

function tell({ entry, failure: { Code, Message } }: Failed): string {
  return `${entry.record.messageId}: ${Code} ${Message ?? ''}`;
}

function tellAll(delays: readonly Delay[]): (error: unknown) => string[] {
  return (error) => delays.map(({ record }) => `${record.messageId}: ${String(error)}`);
}
