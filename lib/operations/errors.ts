/** The root of what an operation ends with when it cannot be done: it says why, and what to do. */
export class OperationError extends Error {
  override name = 'OperationError';
}

/** Somebody else is releasing the same key. */
export class ReleaseBusyError extends OperationError {
  override name = 'ReleaseBusyError';
}

/** A queue, or a message in it, is not what the operation was told it is: nothing was moved. */
export class WrongQueueError extends OperationError {
  override name = 'WrongQueueError';
}
