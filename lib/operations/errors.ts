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

/** An action lacks what an audit trail has to say about it. */
export class InvalidActionError extends OperationError {
  override name = 'InvalidActionError';
}

/** There is no table to record the action in: nothing was done. */
export class AuditMissingError extends OperationError {
  override name = 'AuditMissingError';
}

/** A maintenance window cannot be what it was asked to be: nothing was changed. */
export class WindowError extends OperationError {
  override name = 'WindowError';
}

/** A maintenance window is open already: nothing was changed. */
export class WindowOpenError extends WindowError {
  override name = 'WindowOpenError';
}

/** There is no alarm of the name. */
export class UnknownAlarmError extends OperationError {
  override name = 'UnknownAlarmError';
}
