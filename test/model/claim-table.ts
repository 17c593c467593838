/** What a record says about its event. */
export type Status = 'INPROGRESS' | 'RELEASED' | 'COMPLETED';

/** The idempotency record of the one event that the model is about. Times are ticks. */
export interface ClaimRecord {
  readonly status: Status;
  /** The fencing token of whoever wrote it last. */
  readonly owner: number;
  /** `in_progress_expiration`: when the claim ends by itself. */
  readonly lease: number;
  /** The TTL. */
  readonly expiration: number;
  /** How many handlers have failed so far. */
  readonly failures: number;
}

/** A call to DynamoDB, as it travels: its values do not change when it is sent again. */
export type Request =
  | { readonly kind: 'insert'; readonly owner: number; readonly lease: number; readonly expiration: number }
  | { readonly kind: 'read' }
  | {
      readonly kind: 'takeOver';
      readonly owner: number;
      readonly lease: number;
      readonly expiration: number;
      readonly failures: number;
      readonly seen: ClaimRecord;
    }
  | { readonly kind: 'renew'; readonly owner: number; readonly lease: number }
  | { readonly kind: 'complete'; readonly owner: number }
  | { readonly kind: 'release'; readonly owner: number; readonly failures: number }
  | {
      readonly kind: 'commit';
      readonly owner: number;
      /** What the record must be: not there, no longer in anyone's way by the owner's clock, or the owner's claim. */
      readonly expects: 'nothing' | 'free' | 'claim';
      /** The owner's own clock when it built the transaction. */
      readonly clock: number;
      readonly expiration: number;
    }
  | { readonly kind: 'countFailure'; readonly expiration: number };

/** What DynamoDB answers. */
export interface Answer {
  readonly done: boolean;
  /** The record as a read found it, or as it stood in the way of a write. */
  readonly stored: ClaimRecord | undefined;
}

/** The tables: the record, and what transactions have written beside it. */
export interface Tables {
  readonly record: ClaimRecord | undefined;
  /** How often a transaction's business writes were applied. */
  readonly committed: number;
}

/** The conditions of the protocol; each can be weakened, to see that the exploration notices. */
export interface Rules {
  /** A claim is inserted only where there is no record. */
  readonly insert: 'ifAbsent' | 'always';
  /** A claim that is over is taken only as it was read, its lease included. */
  readonly takeOver: 'asRead' | 'asReadButLease' | 'always';
  /** A renewal is its owner's, and never shortens a lease. */
  readonly renew: 'ownerForward' | 'owner' | 'always';
  readonly complete: 'owner' | 'always';
  /** A release is its owner's, and only of a claim: never of what a transaction of its own may have completed. */
  readonly release: 'ownerClaim' | 'owner' | 'always';
  /** A commit holds while the event is free, or claimed by the owner itself and not yet completed. */
  readonly commit: 'ifFreeOrClaimed' | 'ifFreeOrOwn' | 'always';
  /** A token is good for one claim, or for all claims of an invocation. */
  readonly token: 'perClaim' | 'perInvocation';
  /** An owner that finds its own token knows that an answer was lost, and takes the failures that its claim has counted. */
  readonly own: 'recognised' | 'recognisedOnly' | 'ignored';
  /** What a crashed owner leaves behind is taken over once its lease is over. */
  readonly abandoned: 'takenOver' | 'left';
  /** A message whose event is claimed elsewhere goes back. */
  readonly claimedElsewhere: 'returned' | 'acknowledged';
}

/** The protocol as it is. */
export const PROTOCOL: Rules = {
  insert: 'ifAbsent',
  takeOver: 'asRead',
  renew: 'ownerForward',
  complete: 'owner',
  release: 'ownerClaim',
  commit: 'ifFreeOrClaimed',
  token: 'perClaim',
  own: 'recognised',
  abandoned: 'takenOver',
  claimedElsewhere: 'returned',
};

/** Whether a record no longer stands in anyone's way, by this clock. */
export function isFree(record: ClaimRecord, clock: number): boolean {
  if (record.expiration < clock || record.status === 'RELEASED') return true;
  return record.status === 'INPROGRESS' && record.lease < clock;
}

/** DynamoDB carries out one call; this is all that it promises: one item, one condition, one moment. */
export function execute(tables: Tables, request: Request, rules: Rules): { tables: Tables; answer: Answer } {
  const { record } = tables;
  const write = (written: ClaimRecord, committed = tables.committed) => ({
    tables: { record: written, committed },
    answer: { done: true, stored: record },
  });
  const refusal = { tables, answer: { done: false, stored: record } };
  switch (request.kind) {
    case 'read':
      return { tables, answer: { done: true, stored: record } };
    case 'insert':
      if (record !== undefined && rules.insert === 'ifAbsent') return refusal;
      return write(claim(request, 0));
    case 'takeOver':
      if (!mayTakeOver(record, request.seen, rules)) return refusal;
      return write(claim(request, request.failures));
    case 'renew':
      if (record === undefined || (rules.renew !== 'always' && record.owner !== request.owner)) return refusal;
      if (rules.renew === 'ownerForward' && record.lease > request.lease) return refusal;
      return write({ ...record, lease: request.lease });
    case 'complete':
      if (record === undefined || (rules.complete === 'owner' && record.owner !== request.owner)) return refusal;
      return write({ ...record, status: 'COMPLETED' });
    case 'release':
      if (record === undefined || (rules.release !== 'always' && record.owner !== request.owner)) return refusal;
      if (rules.release === 'ownerClaim' && record.status !== 'INPROGRESS') return refusal;
      // without a failure there is nothing to remember
      if (request.failures === 0)
        return { tables: { ...tables, record: undefined }, answer: { done: true, stored: record } };
      return write({ ...record, status: 'RELEASED', failures: request.failures });
    case 'commit': {
      if (!mayCommit(record, request, rules)) return refusal;
      const { owner, expiration } = request;
      return write({ status: 'COMPLETED', owner, lease: NEVER, expiration, failures: 0 }, tables.committed + 1);
    }
    case 'countFailure':
      if (record !== undefined) return refusal;
      return write({ status: 'RELEASED', owner: NOBODY, lease: NEVER, expiration: request.expiration, failures: 1 });
  }
}

/** The lease of a record that was written without a claim. */
const NEVER = Number.POSITIVE_INFINITY;
/** Owns the records of failures that had no claim. */
export const NOBODY = 7;

function claim(request: { owner: number; lease: number; expiration: number }, failures: number): ClaimRecord {
  const { owner, lease, expiration } = request;
  return { status: 'INPROGRESS', owner, lease, expiration, failures };
}

function mayTakeOver(record: ClaimRecord | undefined, seen: ClaimRecord, rules: Rules): boolean {
  if (rules.takeOver === 'always') return true;
  if (record === undefined) return false;
  const { status, owner, expiration, lease } = record;
  if (status !== seen.status || owner !== seen.owner || expiration !== seen.expiration) return false;
  return rules.takeOver === 'asReadButLease' || lease === seen.lease;
}

function mayCommit(record: ClaimRecord | undefined, request: Request & { kind: 'commit' }, rules: Rules): boolean {
  const { owner, expects, clock } = request;
  if (rules.commit === 'always') return true;
  if (expects === 'nothing') return record === undefined;
  if (expects === 'free') return record === undefined || isFree(record, clock);
  if (record?.owner !== owner) return false;
  return rules.commit === 'ifFreeOrOwn' || record.status === 'INPROGRESS';
}
