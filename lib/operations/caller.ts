import { userInfo } from 'node:os';
import aws4 from 'aws4';

/** What an SDK client has been configured with, as far as it says who calls. */
export interface Configured {
  config: {
    region(): Promise<string>;
    credentials(): Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>;
  };
}

/** Where CloudWatch is asked, for those who look in the wrong place: `eu-west-1`, `us-east-1 at http://127.0.0.1:4599`. */
export async function placeOf(client: Configured, environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const region = await client.config.region();
  const endpoint = environment.AWS_ENDPOINT_URL_CLOUDWATCH || environment.AWS_ENDPOINT_URL;
  return endpoint ? `${region} at ${endpoint}` : region;
}

/** Milliseconds that STS gets to answer: whoever acts on an outage does not wait long for a name. */
const PATIENCE = 3_000;

/**
 * Who acts, for the audit trail: on AWS the ARN that the credentials belong to, which nobody can make up; where the AWS
 * endpoint is another one, the user of this machine. When STS does not answer, the user with `(unverified)`.
 *
 * @param environment where the endpoints are named @default process.env
 */
export async function callerOf(client: Configured, environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const user = environment.USER || environment.USERNAME || userInfo().username;
  if (environment.AWS_ENDPOINT_URL_STS || environment.AWS_ENDPOINT_URL || environment.AWS_ENDPOINT_URL_CLOUDWATCH) {
    return user;
  }
  try {
    return await callerArn(client);
  } catch {
    return `${user} (unverified)`;
  }
}

/**
 * Asks STS whose the credentials are; it answers without any permission (source: GetCallerIdentity in its API reference).
 *
 * @param endpoint @default that of the client's region
 * @throws Error when STS does not answer, or answers something else
 */
export async function callerArn({ config }: Configured, endpoint?: string): Promise<string> {
  const [region, credentials] = await Promise.all([config.region(), config.credentials()]);
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const url = new URL(endpoint ?? `https://sts.${region}.${suffix}`);
  const body = 'Action=GetCallerIdentity&Version=2011-06-15';
  const signed = aws4.sign(
    {
      service: 'sts',
      region,
      host: url.host,
      method: 'POST',
      path: '/',
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body,
    },
    credentials,
  );
  const { Host: _host, 'Content-Length': _length, ...headers } = signed.headers as Record<string, string>;
  const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(PATIENCE) });
  const arn = /<Arn>([^<]+)<\/Arn>/.exec(await answer.text())?.[1];
  if (!answer.ok || arn === undefined) throw new Error(`STS answered ${answer.status}.`);
  return arn;
}
