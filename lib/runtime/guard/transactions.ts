import type { CancellationReason, TransactWriteItem } from '@aws-sdk/client-dynamodb';
import type { Envelope } from '../../contracts/envelope.ts';
import { AwsError } from '../aws/aws-error.ts';
import type { DynamoDb } from '../aws/clients.ts';
import type { Execute } from '../aws/statements.ts';
import { backoff, type Random } from '../batch/retry.ts';
import {
  ClaimedElsewhereError,
  ConditionFailedError,
  LeaseLostError,
  StatementError,
  TransactionError,
  TransactionTooLargeError,
} from '../errors.ts';
import type { OutboxEntries } from '../outbox/outbox-entry.ts';
import { CLAIM_NAMES, type Claim, claimValues, IS_FREE, readClaim, releasedStatus } from './claim.ts';
import { createPacker, type Packer, sizeOf } from './transaction-size.ts';

/** What one event writes, all of it or nothing. */
export interface Transaction {
  /** Of the event's idempotency record. */
  id: string;
  writes: readonly TransactWriteItem[];
  /** For the outbox. */
  events: readonly Envelope[];
  /** Whether this invocation holds a claim on the event. */
  leased: boolean;
}

/** Writes of handlers together with their guards. */
export interface Transactions {
  /**
   * Writes a transaction; several events' transactions that are asked for in one turn of the event loop travel in one call.
   * @returns `duplicate` when an earlier delivery had committed: nothing was written
   * @throws ConditionFailedError for the handler's own conditions, TransactionTooLargeError, TransactionError, ClaimedElsewhereError,
   * LeaseLostError, AwsError: nothing was written
   */
  commit(transaction: Transaction): Promise<'committed' | 'duplicate'>;
  /** What the event's record says; undefined when there is none. */
  find(id: string): Promise<Claim | undefined>;
  /** Writes down that another attempt failed. */
  recordFailure(id: string, earlier: number): Promise<void>;
  /** Lets an event that was given up start anew when it comes back. */
  forgetFailures(id: string, failures: number): Promise<void>;
}

/** What transactions work with. */
export interface TransactionsProps {
  client: DynamoDb;
  /** The idempotency table. */
  table: string;
  /** How long a completed event stays known, in seconds. */
  ttlSeconds: number;
  /** The fencing token of this invocation. */
  owner: string;
  /** Coalesced statements. */
  read: Execute;
  write: Execute;
  /** @default none: publishing is an error of the caller's */
  /** Kept from invocation to invocation: it learns which items transactions touch. @default one of its own */
  pack?: Packer;
  outbox?: { entriesFor(events: readonly Envelope[]): OutboxEntries };
  /** Milliseconds since the epoch. */
  clock: () => number;
  random: Random;
}

/** How often a transaction that conflicts with others is sent in all. */
const ATTEMPTS = 8;
/** Milliseconds. */
const BACKOFF = { base: 20, cap: 1_000 };
/** Reasons that pass by themselves (source: TransactWriteItems, Amazon DynamoDB API reference). */
const PASSING = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

/** A transaction on its way. */
interface Member extends Transaction {
  entries: OutboxEntries | undefined;
  /** Whether a record was found that is no longer anybody's. */
  foundFree: boolean;
  resolve: (result: 'committed' | 'duplicate') => void;
  reject: (error: unknown) => void;
}

/** What a cancellation says about one member. */
type Verdict = { settle: () => void } | 'innocent' | 'conflict';

/**
 * Group commit. Events do not depend on each other's transactions, so many can be one, which costs a batch one call. When
 * one of them makes DynamoDB cancel the call, it is settled by its own reasons, and the others are sent again without it.
 */
export function createTransactions(props: TransactionsProps): Transactions {
  const { client, table, ttlSeconds, owner, read, write, outbox, clock, random, pack = createPacker() } = props;
  let gathered: Member[] = [];

  function itemsOf(member: Member): TransactWriteItem[] {
    return [recordOf(member), ...member.writes, ...(member.entries?.items ?? [])];
  }

  function recordOf({ id, leased, foundFree }: Member): TransactWriteItem {
    const now = clock();
    const condition = leased
      ? {
          // its own, and still in progress: this very call may have been carried out before
          ConditionExpression: 'begins_with(#owner, :me) AND #status = :held',
          ExpressionAttributeNames: { '#owner': 'owner', '#status': 'status' },
          ExpressionAttributeValues: { ':me': { S: owner }, ':held': { S: 'INPROGRESS' } },
        }
      : foundFree
        ? {
            ConditionExpression: IS_FREE,
            ExpressionAttributeNames: CLAIM_NAMES,
            ExpressionAttributeValues: claimValues(now),
          }
        : { ConditionExpression: 'attribute_not_exists(id)' };
    return {
      Put: {
        TableName: table,
        Item: {
          id: { S: id },
          status: { S: 'COMPLETED' },
          expiration: { N: String(Math.round(now / 1000 + ttlSeconds)) },
          owner: { S: owner },
        },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ...condition,
      },
    };
  }

  async function send(members: readonly Member[], attempt = 1): Promise<void> {
    if (members.length === 0) return;
    const items = members.map(itemsOf);
    try {
      await client.call('TransactWriteItems', { TransactItems: items.flat() });
      for (const { resolve } of members) resolve('committed');
    } catch (error) {
      const reasons = reasonsOf(error);
      if (reasons === undefined) return await refused(members, error);
      await cancelled(members, items, reasons, attempt);
    }
  }

  /** Not cancelled: refused for what is in it, or not answered. */
  async function refused(members: readonly Member[], error: unknown): Promise<void> {
    if (members.length > 1 && error instanceof AwsError && error.refused) {
      await Promise.all(members.map((member) => send([member])));
    } else {
      for (const { reject } of members) reject(error);
    }
  }

  async function cancelled(
    members: readonly Member[],
    items: readonly TransactWriteItem[][],
    reasons: readonly CancellationReason[],
    attempt: number,
  ): Promise<void> {
    const innocent: Member[] = [];
    const conflicting: Member[] = [];
    let start = 0;
    members.forEach((member, n) => {
      const end = start + items[n]!.length;
      const verdict = judgeMember(member, reasons.slice(start, end));
      start = end;
      if (verdict === 'innocent') innocent.push(member);
      else if (verdict === 'conflict') conflicting.push(member);
      else verdict.settle();
    });
    if (innocent.length === members.length) {
      const said = JSON.stringify(reasons.map(({ Code }) => Code));
      const error = new TransactionError('Unknown', `DynamoDB cancelled a transaction without a reason: ${said}.`);
      for (const { reject } of members) reject(error);
      return;
    }
    if (attempt >= ATTEMPTS) {
      for (const { id, reject } of conflicting.splice(0)) {
        reject(
          new TransactionError(
            'TransactionConflict',
            `The transaction of '${id}' met others ${ATTEMPTS} times running.`,
          ),
        );
      }
    }
    await send(innocent, attempt);
    if (conflicting.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, backoff(attempt, BACKOFF, random)));
    // apart, so that the next conflict is one event's alone
    await Promise.all(conflicting.map((member) => send([member], attempt + 1)));
  }

  function judgeMember(member: Member, reasons: readonly CancellationReason[]): Verdict {
    const [record, ...others] = reasons;
    if (record?.Code === 'ConditionalCheckFailed') return judgeRecord(member, record);
    let verdict: Verdict = PASSING.has(record?.Code ?? '') ? 'conflict' : 'innocent';
    for (const [position, reason] of others.entries()) {
      const { Code = 'None' } = reason;
      if (Code === 'None') continue;
      if (PASSING.has(Code)) {
        verdict = 'conflict';
      } else if (position >= member.writes.length) {
        if (!member.entries?.adjust(position - member.writes.length, reason)) return reject(member, reason, position);
        verdict = 'conflict';
      } else {
        return reject(member, reason, position);
      }
    }
    return verdict;
  }

  /** Somebody has written the record before: this invocation itself, or another one. */
  function judgeRecord(member: Member, { Item }: CancellationReason): Verdict {
    const { id, leased, resolve, reject } = member;
    const claim: Claim = Item === undefined ? { kind: 'free', failures: 0 } : readClaim(Item, clock());
    if (claim.kind === 'free') {
      if (leased) return { settle: () => reject(leaseLost(id)) };
      member.foundFree = true;
      return 'conflict';
    }
    // the answer to an earlier call was lost, and the client sent it again: the record found is this one
    if (claim.kind === 'completed' && claim.owner === owner) return { settle: () => resolve('committed') };
    if (leased) return { settle: () => reject(leaseLost(id)) };
    if (claim.kind === 'completed') return { settle: () => resolve('duplicate') };
    return { settle: () => reject(new ClaimedElsewhereError(id, claim.until)) };
  }

  function flush(): void {
    const members = gathered;
    gathered = [];
    let before: Promise<unknown> = Promise.resolve();
    for (const { members: group, follows } of pack(members, itemsOf)) {
      const sent = follows ? before.then(() => send(group)) : send(group);
      before = Promise.all([before, sent]);
    }
  }

  return {
    async commit(transaction) {
      const entries = transaction.events.length === 0 ? undefined : outbox?.entriesFor(transaction.events);
      const { promise, resolve, reject } = Promise.withResolvers<'committed' | 'duplicate'>();
      const member: Member = { ...transaction, entries, foundFree: false, resolve, reject };
      refuseTooLarge(member, itemsOf(member));
      // what is referred to has to be there before the reference is
      if (entries?.store !== undefined) await entries.store();
      if (gathered.push(member) === 1) setImmediate(flush);
      return await promise;
    },
    async find(id) {
      const item = await read({ Statement: `SELECT * FROM "${table}" WHERE "id" = ?`, Parameters: [{ S: id }] });
      return item === undefined ? undefined : readClaim(item, clock());
    },
    async recordFailure(id, earlier) {
      const status = { S: releasedStatus(earlier + 1) };
      const expiration = { N: String(Math.round(clock() / 1000 + ttlSeconds)) };
      try {
        await write({
          Statement: `INSERT INTO "${table}" VALUE {'id': ?, 'status': ?, 'expiration': ?}`,
          Parameters: [{ S: id }, status, expiration],
        });
      } catch (error) {
        if (!(error instanceof StatementError) || error.code !== 'DuplicateItem') throw error;
        await write({
          Statement: `UPDATE "${table}" SET "status" = ? WHERE "id" = ? AND "status" = ?`,
          Parameters: [status, { S: id }, { S: releasedStatus(earlier) }],
        });
      }
    },
    async forgetFailures(id, failures) {
      await write({
        Statement: `DELETE FROM "${table}" WHERE "id" = ? AND "status" = ?`,
        Parameters: [{ S: id }, { S: releasedStatus(failures) }],
      });
    },
  };
}

function reject({ writes, id, reject }: Member, reason: CancellationReason, position: number): Verdict {
  const { Code = 'Unknown', Message = '', Item } = reason;
  return {
    settle: () =>
      reject(
        Code === 'ConditionalCheckFailed' && position < writes.length
          ? new ConditionFailedError(position, `The condition of write ${position} did not hold (of '${id}').`, Item)
          : new TransactionError(Code, `DynamoDB refused write ${position} of '${id}': ${Code} ${Message}`),
      ),
  };
}

function reasonsOf(error: unknown): readonly CancellationReason[] | undefined {
  if (!(error instanceof AwsError) || error.name !== 'TransactionCanceledException') return undefined;
  return error.details.CancellationReasons as CancellationReason[] | undefined;
}

function leaseLost(id: string): LeaseLostError {
  return new LeaseLostError(`The claim on '${id}' was taken over by another invocation, so nothing was written.`);
}

function refuseTooLarge({ id, writes }: Member, items: readonly TransactWriteItem[]): void {
  const { most, bytes } = sizeOf(items);
  if (items.length > most.items) {
    throw new TransactionTooLargeError(
      `The transaction of '${id}' has ${writes.length} writes and ${items.length - writes.length} items of Baton's; DynamoDB takes ${most.items} in all. Write less at once, or publish an event for the rest.`,
    );
  }
  if (bytes > most.bytes) {
    throw new TransactionTooLargeError(
      `The transaction of '${id}' has ${bytes} bytes; DynamoDB takes ${most.bytes}. Put the bulk elsewhere and write a reference.`,
    );
  }
}
