import { RuntimeError } from '../errors.ts';

/** Source: AWS SDKs and Tools Reference Guide, retry behavior, standard mode: what counts as throttling. */
const THROTTLING = new Set([
  'BandwidthLimitExceeded',
  'KMSThrottling',
  'KMSThrottlingException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'Throttled',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
]);

/** In the names of errors that are about who calls, or with which key: nothing that a call contains. */
const STRANGER = /Auth|Denied|Disabled|KMS|OptIn|Security|Signature|Token/;

/** An AWS service refused a call, failed at it, or could not be reached. `name` is the service's code for it. */
export class AwsError extends RuntimeError {
  /** Whose fault it is, as the service says. */
  readonly $fault: 'client' | 'server';
  /** 0 when there was no answer. */
  readonly status: number;
  /** What else the service said: `CancellationReasons` of a transaction, say. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    name: string,
    message: string,
    { status, details = {}, cause }: { status: number; details?: Record<string, unknown>; cause?: unknown },
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = name;
    this.status = status;
    this.details = details;
    this.$fault = status >= 400 && status < 500 ? 'client' : 'server';
  }

  /** The connection broke, or never was. Whether the service got the request, nobody knows. */
  static ofNetwork(host: string, cause: Error): AwsError {
    const { code = 'NetworkError' } = cause as { code?: string };
    return new AwsError(code, `${host} could not be reached: ${cause.message || code}`, { status: 0, cause });
  }

  /** Whether the service asked for fewer calls. */
  get throttled(): boolean {
    return this.status === 429 || THROTTLING.has(this.name);
  }

  /** Whether the service refused the call for what it contains: the same would be refused again, whoever sends it and whenever. */
  get refused(): boolean {
    return (
      this.$fault === 'client' &&
      !this.throttled &&
      this.status !== 401 &&
      this.status !== 403 &&
      !STRANGER.test(this.name)
    );
  }

  /** Whether the same call may well succeed soon. */
  get retryable(): boolean {
    return this.$fault === 'server' || this.throttled;
  }
}
