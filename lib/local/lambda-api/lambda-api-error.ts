/** An error as the API of Lambda answers it. */
export class LambdaApiError extends Error {
  override name = 'LambdaApiError';
  /** `ResourceNotFoundException`, ... */
  readonly type: string;
  readonly statusCode: number;

  constructor(type: string, statusCode: number, message: string) {
    super(message);
    this.type = type;
    this.statusCode = statusCode;
  }
}

/** No event source mapping has this UUID. */
export function notFound(): LambdaApiError {
  return new LambdaApiError('ResourceNotFoundException', 404, 'The resource you requested does not exist.');
}

/** A setting is out of its range, or cannot be changed here. */
export function invalidParameter(message: string): LambdaApiError {
  return new LambdaApiError('InvalidParameterValueException', 400, message);
}

/** The mapping is on its way from one state to another. Lambda has this one for it, and not ResourceConflictException. */
export function inUse(): LambdaApiError {
  const message = 'Cannot update the event source mapping because it is in use.';
  return new LambdaApiError('ResourceInUseException', 400, message);
}
