import { AwsError } from '../runtime/aws/aws-error.ts';

/** Refuses a request as DynamoDB does. */
export function invalid(message: string): never {
  throw new AwsError('ValidationException', message, { status: 400 });
}
