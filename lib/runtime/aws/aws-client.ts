import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import aws4 from 'aws4';
import { backoff, type Random } from '../batch/retry.ts';
import { ConfigurationError } from '../errors.ts';
import { AwsError } from './aws-error.ts';
import { endpointOf } from './endpoint.ts';
import type { Protocol } from './protocols.ts';

/** The operations of a service: name to input and output, as the AWS SDK types them. */
export type Operations<Names extends string = string> = Record<Names, [input: object, output: object]>;

/** A client of one AWS service. */
export interface AwsClient<Known extends Operations> {
  /**
   * Calls an operation; retried when the service is busy or cannot be reached.
   * @throws AwsError with the service's own code, or the network's
   */
  call<Name extends keyof Known & string>(operation: Name, input: Known[Name][0]): Promise<Known[Name][1]>;
}

/** How a client reaches its service. */
export interface AwsClientProps {
  /** As it signs and names its endpoints: `dynamodb`. */
  service: string;
  protocol: Protocol;
  /** Where region, credentials and endpoint are read from, at every call. @default process.env */
  environment?: Record<string, string | undefined>;
  /** @default Math.random */
  random?: Random;
}

/** As the SDK's standard mode has it (source: AWS SDKs and Tools Reference Guide, retry behavior). */
const ATTEMPTS = 3;
/** Milliseconds. A service that throttles wants a longer pause than a broken connection. */
const TRANSIENT = { base: 50, cap: 2_000 };
const THROTTLED = { base: 250, cap: 5_000 };
/** Milliseconds without a byte after which an attempt is given up. */
const TIMEOUT_MS = 10_000;

/** A batch seldom has more calls under way, and idle sockets cost a function memory. */
const agents = {
  'http:': new HttpAgent({ keepAlive: true, maxSockets: 16 }),
  'https:': new HttpsAgent({ keepAlive: true, maxSockets: 16 }),
};

/**
 * A client that does what a Lambda function needs and no more: signs with the credentials of its environment, keeps
 * connections open, retries what passes by itself. A call costs a fraction of the SDK's processor time and the code a
 * twentieth of its bytes (docs/decisions/lean-aws-client.md has the figures).
 */
export function createAwsClient<Known extends Operations>(props: AwsClientProps): AwsClient<Known> {
  const { service, protocol, environment = process.env, random = Math.random } = props;
  return {
    async call(operation, input) {
      const request = protocol.write(operation, input);
      const attempts = Number(environment.AWS_MAX_ATTEMPTS) || ATTEMPTS;
      for (let attempt = 1; ; attempt++) {
        try {
          return read(protocol, await send(service, request, environment)) as Known[typeof operation][1];
        } catch (error) {
          if (!(error instanceof AwsError) || !error.retryable || attempt >= attempts) throw error;
          const pause = backoff(attempt, error.throttled ? THROTTLED : TRANSIENT, random);
          await new Promise((resolve) => setTimeout(resolve, pause));
        }
      }
    },
  };
}

/** A request before it is signed. */
export interface UnsignedRequest {
  method: string;
  path: string;
  /** The bucket that the path is within: S3 alone. */
  bucket?: string;
  headers: Record<string, string>;
  body: string;
  /** How the service says what went wrong. */
  readError: (answer: Answer) => AwsError;
}

/** What a service answered. */
export interface Answer {
  status: number;
  body: string;
  /** What some services name an error by, beside or instead of the body. */
  errorType?: string;
}

/** What cannot be read was cut off or came from something in between: whether the service did it, nobody knows. */
function read(protocol: Protocol, body: string): object {
  try {
    return protocol.read(body);
  } catch (cause) {
    const message = `The answer could not be read: ${body.slice(0, 200)}`;
    throw new AwsError('UnreadableAnswer', message, { status: 0, cause });
  }
}

async function send(
  service: string,
  request: UnsignedRequest,
  environment: Record<string, string | undefined>,
): Promise<string> {
  const { url, region } = endpointOf(service, environment, request.bucket);
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = environment;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new ConfigurationError(
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set. Lambda sets them; elsewhere, set them yourself.',
    );
  }
  const trace = environment._X_AMZN_TRACE_ID;
  const options = aws4.sign(
    {
      service,
      region,
      host: url.host,
      method: request.method,
      path: `${url.pathname.replace(/\/$/, '')}${request.path}`,
      headers: {
        ...request.headers,
        // Lambda finds functions that call themselves in circles by it (source: AWS Lambda developer guide, recursive loop detection)
        ...(trace !== undefined && environment.AWS_LAMBDA_FUNCTION_NAME !== undefined && { 'X-Amzn-Trace-Id': trace }),
      },
      body: request.body,
    },
    { accessKeyId, secretAccessKey, ...(AWS_SESSION_TOKEN !== undefined && { sessionToken: AWS_SESSION_TOKEN }) },
  );
  const answer = await exchange(url, options as RequestOptions, request.body);
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw request.readError(answer);
}

function exchange(url: URL, signed: RequestOptions, body: string): Promise<Answer> {
  const protocol = url.protocol === 'http:' ? 'http:' : 'https:';
  return new Promise((resolve, reject) => {
    const lost = (cause: Error) => reject(AwsError.ofNetwork(url.host, cause));
    const request: ClientRequest = (protocol === 'http:' ? httpRequest : httpsRequest)(
      {
        agent: agents[protocol],
        hostname: url.hostname,
        port: url.port,
        method: signed.method!,
        path: signed.path!,
        headers: signed.headers!,
        timeout: TIMEOUT_MS,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          const errorType = response.headers['x-amzn-errortype'];
          resolve({
            status: response.statusCode ?? 0,
            body: text,
            ...(typeof errorType === 'string' && { errorType }),
          });
        });
        response.on('error', lost);
      },
    );
    request.on('timeout', () =>
      request.destroy(Object.assign(new Error(`No answer within ${TIMEOUT_MS} ms.`), { code: 'ETIMEDOUT' })),
    );
    request.on('error', lost);
    request.end(body);
  });
}
