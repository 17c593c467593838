import type { SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import type { Sqs } from '../aws/clients.ts';
import { createCoalescer } from '../aws/coalescer.ts';
import { DeadLetterError } from '../errors.ts';
import { groupOf } from './lanes.ts';
import { attemptOf } from './record.ts';

/** Why a record is in the DLQ: its message attributes there. */
export interface FailureContext {
  /** The name of the error's class. */
  errorClass: string;
  errorMessage: string;
  /** The stack, causes included, up to 4 KiB. */
  errorStack: string;
  /** How often it was tried. */
  attempts: string;
  /** RFC 3339. Of the first receive when there were several, which SQS knows; its failure came soon after. */
  firstFailure: string;
  /** RFC 3339. */
  lastFailure: string;
  consumer: string;
  functionVersion: string;
  /** The CloudEvents id; `unknown` when the message is no envelope. */
  eventId: string;
  /** What ended its attempts early, beside the error: `retention` or `receives`. */
  reason?: string;
  /** `true`: it never ran, but follows an event of its key that is a dead letter. */
  parked?: 'true';
  /** The id of the event that it is parked behind. */
  parkedBehind?: string;
  /** The redrive that it came back from. */
  redriveId?: string;
  /** What it is ordered by, where its message group is another one. */
  parkedKey?: string;
}

/** A record that failed for good. */
export interface DeadLetter {
  record: SQSRecord;
  error: unknown;
  /** How often it was tried. @default how often SQS has delivered it */
  attempts?: number;
  /** @default unknown */
  eventId?: string;
  /** Why now, when its error alone did not decide that. @default its error decided */
  reason?: string;
  /** The id of the event that it is parked behind. @default it is not parked: it failed */
  parkedBehind?: string;
  /** The redrive that it came back from. @default none */
  redriveId?: string;
  /** Takes out of a message or a stack what nobody may read there. @default nothing is taken out */
  mask?: (text: string) => string;
  /** Its message group in a FIFO DLQ. @default that of the record */
  group?: string;
  /** What it is ordered by. @default its message group */
  parkedKey?: string;
}

/** What dead letters are made with. */
export interface DeadLettersProps {
  client: Sqs;
  queueUrl: string;
  consumer: string;
  functionVersion: string;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

/** SendMessageBatch takes 10 entries and 1 MiB in all (source: Amazon SQS quotas, messages). */
const ENTRIES = 10;
const LARGEST = 1_048_576;
const LONGEST_STACK = 4_096;
const LONGEST_MESSAGE = 1_024;
/** The attributes that one message has at most, as with raw delivery, so that a letter can go wherever an event can. */
const ATTRIBUTES = 10;
/** What goes first when body and context are too large together. */
const EXPENDABLE: readonly (keyof FailureContext)[] = [
  'errorStack',
  'errorMessage',
  'functionVersion',
  'firstFailure',
  'lastFailure',
  'attempts',
  'consumer',
  'reason',
  'errorClass',
  'parkedKey',
  'parkedBehind',
  'parked',
  'redriveId',
  'eventId',
];
/** What goes first when there are too many: what can be found elsewhere, by the event's id in the log at the latest. */
const LEAST: readonly (keyof FailureContext)[] = ['functionVersion', 'firstFailure', 'lastFailure', 'attempts'];

/**
 * Sends records to the DLQ, body unchanged, with their failure context as attributes. Concurrent ones share a call.
 * The promise is fulfilled when the DLQ has the message: only then may the original be acknowledged.
 * @throws DeadLetterError when the DLQ did not take it.
 */
export function createDeadLetters(props: DeadLettersProps): (letter: DeadLetter) => Promise<void> {
  const send = createCoalescer<{ entry: SendMessageBatchRequestEntry; bytes: number }, void>({
    maxItems: ENTRIES,
    maxBytes: LARGEST,
    sizeOf: ({ bytes }) => bytes,
    inOrder: true,
    send: async (letters) => {
      const { Failed = [] } = await props.client.call('SendMessageBatch', {
        QueueUrl: props.queueUrl,
        Entries: letters.map(({ entry }, position) => ({ ...entry, Id: String(position) })),
      });
      const failed = new Map(Failed.map((failure) => [failure.Id, failure]));
      return letters.map((_, position) => {
        const failure = failed.get(String(position));
        return failure === undefined
          ? { status: 'fulfilled', value: undefined }
          : { status: 'rejected', reason: new Error(`${failure.Code}: ${failure.Message ?? ''}`) };
      });
    },
  });
  return async (letter) => {
    try {
      await send(entryFor(letter, props));
    } catch (cause) {
      throw new DeadLetterError(
        `The DLQ did not take the message ${letter.record.messageId} (${String(cause)}), which had failed with: ${String(letter.error)}`,
        { cause },
      );
    }
  };
}

/** The failure context of a dead letter. */
export function failureContext(
  letter: DeadLetter,
  props: Omit<DeadLettersProps, 'client' | 'queueUrl'>,
): FailureContext {
  const {
    record,
    error,
    eventId = 'unknown',
    reason,
    parkedBehind,
    redriveId,
    parkedKey,
    mask = (text) => text,
  } = letter;
  const now = props.clock();
  const { attempts = attemptOf(record) } = letter;
  const first = attempts > 1 ? Number(record.attributes.ApproximateFirstReceiveTimestamp) || now : now;
  return {
    errorClass: shorten(classOf(error), 256),
    errorMessage: shorten(mask(error instanceof Error ? error.message : String(error)), LONGEST_MESSAGE),
    errorStack: shorten(mask(stackOf(error)), LONGEST_STACK),
    attempts: String(attempts),
    firstFailure: new Date(first).toISOString(),
    lastFailure: new Date(now).toISOString(),
    consumer: props.consumer,
    functionVersion: props.functionVersion,
    eventId: shorten(eventId, 1_024),
    ...(reason !== undefined && { reason: shorten(reason, 256) }),
    ...(parkedBehind !== undefined && { parked: 'true', parkedBehind: shorten(parkedBehind, 1_024) }),
    ...(redriveId !== undefined && { redriveId: shorten(redriveId, 256) }),
    ...(parkedKey !== undefined && { parkedKey: shorten(parkedKey, 256) }),
  };
}

function entryFor(letter: DeadLetter, props: DeadLettersProps): { entry: SendMessageBatchRequestEntry; bytes: number } {
  const { record } = letter;
  const context: Partial<FailureContext> = failureContext(letter, props);
  for (const name of LEAST) {
    if (Object.keys(context).length <= ATTRIBUTES) break;
    delete context[name];
  }
  let bytes = Buffer.byteLength(record.body);
  for (const [name, value] of Object.entries(context)) bytes += sizeOf(name, value);
  for (const name of EXPENDABLE) {
    if (bytes <= LARGEST) break;
    if (context[name] === undefined) continue;
    bytes -= sizeOf(name, context[name]);
    delete context[name];
  }
  const key = groupOf(record);
  return {
    bytes,
    entry: {
      Id: record.messageId,
      MessageBody: record.body,
      MessageAttributes: Object.fromEntries(
        Object.entries(context).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
      ),
      // the message id, not the event id: an event that is redriven and fails again within SQS' five minutes of
      // deduplication would be swallowed, and a redrive gives a message a new id
      ...(key !== undefined && { MessageGroupId: letter.group ?? key, MessageDeduplicationId: record.messageId }),
    },
  };
}

function sizeOf(name: string, value: string): number {
  return Buffer.byteLength(name) + 'String'.length + Buffer.byteLength(value);
}

function classOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return error.name !== 'Error' ? error.name : error.constructor.name;
}

function stackOf(error: unknown): string {
  const stacks: string[] = [];
  for (let one = error, depth = 0; one !== undefined && depth < 5; depth++) {
    stacks.push(one instanceof Error ? (one.stack ?? String(one)) : String(one));
    one = one instanceof Error ? one.cause : undefined;
  }
  return stacks.join('\ncaused by ');
}

/** A text that SQS accepts as an attribute: not empty, of characters that XML 1.0 allows, at most so many bytes. */
function shorten(text: string, bytes: number): string {
  const valid = text
    .slice(0, bytes)
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD');
  if (valid === '') return '-';
  const encoded = Buffer.from(valid);
  if (encoded.length <= bytes) return valid;
  // cutting inside a character leaves a replacement character at the end, which is as long as what it replaces
  return encoded
    .subarray(0, bytes - 2)
    .toString()
    .replace(/\uFFFD$/, '');
}
