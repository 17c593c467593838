import { AwsError } from '../runtime/aws/aws-error.ts';
import type { S3 } from '../runtime/aws/clients.ts';
import { UnsupportedError } from './errors.ts';

/** What a call of S3 has in it. */
interface ObjectInput {
  Bucket: string;
  Key: string;
  Body?: string;
}

/**
 * S3 as far as a claim check needs it: one bucket of texts.
 * @param objects what is in the bucket, by key
 */
export function createMemoryS3(bucket: string, objects: Map<string, string>): S3 {
  return {
    async call(operation: string, input: object) {
      const { Bucket, Key, Body = '' } = input as ObjectInput;
      if (Bucket !== bucket) {
        throw new AwsError('NoSuchBucket', `There is no bucket '${Bucket}', only '${bucket}'.`, { status: 404 });
      }
      switch (operation) {
        case 'PutObject':
          objects.set(Key, Body);
          return {};
        case 'GetObject': {
          const text = objects.get(Key);
          if (text === undefined) throw new AwsError('NoSuchKey', `There is no object '${Key}'.`, { status: 404 });
          return { Body: text };
        }
        default:
          throw new UnsupportedError(`The in-memory S3 has no ${operation}.`);
      }
    },
  } as S3;
}
