import { createHash, randomUUID } from 'node:crypto';
import type { SQSEvent, SQSMessageAttributes, SQSRecord } from 'aws-lambda';
import type { AnyContract } from '../contracts/contract.ts';
import { createEnvelope, type Envelope, type EnvelopeProps } from '../contracts/envelope.ts';
import { type MessageAttribute, messageAttributes } from '../contracts/headers.ts';
import { TestingError } from './errors.ts';

/** What a message of a batch may be made of. */
export type BatchEntry =
  /** An event or command as it is. */
  | Envelope
  /** A contract and the data for it: an envelope is made, with a random id and the source `/test` unless the third says otherwise. */
  | readonly [contract: AnyContract, data: unknown, props?: Partial<EnvelopeProps>]
  /** A body as it is, however malformed. */
  | string
  /** A message that differs from the rest of its batch. */
  | MessageProps;

/** One message of a batch. */
export interface MessageProps {
  /** An envelope, or a body as it is. */
  body: Envelope | string;
  /** @default that of the batch */
  receiveCount?: number;
  /** Message group on a FIFO queue. @default the event's key, or `test` for a body that is no event */
  groupId?: string;
  /** Message attributes beside `type`, `version` and `key` of an event. @default none */
  attributes?: Readonly<Record<string, string>>;
  /** @default a random UUID */
  messageId?: string;
}

/** What a batch comes from. */
export interface SqsBatchProps {
  /** Whether the queue is a FIFO queue, with groups and sequence numbers. @default false */
  fifo?: boolean;
  /** How often each message has been received, this time included. @default 1 */
  receiveCount?: number;
  /** The name of the queue; `.fifo` is appended where it belongs. @default test */
  queue?: string;
  /** When the messages were sent. @default now */
  sentAt?: Date;
}

const REGION = 'eu-west-1';
const ACCOUNT = '123456789012';
const MOST = 10_000;
let sequence = 0n;

/**
 * The event that Lambda passes to a function behind an SQS queue: message ids, receipt handles, MD5 sums, times and attributes as
 * SQS has them, and on a FIFO queue groups, deduplication ids and growing sequence numbers.
 * Source: Using Lambda with Amazon SQS, AWS Lambda developer guide.
 * @throws InvalidDataError when the data of a pair breaks its contract: give a body as text to test that
 */
export function sqsBatch(entries: readonly BatchEntry[], props: SqsBatchProps = {}): SQSEvent {
  if (entries.length > MOST) throw new TestingError(`A batch has at most ${MOST} messages, not ${entries.length}.`);
  return { Records: entries.map((entry) => record(messageOf(entry), props)) };
}

/** The batch in which records come back: received once more, under new receipt handles. */
export function receivedAgain(records: readonly SQSRecord[]): SQSEvent {
  return {
    Records: records.map((one) => ({
      ...one,
      receiptHandle: receiptHandle(),
      attributes: {
        ...one.attributes,
        ApproximateReceiveCount: String(Number(one.attributes.ApproximateReceiveCount) + 1),
      },
    })),
  };
}

function messageOf(entry: BatchEntry): MessageProps {
  if (typeof entry === 'string') return { body: entry };
  if (Array.isArray(entry)) {
    const [contract, data, props] = entry as readonly [AnyContract, unknown, Partial<EnvelopeProps>?];
    return { body: createEnvelope(contract, data as never, { source: '/test', ...props }) };
  }
  const one = entry as Envelope | MessageProps;
  return 'body' in one ? one : { body: one };
}

function record(message: MessageProps, props: SqsBatchProps): SQSRecord {
  const { fifo = false, queue = 'test', sentAt = new Date() } = props;
  const { body, receiveCount = props.receiveCount ?? 1, messageId = randomUUID() } = message;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const own = Object.entries(message.attributes ?? {}).map(([name, StringValue]) => [
    name,
    { DataType: 'String', StringValue } as const,
  ]);
  const attributes: Attributes = {
    ...(typeof body !== 'string' && messageAttributes(body)),
    ...Object.fromEntries(own),
  };
  const hasAttributes = Object.keys(attributes).length > 0;
  return {
    messageId,
    receiptHandle: receiptHandle(),
    body: text,
    attributes: {
      ApproximateReceiveCount: String(receiveCount),
      SentTimestamp: String(sentAt.getTime()),
      SenderId: 'AIDAIENQZJOLO23YVJ4VO',
      // delivered soon after it was sent
      ApproximateFirstReceiveTimestamp: String(sentAt.getTime() + 10),
      ...(fifo && {
        MessageGroupId: message.groupId ?? (typeof body === 'string' ? 'test' : body.subject),
        MessageDeduplicationId: typeof body === 'string' ? createHash('sha256').update(body).digest('hex') : body.id,
        SequenceNumber: nextSequenceNumber(),
      }),
    },
    messageAttributes: toMessageAttributes(attributes),
    md5OfBody: md5(text),
    ...(hasAttributes && { md5OfMessageAttributes: md5OfAttributes(attributes) }),
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:${REGION}:${ACCOUNT}:${fifo ? `${queue}.fifo` : queue}`,
    awsRegion: REGION,
  };
}

type Attributes = Readonly<Record<string, MessageAttribute>>;

function toMessageAttributes(attributes: Attributes): SQSMessageAttributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType, StringValue }]) => [
      name,
      { stringValue: StringValue, stringListValues: [], binaryListValues: [], dataType: DataType },
    ]),
  );
}

function receiptHandle(): string {
  return Buffer.from(randomUUID() + randomUUID() + randomUUID()).toString('base64');
}

/** Twenty digits, growing over all batches. */
function nextSequenceNumber(): string {
  sequence += 256n;
  return String(18_800_000_000_000_000_000n + sequence);
}

function md5(data: string | Buffer): string {
  return createHash('md5').update(data).digest('hex');
}

/** Source: Calculating the MD5 message digest for message attributes, Amazon SQS developer guide. */
function md5OfAttributes(attributes: Attributes): string {
  const parts: Buffer[] = [];
  const add = (text: string) => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  };
  for (const name of Object.keys(attributes).sort()) {
    const { DataType, StringValue } = attributes[name]!;
    add(name);
    add(DataType);
    parts.push(Buffer.from([1]));
    add(StringValue);
  }
  return md5(Buffer.concat(parts));
}
