import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDataFetcher, type DataFetcherProps } from '../../../lib/operations/contracts/data-fetcher.ts';
import { DataGoneError, DataMismatchError, ForeignDataError } from '../../../lib/operations/contracts/errors.ts';
import { type Engines, startEngines } from '../../runtime/engines.ts';
import { consumerOf } from './bundles.ts';

let engines: Engines;
let s3: S3Client;

beforeAll(async () => {
  engines = await startEngines();
  s3 = new S3Client({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    endpoint: engines.endpoints.AWS_ENDPOINT_URL,
    forcePathStyle: true,
    maxAttempts: 1,
  });
  await s3.send(new CreateBucketCommand({ Bucket: 'claims' }));
  const put = (Key: string, Body: string | Uint8Array) =>
    s3.send(new PutObjectCommand({ Bucket: 'claims', Key, Body }));
  await put('a/key with ünicode.json', '{"name":"Zoë"}');
  await put('bytes', new Uint8Array([0xff, 0xfe, 0x00]));
  await put('large', 'x'.repeat(2_000));
});

afterAll(async () => {
  s3.destroy();
  await engines.stop();
});

const consumer = consumerOf('export const handler = 1;', { environment: { BATON_CLAIM_CHECK_BUCKET: 'claims' } });
const elsewhere = consumerOf('export const handler = 1;', { unknown: ['BATON_CLAIM_CHECK_BUCKET'] });
const unknown = async (): Promise<string> => {
  throw new Error('nobody says');
};
const fetcher = (more: Partial<DataFetcherProps> = {}) =>
  createDataFetcher({ s3: async () => s3, findBucket: unknown, ...more });

describe('the data that an event refers to', () => {
  it('is fetched from the bucket of its consumer as it was put there', async () => {
    expect(await fetcher()('s3://claims/a/key with ünicode.json', consumer)).toBe('{"name":"Zoë"}');
  });

  it('is fetched from the bucket that the deployment knows', async () => {
    const asked: string[] = [];
    const findBucket = async ({ name }: { name: string }) => {
      asked.push(name);
      return 'claims';
    };
    expect(await fetcher({ findBucket })('s3://claims/large', elsewhere)).toHaveLength(2_000);
    const foreign = fetcher({ findBucket, buckets: ['others'] })('s3://others/large', elsewhere);
    await expect(foreign).rejects.toThrow(ForeignDataError);
    await expect(foreign).rejects.toThrow("this consumer fetches from 'claims' alone");
    expect(asked).toEqual(['billing', 'billing']);
  });

  it('is fetched from buckets that somebody named, where nobody knows of which', async () => {
    expect(await fetcher({ buckets: ['claims'] })('s3://claims/large', elsewhere)).toHaveLength(2_000);
    const fetching = fetcher({ buckets: ['others'] })('s3://claims/large', elsewhere);
    await expect(fetching).rejects.toThrow(/^which bucket billing reads from is not known: nobody says$/);
    await expect(fetching).rejects.not.toThrow(ForeignDataError);
  });

  it.each([
    ['is no reference to S3', 'https://example.org/data', ForeignDataError, /it is no 's3:\/\/bucket\/key'/],
    ['has no key', 's3://claims/', ForeignDataError, /it is no 's3:\/\/bucket\/key'/],
    ['is in a bucket of others', 's3://elsewhere/key', ForeignDataError, /fetches from 'claims' alone/],
    ['is gone', 's3://claims/gone', DataGoneError, /the bucket 'claims' has no object 'gone'/],
    ['is too large', 's3://claims/large', DataMismatchError, /it has 2000 bytes, and 1000 are the most/],
    ['is no text', 's3://claims/bytes', DataMismatchError, /it is not UTF-8/],
  ])('is not fetched when it %s', async (_, dataref, error, message) => {
    const fetching = fetcher({ maxBytes: 1_000 })(dataref, consumer);
    await expect(fetching).rejects.toThrow(error);
    await expect(fetching).rejects.toThrow(message);
  });
});
