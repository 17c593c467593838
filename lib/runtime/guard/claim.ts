import { hash } from 'node:crypto';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Envelope } from '../../contracts/envelope.ts';
import type { Item } from '../aws/statements.ts';

/**
 * What an idempotency record says about its event.
 *
 * The attribute names are those that Powertools has by default, plus `owner` and `failures`. A released record carries
 * its failures in the status, `RELEASED#2`: two attributes in one UPDATE are written differently by PartiQL's dialects.
 */
export type Claim =
  /** Handled. */
  | { kind: 'completed'; owner: string | undefined }
  /** Being handled until then, in milliseconds since the epoch. */
  | { kind: 'held'; owner: string | undefined; until: number; failures: number }
  /** Free to be claimed: an attempt failed or was cut short. */
  | { kind: 'free'; failures: number };

const RELEASED = 'RELEASED#';

/** The status of a record whose attempts have failed so often. */
export function releasedStatus(failures: number): string {
  return `${RELEASED}${failures}`;
}

/**
 * Reads a record.
 * @param now milliseconds since the epoch
 */
export function readClaim(item: Item, now: number): Claim {
  const status = item.status?.S ?? '';
  const failures = numberIn(item.failures) ?? 0;
  const expiration = numberIn(item.expiration);
  if (expiration !== undefined && now / 1000 > expiration) return { kind: 'free', failures: 0 };
  if (status.startsWith(RELEASED)) return { kind: 'free', failures: Number(status.slice(RELEASED.length)) || 0 };
  if (status !== 'INPROGRESS') return { kind: 'completed', owner: item.owner?.S };
  const until = numberIn(item.in_progress_expiration);
  // whoever held it is gone without a word: that was an attempt, and it failed
  if (until !== undefined && until < now) return { kind: 'free', failures: failures + 1 };
  return { kind: 'held', owner: item.owner?.S, until: until ?? now, failures };
}

/** What {@link readClaim} calls neither completed nor held, as a condition of DynamoDB's. */
export const IS_FREE =
  'attribute_not_exists(#id) OR #expiration < :seconds OR begins_with(#status, :released) OR (#status = :held AND #until < :now)';

/** The names in {@link IS_FREE}. */
export const CLAIM_NAMES = {
  '#id': 'id',
  '#status': 'status',
  '#expiration': 'expiration',
  '#until': 'in_progress_expiration',
};

/** The values in {@link IS_FREE}. */
export function claimValues(now: number): Record<string, AttributeValue> {
  return {
    ':seconds': { N: String(Math.floor(now / 1000)) },
    ':released': { S: RELEASED },
    ':held': { S: 'INPROGRESS' },
    ':now': { N: String(now) },
  };
}

/** What is unique about an event, and stays so over retries and redrives: its source and id. */
export function idempotencyKeyOf(event: Pick<Envelope, 'source' | 'id'>): string {
  return `${event.source}#${event.id}`;
}

/** The longest record id, in bytes; DynamoDB takes partition keys of up to 2,048. */
const LONGEST_ID = 1_024;

/** The id of an event's idempotency record: readable, and cut and told apart by a hash when it is very long. */
export function recordIdOf(consumer: string, event: Pick<Envelope, 'source' | 'id'>): string {
  const id = `${consumer}#${idempotencyKeyOf(event)}`;
  // no character takes more than three bytes per UTF-16 unit, so most ids need not be measured
  if (id.length * 3 <= LONGEST_ID) return id;
  if (Buffer.byteLength(id) <= LONGEST_ID) return id;
  return `${id.slice(0, 300)}#${hash('sha256', id, 'hex')}`;
}

function numberIn(value: AttributeValue | undefined): number | undefined {
  return value?.N === undefined ? undefined : Number(value.N);
}
