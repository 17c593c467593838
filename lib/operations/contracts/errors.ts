import { OperationError } from '../errors.ts';

/** What an AWS SDK threw, in a line: of an answer that it could not read it says several. */
export function inOneLine({ name, message }: Error): string {
  return `${name}: ${message.split('\n', 1)[0]}`.replace(/\.$/, '');
}

/** The event modules do not say which contracts there are. */
export class EventModulesError extends OperationError {
  override name = 'EventModulesError';
}

/** The folder is not a synthesized app whose pipeline can be read. */
export class AssemblyError extends OperationError {
  override name = 'AssemblyError';
}

/** Data that an event refers to could not be fetched. */
export class DataFetchError extends OperationError {
  override name = 'DataFetchError';
}

/** There is nothing where an event says that its data is. */
export class DataGoneError extends DataFetchError {
  override name = 'DataGoneError';
}

/** What is where an event says that its data is cannot be the data of an event. */
export class DataMismatchError extends DataFetchError {
  override name = 'DataMismatchError';
}

/** An event says that its data is where its consumer does not look. */
export class ForeignDataError extends DataFetchError {
  override name = 'ForeignDataError';
}

/** A queue could not be sampled. */
export class SampleError extends OperationError {
  override name = 'SampleError';
  /** Messages that stay hidden until their lease ends. */
  readonly notGivenBack: number;

  constructor(message: string, notGivenBack: number, options?: ErrorOptions) {
    super(message, options);
    this.notGivenBack = notGivenBack;
  }
}
