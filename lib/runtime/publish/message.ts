import { hash } from 'node:crypto';
import type { MessageAttributeValue } from '@aws-sdk/client-sns';
import { versionOf } from '../../contracts/contract.ts';
import { type Envelope, envelopeText } from '../../contracts/envelope.ts';
import { messageAttributes } from '../../contracts/headers.ts';
import { PublishError } from '../errors.ts';
import type { OutgoingMessage } from './publish-queue.ts';

/** What a topic takes unless it is told otherwise: 256 KiB, attributes included (source: Publish, Amazon SNS API reference). */
export const LARGEST = 262_144;

/**
 * What a topic takes by an environment variable that its construct sets where it is not {@link LARGEST}, in bytes.
 */
export function largestOf(variable: 'BATON_TOPIC_MAX_BYTES' | 'BATON_OUTBOX_MAX_BYTES'): number {
  return Number(process.env[variable]) || LARGEST;
}

/** How an event goes to its topic. */
export interface MessageProps {
  readonly fifo: boolean;
}

/**
 * An event as a topic takes it. On a FIFO topic its key is the message group, on a standard one its tenant, if it has one.
 * @throws PublishError when its headers cannot be read, which no further attempt would change
 */
export function messageOf(envelope: Envelope, { fifo }: MessageProps): OutgoingMessage {
  const body = envelopeText(envelope);
  const { attributes, bytes } = attributesOf(envelope);
  const key = fifoIdOf(envelope.subject);
  // versions side by side are messages of their own, and so is the version that a retry after a deployment publishes
  const id = `${envelope.id}/${versionOf(envelope.dataschema)}`;
  return {
    bytes: Buffer.byteLength(body) + bytes,
    ...(fifo && { lane: key }),
    request: {
      Message: body,
      MessageAttributes: attributes,
      ...(fifo
        ? { MessageGroupId: key, MessageDeduplicationId: fifoIdOf(id) }
        : envelope.tenant && { MessageGroupId: fifoIdOf(envelope.tenant) }),
    },
  };
}

/**
 * What travels beside an event, and how many bytes of the message it takes.
 * @throws PublishError when its headers cannot be read
 */
export function attributesOf(envelope: Envelope): {
  attributes: Record<string, MessageAttributeValue>;
  bytes: number;
} {
  let attributes: ReturnType<typeof messageAttributes>;
  try {
    attributes = messageAttributes(envelope);
  } catch (cause) {
    const { id: eventId, type } = envelope;
    throw new PublishError(`'${type}' ${eventId} cannot be routed: ${(cause as Error).message}`, {
      cause,
      eventId,
      senderFault: true,
      permanent: true,
    });
  }
  let bytes = 0;
  for (const [name, { DataType, StringValue }] of Object.entries(attributes)) {
    bytes += name.length + DataType.length + Buffer.byteLength(StringValue);
  }
  return { attributes, bytes };
}

/**
 * A text as a message group or deduplication id: itself, or a hash of it when it has other characters or more of them than
 * SNS takes there, so that a key need not know where it is used (source: MessageGroupId, Publish, Amazon SNS API reference).
 */
function fifoIdOf(text: string): string {
  return /^[\x21-\x7e]{1,128}$/.test(text) ? text : hash('sha256', text, 'hex');
}
