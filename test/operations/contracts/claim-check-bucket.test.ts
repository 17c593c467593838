import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBucketFinder } from '../../../lib/operations/contracts/claim-check-bucket.ts';
import { DataFetchError } from '../../../lib/operations/contracts/errors.ts';
import type { DeployedConsumer } from '../../../lib/operations/contracts/pipeline.ts';
import { consumerOf } from './bundles.ts';

let server: Server;
let lambda: LambdaClient;
/** What Lambda is asked, and what it answers. */
let asked: string[];
let answer: { status: number; error?: string; body: object };

beforeAll(async () => {
  server = createServer(({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    const { status, error, body } = answer;
    response.writeHead(status, error === undefined ? {} : { 'x-amzn-errortype': error });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  lambda = new LambdaClient({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
});
beforeEach(() => {
  asked = [];
});
afterAll(() => {
  lambda.destroy();
  server.close();
});

const named = (functionName: string): DeployedConsumer => {
  const { code, ...rest } = consumerOf('export const handler = 1;');
  return { ...rest, code: { ...code!, functionName } };
};
const find = (consumer = named('Orders-Billing')) => createBucketFinder(async () => lambda)(consumer);

describe('the bucket of a consumer that is deployed', () => {
  it('is what its function has in its environment, which is asked once', async () => {
    answer = { status: 200, body: { Environment: { Variables: { BATON_CLAIM_CHECK_BUCKET: 'orders-claims' } } } };
    const findBucket = createBucketFinder(async () => lambda);
    const found = await Promise.all([findBucket(named('Orders-Billing')), findBucket(named('Orders-Billing'))]);
    expect(found).toEqual(['orders-claims', 'orders-claims']);
    expect(asked).toEqual(['GET /2015-03-31/functions/Orders-Billing/configuration']);
  });

  it.each([
    [
      'may not be asked for',
      { status: 403, error: 'AccessDeniedException', body: { Message: 'You are not authorized.' } },
      /^AccessDeniedException: You are not authorized; it takes lambda:GetFunctionConfiguration on Orders-Billing$/,
    ],
    ['is not there yet', { status: 200, body: {} }, /^the deployed function Orders-Billing has no BATON_CLAIM_CHECK_/],
    [
      'is not shown',
      { status: 200, body: { Environment: { Error: { ErrorCode: 'AccessDeniedException' } } } },
      /does not show its variables: AccessDeniedException; it takes kms:Decrypt/,
    ],
  ])('is not found when it %s: what it takes is said', async (_, given, message) => {
    answer = given;
    const finding = find();
    await expect(finding).rejects.toThrow(DataFetchError);
    await expect(finding).rejects.toThrow(message);
  });

  it('is not looked for when the function has no name', async () => {
    await expect(find(consumerOf('export const handler = 1;'))).rejects.toThrow(/gives its function no name/);
    expect(asked).toEqual([]);
  });
});
