import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDataFetcher } from '../../../lib/operations/contracts/data-fetcher.ts';
import { DataFetchError } from '../../../lib/operations/contracts/errors.ts';
import { type Engines, startEngines } from '../../runtime/engines.ts';

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

describe('the data that an event refers to', () => {
  it('is fetched from its bucket as it was put there', async () => {
    const text = await createDataFetcher(s3)('s3://claims/a/key with ünicode.json');
    expect(text).toBe('{"name":"Zoë"}');
    expect(await createDataFetcher(s3, { buckets: ['claims'] })('s3://claims/large')).toHaveLength(2_000);
  });

  it.each([
    ['is no reference to S3', 'https://example.org/data', /it is no 's3:\/\/bucket\/key'/],
    ['has no key', 's3://claims/', /it is no 's3:\/\/bucket\/key'/],
    ['is in a bucket of others', 's3://elsewhere/key', /not one of this pipeline's: claims/],
    ['is gone', 's3://claims/gone', /the bucket 'claims' has no object 'gone'/],
    ['is too large', 's3://claims/large', /it has 2000 bytes, and 1000 are the most/],
    ['is no text', 's3://claims/bytes', /TypeError|ERR_ENCODING/],
  ])('is not fetched when it %s', async (_, dataref, message) => {
    const fetching = createDataFetcher(s3, { buckets: ['claims'], maxBytes: 1_000 })(dataref);
    await expect(fetching).rejects.toThrow(DataFetchError);
    await expect(fetching).rejects.toThrow(message);
  });
});
