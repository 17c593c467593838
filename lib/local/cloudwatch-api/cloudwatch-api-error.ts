/** An error as the API of CloudWatch answers it. */
export class CloudWatchApiError extends Error {
  override name = 'CloudWatchApiError';
  /** The shape in the service's model: `InvalidParameterValueException`, ... */
  readonly type: string;
  /** What the shape is called by clients of the query protocol: `InvalidParameterValue`, ... */
  readonly code: string;
  readonly statusCode: number;

  constructor(type: string, message: string, { code = type, statusCode = 400 } = {}) {
    super(message);
    this.type = type;
    this.code = code;
    this.statusCode = statusCode;
  }
}

/** A field of a request breaks a constraint of its own. */
export function validationError(message: string): CloudWatchApiError {
  return new CloudWatchApiError('ValidationError', message);
}

/** A field of a request has a value that makes no sense. */
export function invalidValue(message: string): CloudWatchApiError {
  return new CloudWatchApiError('InvalidParameterValueException', message, { code: 'InvalidParameterValue' });
}

/** Two fields of a request exclude each other. */
export function invalidCombination(message: string): CloudWatchApiError {
  const code = 'InvalidParameterCombination';
  return new CloudWatchApiError('InvalidParameterCombinationException', message, { code });
}

/** A field that has to be there is not. */
export function missingParameter(field: string): CloudWatchApiError {
  const message = `The parameter ${field} is required.`;
  return new CloudWatchApiError('MissingRequiredParameterException', message, { code: 'MissingParameter' });
}
