import {
  IdempotencyItemAlreadyExistsError,
  IdempotencyItemNotFoundError,
  IdempotencyRecordStatus,
} from '@aws-lambda-powertools/idempotency';
import { BasePersistenceLayer, IdempotencyRecord } from '@aws-lambda-powertools/idempotency/persistence';
import type { UpdateItemInput } from '@aws-sdk/client-dynamodb';
import { AwsError } from '../aws/aws-error.ts';
import type { DynamoDb } from '../aws/clients.ts';
import type { Execute, Item } from '../aws/statements.ts';
import { ClaimedElsewhereError, GuardError, LeaseLostError, StatementError } from '../errors.ts';
import { type Claim, readClaim, releasedStatus } from './claim.ts';

/** What a lease table works with. */
export interface LeaseTableProps {
  table: string;
  client: DynamoDb;
  /** Coalesced writes. */
  write: Execute;
  /** Coalesced, strongly consistent reads. */
  read: Execute;
  /** The fencing token: what is claimed under it, only it may renew, complete or release. @see LeaseTable.begin */
  owner: string;
  /** How long a claim holds without being renewed, in milliseconds. @default until the function's deadline */
  leaseMs?: number;
  /** Whether what the work returns is kept and given to duplicates, as JSON. @default false */
  keepResponse?: boolean;
  /** Makes the record's id of the data that is guarded. @default Powertools' own: a prefix and a hash */
  idOf?: (data: unknown) => string;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
}

/** How often a claim that others keep moving is looked at before the record goes back. */
const LOOKS = 3;

/**
 * Powertools idempotency records as leases: a persistence layer for `makeIdempotent`. The concurrent requests of a batch
 * are coalesced, and every write after the claim is conditional on its owner.
 *
 * |  claimed by its owner   |      may be taken over, if INPROGRESS      |   may be taken over   |
 * |-------------------------|--------------------------------------------|-----------------------|--> time
 * INSERT          in_progress_expiration                             expiration
 *              (the lease; renewed while it runs)                      (the TTL)
 */
export class LeaseTable extends BasePersistenceLayer {
  readonly #props: LeaseTableProps;
  readonly #clock: () => number;
  /** Claims that stay as they are until they expire. */
  readonly #kept = new Set<string>();
  /** Attempts that have failed before each claim of this invocation. */
  readonly #failures = new Map<string, number>();
  /** How many failures a claim is released with, where that is not one more than before. */
  readonly #released = new Map<string, number>();
  /** How often this invocation has begun to claim an event; a second copy of a message claims again. */
  readonly #claims = new Map<string, number>();

  constructor(props: LeaseTableProps) {
    super();
    this.#props = { ...props };
    this.#clock = props.clock ?? Date.now;
  }

  /** Starts an invocation under a fencing token of its own. What an earlier one left running can no longer write. */
  begin(owner: string): void {
    this.#props.owner = owner;
    this.#kept.clear();
    this.#failures.clear();
    this.#released.clear();
    this.#claims.clear();
  }

  /** Leaves a claim as it is: its handler may still be running, or it is completed already. */
  keep(id: string): void {
    this.#kept.add(id);
  }

  /**
   * The fencing token of the present claim. Each claim has its own: a late release of the first copy of a message must
   * not end the claim of the second.
   */
  #tokenOf(id: string): string {
    const claims = this.#claims.get(id) ?? 1;
    return claims === 1 ? this.#props.owner : `${this.#props.owner}#${claims}`;
  }

  /** Has a claim released with so many failed attempts to its name, instead of one more than before. */
  releaseWith(id: string, failures: number): void {
    this.#released.set(id, failures);
  }

  /** How many attempts failed before the claim that this invocation holds. */
  failuresOf(id: string): number {
    return this.#failures.get(id) ?? 0;
  }

  /** Whether the event has been handled by now. */
  async isCompleted(id: string): Promise<boolean> {
    const item = await this.#find(id);
    return item !== undefined && readClaim(item, this.#clock()).kind === 'completed';
  }

  /**
   * Prolongs a claim.
   * @param until milliseconds since the epoch
   * @throws LeaseLostError when it is no longer this invocation's
   */
  async renew(id: string, until: number): Promise<void> {
    const { table } = this.#props;
    const end = { N: String(until) };
    // never shorter: an earlier renewal may arrive after this one
    await this.#owned(id, {
      Statement: `UPDATE "${table}" SET "in_progress_expiration" = ? WHERE "id" = ? AND "owner" = ? AND "in_progress_expiration" <= ?`,
      Parameters: [end, { S: id }, { S: this.#tokenOf(id) }, end],
    });
  }

  protected override getHashedIdempotencyKey(data: unknown): string {
    return this.#props.idOf?.(data) ?? super.getHashedIdempotencyKey(data as never);
  }

  /** Powertools reports a claim in progress without its expiry; this one keeps it, because the record goes back until then. */
  override processExistingRecord(stored: IdempotencyRecord, data: never): IdempotencyRecord {
    if (stored.getStatus() === IdempotencyRecordStatus.INPROGRESS) {
      throw new ClaimedElsewhereError(stored.idempotencyKey, stored.inProgressExpiryTimestamp ?? this.#clock());
    }
    return super.processExistingRecord(stored, data);
  }

  protected override async _getRecord(id: string): Promise<IdempotencyRecord> {
    const item = await this.#find(id);
    if (item === undefined) throw new IdempotencyItemNotFoundError(`No idempotency record has the id '${id}'.`);
    return toRecord(item, readClaim(item, this.#clock()));
  }

  /** Claims the event, or takes over what an earlier claim left behind. */
  protected override async _putRecord(record: IdempotencyRecord): Promise<void> {
    const id = record.idempotencyKey;
    const until = this.#leaseOf(record);
    this.#claims.set(id, (this.#claims.get(id) ?? 0) + 1);
    this.#failures.delete(id);
    this.#released.delete(id);
    for (let look = 1; look <= LOOKS; look++) {
      if (await this.#insert(record, until)) return;
      const item = await this.#find(id);
      if (item === undefined) continue;
      const claim = readClaim(item, this.#clock());
      // the answer to an INSERT was lost and the client sent it again: the claim found is this one
      if (claim.kind === 'held' && claim.owner === this.#tokenOf(id) && !this.#kept.has(id)) {
        this.#failures.set(id, claim.failures);
        return;
      }
      if (claim.kind !== 'free') {
        throw new IdempotencyItemAlreadyExistsError(
          `'${id}' has an idempotency record already.`,
          toRecord(item, claim),
        );
      }
      if (await this.#takeOver(record, until, item, claim.failures)) return;
    }
    throw new GuardError(`The idempotency record '${id}' changed hands ${LOOKS} times while it was looked at.`);
  }

  /** Completes a claim. Its TTL stays that of the claim, and no result is kept unless asked: a duplicate is acknowledged, not answered. */
  protected override async _updateRecord(record: IdempotencyRecord): Promise<void> {
    const { table, keepResponse } = this.#props;
    const id = record.idempotencyKey;
    if (this.#kept.has(id)) return;
    const completed = { S: IdempotencyRecordStatus.COMPLETED };
    try {
      if (keepResponse && record.responseData !== undefined) return await this.#completeWith(record);
      await this.#owned(id, {
        Statement: `UPDATE "${table}" SET "status" = ? WHERE "id" = ? AND "owner" = ?`,
        Parameters: [completed, { S: id }, { S: this.#tokenOf(id) }],
      });
    } catch (error) {
      this.keep(id);
      throw error;
    }
  }

  /** Releases a claim, unless it is no longer this invocation's; the failed attempt is counted. */
  protected override async _deleteRecord(record: IdempotencyRecord): Promise<void> {
    const { table } = this.#props;
    const id = record.idempotencyKey;
    if (this.#kept.has(id)) return;
    const failures = this.#released.get(id) ?? this.failuresOf(id) + 1;
    // still in progress: a commit whose answer was lost may have completed it
    const mine = [{ S: id }, { S: this.#tokenOf(id) }, { S: IdempotencyRecordStatus.INPROGRESS }];
    try {
      await this.#owned(
        id,
        failures === 0
          ? { Statement: `DELETE FROM "${table}" WHERE "id" = ? AND "owner" = ? AND "status" = ?`, Parameters: mine }
          : {
              Statement: `UPDATE "${table}" SET "status" = ? WHERE "id" = ? AND "owner" = ? AND "status" = ?`,
              Parameters: [{ S: releasedStatus(failures) }, ...mine],
            },
      );
    } catch (error) {
      if (!(error instanceof LeaseLostError)) throw error;
    }
  }

  /** When a claim made now ends by itself: never later than the function's deadline, which Powertools has put there. */
  #leaseOf(record: IdempotencyRecord): number {
    const { leaseMs = Number.POSITIVE_INFINITY } = this.#props;
    const now = this.#clock();
    const deadline = record.inProgressExpiryTimestamp ?? now;
    // Powertools measures by the machine's clock
    const left = Math.max(deadline - Date.now(), 0);
    return Math.round(now + Math.min(left, leaseMs));
  }

  /** When the record may be forgotten, in seconds since the epoch. */
  #expiration(): number {
    return Math.round(this.#clock() / 1000 + this.getExpiresAfterSeconds());
  }

  async #insert(record: IdempotencyRecord, until: number): Promise<boolean> {
    const { table, write } = this.#props;
    const hash = record.payloadHash;
    try {
      await write({
        Statement: `INSERT INTO "${table}" VALUE {'id': ?, 'status': ?, 'expiration': ?, 'in_progress_expiration': ?, 'owner': ?${hash ? ", 'validation': ?" : ''}}`,
        Parameters: [
          { S: record.idempotencyKey },
          { S: IdempotencyRecordStatus.INPROGRESS },
          { N: String(this.#expiration()) },
          { N: String(until) },
          { S: this.#tokenOf(record.idempotencyKey) },
          ...(hash ? [{ S: hash }] : []),
        ],
      });
      return true;
    } catch (error) {
      if (hasCode(error, 'DuplicateItem')) return false;
      throw error;
    }
  }

  async #find(id: string): Promise<Item | undefined> {
    const { table, read } = this.#props;
    return await read({ Statement: `SELECT * FROM "${table}" WHERE "id" = ?`, Parameters: [{ S: id }] });
  }

  /** Takes a claim that is over, provided that nobody else has meanwhile. */
  async #takeOver(record: IdempotencyRecord, until: number, seen: Item, failures: number): Promise<boolean> {
    const isAsSeen = '#status = :seenStatus AND #expiration = :seenExpiration';
    const hasOwnerSeen = seen.owner ? '#owner = :seenOwner' : 'attribute_not_exists(#owner)';
    // its owner may have renewed it since
    const hasLeaseSeen = seen.in_progress_expiration ? '#inProgress = :seenLease' : 'attribute_not_exists(#inProgress)';
    const taken = await this.#update(record.idempotencyKey, {
      UpdateExpression: `SET #status = :status, #expiration = :expiration, #inProgress = :inProgress, #owner = :owner, #failures = :failures${record.payloadHash ? ', #validation = :hash' : ''}`,
      ConditionExpression: `${isAsSeen} AND ${hasOwnerSeen} AND ${hasLeaseSeen}`,
      ExpressionAttributeNames: {
        '#status': 'status',
        '#expiration': 'expiration',
        '#inProgress': 'in_progress_expiration',
        '#owner': 'owner',
        '#failures': 'failures',
        ...(record.payloadHash && { '#validation': 'validation' }),
      },
      ExpressionAttributeValues: {
        ':status': { S: IdempotencyRecordStatus.INPROGRESS },
        ':expiration': { N: String(this.#expiration()) },
        ':inProgress': { N: String(until) },
        ':owner': { S: this.#tokenOf(record.idempotencyKey) },
        ':failures': { N: String(failures) },
        ':seenStatus': seen.status!,
        ':seenExpiration': seen.expiration!,
        ...(seen.owner && { ':seenOwner': seen.owner }),
        ...(seen.in_progress_expiration && { ':seenLease': seen.in_progress_expiration }),
        ...(record.payloadHash && { ':hash': { S: record.payloadHash } }),
      },
    });
    if (taken) this.#failures.set(record.idempotencyKey, failures);
    return taken;
  }

  /** Completes a claim and keeps what the work returned. */
  async #completeWith(record: IdempotencyRecord): Promise<void> {
    const id = record.idempotencyKey;
    const completed = await this.#update(id, {
      UpdateExpression: 'SET #status = :completed, #data = :data',
      ConditionExpression: '#owner = :owner',
      ExpressionAttributeNames: { '#status': 'status', '#data': 'data', '#owner': 'owner' },
      ExpressionAttributeValues: {
        ':completed': { S: IdempotencyRecordStatus.COMPLETED },
        ':data': { S: JSON.stringify(record.responseData) },
        ':owner': { S: this.#tokenOf(id) },
      },
    });
    if (!completed) throw lost(id);
  }

  async #update(id: string, input: Omit<UpdateItemInput, 'TableName' | 'Key'>): Promise<boolean> {
    const { client, table } = this.#props;
    try {
      await client.call('UpdateItem', { TableName: table, Key: { id: { S: id } }, ...input });
      return true;
    } catch (error) {
      if (error instanceof AwsError && error.name === 'ConditionalCheckFailedException') return false;
      throw error;
    }
  }

  async #owned(id: string, statement: Parameters<Execute>[0]): Promise<void> {
    try {
      await this.#props.write(statement);
    } catch (error) {
      throw hasCode(error, 'ConditionalCheckFailed') ? lost(id, error) : error;
    }
  }
}

function lost(id: string, cause?: unknown): LeaseLostError {
  return new LeaseLostError(`The claim on '${id}' was taken over by another invocation.`, { cause });
}

function toRecord(item: Item, claim: Claim): IdempotencyRecord {
  return new IdempotencyRecord({
    idempotencyKey: item.id?.S ?? '',
    status: claim.kind === 'held' ? IdempotencyRecordStatus.INPROGRESS : IdempotencyRecordStatus.COMPLETED,
    ...(claim.kind === 'held' && { inProgressExpiryTimestamp: claim.until }),
    ...(item.validation?.S && { payloadHash: item.validation.S }),
    ...(item.data?.S && { responseData: JSON.parse(item.data.S) }),
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof StatementError && error.code === code;
}
