import type { AnyContract, DataOf } from '../../contracts/contract.ts';
import { createEnvelope, type Envelope, type EnvelopeProps, type EventOf } from '../../contracts/envelope.ts';
import { clients, type Sns } from '../aws/clients.ts';
import type { Random } from '../batch/retry.ts';
import { PublishError } from '../errors.ts';
import { startTracing, type Tracing } from '../telemetry/tracing.ts';
import { largestOf, messageOf } from './message.ts';
import { createPublications } from './publications.ts';
import { createPublishQueue, isRefusal, type OutgoingMessage } from './publish-queue.ts';

/** Where and how a publisher publishes. */
export interface PublisherProps {
  /** A topic whose name ends in `.fifo` gets the event's key as message group and its id for deduplication. */
  topicArn: string;
  /** Who says it: the CloudEvents `source` of its events, a URI reference. */
  source: string;
  /** @default the module's client */
  client?: Sns;
  /** How often an event that the topic fails is sent in all. @default 5 */
  maxAttempts?: number;
  /** PublishBatch calls under way at once; what comes meanwhile waits and shares the next ones. @default 4 */
  maxCallsInFlight?: number;
  /**
   * The largest event that the topic takes, attributes included, and the most that one call may carry, in bytes.
   * @default BATON_TOPIC_MAX_BYTES of the environment, or 262,144
   */
  maxBytes?: number;
  /** @default Math.random */
  random?: Random;
  /** @default started when the environment says so */
  tracing?: Tracing;
}

/**
 * Publishes events to one topic. What is published in the same turn of the event loop, or while calls are under way, shares
 * calls of up to 10 events and as many bytes as the topic takes in one. The headers of an event's contract travel as
 * attributes; on a standard topic its tenant is the message group.
 *
 * On a FIFO topic events of the same key are accepted in the order in which they were handed in: each is sent after the one
 * before it was accepted, and while one is sent again nothing overtakes it. When one is given up (the topic did not accept
 * it in all its attempts), those handed in behind it are rejected too, unsent; an event that the topic refuses as such
 * (`senderFault`) is rejected alone.
 *
 * Whoever does not await a promise of `publish` or `send` calls `flush`, which hands over what failed.
 */
export class Publisher {
  readonly #topicArn: string;
  readonly #source: string;
  readonly #fifo: boolean;
  readonly #maxBytes: number;
  readonly #tracing: Tracing;
  readonly #deliver: (message: OutgoingMessage) => Promise<void>;
  readonly #publications = createPublications();

  constructor(props: PublisherProps) {
    const { topicArn, source, client = clients.sns, random = Math.random, tracing, ...limits } = props;
    this.#maxBytes = props.maxBytes ?? largestOf('BATON_TOPIC_MAX_BYTES');
    this.#tracing = tracing ?? startTracing({ service: source });
    this.#topicArn = topicArn;
    this.#source = source;
    this.#fifo = topicArn.endsWith('.fifo');
    this.#deliver = createPublishQueue({ ...limits, maxBytes: this.#maxBytes, topicArn, client, random });
  }

  /**
   * Publishes an event after checking it against its contract. Fulfilled when the topic has accepted it.
   * @throws InvalidDataError when the data breaks the contract, HeaderError when a header cannot be made: nothing was sent
   * @throws PublishError when the topic did not accept it
   */
  publish<C extends AnyContract>(
    contract: C,
    data: DataOf<C>,
    props: Omit<EnvelopeProps, 'source'> = {},
  ): Promise<EventOf<C>> {
    return this.#publications.track(async () => {
      const event = createEnvelope(contract, data, { ...props, source: this.#source });
      await this.#send(event);
      return event;
    });
  }

  /**
   * Publishes an envelope as it is. Fulfilled when the topic has accepted it.
   * @throws PublishError when it did not, or when the event is larger than the topic takes
   */
  send(envelope: Envelope): Promise<void> {
    return this.#publications.track(() => this.#send(envelope));
  }

  /**
   * Fulfilled when everything handed in so far has been accepted or given up; never rejects.
   * @returns the errors of events whose promise nobody awaited or caught, in the order the events were handed in; each is returned
   *   once. Without a flush such an error becomes a process warning (`UnpublishedEventWarning`), not an unhandled rejection.
   */
  async flush(): Promise<Error[]> {
    return (await this.#publications.settle()) as Error[];
  }

  #send(envelope: Envelope): Promise<void> {
    return this.#tracing.publish([envelope], () => this.#accept(envelope));
  }

  async #accept(envelope: Envelope): Promise<void> {
    const message = messageOf(envelope, { fifo: this.#fifo });
    const { id: eventId, type } = envelope;
    if (message.bytes > this.#maxBytes) {
      throw new PublishError(
        `'${type}' ${eventId} has ${message.bytes} bytes with its attributes; the topic takes ${this.#maxBytes}. Put the bulk elsewhere and publish a reference.`,
        { eventId, senderFault: true, permanent: true },
      );
    }
    try {
      await this.#deliver(message);
    } catch (cause) {
      const { message: reason } = cause as Error;
      throw new PublishError(`'${type}' ${eventId} was not accepted by ${this.#topicArn}: ${reason}`, {
        cause,
        eventId,
        senderFault: isRefusal(cause),
      });
    }
  }
}
