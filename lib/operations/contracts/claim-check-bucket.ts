import type { LambdaClient } from '@aws-sdk/client-lambda';
import { DataFetchError, inOneLine } from './errors.ts';
import type { DeployedConsumer } from './pipeline.ts';

/** The variable by which the runtime knows the bucket of its claim check. */
export const BUCKET_VARIABLE = 'BATON_CLAIM_CHECK_BUCKET';

/** Says which bucket a consumer reads from, where its template leaves that to the deployment. Rejects when nobody can tell. */
export type FindBucket = (consumer: DeployedConsumer) => Promise<string>;

/**
 * Finds buckets by the environment of the deployed functions; each is asked once. Needs lambda:GetFunctionConfiguration.
 * @throws DataFetchError when it is rejected: what Lambda said, and what it takes
 */
export function createBucketFinder(lambda: () => Promise<LambdaClient>): FindBucket {
  const found = new Map<string, Promise<string>>();
  return ({ name, code }) => {
    const asked = found.get(name) ?? bucketOf(lambda, code?.functionName);
    found.set(name, asked);
    return asked;
  };
}

async function bucketOf(lambda: () => Promise<LambdaClient>, FunctionName: string | undefined): Promise<string> {
  if (FunctionName === undefined) throw new DataFetchError('the template gives its function no name');
  const { GetFunctionConfigurationCommand } = await import('@aws-sdk/client-lambda');
  const client = await lambda();
  const { Environment = {} } = await client
    .send(new GetFunctionConfigurationCommand({ FunctionName }))
    .catch((cause: Error) => {
      throw new DataFetchError(`${inOneLine(cause)}; it takes lambda:GetFunctionConfiguration on ${FunctionName}`, {
        cause,
      });
    });
  const bucket = Environment.Variables?.[BUCKET_VARIABLE];
  if (bucket) return bucket;
  // Source: EnvironmentResponse, AWS Lambda API reference: variables that cannot be decrypted are not shown
  const why = Environment.Error
    ? `does not show its variables: ${Environment.Error.ErrorCode}; it takes kms:Decrypt on their key`
    : `has no ${BUCKET_VARIABLE} yet`;
  throw new DataFetchError(`the deployed function ${FunctionName} ${why}`);
}
