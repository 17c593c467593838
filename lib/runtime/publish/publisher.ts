import type { MessageAttributeValue, PublishBatchRequestEntry } from '@aws-sdk/client-sns';
import type { AnyContract, DataOf } from '../../contracts/contract.ts';
import {
  createEnvelope,
  type Envelope,
  type EnvelopeProps,
  type EventOf,
  routingAttributes,
} from '../../contracts/envelope.ts';
import { clients, type Sns } from '../aws/clients.ts';
import { createCoalescer } from '../aws/coalescer.ts';
import { backoff, type Random } from '../batch/retry.ts';
import { PublishError } from '../errors.ts';

/** Where and how a publisher publishes. */
export interface PublisherProps {
  /** A topic whose name ends in `.fifo` gets the event's key as message group and its id for deduplication. */
  topicArn: string;
  /** Who says it: the CloudEvents `source` of its events, a URI reference. */
  source: string;
  /** @default the module's client, made when it is first used */
  client?: Sns;
  /** How often an entry that the topic fails is sent in all. @default 5 */
  maxAttempts?: number;
  /** @default Math.random */
  random?: Random;
}

/** PublishBatch takes 10 entries and 256 KiB in all (source: Amazon SNS quotas; 1 MiB is opt-in, per topic). */
const ENTRIES = 10;
const LARGEST = 262_144;
const ATTEMPTS = 5;
/** Milliseconds. */
const BACKOFF = { base: 100, cap: 2_000 };

interface Entry {
  envelope: Envelope;
  request: Omit<PublishBatchRequestEntry, 'Id'>;
  bytes: number;
}

/** Publishes events to one topic. What is published in the same turn of the event loop shares calls. */
export class Publisher {
  readonly #props: PublisherProps;
  readonly #fifo: boolean;
  readonly #deliver: (entry: Entry) => Promise<void>;

  constructor(props: PublisherProps) {
    this.#props = props;
    this.#fifo = props.topicArn.endsWith('.fifo');
    this.#deliver = createCoalescer<Entry, void>({
      maxItems: ENTRIES,
      maxBytes: LARGEST,
      sizeOf: ({ bytes }) => bytes,
      inOrder: this.#fifo,
      send: (entries) => this.#publish(entries),
    });
  }

  /**
   * Publishes an event after checking it against its contract. Fulfilled when the topic has accepted it.
   * @throws InvalidDataError when the data breaks the contract: nothing was sent
   * @throws PublishError when the topic did not accept it
   */
  async publish<C extends AnyContract>(
    contract: C,
    data: DataOf<C>,
    props: Omit<EnvelopeProps, 'source'> = {},
  ): Promise<EventOf<C>> {
    const event = createEnvelope(contract, data, { ...props, source: this.#props.source });
    await this.send(event);
    return event;
  }

  /**
   * Publishes an envelope as it is. Fulfilled when the topic has accepted it.
   * @throws PublishError when it did not, or when the event is larger than a topic takes (256 KiB)
   */
  async send(envelope: Envelope): Promise<void> {
    const entry = this.#entryFor(envelope);
    const { id: eventId, type } = envelope;
    if (entry.bytes > LARGEST) {
      throw new PublishError(
        `'${type}' ${eventId} has ${entry.bytes} bytes with its attributes; a topic takes ${LARGEST}. Put the bulk elsewhere and publish a reference.`,
        { eventId, senderFault: true, permanent: true },
      );
    }
    try {
      await this.#deliver(entry);
    } catch (cause) {
      const senderFault = (cause as { $fault?: unknown }).$fault === 'client';
      throw new PublishError(`'${type}' ${eventId} was not accepted by ${this.#props.topicArn} (${String(cause)}).`, {
        cause,
        eventId,
        senderFault,
      });
    }
  }

  #entryFor(envelope: Envelope): Entry {
    const body = JSON.stringify(envelope);
    const attributes: Record<string, MessageAttributeValue> = {};
    let bytes = Buffer.byteLength(body);
    for (const [name, value] of Object.entries(routingAttributes(envelope))) {
      attributes[name] = { DataType: 'String', StringValue: value };
      bytes += name.length + 'String'.length + Buffer.byteLength(value);
    }
    return {
      envelope,
      bytes,
      request: {
        Message: body,
        MessageAttributes: attributes,
        ...(this.#fifo && { MessageGroupId: envelope.subject, MessageDeduplicationId: envelope.id }),
      },
    };
  }

  async #publish(entries: readonly Entry[]): Promise<PromiseSettledResult<void>[]> {
    const { topicArn, maxAttempts = ATTEMPTS, random = Math.random } = this.#props;
    const client = this.#props.client ?? clients.sns;
    if (entries.length === 1) {
      await client.call('Publish', { TopicArn: topicArn, ...entries[0]!.request });
      return [{ status: 'fulfilled', value: undefined }];
    }
    const results: PromiseSettledResult<void>[] = entries.map(() => ({ status: 'fulfilled', value: undefined }));
    let open = entries.map((_, position) => position);
    for (let attempt = 1; open.length > 0; attempt++) {
      const { Failed = [] } = await client.call('PublishBatch', {
        TopicArn: topicArn,
        PublishBatchRequestEntries: open.map((position) => ({ ...entries[position]!.request, Id: String(position) })),
      });
      open = [];
      for (const { Id, Code, Message, SenderFault } of Failed) {
        const position = Number(Id);
        if (SenderFault || attempt >= maxAttempts) {
          const reason = new Error(`${Code}: ${Message ?? ''}`);
          results[position] = {
            status: 'rejected',
            reason: SenderFault ? Object.assign(reason, { $fault: 'client' }) : reason,
          };
        } else {
          open.push(position);
        }
      }
      if (open.length > 0) await new Promise((resolve) => setTimeout(resolve, backoff(attempt, BACKOFF, random)));
    }
    return results;
  }
}
