import { CONSUMER_METADATA } from '../contracts/pipeline.ts';
import { BUCKET_VARIABLE, createBucketFinder, type FindBucket } from '../operations/contracts/claim-check-bucket.ts';
import { createDataFetcher } from '../operations/contracts/data-fetcher.ts';
import { DataFetchError } from '../operations/contracts/errors.ts';
import type { FetchData } from '../operations/contracts/referenced-data.ts';

/** Where the data of claim-checked messages is. */
export interface ClaimCheckProps {
  /** The folder of the synthesized app. */
  assembly: string;
  /** Whether it runs on this machine. */
  local: boolean;
  /** @default that of the shell */
  region?: string;
  /** Buckets to take where that of a consumer cannot be found. */
  buckets: readonly string[];
}

/** Fetches the data of claim-checked messages; who needs none asks nobody. */
export function openClaimCheck({
  assembly,
  local,
  region,
  buckets,
}: ClaimCheckProps): { fetchData: FetchData } & Disposable {
  const clients = new DisposableStack();
  const place = region === undefined ? {} : { region };
  const lambda = once(async () => {
    const { LambdaClient } = await import('@aws-sdk/client-lambda');
    return clients.adopt(new LambdaClient(place), (client) => client.destroy());
  });
  const s3 = once(async () => {
    const { S3Client } = await import('@aws-sdk/client-s3');
    const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
    // one that is spoken to at an endpoint of one's own may have no names below it
    const forcePathStyle = (AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL) !== undefined;
    return clients.adopt(new S3Client({ forcePathStyle, ...place }), (client) => client.destroy());
  });
  const deployed = createBucketFinder(lambda);
  const findBucket: FindBucket = async (consumer) => {
    if (local) return await localBucketOf(assembly, consumer.name);
    try {
      return await deployed(consumer);
    } catch (cause) {
      throw new DataFetchError(`${(cause as Error).message}, or name the bucket with --data-bucket`, { cause });
    }
  };
  return {
    fetchData: createDataFetcher({ s3, findBucket, buckets }),
    [Symbol.dispose]: () => clients.dispose(),
  };
}

/** The local cloud gives a bucket without a name always the same one. */
async function localBucketOf(assembly: string, consumer: string): Promise<string> {
  const [{ readAssembly }, { stackContexts }, { resolve }, { bucketName }] = await Promise.all([
    import('../local/assembly.ts'),
    import('../local/provision/stack-scope.ts'),
    import('../local/intrinsics.ts'),
    import('../local/provision/physical-name.ts'),
  ]);
  const place = { region: process.env.AWS_REGION ?? 'us-east-1', accountId: '000000000000', parameters: {} };
  const contexts = stackContexts(readAssembly(assembly), place);
  for (const { stack, template, scope, provisioned } of contexts) {
    for (const [logicalId, { Type, Properties = {} }] of Object.entries(template.Resources)) {
      if (Type !== 'AWS::S3::Bucket') continue;
      const given = resolve(Properties.BucketName, scope, { logicalId, path: 'BucketName' });
      provisioned.set(logicalId, { ref: String(given ?? bucketName(stack.name, logicalId)), getAtt: () => undefined });
    }
  }
  for (const { template, scope } of contexts) {
    for (const [logicalId, { Metadata, Properties = {} }] of Object.entries(template.Resources)) {
      const facts = Metadata?.[CONSUMER_METADATA] as { name?: unknown } | undefined;
      if (facts?.name !== consumer) continue;
      const { Environment } = Properties as { Environment?: { Variables?: Record<string, unknown> } };
      return String(resolve(Environment?.Variables?.[BUCKET_VARIABLE], scope, { logicalId, path: BUCKET_VARIABLE }));
    }
  }
  throw new DataFetchError(`${assembly} has no function of ${consumer}`);
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
