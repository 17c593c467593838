import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import type { AnyContract, DataOf } from '../contracts/contract.ts';
import { createEnvelope, type Envelope, type EventOf } from '../contracts/envelope.ts';
import type { DynamoDb } from './aws/clients.ts';
import type { Execute } from './aws/statements.ts';
import { attemptOf } from './batch/record.ts';
import { PublishError } from './errors.ts';
import { idempotencyKeyOf } from './guard/guard.ts';
import { deterministicId } from './publish/event-id.ts';
import type { Publisher } from './publish/publisher.ts';

/** What a handler gets beside the event. */
export interface HandlerContext {
  /** `<source>#<id>` of the event: the same on every delivery, retry and redrive. Give it to whatever can deduplicate. */
  readonly idempotencyKey: string;
  /** Counted from 1. Approximate, as SQS' receive count is. */
  readonly attempt: number;
  /** Aborts shortly before the function's deadline. */
  readonly signal: AbortSignal;
  /** Its every line names the event, its journey and the message. */
  readonly logger: Logger;
  /**
   * Publishes an event that this one caused, to the consumer's topic: it carries on the correlation id and the trace, and
   * its source is `/<consumer>`. Its id follows from this event, the type, the key and how many of these came before,
   * so that a retry publishes the same event again rather than another one.
   * @throws InvalidDataError when the data breaks the contract; PublishError when the topic did not accept it
   */
  publish<C extends AnyContract>(contract: C, data: DataOf<C>, props?: PublishProps): Promise<EventOf<C>>;
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
}

/** How an event is published from a handler. */
export interface PublishProps {
  /** @default derived from the causing event: the same on every attempt */
  id?: string;
}

/** What all the handler contexts of a batch have in common. */
export interface ContextProps {
  consumer: string;
  signal: AbortSignal;
  execute: Execute;
  read: Execute;
  dynamodb: DynamoDb;
  publisher: Publisher | undefined;
  loggerFor: (record: SQSRecord, event: Envelope) => Logger;
}

export function createContext(record: SQSRecord, event: Envelope, props: ContextProps): HandlerContext {
  const { consumer, signal, execute, read, publisher } = props;
  const published = new Map<string, number>();
  let logger: Logger | undefined;
  return {
    idempotencyKey: idempotencyKeyOf(event),
    attempt: attemptOf(record),
    signal,
    execute,
    read,
    get dynamodb() {
      return props.dynamodb;
    },
    // made when it is used: a child logger costs more than many a handler
    get logger() {
      logger ??= props.loggerFor(record, event);
      return logger;
    },
    async publish(contract, data, { id } = {}) {
      if (publisher === undefined) {
        throw new PublishError(
          `The consumer '${consumer}' has no topic to publish '${contract.type}' to: BATON_TOPIC_ARN is not set. Set 'publishes' of its construct.`,
          { permanent: true },
        );
      }
      const source = `/${consumer}`;
      const envelope = createEnvelope(contract, data, { source, cause: event, id: id ?? 'derived below' });
      if (id === undefined) {
        const kind = JSON.stringify([envelope.type, envelope.subject]);
        const ordinal = published.get(kind) ?? 0;
        published.set(kind, ordinal + 1);
        envelope.id = deterministicId(event.source, event.id, source, envelope.type, envelope.subject, String(ordinal));
      }
      await publisher.send(envelope);
      return envelope;
    },
  };
}
