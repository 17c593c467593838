import type { Logger } from '@aws-lambda-powertools/logger';
import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';
import type { SQSRecord } from 'aws-lambda';
import type { AnyContract, DataOf } from '../contracts/contract.ts';
import { createEnvelope, type Envelope, type EventOf } from '../contracts/envelope.ts';
import type { DynamoDb } from './aws/clients.ts';
import type { Execute } from './aws/statements.ts';
import type { Dependencies, Dependency } from './dependencies/dependencies.ts';
import { ConfigurationError, PublishError, RuntimeError } from './errors.ts';
import { idempotencyKeyOf } from './guard/claim.ts';
import { deterministicId } from './publish/event-id.ts';
import { inAllVersions, type Outgoing, type PublishProps } from './publish/outgoing.ts';
import { createPublications } from './publish/publications.ts';
import type { Publisher } from './publish/publisher.ts';

/** What a handler gets beside the event. */
export interface HandlerContext {
  /** `<source>#<id>` of the event: the same on every delivery, retry and redrive. Give it to whatever can deduplicate. */
  readonly idempotencyKey: string;
  /** Counted from 1: the attempts that failed before, plus this one. A record that went back unharmed was no attempt. */
  readonly attempt: number;
  /** Aborts shortly before the function's deadline, or when the claim on the event is lost. */
  readonly signal: AbortSignal;
  /** Its every line names the event, its journey and the message. */
  readonly logger: Logger;
  /**
   * Writes items, the event's idempotency record and outgoing events in one `TransactWriteItems`: all of it happens,
   * once, or nothing does, wherever the function may die. With `guard: 'transaction'` that is all the guarding there is,
   * and a handler that does not call this has the record alone written when it is done.
   *
   * Side effects outside of DynamoDB belong after it, or need the idempotency key.
   * @throws ConditionFailedError when the condition of one of the writes does not hold: nothing was written, and another commit may follow
   * @throws TransactionTooLargeError for more than 100 items or 4 MB in all; TransactionError for what DynamoDB refuses
   * @throws InvalidDataError when the data of an event breaks its contract; ConfigurationError without an outbox for it
   */
  commit(commit: Commit): Promise<void>;
  /**
   * Publishes an event that this one caused, to the consumer's topic: it carries on the correlation id and the trace, and
   * its source is `/<consumer>`. Its id follows from this event, the type, the key and how many of these came before,
   * so that a retry publishes the same event again rather than another one.
   *
   * What is published and what is written are two things here, and a crash may come between them: `commit` makes them one.
   * @throws InvalidDataError when the data breaks the contract; PublishError when the topic did not accept it
   */
  publish<C extends AnyContract>(contract: C, data: DataOf<C>, props?: PublishProps<C['type']>): Promise<EventOf<C>>;
  /**
   * Executes a PartiQL statement on one item, together with those of the batch's other handlers in one call (no transaction).
   * Statements on the same item are sent apart, at the price of a call each.
   * @throws StatementError whose `code` tells `DuplicateItem` from `ConditionalCheckFailed`
   */
  readonly execute: Execute;
  /**
   * Reads one item by a PartiQL SELECT with its whole key, strongly consistent, together with the reads of the batch's other
   * handlers in one call.
   * @returns undefined when there is no such item
   * @throws StatementError
   */
  readonly read: Execute;
  /** For what `execute` and `read` cannot do. */
  readonly dynamodb: DynamoDb;
  /**
   * Something that the handler calls and that may be ill, behind its circuit breaker and bulkhead:
   * `context.dependency('payments').call((signal) => fetch(url, { signal }))`. While its circuit is open, calls reject with
   * a `DependencyOpenError`, and the record that lets it through goes back unharmed.
   * @throws ConfigurationError naming the dependencies there are
   */
  dependency(name: string): Dependency;
}

/** What a handler commits. */
export interface Commit {
  /** As `TransactWriteItems` takes them; no two on the same item. @default none */
  writes?: readonly TransactWriteItem[];
  /** What is to be published once, and only if, the writes are there. @default nothing */
  publish?: readonly Outgoing[];
}

/** What all the handler contexts of a batch have in common. */
export interface ContextProps {
  consumer: string;
  execute: Execute;
  read: Execute;
  dynamodb: DynamoDb;
  publisher: Publisher | undefined;
  /** Whether the consumer has an outbox. */
  outbox: boolean;
  loggerFor: (record: SQSRecord, event: Envelope) => Logger;
  dependencies: Dependencies;
  /** The trace of what runs now, or else of the event. */
  traceparentFor: (cause: Envelope) => string | undefined;
}

/** What a handler context has of its own. */
export interface OwnContextProps {
  attempt: number;
  signal: AbortSignal;
  /** Writes the transaction; rejects with what the handler is to hear. */
  commit: (writes: readonly TransactWriteItem[], events: readonly Envelope[]) => Promise<void>;
  /** Whether the event is guarded by its transaction alone. */
  transactional: boolean;
}

/** A handler context, and what its owner does when the handler is done. */
export interface OwnedContext extends HandlerContext {
  /** Fulfilled when what the handler published without awaiting it is settled. @throws the first failure that nobody looked at */
  settlePublications(): Promise<void>;
}

export function createContext(
  record: SQSRecord,
  event: Envelope,
  props: ContextProps,
  { attempt, signal, commit, transactional }: OwnContextProps,
): OwnedContext {
  const { consumer, execute, read, publisher } = props;
  const source = `/${consumer}`;
  const published = new Map<string, number>();
  const publications = createPublications();
  let logger: Logger | undefined;

  function envelopeOf<C extends AnyContract>(contract: C, data: DataOf<C>, id: string | undefined): EventOf<C> {
    const traceparent = props.traceparentFor(event);
    const envelope = createEnvelope(contract, data, {
      source,
      cause: event,
      id: id ?? 'derived below',
      ...(traceparent !== undefined && { traceparent }),
    });
    if (id === undefined) {
      const kind = JSON.stringify([envelope.type, envelope.subject]);
      const ordinal = published.get(kind) ?? 0;
      published.set(kind, ordinal + 1);
      envelope.id = deterministicId(event.source, event.id, source, envelope.type, envelope.subject, String(ordinal));
    }
    return envelope;
  }

  return {
    idempotencyKey: idempotencyKeyOf(event),
    attempt,
    signal,
    execute,
    read,
    dependency: (name) => props.dependencies.dependency(name, signal),
    get dynamodb() {
      return props.dynamodb;
    },
    // made when it is used: a child logger costs more than many a handler
    get logger() {
      logger ??= props.loggerFor(record, event);
      return logger;
    },
    async commit({ writes = [], publish = [] }) {
      if (publish.length > 0 && !props.outbox) {
        throw new ConfigurationError(
          `The consumer '${consumer}' has no outbox for '${publish[0]?.contract.type}': BATON_OUTBOX_TABLE is not set. Set 'outbox' of its construct.`,
        );
      }
      const before = new Map(published);
      try {
        await commit(
          writes,
          publish.flatMap(({ contract, data, id, alongside }) =>
            inAllVersions(envelopeOf(contract, data as never, id), alongside),
          ),
        );
      } catch (error) {
        // another commit may follow, and its events are the same ones
        published.clear();
        for (const [kind, ordinal] of before) published.set(kind, ordinal);
        throw error;
      }
    },
    publish<C extends AnyContract>(contract: C, data: DataOf<C>, { id, alongside }: PublishProps<C['type']> = {}) {
      return publications.track(async () => {
        if (transactional) {
          throw new RuntimeError(
            `'${contract.type}' would be published apart from the transaction of its cause. Give it to commit({ publish: [outgoing(...)] }).`,
          );
        }
        if (publisher === undefined) {
          throw new PublishError(
            `The consumer '${consumer}' has no topic to publish '${contract.type}' to: BATON_TOPIC_ARN is not set. Set 'publishes' of its construct.`,
            { permanent: true },
          );
        }
        const envelope = envelopeOf(contract, data, id);
        await publisher.sendVersions(inAllVersions(envelope, alongside));
        return envelope;
      });
    },
    async settlePublications() {
      const [failure] = await publications.settle();
      if (failure !== undefined) throw failure;
    },
  };
}
