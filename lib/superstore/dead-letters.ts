import {
  ChangeMessageVisibilityBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** A message in a dead-letter queue. */
export interface DeadLetter {
  body: string;
  /** The failure context: the message attributes that the runtime wrote. */
  context: Record<string, string>;
}

/** Seconds that a look at a queue may take; the messages are given back before. */
const LOOK = 60;

/** Looks at all messages of a queue: takes them under a visibility timeout, and gives every one back. */
export async function readDeadLetters(sqs: SQSClient, queueUrl: string): Promise<DeadLetter[]> {
  const seen = new Map<string, Message>();
  try {
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: 10,
          VisibilityTimeout: LOOK,
          MessageAttributeNames: ['All'],
        }),
      );
      if (Messages.length === 0) break;
      for (const message of Messages) seen.set(message.MessageId!, message);
    }
  } finally {
    const taken = [...seen.values()];
    for (let start = 0; start < taken.length; start += 10) {
      await sqs.send(
        new ChangeMessageVisibilityBatchCommand({
          QueueUrl: queueUrl,
          Entries: taken.slice(start, start + 10).map((message, n) => ({
            Id: String(n),
            ReceiptHandle: message.ReceiptHandle,
            VisibilityTimeout: 0,
          })),
        }),
      );
    }
  }
  return [...seen.values()].map((message) => ({
    body: message.Body ?? '',
    context: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, value.StringValue ?? '']),
    ),
  }));
}
