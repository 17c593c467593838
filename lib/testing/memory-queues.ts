import type * as sns from '@aws-sdk/client-sns';
import type * as sqs from '@aws-sdk/client-sqs';
import { type Envelope, parseEnvelope } from '../contracts/envelope.ts';
import type { Sns, Sqs } from '../runtime/aws/clients.ts';
import type { FailureContext } from '../runtime/batch/dead-letter.ts';
import { UnsupportedError } from './errors.ts';

/** A message that was sent to a queue. */
export interface SentMessage {
  queueUrl: string;
  body: string;
  /** Its message attributes, as texts. */
  attributes: Readonly<Record<string, string>>;
  groupId?: string;
  delaySeconds?: number;
}

/** A record that was dead-lettered. */
export interface DeadLetter {
  body: string;
  /** What the body says, when it is an envelope. */
  event: Envelope | undefined;
  /** Why it is there. */
  failure: FailureContext;
  /** Every message attribute, those of the failure included. */
  attributes: Readonly<Record<string, string>>;
  groupId?: string;
}

/** SQS as far as a consumer needs it: everything sent is kept. */
export function createMemorySqs(sent: SentMessage[]): Sqs {
  const take = (queueUrl: string | undefined, entry: sqs.SendMessageBatchRequestEntry | sqs.SendMessageRequest) => {
    sent.push({
      queueUrl: queueUrl ?? '',
      body: entry.MessageBody ?? '',
      attributes: Object.fromEntries(
        Object.entries(entry.MessageAttributes ?? {}).map(([name, { StringValue = '' }]) => [name, StringValue]),
      ),
      ...(entry.MessageGroupId !== undefined && { groupId: entry.MessageGroupId }),
      ...(entry.DelaySeconds !== undefined && { delaySeconds: entry.DelaySeconds }),
    });
    return { MessageId: `sent-${sent.length}` };
  };
  return {
    async call(operation: string, input: object) {
      switch (operation) {
        case 'ChangeMessageVisibilityBatch': {
          const { Entries = [] } = input as sqs.ChangeMessageVisibilityBatchRequest;
          return { Successful: Entries.map(({ Id }) => ({ Id })) };
        }
        case 'SendMessage':
          return take((input as sqs.SendMessageRequest).QueueUrl, input as sqs.SendMessageRequest);
        case 'SendMessageBatch': {
          const { QueueUrl, Entries = [] } = input as sqs.SendMessageBatchRequest;
          return { Successful: Entries.map((entry) => ({ Id: entry.Id, ...take(QueueUrl, entry) })) };
        }
        default:
          throw new UnsupportedError(`The in-memory SQS has no ${operation}.`);
      }
    },
  } as Sqs;
}

/** SNS as far as a consumer needs it: everything published is handed on. */
export function createMemorySns(publish: (event: Envelope) => void): Sns {
  let published = 0;
  return {
    async call(operation: string, input: object) {
      if (operation === 'Publish') {
        publish(parseEnvelope((input as sns.PublishInput).Message!));
        return { MessageId: `published-${++published}` };
      }
      if (operation !== 'PublishBatch') throw new UnsupportedError(`The in-memory SNS has no ${operation}.`);
      const { PublishBatchRequestEntries = [] } = input as sns.PublishBatchInput;
      const Successful = PublishBatchRequestEntries.map(({ Id, Message }) => {
        publish(parseEnvelope(Message!));
        return { Id, MessageId: `published-${++published}` };
      });
      return { Successful };
    },
  } as Sns;
}

/** Reads a message of the DLQ. */
export function readDeadLetter({ body, attributes, groupId }: SentMessage): DeadLetter {
  let event: Envelope | undefined;
  try {
    event = parseEnvelope(body);
  } catch {
    // that may be why it is there
  }
  return {
    body,
    event,
    failure: attributes as unknown as FailureContext,
    attributes,
    ...(groupId !== undefined && { groupId }),
  };
}
