import type { SQSRecord } from 'aws-lambda';
import { type AnyContract, versionOf } from '../../contracts/contract.ts';
import { type Envelope, type EventOf, parseEnvelope, parseEvent } from '../../contracts/envelope.ts';
import { readerOf } from '../../contracts/versions.ts';

/** What a record turned out to be: an event that the consumer accepts, or the reason why it can never be one. */
export type Reading<C extends AnyContract> =
  | { readonly event: EventOf<C> }
  /** `envelope` when that much could be read. */
  | { readonly error: unknown; readonly envelope?: Envelope };

/** An event of a type that the consumer accepts, with its data elsewhere. */
export interface Reference {
  readonly reference: Envelope;
}

/** What is found in a record. */
export type Found<C extends AnyContract> = (Reading<C> | Reference) & {
  /** Whether the same event comes in a newer version as well, and the consumer reads that too. */
  readonly older: boolean;
};

/** Reads the event out of an SQS record: its body is the envelope (raw delivery from SNS, or a command sent as it is). */
export function readRecord<C extends AnyContract>(record: SQSRecord, contracts: readonly C[]): Found<C> {
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(record.body);
  } catch (error) {
    return { error, older: false };
  }
  const older = isOlder(envelope, contracts);
  if (envelope.dataref !== undefined) {
    const { type } = envelope;
    if (!Object.hasOwn(envelope, 'data')) {
      // what the consumer would not take anyway is not worth fetching
      if (contracts.some((contract) => contract.type === type)) return { reference: envelope, older };
    } else {
      // both may be there, and are the same (source: CloudEvents extension "Dataref")
      delete envelope.dataref;
      delete envelope.datahash;
      delete envelope.datasize;
    }
  }
  return { ...readEvent(envelope, contracts), older };
}

function isOlder({ type, dataschema, versions }: Envelope, contracts: readonly AnyContract[]): boolean {
  const newest = Number(versions?.split(',').at(-1));
  if (!(newest > (versionOf(dataschema) ?? newest))) return false;
  return (
    readerOf(
      contracts.filter((contract) => contract.type === type),
      newest,
    ) !== undefined
  );
}

/** Reads the event out of an envelope with its data in it. */
export function readEvent<C extends AnyContract>(envelope: Envelope, contracts: readonly C[]): Reading<C> {
  try {
    return { event: parseEvent(envelope, contracts) };
  } catch (error) {
    return { error, envelope };
  }
}

/** Which attempt this is, counted from 1. Approximate: SQS counts receives, and a returned record was received too. */
export function attemptOf(record: SQSRecord): number {
  return Math.max(Number(record.attributes.ApproximateReceiveCount) || 1, 1);
}
