import { type AwsClient, createAwsClient } from '../aws/aws-client.ts';
import { awsJson, type Protocol } from '../aws/protocols.ts';
import { ConfigurationError, RuntimeError } from '../errors.ts';
import type { KeptUrl } from './heartbeat-settings.ts';

/** The service outside AWS that notices when nobody calls it did not take a call. Never carries its URL: that is a secret. */
export class DeadMansSwitchError extends RuntimeError {
  override name = 'DeadMansSwitchError';
}

/** What a {@link DeadMansSwitch} needs from outside. */
export interface DeadMansSwitchProps {
  readonly kept: KeptUrl;
  /** @default process.env */
  readonly environment?: Record<string, string | undefined>;
  /** @default fetch */
  readonly get?: (url: string, options: { signal: AbortSignal }) => Promise<{ ok: boolean; status: number }>;
}

/** A call that says: still alive. Whoever answers it pages when it stays away. */
export interface DeadMansSwitch {
  /** @throws DeadMansSwitchError, AwsError, ConfigurationError */
  press(): Promise<void>;
}

type Ssm = AwsClient<{
  GetParameter: [{ Name: string; WithDecryption: boolean }, { Parameter?: { Value?: string } }];
}>;
type SecretsManager = AwsClient<{ GetSecretValue: [{ SecretId: string }, { SecretString?: string }] }>;

const TIMEOUT_MS = 5_000;

/**
 * Reads the URL where it is kept, at the first call and after each one that failed: it may have been changed. Read at run time,
 * it is in no template and in no environment variable.
 */
export function createDeadMansSwitch({ kept, environment, get = fetch }: DeadMansSwitchProps): DeadMansSwitch {
  let url: string | undefined;
  return {
    async press() {
      url ??= await readUrl(kept, environment);
      const answer = await get(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((error: Error) => ({
        ok: false,
        status: error.name,
      }));
      if (answer.ok) return;
      url = undefined;
      throw new DeadMansSwitchError(`The dead man's switch did not take the call: ${answer.status}.`);
    },
  };
}

async function readUrl(kept: KeptUrl, environment?: Record<string, string | undefined>): Promise<string> {
  const from = environment && { environment };
  let found: string | undefined;
  if ('parameter' in kept) {
    const ssm: Ssm = createAwsClient({ service: 'ssm', protocol: json11('AmazonSSM'), ...from });
    const { Parameter } = await ssm.call('GetParameter', { Name: kept.parameter, WithDecryption: true });
    found = Parameter?.Value;
  } else {
    const protocol = json11('secretsmanager');
    const secrets: SecretsManager = createAwsClient({ service: 'secretsmanager', protocol, ...from });
    const { SecretString } = await secrets.call('GetSecretValue', { SecretId: kept.secret });
    found = kept.field === undefined ? SecretString : fieldOf(SecretString, kept.field);
  }
  if (found !== undefined && URL.parse(found)?.protocol === 'https:') return found;
  const place =
    'parameter' in kept ? `the parameter ${kept.parameter}` : `${kept.field ?? 'the value'} of ${kept.secret}`;
  throw new ConfigurationError(`There is no https URL in ${place}. Put the URL of the dead man's switch there.`);
}

function fieldOf(json: string | undefined, field: string): string | undefined {
  try {
    const value = (JSON.parse(json ?? '{}') as Record<string, unknown>)[field];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** AWS JSON 1.1, which both services speak, is 1.0 with another content type. */
function json11(targetPrefix: string): Protocol {
  const protocol = awsJson(targetPrefix);
  return {
    ...protocol,
    write(operation, input) {
      const request = protocol.write(operation, input);
      return { ...request, headers: { ...request.headers, 'Content-Type': 'application/x-amz-json-1.1' } };
    },
  };
}
