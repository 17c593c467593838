import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { DataFetchError, DataGoneError } from './errors.ts';
import type { FetchData } from './referenced-data.ts';

/** What may be different from the defaults. */
export interface DataFetcherOptions {
  /** The only buckets to read from. @default any that the caller may read */
  buckets?: readonly string[];
  /** The largest object to fetch, in bytes. @default 32 MiB */
  maxBytes?: number;
}

/**
 * Fetches the data of claim-checked events from S3: `s3://<bucket>/<key>`. What calls it compares the hash.
 * @throws DataGoneError from the fetcher, when there is no such object; DataFetchError when the reference is none to S3, or to
 * a bucket that is not listed, or the object is not readable, not UTF-8 or too large
 */
export function createDataFetcher(s3: S3Client, options: DataFetcherOptions = {}): FetchData {
  const { buckets, maxBytes = 32 * 1024 * 1024 } = options;
  return async (dataref) => {
    const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(dataref) ?? [];
    if (Bucket === undefined || Key === undefined) {
      throw new DataFetchError("it is no 's3://bucket/key'");
    }
    if (buckets !== undefined && !buckets.includes(Bucket)) {
      throw new DataFetchError(`the bucket is not one of this pipeline's: ${buckets.join(', ') || 'it has none'}`);
    }
    try {
      const { Body, ContentLength = 0 } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      if (ContentLength > maxBytes) {
        // unread, the connection would stay busy
        (Body as { destroy?: () => void } | undefined)?.destroy?.();
        throw new DataFetchError(`it has ${ContentLength} bytes, and ${maxBytes} are the most that is fetched`);
      }
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      if (cause instanceof DataFetchError) throw cause;
      if ((cause as Error).name === 'NoSuchKey') {
        throw new DataGoneError(`the bucket '${Bucket}' has no object '${Key}'`, { cause });
      }
      throw new DataFetchError(`${(cause as Error).name}: ${(cause as Error).message}`, { cause });
    }
  };
}
