import type { Envelope } from '../../contracts/envelope.ts';
import { clients, type S3 } from '../aws/clients.ts';
import { PublishError } from '../errors.ts';
import { datahashOf, keyOf, LARGEST_DATA, referenceTo } from './reference.ts';

/** Where data that is too large to travel is put. */
export interface ClaimCheckProps {
  bucket: string;
  /** @default the module's client */
  client?: S3;
}

/** An event that travels as a reference. */
export interface CheckedIn {
  /** The event, with `dataref`, `datahash` and `datasize` in place of its data. */
  envelope: Envelope;
  /**
   * Puts the data where the reference says. To be awaited before the reference is sent anywhere.
   * @throws PublishError when S3 did not take it
   */
  store(): Promise<void>;
}

/**
 * The claim check of a producer (source: Hohpe and Woolf, Enterprise Integration Patterns, "Claim Check"; CloudEvents
 * extension "Dataref").
 */
export interface ClaimCheck {
  /** @throws PublishError when the data is larger than {@link LARGEST_DATA} */
  checkIn(envelope: Envelope): CheckedIn;
}

/** Objects that are being put at once: each is in memory as an object, as JSON and on its way. */
const PUTS = 4;

export function createClaimCheck({ bucket, client = clients.s3 }: ClaimCheckProps): ClaimCheck {
  const waiting: (() => void)[] = [];
  let under = 0;

  async function put(Key: string, Body: string, datahash: string): Promise<void> {
    if (under >= PUTS) await new Promise<void>((resolve) => waiting.push(resolve));
    else under++;
    try {
      const ChecksumSHA256 = Buffer.from(datahash.slice('sha256:'.length), 'hex').toString('base64');
      await client.call('PutObject', { Bucket: bucket, Key, Body, ContentType: 'application/json', ChecksumSHA256 });
    } finally {
      // the place goes to the next one, without being free in between
      const next = waiting.shift();
      if (next) next();
      else under--;
    }
  }

  return {
    checkIn(envelope) {
      const { data, ...rest } = envelope;
      const { id: eventId, type } = envelope;
      const json = JSON.stringify(data) as string | undefined;
      // a reference already: somebody sends on what came to him
      if (json === undefined) return { envelope, store: async () => undefined };
      const bytes = Buffer.byteLength(json);
      if (bytes > LARGEST_DATA) {
        throw new PublishError(
          `The data of '${type}' ${eventId} has ${bytes} bytes; by claim check it may have ${LARGEST_DATA}. Put the bulk elsewhere and publish a reference.`,
          { eventId, senderFault: true, permanent: true },
        );
      }
      const datahash = datahashOf(json);
      const key = keyOf(envelope, datahash);
      return {
        envelope: { ...rest, dataref: referenceTo({ bucket, key }), datahash, datasize: String(bytes) } as Envelope,
        async store() {
          try {
            await put(key, json, datahash);
          } catch (cause) {
            throw new PublishError(
              `The data of '${type}' ${eventId} could not be put into the bucket '${bucket}', so the event was not sent: ${(cause as Error).message}`,
              { cause, eventId },
            );
          }
        },
      };
    },
  };
}

/** What to do about an event that is too large, where there is no claim check. */
export const WITHOUT_CLAIM_CHECK =
  'Give its topic a `claimCheck` (by hand: set BATON_CLAIM_CHECK_BUCKET), or put the bulk elsewhere and publish a reference.';
