import { OperationError } from '../errors.ts';

/** The event modules do not say which contracts there are. */
export class EventModulesError extends OperationError {
  override name = 'EventModulesError';
}

/** The folder is not a synthesized app whose pipeline can be read. */
export class AssemblyError extends OperationError {
  override name = 'AssemblyError';
}

/** Data that an event refers to could not be fetched, or is not what the event says. */
export class DataFetchError extends OperationError {
  override name = 'DataFetchError';
}

/** There is nothing where an event says that its data is. */
export class DataGoneError extends DataFetchError {
  override name = 'DataGoneError';
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
