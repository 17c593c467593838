import type { S3Client } from '@aws-sdk/client-s3';
import { LARGEST_DATA, readReference } from '../../runtime/claim-check/reference.ts';
import { BUCKET_VARIABLE, type FindBucket } from './claim-check-bucket.ts';
import { DataFetchError, DataGoneError, DataMismatchError, ForeignDataError, inOneLine } from './errors.ts';
import type { DeployedConsumer } from './pipeline.ts';
import type { FetchData } from './referenced-data.ts';

/** Where data is fetched from. */
export interface DataFetcherProps {
  s3: () => Promise<S3Client>;
  /** Finds buckets that templates do not name. */
  findBucket: FindBucket;
  /** Buckets to take for that of a consumer whose own cannot be found. @default none */
  buckets?: readonly string[];
  /** The largest data there can be, in bytes. @default what the runtime takes: 64 MiB */
  maxBytes?: number;
}

/**
 * Fetches the data of claim-checked events from S3, as the runtime would: from the bucket of the consumer's claim check and no
 * other, since a message may name any. What calls it compares the hash.
 * @throws from the fetcher: ForeignDataError for another bucket; DataGoneError when there is no such object; DataMismatchError
 * when what is there cannot be the data of an event; DataFetchError when nobody knows
 */
export function createDataFetcher(props: DataFetcherProps): FetchData {
  const { s3, maxBytes = LARGEST_DATA } = props;
  return async (dataref, consumer) => {
    const place = readReference(dataref);
    if (place === undefined) throw new ForeignDataError("it is no 's3://bucket/key'");
    const { bucket: Bucket, key: Key } = place;
    await admit(Bucket, consumer, props);
    const [{ GetObjectCommand }, client] = await Promise.all([import('@aws-sdk/client-s3'), s3()]);
    try {
      const { Body, ContentLength = 0 } = await client.send(new GetObjectCommand({ Bucket, Key }));
      if (ContentLength > maxBytes) {
        // unread, the connection would stay busy
        (Body as { destroy?: () => void } | undefined)?.destroy?.();
        throw new DataMismatchError(
          `it has ${ContentLength} bytes, and ${maxBytes} are the most that an event may have`,
        );
      }
      return textOf((await Body?.transformToByteArray()) ?? new Uint8Array());
    } catch (cause) {
      if (cause instanceof DataFetchError) throw cause;
      if ((cause as Error).name === 'NoSuchKey') {
        throw new DataGoneError(`the bucket '${Bucket}' has no object '${Key}'`, { cause });
      }
      throw new DataFetchError(inOneLine(cause as Error), { cause });
    }
  };
}

async function admit(
  bucket: string,
  consumer: DeployedConsumer,
  { findBucket, buckets = [] }: DataFetcherProps,
): Promise<void> {
  let own: string;
  try {
    own = consumer.code?.environment[BUCKET_VARIABLE] ?? (await findBucket(consumer));
  } catch (cause) {
    if (buckets.includes(bucket)) return;
    const why = (cause as Error).message;
    throw new DataFetchError(`which bucket ${consumer.name} reads from is not known: ${why}`, { cause });
  }
  if (own !== bucket) throw new ForeignDataError(`this consumer fetches from '${own}' alone`);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DataMismatchError('it is not UTF-8', { cause });
  }
}
