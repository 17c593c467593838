import type { SQSRecord } from 'aws-lambda';
import type { AnyContract } from '../../contracts/contract.ts';
import { type Envelope, type EventOf, parseEnvelope, parseEvent } from '../../contracts/envelope.ts';

/** What a record turned out to be: an event that the consumer accepts, or the reason why it can never be one. */
export type Reading<C extends AnyContract> =
  | { readonly event: EventOf<C> }
  /** `envelope` when that much could be read. */
  | { readonly error: unknown; readonly envelope?: Envelope };

/** An event of a type that the consumer accepts, with its data elsewhere. */
export interface Reference {
  readonly reference: Envelope;
}

/** Reads the event out of an SQS record: its body is the envelope (raw delivery from SNS, or a command sent as it is). */
export function readRecord<C extends AnyContract>(record: SQSRecord, contracts: readonly C[]): Reading<C> | Reference {
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(record.body);
  } catch (error) {
    return { error };
  }
  if (envelope.dataref !== undefined) {
    const { type } = envelope;
    if (!Object.hasOwn(envelope, 'data')) {
      // what the consumer would not take anyway is not worth fetching
      if (contracts.some((contract) => contract.type === type)) return { reference: envelope };
    } else {
      // both may be there, and are the same (source: CloudEvents extension "Dataref")
      delete envelope.dataref;
      delete envelope.datahash;
    }
  }
  return readEvent(envelope, contracts);
}

/** Reads the event out of an envelope with its data in it. */
export function readEvent<C extends AnyContract>(envelope: Envelope, contracts: readonly C[]): Reading<C> {
  try {
    return { event: parseEvent(envelope, contracts) };
  } catch (error) {
    return { error, envelope };
  }
}

/** Whoever follows data by recursion ends so when it is ne/** Which attempt this is, counted from 1. Approximate: SQS counts receives, and a returned record was received too. */
export function attemptOf(record: SQSRecord): number {
  return Math.max(Number(record.attributes.ApproximateReceiveCount) || 1, 1);
}
