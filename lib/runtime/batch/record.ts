import type { SQSRecord } from 'aws-lambda';
import type { AnyContract } from '../../contracts/contract.ts';
import { type Envelope, type EventOf, parseEnvelope, parseEvent } from '../../contracts/envelope.ts';

/** What a record turned out to be: an event that the consumer accepts, or the reason why it can never be one. */
export type Reading<C extends AnyContract> =
  | { readonly event: EventOf<C> }
  /** `envelope` when that much could be read. */
  | { readonly error: unknown; readonly envelope?: Envelope };

/** Reads the event out of an SQS record: its body is the envelope (raw delivery from SNS, or a command sent as it is). */
export function readRecord<C extends AnyContract>(record: SQSRecord, contracts: readonly C[]): Reading<C> {
  let envelope: Envelope | undefined;
  try {
    envelope = parseEnvelope(record.body);
    return { event: parseEvent(envelope, contracts) };
  } catch (error) {
    return { error, ...(envelope && { envelope }) };
  }
}

/** Which attempt this is, counted from 1. Approximate: SQS counts receives, and a returned record was received too. */
export function attemptOf(record: SQSRecord): number {
  return Math.max(Number(record.attributes.ApproximateReceiveCount) || 1, 1);
}
