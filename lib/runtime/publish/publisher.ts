import type { AnyContract, DataOf } from '../../contracts/contract.ts';
import { createEnvelope, type Envelope, type EnvelopeProps, type EventOf } from '../../contracts/envelope.ts';
import { clients, type S3, type Sns } from '../aws/clients.ts';
import type { Random } from '../batch/retry.ts';
import { type ClaimCheck, createClaimCheck, WITHOUT_CLAIM_CHECK } from '../claim-check/claim-check.ts';
import { PublishError } from '../errors.ts';
import { startTracing, type Tracing } from '../telemetry/tracing.ts';
import { largestOf, messageOf } from './message.ts';
import { inAllVersions, type Outgoing } from './outgoing.ts';
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
  /**
   * Where the data of larger events is put, which travel as references then. `''` for nowhere: such an event is refused.
   * @default BATON_CLAIM_CHECK_BUCKET of the environment
   */
  claimCheckBucket?: string;
  /** For the claim check. @default the module's client */
  s3?: S3;
  /** @default Math.random */
  random?: Random;
  /** @default started when the environment says so */
  tracing?: Tracing;
}

/** How an event is published by a publisher. */
export interface PublicationProps<Type extends string = string> extends Omit<EnvelopeProps, 'source'> {
  /**
   * The same event in other versions of its type, for consumers that do not know this one yet: `[outgoing(OrderPlacedV1, data)]`.
   * All are one event: the same id, time and key, newest version first. A consumer that accepts several handles it once.
   * @default none
   */
  alongside?: readonly Outgoing<Type>[];
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
  readonly #claimCheck: ClaimCheck | undefined;
  readonly #tracing: Tracing;
  readonly #deliver: (message: OutgoingMessage) => Promise<void>;
  readonly #publications = createPublications();

  constructor(props: PublisherProps) {
    const { topicArn, source, client = clients.sns, random = Math.random, tracing, ...limits } = props;
    const { claimCheckBucket: bucket = process.env.BATON_CLAIM_CHECK_BUCKET, s3 = clients.s3 } = props;
    this.#claimCheck = bucket ? createClaimCheck({ bucket, client: s3 }) : undefined;
    this.#maxBytes = props.maxBytes ?? largestOf('BATON_TOPIC_MAX_BYTES');
    this.#tracing = tracing ?? startTracing({ service: source });
    this.#topicArn = topicArn;
    this.#source = source;
    this.#fifo = topicArn.endsWith('.fifo');
    this.#deliver = createPublishQueue({ ...limits, maxBytes: this.#maxBytes, topicArn, client, random });
  }

  /**
   * Publishes an event after checking it against its contract. Fulfilled when the topic has accepted it, in all its versions.
   * @throws InvalidDataError when the data breaks the contract, HeaderError when a header cannot be made: nothing was sent
   * @throws PublishError when the topic did not accept it, or not all its versions: those that it did accept stay
   */
  publish<C extends AnyContract>(
    contract: C,
    data: DataOf<C>,
    { alongside, ...props }: PublicationProps<C['type']> = {},
  ): Promise<EventOf<C>> {
    return this.#publications.track(async () => {
      const event = createEnvelope(contract, data, { ...props, source: this.#source });
      await this.#sendVersions(inAllVersions(event, alongside));
      return event;
    });
  }

  /**
   * Publishes an envelope as it is. Fulfilled when the topic has accepted it.
   * @throws PublishError when it did not, or when the event is larger than the topic takes and there is no claim check
   */
  send(envelope: Envelope): Promise<void> {
    return this.#publications.track(() => this.#sendVersions([envelope]));
  }

  /**
   * Publishes an event that is there in several versions, in their order. Fulfilled when the topic has accepted all of them.
   * @throws PublishError as `publish`
   */
  sendVersions(envelopes: readonly Envelope[]): Promise<void> {
    return this.#publications.track(() => this.#sendVersions(envelopes));
  }

  /**
   * Fulfilled when everything handed in so far has been accepted or given up; never rejects.
   * @returns the errors of events whose promise nobody awaited or caught, in the order the events were handed in; each is returned
   *   once. Without a flush such an error becomes a process warning (`UnpublishedEventWarning`), not an unhandled rejection.
   */
  async flush(): Promise<Error[]> {
    return (await this.#publications.settle()) as Error[];
  }

  #sendVersions(envelopes: readonly Envelope[]): Promise<void> {
    return this.#tracing.publish(envelopes, async () => {
      // all of them, before one is sent: what is refused beforehand is refused as a whole
      const drafts = envelopes.map((envelope) => this.#draftOf(envelope));
      const accepting = drafts.map((draft) => this.#accept(draft));
      const failed = (await Promise.allSettled(accepting)).find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    });
  }

  async #accept({ message, store, envelope: { id: eventId, type } }: Draft): Promise<void> {
    const before = store?.();
    // the queue looks at it when its turn comes, which may be later than it fails
    before?.catch(() => undefined);
    try {
      await this.#deliver({ ...message, ...(before && { before }) });
    } catch (cause) {
      if (cause instanceof PublishError) throw cause;
      const { message: reason } = cause as Error;
      throw new PublishError(`'${type}' ${eventId} was not accepted by ${this.#topicArn}: ${reason}`, {
        cause,
        eventId,
        senderFault: isRefusal(cause),
      });
    }
  }

  #draftOf(envelope: Envelope): Draft {
    const props = { fifo: this.#fifo };
    const message = messageOf(envelope, props);
    if (message.bytes <= this.#maxBytes) return { envelope, message };
    const checkedIn = this.#claimCheck?.checkIn(envelope);
    const reference = checkedIn && messageOf(checkedIn.envelope, props);
    if (reference === undefined || reference.bytes > this.#maxBytes) {
      const { id: eventId, type } = envelope;
      throw new PublishError(
        `'${type}' ${eventId} has ${message.bytes} bytes with its attributes; the topic takes ${this.#maxBytes}. ${this.#claimCheck ? 'What is beside its data is too large already: shorten its headers or its key.' : WITHOUT_CLAIM_CHECK}`,
        { eventId, senderFault: true, permanent: true },
      );
    }
    return { envelope, message: reference, store: checkedIn!.store };
  }
}

/** An event that the topic would take. */
interface Draft {
  readonly envelope: Envelope;
  readonly message: OutgoingMessage;
  /** Puts its data where the message says it is. @default it has its data with it */
  readonly store?: () => Promise<void>;
}
