import { createHash, createHmac } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import { createClients } from '../../../lib/runtime/aws/clients.ts';
import { endpointOf } from '../../../lib/runtime/aws/endpoint.ts';
import { type Engines, startEngines } from '../engines.ts';
import {
  type Act,
  dropConnection,
  type ScriptedServer,
  startScriptedServer,
  type WireRequest,
} from './scripted-server.ts';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const servers: ScriptedServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function serve(...acts: Act[]) {
  const server = await startScriptedServer(...acts);
  servers.push(server);
  const environment = {
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: 'FwoGZXIvYXdzEXAMPLE//token==',
    AWS_ENDPOINT_URL_S3: server.url,
  };
  return { requests: server.requests, url: server.url, environment, s3: createClients(environment).s3 };
}

const KEY = "order.placed/it's (1)*!/ä b+c%2F~&=?#/1-00";
const BODY = '{"note":"12 € \u{1F4E6}"}';
const checksum = (text: string) => createHash('sha256').update(text).digest('base64');
const object = {
  Bucket: 'claims',
  Key: KEY,
  Body: BODY,
  ContentType: 'application/json',
  ChecksumSHA256: checksum(BODY),
};
const read = { Bucket: 'claims', Key: KEY, Range: 'bytes=0-99' };

describe('a call of S3', () => {
  test('asks for what the SDK asks for', async () => {
    const { requests, url, s3 } = await serve({ status: 200, body: '' });
    const sdk = new S3Client({ region: 'eu-west-1', credentials, endpoint: url, forcePathStyle: true });
    await sdk.send(new PutObjectCommand(object));
    await s3.call('PutObject', object);
    await sdk.send(new GetObjectCommand(read));
    await s3.call('GetObject', read);
    const told = requests.map(({ method, path, headers, body }) => ({
      method,
      // the SDK names the operation as well
      path: path.replace(/\?x-id=\w+$/, ''),
      body,
      ...Object.fromEntries(['content-type', 'range', 'x-amz-checksum-sha256'].map((name) => [name, headers[name]])),
    }));
    expect(told[1]).toEqual(told[0]);
    expect(told[3]).toEqual(told[2]);
    sdk.destroy();
  });

  test('is signed as the SDK would sign it', async () => {
    const { requests, s3 } = await serve({ status: 200, body: '' });
    await s3.call('PutObject', object);
    await s3.call('GetObject', read);
    expect(requests).toHaveLength(2);
    for (const request of requests) expect(request.headers.authorization).toBe(await signatureOf(request));
  });

  test.each<[string, Act]>([
    ['asked to slow down', xml(503, 'SlowDown')],
    ['broken inside S3', xml(500, 'InternalError')],
    ['cut off', dropConnection],
  ])('that is %s is made again', async (_, act) => {
    const { requests, s3 } = await serve(act, { status: 200, body: '{}' });
    expect(await s3.call('GetObject', read)).toEqual({ Body: '{}' });
    expect(requests).toHaveLength(2);
  });

  test.each([
    [404, 'NoSuchKey', true],
    [403, 'AccessDenied', false],
    [404, 'NoSuchBucket', true],
    [400, 'KMS.DisabledException', false],
  ])('that ends in %d %s says so', async (status, code, refused) => {
    const { requests, s3 } = await serve(xml(status, code));
    const error = await s3.call('GetObject', read).catch((rejection: AwsError) => rejection);
    expect(error).toMatchObject({ name: code, message: 'so & so', status, retryable: false, refused });
    expect(requests).toHaveLength(1);
  });
});

describe('a bucket', () => {
  test.each(['eu-west-1', 'us-east-1', 'us-gov-west-1', 'cn-north-1', 'eusc-de-east-1'])(
    'is where the SDK looks for it in %s',
    (Region) => {
      const sdk = new S3Client({ region: Region });
      for (const Bucket of ['claims', 'with.dots']) {
        for (const UseFIPS of [false, ...(Region.startsWith('us-') ? [true] : [])]) {
          // biome-ignore lint/suspicious/noExplicitAny: each client has parameters of its own for what is the same question
          const provider = sdk.config.endpointProvider as any;
          const { url } = provider({ Region, Bucket, UseFIPS, UseDualStack: false }) as { url: URL };
          const environment = { AWS_REGION: Region, AWS_USE_FIPS_ENDPOINT: String(UseFIPS) };
          expect(endpointOf('s3', environment, Bucket).url.href).toBe(url.href);
        }
      }
      sdk.destroy();
    },
  );

  test('is in the path of an endpoint that somebody gives', () => {
    const given = { AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1/base/' };
    expect(endpointOf('s3', given, 'claims').url.href).toBe('http://127.0.0.1:1/base/claims');
    expect(endpointOf('s3', given, 'other').url.href).toBe('http://127.0.0.1:1/base/other');
  });
});

describe('against the engines', () => {
  let engines: Engines;
  beforeAll(async () => {
    engines = await startEngines();
  });
  afterAll(async () => {
    await engines.stop();
  });

  test('an object is what the SDK finds, and the other way round', async () => {
    const Bucket = await engines.createBucket();
    const Key = 'order.placed/ä b+c/1-00';
    await engines.clients.s3.call('PutObject', { ...object, Bucket, Key });
    const found = await engines.s3.send(new GetObjectCommand({ Bucket, Key }));
    expect([await found.Body!.transformToString(), found.ContentType]).toEqual([BODY, 'application/json']);
    const { ChecksumSHA256 } = await engines.s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    expect(ChecksumSHA256).toBe(checksum(BODY));
    await engines.s3.send(new PutObjectCommand({ Bucket, Key: 'b', Body: 'ä'.repeat(100) }));
    expect(await engines.clients.s3.call('GetObject', { Bucket, Key: 'b', Range: 'bytes=0-9' })).toEqual({
      Body: 'ä'.repeat(5),
    });
  });

  test('an object that is not there is named so', async () => {
    const Bucket = await engines.createBucket();
    const calling = engines.clients.s3.call('GetObject', { Bucket, Key: 'none', Range: 'bytes=0-9' });
    await expect(calling).rejects.toMatchObject({ name: 'NoSuchKey', status: 404 });
  });
});

function xml(status: number, code: string): Act {
  return {
    status,
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>so &amp; so</Message><RequestId>r</RequestId></Error>`,
  };
}

/** What the SDK's signer makes of a request as it came over the wire. */
async function signatureOf(request: WireRequest): Promise<string> {
  const { authorization, 'x-amz-date': date } = request.headers as Record<string, string>;
  const names = /SignedHeaders=([^,]+)/.exec(authorization!)![1]!.split(';');
  expect(names).toContain('x-amz-content-sha256');
  expect(request.headers['x-amz-content-sha256']).toBe(createHash('sha256').update(request.body).digest('hex'));
  const [, year, month, day, hour, minute, second] = /^(....)(..)(..)T(..)(..)(..)Z$/.exec(date!)!;
  const signer = new SignatureV4({
    service: 's3',
    region: 'eu-west-1',
    credentials: { ...credentials, sessionToken: request.headers['x-amz-security-token'] as string },
    sha256: Sha256,
    // as the SDK has it for S3
    uriEscapePath: false,
    applyChecksum: true,
  });
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: 'http:',
      hostname: '127.0.0.1',
      path: request.path,
      headers: Object.fromEntries(names.map((name) => [name, request.headers[name] as string])),
      body: request.body,
    },
    { signingDate: new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) },
  );
  return signed.headers.authorization!;
}

/** SHA-256 as the SDK's signer takes it. */
class Sha256 {
  readonly #hash: { update(data: string | Uint8Array): unknown; digest(): Uint8Array };

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array);
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(data as Uint8Array);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
}
