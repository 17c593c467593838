import type { Envelope } from '../../contracts/envelope.ts';
import { MalformedEnvelopeError } from '../../contracts/errors.ts';
import { readJson } from '../../contracts/json-text.ts';
import { AwsError } from '../aws/aws-error.ts';
import type { S3 } from '../aws/clients.ts';
import { ClaimFetchError, ClaimLostError, ClaimMismatchError } from '../errors.ts';
import { datahashOf, LARGEST_DATA, type Place, readReference } from './reference.ts';

/** Data that was elsewhere. */
export interface Fetched {
  data: unknown;
  /** Of its JSON. */
  bytes: number;
}

/** Where a consumer fetches the data of references from. */
export interface FetchingProps {
  /** The one bucket that is read from. @default none: no reference can be followed */
  bucket: string | undefined;
  client: S3;
}

/**
 * Fetches the data that references stand for. Only from the consumer's own bucket: who sends a message must not decide
 * what the consumer reads with its own rights. The hash makes sure of the rest: who names an object has to know it.
 * @throws MalformedEnvelopeError for a reference that is none, or leads elsewhere; ClaimLostError, ClaimMismatchError:
 *   another attempt would end alike; ClaimFetchError when one may not, after a deployment if this consumer has no bucket yet
 */
export function createFetching({ bucket, client }: FetchingProps): (envelope: Envelope) => Promise<Fetched> {
  return async ({ dataref = '', datahash }) => {
    const { key: Key } = placeOf(dataref, bucket);
    if (!/^sha256:[0-9a-f]{64}$/.test(datahash ?? '')) {
      throw new MalformedEnvelopeError(
        `datahash is ${JSON.stringify(datahash)?.slice(0, 80)}; with a dataref it is 'sha256:' and the hash of the data's JSON in hex.`,
      );
    }
    let text: string;
    try {
      // one byte more than there may be tells that there is too much, and does not read all of that
      const answer = await client.call('GetObject', { Bucket: bucket!, Key, Range: `bytes=0-${LARGEST_DATA}` });
      text = answer.Body;
    } catch (cause) {
      throw failure(bucket!, Key, cause);
    }
    const bytes = Buffer.byteLength(text);
    const found = datahashOf(text);
    if (found !== datahash) {
      const what = bytes > LARGEST_DATA ? `has more than ${LARGEST_DATA} bytes` : `has the hash ${found}`;
      throw new ClaimMismatchError(
        `The object '${Key}' in the bucket '${bucket}' is not the data of this event: it ${what}, not ${datahash}. Restore the right version, then redrive.`,
      );
    }
    return { data: parse(text, Key), bytes };
  };
}

function placeOf(dataref: string, bucket: string | undefined): Place {
  const place = readReference(dataref);
  const shown = JSON.stringify(dataref).slice(0, 200);
  if (place === undefined) {
    throw new MalformedEnvelopeError(`dataref is ${shown}; Baton follows 's3://<bucket>/<key>' alone.`);
  }
  if (bucket === undefined) {
    // for as long as it lasts that a producer is deployed before its consumers
    throw new ClaimFetchError(
      `Its data is in ${shown}, and BATON_CLAIM_CHECK_BUCKET is not set. Give the topic's construct its \`claimCheck\` and deploy this consumer.`,
    );
  }
  if (place.bucket !== bucket) {
    throw new MalformedEnvelopeError(
      `Its data is in ${shown}, and this consumer reads from the bucket '${bucket}' alone. Give both sides one claim check, then redrive.`,
    );
  }
  return place;
}

function failure(bucket: string, key: string, cause: unknown): Error {
  const { name, message } = cause as Error;
  if (cause instanceof AwsError && name === 'NoSuchKey') {
    return new ClaimLostError(
      `The data of this event is gone: the bucket '${bucket}' has no object '${key}' (it may have expired). Restore the object, then redrive.`,
      { cause },
    );
  }
  if (name === 'InvalidRange') {
    return new ClaimMismatchError(
      `The object '${key}' in the bucket '${bucket}' is empty. Restore its data, then redrive.`,
    );
  }
  // Source: GetObject, Amazon S3 API reference: without ListBucket nobody is told that an object is not there
  const hint =
    name === 'AccessDenied'
      ? ' (needs s3:GetObject, kms:Decrypt, and s3:ListBucket, without which a lost object looks alike)'
      : '';
  return new ClaimFetchError(
    `The object '${key}' in the bucket '${bucket}' could not be fetched: ${name}: ${message}${hint}`,
    { cause },
  );
}

function parse(text: string, key: string): unknown {
  try {
    return readJson(text);
  } catch (cause) {
    // what JSON.parse says would quote it, sensitive fields and all
    const said = cause instanceof MalformedEnvelopeError && cause.cause === undefined ? `: ${cause.message}` : '.';
    throw new MalformedEnvelopeError(`What dataref names ('${key}') is not JSON that can be relied on${said}`);
  }
}
