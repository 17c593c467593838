import { type Duration, Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { IClaimCheck } from '../claim-check.ts';
import { UnsafePropsError } from '../errors.ts';
import type { IEventTopic } from '../event-topic.ts';
import type { Outbox } from '../outbox.ts';

/** Where a function gets its messages from, as far as data is concerned that is too large to travel. */
interface Source {
  readonly claimCheck: IClaimCheck | undefined;
  /** How long a message can wait before it is in the queue. */
  readonly undeliverable?: Duration;
}

/**
 * The claim check of a function: the one that it reads from and writes to, because it knows one bucket only. Undefined when
 * nothing that it has to do with has one.
 *
 * @param wayBack how long a message can stay away and still come back, once it is in the queue
 * @throws UnsafePropsError when it would read from one and write to another, or write what nobody could read; when data would
 *   be gone before the message is back; when the bucket is in another region
 */
export function claimCheckOf(
  scope: Construct,
  { publishes, outbox }: { readonly publishes?: IEventTopic; readonly outbox?: Outbox },
  { claimCheck: source, undeliverable }: Source,
  wayBack: Duration,
): IClaimCheck | undefined {
  const topics = [publishes, outbox?.topic].filter((topic) => topic !== undefined);
  const own = source ?? topics.map(({ claimCheck }) => claimCheck).find((claimCheck) => claimCheck !== undefined);
  if (own === undefined) return undefined;
  const other = topics.find(({ claimCheck }) => claimCheck?.bucket.bucketName !== own.bucket.bucketName);
  if (other) {
    throw new UnsafePropsError(
      scope,
      `Its claim check is ${own.node.path}, and ${other.node.path}, where it publishes, has ${other.claimCheck?.node.path ?? 'none'}: consumers there could not read what it puts away.`,
      'Give both the same ClaimCheck.',
    );
  }
  refuseOtherRegion(scope, own);
  if (source) refuseEarlyExpiry(scope, source, wayBack, undeliverable);
  return own;
}

/** S3 answers a request that comes to another region with a redirection, which the runtime does not follow. */
function refuseOtherRegion(scope: Construct, { region, node }: IClaimCheck): void {
  const own = Stack.of(scope).region;
  if (region === own || Token.isUnresolved(region) || Token.isUnresolved(own)) return;
  throw new UnsafePropsError(
    scope,
    `Its claim check ${node.path} is in ${region}, and the function in ${own}: it could not reach it.`,
    `Put the function into a stack in ${region}, or give the topic a ClaimCheck in ${own}.`,
  );
}

function refuseEarlyExpiry(scope: Construct, source: IClaimCheck, inQueues: Duration, before?: Duration): void {
  const wayBack = before ? inQueues.plus(before) : inQueues;
  if (source.retention.toSeconds() > wayBack.toSeconds()) return;
  throw new UnsafePropsError(
    scope,
    `${source.node.path} keeps data ${source.retention.toHumanString()}, but a message can come back after ${wayBack.toHumanString()} (queue and DLQ${before ? ', and undeliverable' : ''}) and would find none.`,
    `Raise \`retention\` of ${source.node.path} above ${wayBack.toHumanString()}.`,
  );
}
