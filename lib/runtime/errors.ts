import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/** The root of every error that the runtime throws, and of those that a handler throws to say what should happen next. */
export class RuntimeError extends Error {
  override name = 'RuntimeError';
  /** True when another attempt could not end differently: the record is dead-lettered at once. */
  readonly permanent: boolean = false;
}

/** Thrown by a handler: this event can never be handled, so it is dead-lettered now instead of after the last attempt. */
export class PermanentError extends RuntimeError {
  override name = 'PermanentError';
  override readonly permanent = true;
}

/** Thrown by a handler: try again, but not before this many seconds have passed (a provider's `Retry-After`, say). */
export class RetryAfterError extends RuntimeError {
  override name = 'RetryAfterError';
  /** Seconds until the next attempt; the visibility timeout's limit (12 hours) caps it. */
  readonly seconds: number;

  constructor(seconds: number, message = `Asked to come back in ${seconds} s.`, options?: ErrorOptions) {
    super(message, options);
    this.seconds = seconds;
  }
}

/** An event did not reach its topic. */
export class PublishError extends RuntimeError {
  override name = 'PublishError';
  override readonly permanent: boolean;
  /** The CloudEvents id of the event that was not published; undefined when it never got one. */
  readonly eventId: string | undefined;
  /** True when the topic refused the event as such: sending the same again would be refused again. */
  readonly senderFault: boolean;

  constructor(
    message: string,
    options: ErrorOptions & { eventId?: string; senderFault?: boolean; permanent?: boolean } = {},
  ) {
    super(message, options);
    this.eventId = options.eventId;
    this.senderFault = options.senderFault ?? false;
    this.permanent = options.permanent ?? false;
  }
}

/** The data of an event is not where its reference says: it has expired, or somebody deleted it. */
export class ClaimLostError extends RuntimeError {
  override name = 'ClaimLostError';
  override readonly permanent = true;
}

/** What was found where the reference of an event says is not the data of that event. */
export class ClaimMismatchError extends RuntimeError {
  override name = 'ClaimMismatchError';
  override readonly permanent = true;
}

/** The data of an event could not be fetched for now: its handler was not run. */
export class ClaimFetchError extends RuntimeError {
  override name = 'ClaimFetchError';
}

/** What can go wrong with one PartiQL statement (source: BatchStatementError, Amazon DynamoDB API reference). */
export type StatementErrorCode =
  | 'AccessDenied'
  | 'ConditionalCheckFailed'
  | 'DuplicateItem'
  | 'InternalServerError'
  | 'ItemCollectionSizeLimitExceeded'
  | 'ProvisionedThroughputExceeded'
  | 'RequestLimitExceeded'
  | 'ResourceNotFound'
  | 'ThrottlingError'
  | 'TransactionConflict'
  | 'ValidationError'
  | (string & {});

/** DynamoDB did not execute a statement; the other statements of the same call are not concerned. */
export class StatementError extends RuntimeError {
  override name = 'StatementError';
  /** DynamoDB's code for this statement, or the name of the error that the whole call ended with. */
  readonly code: StatementErrorCode;
  readonly statement: string;

  constructor(code: StatementErrorCode, message: string, statement: string, options?: ErrorOptions) {
    super(`${code}: ${message} (${statement})`, options);
    this.code = code;
    this.statement = statement;
  }
}

/** The idempotency table could not be asked or written: the handler was not run, because it would have run unguarded. */
export class GuardError extends RuntimeError {
  override name = 'GuardError';
}

/** An event has the id of one that was handled before, but not its payload (with payload validation only). */
export class PayloadMismatchError extends RuntimeError {
  override name = 'PayloadMismatchError';
  override readonly permanent = true;
}

/** A condition of the handler's own did not hold: nothing of its transaction was written. */
export class ConditionFailedError extends RuntimeError {
  override name = 'ConditionFailedError';
  /** Which of the writes, counted from 0. */
  readonly position: number;
  /** The item as it is, when the write asked for it with `ReturnValuesOnConditionCheckFailure`. */
  readonly item: Readonly<Record<string, AttributeValue>> | undefined;

  constructor(position: number, message: string, item?: Record<string, AttributeValue>) {
    super(message);
    this.position = position;
    this.item = item;
  }
}

/** A transaction is larger than DynamoDB takes: it was not sent. */
export class TransactionTooLargeError extends RuntimeError {
  override name = 'TransactionTooLargeError';
  override readonly permanent = true;
}

/** DynamoDB refused a transaction for a reason that is neither the handler's condition nor the guard. */
export class TransactionError extends RuntimeError {
  override name = 'TransactionError';
  /** DynamoDB's code: `TransactionConflict`, `ValidationError`, ... */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Another invocation holds the claim on this event. Not a failure: the record goes back until the claim is over. */
export class ClaimedElsewhereError extends RuntimeError {
  override name = 'ClaimedElsewhereError';
  /** When the claim ends by itself, in milliseconds since the epoch. */
  readonly expiresAt: number;

  constructor(id: string, expiresAt: number) {
    super(`'${id}' is being handled by another invocation until ${new Date(expiresAt).toISOString()}.`);
    this.expiresAt = expiresAt;
  }
}

/** The claim ran out while the handler ran, and another invocation took it: this one may no longer complete it. */
export class LeaseLostError extends RuntimeError {
  override name = 'LeaseLostError';
}

/** The handler succeeded, but that could not be written down: a second delivery would run it again. */
export class CompletionError extends RuntimeError {
  override name = 'CompletionError';
}

/** The handler was still running when the function's time was nearly up. */
export class DeadlineExceededError extends RuntimeError {
  override name = 'DeadlineExceededError';
}

/** A record that failed for good could not be put into the DLQ, so it stays in its queue. */
export class DeadLetterError extends RuntimeError {
  override name = 'DeadLetterError';
}

/** The function's environment lacks something that the runtime needs, or has it in a form it cannot read. */
export class ConfigurationError extends RuntimeError {
  override name = 'ConfigurationError';
}
