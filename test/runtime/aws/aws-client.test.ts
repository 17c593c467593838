import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterEach, describe, expect, test } from 'vitest';
import { type AwsClient, createAwsClient } from '../../../lib/runtime/aws/aws-client.ts';
import { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import { createClients, createLambdaClient } from '../../../lib/runtime/aws/clients.ts';
import { awsJson } from '../../../lib/runtime/aws/protocols.ts';
import { ConfigurationError } from '../../../lib/runtime/errors.ts';
import { type Act, cutOff, dropConnection, json, type ScriptedServer, startScriptedServer } from './scripted-server.ts';

const servers: ScriptedServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function serve(...acts: Act[]): Promise<ScriptedServer & { environment: Record<string, string> }> {
  const server = await startScriptedServer(...acts);
  servers.push(server);
  return {
    ...server,
    environment: {
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
      AWS_ENDPOINT_URL: server.url,
    },
  };
}

type Known = Record<string, [object, Record<string, unknown>]>;

/** A client that does not wait between attempts. */
function client(environment: Record<string, string | undefined>): AwsClient<Known> {
  return createAwsClient<Known>({
    service: 'dynamodb',
    protocol: awsJson('DynamoDB_20120810'),
    environment,
    random: () => 0,
  });
}

const failure = async (calling: Promise<unknown>): Promise<AwsError> => {
  const error = await calling.then(
    () => undefined,
    (rejection: unknown) => rejection,
  );
  expect(error).toBeInstanceOf(AwsError);
  return error as AwsError;
};

const throttling = json(400, { __type: 'com.amazonaws.dynamodb.v20120810#ThrottlingException', message: 'slow down' });
const fine = json(200, { Item: { id: { S: 'ä' } } });

describe('a call', () => {
  test('is a signed POST that names its operation', async () => {
    const { environment, requests } = await serve(fine);
    expect(await client(environment).call('GetItem', { TableName: 'table' })).toEqual({ Item: { id: { S: 'ä' } } });
    expect(requests).toMatchObject([
      {
        method: 'POST',
        path: '/',
        headers: { 'x-amz-target': 'DynamoDB_20120810.GetItem', 'content-type': 'application/x-amz-json-1.0' },
        body: '{"TableName":"table"}',
      },
    ]);
  });

  test.each<[string, Act]>([
    ['is throttled', throttling],
    ['is throttled by status', json(429, {})],
    ['fails inside the service', json(500, { __type: 'InternalServerError' })],
    ['meets a proxy that is overloaded', { status: 503, body: '<html>Service Unavailable</html>' }],
    ['loses its connection', dropConnection],
    ['has its answer cut off', cutOff],
    ['gets an answer that nobody can read', { status: 200, body: '<html>Sign in to this wifi</html>' }],
  ])('that %s is made again', async (_, act) => {
    const { environment, requests } = await serve(act, act, fine);
    expect(await client(environment).call('GetItem', {})).toMatchObject({ Item: expect.anything() });
    expect(requests).toHaveLength(3);
  });

  test('is given up after three attempts, or as many as the environment says', async () => {
    const { environment, requests } = await serve(throttling);
    expect(await failure(client(environment).call('GetItem', {}))).toMatchObject({
      name: 'ThrottlingException',
      message: 'slow down',
      status: 400,
      throttled: true,
    });
    expect(requests).toHaveLength(3);
    await failure(client({ ...environment, AWS_MAX_ATTEMPTS: '1' }).call('GetItem', {}));
    expect(requests).toHaveLength(4);
  });

  test('that is refused is not made again, and says why in full', async () => {
    const reasons = [{ Code: 'None' }, { Code: 'ConditionalCheckFailed', Message: 'no' }];
    const { environment, requests } = await serve(
      json(400, {
        __type: 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException',
        Message: 'cancelled',
        CancellationReasons: reasons,
      }),
    );
    expect(await failure(client(environment).call('TransactWriteItems', {}))).toMatchObject({
      name: 'TransactionCanceledException',
      message: 'cancelled',
      $fault: 'client',
      retryable: false,
      details: { CancellationReasons: reasons },
    });
    expect(requests).toHaveLength(1);
  });

  test('to nowhere says which host could not be reached', async () => {
    const { environment, stop } = await serve(fine);
    await stop();
    const error = await failure(client({ ...environment, AWS_MAX_ATTEMPTS: '1' }).call('GetItem', {}));
    expect(error).toMatchObject({ name: 'ECONNREFUSED', status: 0, $fault: 'server', retryable: true });
    expect(error.message).toContain(environment.AWS_ENDPOINT_URL!.slice('http://'.length));
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('without credentials or a region says what is missing, and is not made', async () => {
    const { environment, requests } = await serve(fine);
    for (const missing of ['AWS_SECRET_ACCESS_KEY', 'AWS_REGION']) {
      const calling = client({ ...environment, [missing]: undefined }).call('GetItem', {});
      await expect(calling).rejects.toThrow(ConfigurationError);
      await expect(calling).rejects.toThrow(missing);
    }
    expect(requests).toEqual([]);
  });

  test('carries the trace of its function, so that Lambda finds functions that call themselves', async () => {
    const { environment, requests } = await serve(fine);
    const trace = 'Root=1-5759e988-bd862e3fe1be46a994272793';
    await client({ ...environment, _X_AMZN_TRACE_ID: trace, AWS_LAMBDA_FUNCTION_NAME: 'f' }).call('GetItem', {});
    expect(requests[0]?.headers['x-amzn-trace-id']).toBe(trace);
  });

  test('goes below the path of an endpoint that has one', async () => {
    const { environment, requests, url } = await serve(fine);
    for (const path of ['/base', '/base/']) {
      await client({ ...environment, AWS_ENDPOINT_URL: `${url}${path}` }).call('GetItem', {});
    }
    expect(requests.map(({ path }) => path)).toEqual(['/base/', '/base/']);
  });
});

describe('a signature', () => {
  test.each([
    ['dynamodb', 'BatchExecuteStatement', { Statements: [{ Statement: 'SELECT * FROM "ä" WHERE id = ?' }] }],
    ['sqs', 'SendMessage', { QueueUrl: 'q', MessageBody: '\u{1F4E6} "quoted"' }],
    ['sns', 'Publish', { TopicArn: 'arn:aws:sns:eu-west-1:1:t', Message: "it's * a (test)! ~ 100% +1" }],
  ] as const)('of a call to %s is what the SDK would sign', async (service, operation, input) => {
    const { environment, requests } = await serve({ status: 200, body: '<XResponse/>' });
    const token = { AWS_SESSION_TOKEN: 'FwoGZXIvYXdzEXAMPLE//token==' };
    const clients = createClients({ ...environment, ...token, AWS_MAX_ATTEMPTS: '1' });
    const call = clients[service].call as unknown as (operation: string, input: object) => Promise<object>;
    await call(operation, input).catch(() => undefined);
    await expectSigned(service, requests[0]!);
  });

  test('of a call to Lambda, whose path has ids in it, is one too', async () => {
    const { environment, requests } = await serve(json(200, {}));
    const lambda = createLambdaClient(environment);
    const UUID = '3fa85f64-5717-4562-b3fc-2c963f66afa6';
    await lambda.call('GetEventSourceMapping', { UUID });
    await lambda.call('UpdateEventSourceMapping', { UUID, Enabled: false });
    expect(requests.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['GET', `/2015-03-31/event-source-mappings/${UUID}`, ''],
      ['PUT', `/2015-03-31/event-source-mappings/${UUID}`, '{"Enabled":false}'],
    ]);
    for (const request of requests) await expectSigned('lambda', request);
  });

  async function expectSigned(service: string, request: ScriptedServer['requests'][number]): Promise<void> {
    const { authorization, 'x-amz-date': date } = request.headers as Record<string, string>;
    const names = /SignedHeaders=([^,]+)/.exec(authorization!)![1]!.split(';');
    const [, year, month, day, hour, minute, second] = /^(....)(..)(..)T(..)(..)(..)Z$/.exec(date!)!;
    const signer = new SignatureV4({
      service,
      region: 'eu-west-1',
      credentials: {
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
        ...(request.headers['x-amz-security-token'] && {
          sessionToken: request.headers['x-amz-security-token'] as string,
        }),
      },
      sha256: Sha256,
      applyChecksum: false,
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
    expect(authorization).toBe(signed.headers.authorization);
  }
});

describe('an error of Lambda', () => {
  test('has the name that stands in a header', async () => {
    const { environment } = await serve(
      json(
        404,
        { Type: 'User', Message: 'no such mapping' },
        { 'x-amzn-ErrorType': 'ResourceNotFoundException:http://x' },
      ),
    );
    const calling = createLambdaClient(environment).call('GetEventSourceMapping', { UUID: 'x' });
    expect(await failure(calling)).toMatchObject({ name: 'ResourceNotFoundException', message: 'no such mapping' });
  });
});

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
