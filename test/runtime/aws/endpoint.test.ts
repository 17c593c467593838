import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { endpointOf } from '../../../lib/runtime/aws/endpoint.ts';
import { ConfigurationError } from '../../../lib/runtime/errors.ts';

const sdk = { dynamodb: DynamoDBClient, sns: SNSClient, sqs: SQSClient };
const regions = [
  'eu-west-1',
  'us-east-1',
  'us-gov-west-1',
  'cn-north-1',
  'us-iso-east-1',
  'us-isob-east-1',
  'eusc-de-east-1',
];

test.each(Object.keys(sdk) as (keyof typeof sdk)[])('%s is where the SDK would look for it', (service) => {
  for (const Region of regions) {
    const client = new sdk[service]({ region: Region });
    // biome-ignore lint/suspicious/noExplicitAny: each client has parameters of its own for what is the same question
    const provider = client.config.endpointProvider as any;
    const { url } = provider({ Region, UseFIPS: false, UseDualStack: false }) as { url: URL };
    expect(endpointOf(service, { AWS_REGION: Region }).url.href).toBe(url.href);
    client.destroy();
  }
});

test('FIPS endpoints are used when the environment wants them', () => {
  const { url } = endpointOf('sqs', { AWS_REGION: 'us-east-1', AWS_USE_FIPS_ENDPOINT: 'true' });
  expect(url.href).toBe('https://sqs-fips.us-east-1.amazonaws.com/');
});

test('an endpoint of the service goes before one for all', () => {
  const environment = {
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:2',
  };
  expect(endpointOf('sqs', environment).url.port).toBe('2');
  expect(endpointOf('sns', environment)).toMatchObject({ url: { port: '1' }, region: 'eu-west-1' });
});

test('no region is an error that says so', () => {
  expect(() => endpointOf('sqs', {})).toThrow(ConfigurationError);
});
