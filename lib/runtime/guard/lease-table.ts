import {
  IdempotencyItemAlreadyExistsError,
  IdempotencyItemNotFoundError,
  IdempotencyRecordStatus,
} from '@aws-lambda-powertools/idempotency';
import { BasePersistenceLayer, IdempotencyRecord } from '@aws-lambda-powertools/idempotency/persistence';
import { AwsError } from '../aws/aws-error.ts';
import type { DynamoDb } from '../aws/clients.ts';
import type { Execute, Item } from '../aws/statements.ts';
import { ClaimedElsewhereError, GuardError, LeaseLostError, StatementError } from '../errors.ts';

/** What a lease table works with. */
export interface LeaseTableProps {
  table: string;
  client: DynamoDb;
  /** Coalesced writes. */
  write: Execute;
  /** Coalesced, strongly consistent reads. */
  read: Execute;
  /** The fencing token of this invocation: what it claims, only it may complete or release. */
  owner: string;
}

/** How often a claim that others keep moving is looked at before the record goes back. */
const LOOKS = 3;

/**
 * Powertools idempotency records as leases, in a table with the attribute names that Powertools has by default, plus
 * `owner`. The concurrent requests of a batch are coalesced, and every write after the claim is conditional on its owner.
 *
 * |  claimed by its owner   |      may be taken over, if INPROGRESS      |   may be taken over   |
 * |-------------------------|--------------------------------------------|-----------------------|--> time
 * INSERT          in_progress_expiration                             expiration
 *                 (the function's deadline)                           (the TTL)
 */
export class LeaseTable extends BasePersistenceLayer {
  readonly #props: LeaseTableProps;
  /** Claims that stay as they are until they expire. */
  readonly #kept = new Set<string>();

  constructor(props: LeaseTableProps) {
    super();
    this.#props = props;
  }

  /** Leaves a claim to expire instead of releasing it: its handler may still be running. */
  keep(id: string): void {
    this.#kept.add(id);
  }

  /** Whether the event has been handled by now. */
  async isCompleted(id: string): Promise<boolean> {
    const item = await this.#find(id);
    return item !== undefined && toRecord(item).getStatus() === IdempotencyRecordStatus.COMPLETED;
  }

  /** The id is readable and names the consumer; a hash of it would only hide which event a record guards. */
  protected override getHashedIdempotencyKey(id: unknown): string {
    return String(id);
  }

  /** Powertools reports a claim in progress without its expiry; this one keeps it, because the record goes back until then. */
  override processExistingRecord(stored: IdempotencyRecord): IdempotencyRecord {
    if (stored.getStatus() === IdempotencyRecordStatus.INPROGRESS) {
      throw new ClaimedElsewhereError(stored.idempotencyKey, stored.inProgressExpiryTimestamp ?? Date.now());
    }
    return stored;
  }

  protected override async _getRecord(id: string): Promise<IdempotencyRecord> {
    const item = await this.#find(id);
    if (item === undefined) throw new IdempotencyItemNotFoundError(`No idempotency record has the id '${id}'.`);
    return toRecord(item);
  }

  /** Claims the event, or takes over what an earlier claim left behind. */
  protected override async _putRecord(record: IdempotencyRecord): Promise<void> {
    const id = record.idempotencyKey;
    for (let look = 1; look <= LOOKS; look++) {
      if (await this.#insert(record)) return;
      const item = await this.#find(id);
      if (item === undefined) continue;
      // the answer to an INSERT was lost and the SDK sent it again: the claim found is this one
      if (isInProgress(item) && item.owner?.S === this.#props.owner && !this.#kept.has(id)) return;
      if (!isOver(item)) {
        throw new IdempotencyItemAlreadyExistsError(`'${id}' has an idempotency record already.`, toRecord(item));
      }
      if (await this.#takeOver(record, item)) return;
    }
    throw new GuardError(`The idempotency record '${id}' changed hands ${LOOKS} times while it was looked at.`);
  }

  /** Completes a claim. Its TTL stays that of the claim, and no result is kept: a duplicate is acknowledged, not answered. */
  protected override async _updateRecord(record: IdempotencyRecord): Promise<void> {
    const { table, write, owner } = this.#props;
    const id = record.idempotencyKey;
    try {
      await write({
        Statement: `UPDATE "${table}" SET "status" = ? WHERE "id" = ? AND "owner" = ?`,
        Parameters: [{ S: IdempotencyRecordStatus.COMPLETED }, { S: id }, { S: owner }],
      });
    } catch (error) {
      this.keep(id);
      if (!hasCode(error, 'ConditionalCheckFailed')) throw error;
      throw new LeaseLostError(`The claim on '${id}' was taken over before it was completed.`, { cause: error });
    }
  }

  /** Releases a claim, unless it is no longer this invocation's. */
  protected override async _deleteRecord(record: IdempotencyRecord): Promise<void> {
    const { table, write, owner } = this.#props;
    const id = record.idempotencyKey;
    if (this.#kept.has(id)) return;
    try {
      await write({
        Statement: `DELETE FROM "${table}" WHERE "id" = ? AND "owner" = ?`,
        Parameters: [{ S: id }, { S: owner }],
      });
    } catch (error) {
      if (!hasCode(error, 'ConditionalCheckFailed')) throw error;
    }
  }

  async #insert(record: IdempotencyRecord): Promise<boolean> {
    const { table, write, owner } = this.#props;
    try {
      await write({
        Statement: `INSERT INTO "${table}" VALUE {'id': ?, 'status': ?, 'expiration': ?, 'in_progress_expiration': ?, 'owner': ?}`,
        Parameters: [
          { S: record.idempotencyKey },
          { S: IdempotencyRecordStatus.INPROGRESS },
          { N: String(record.expiryTimestamp) },
          { N: String(record.inProgressExpiryTimestamp) },
          { S: owner },
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
  async #takeOver(record: IdempotencyRecord, seen: Item): Promise<boolean> {
    const { table, client, owner } = this.#props;
    const isAsSeen = '#status = :seenStatus AND #expiration = :seenExpiration';
    const hasOwnerSeen = seen.owner ? '#owner = :seenOwner' : 'attribute_not_exists(#owner)';
    try {
      await client.call('UpdateItem', {
        TableName: table,
        Key: { id: { S: record.idempotencyKey } },
        UpdateExpression:
          'SET #status = :status, #expiration = :expiration, #inProgress = :inProgress, #owner = :owner',
        ConditionExpression: `${isAsSeen} AND ${hasOwnerSeen}`,
        ExpressionAttributeNames: {
          '#status': 'status',
          '#expiration': 'expiration',
          '#inProgress': 'in_progress_expiration',
          '#owner': 'owner',
        },
        ExpressionAttributeValues: {
          ':status': { S: IdempotencyRecordStatus.INPROGRESS },
          ':expiration': { N: String(record.expiryTimestamp) },
          ':inProgress': { N: String(record.inProgressExpiryTimestamp) },
          ':owner': { S: owner },
          ':seenStatus': seen.status!,
          ':seenExpiration': seen.expiration!,
          ...(seen.owner && { ':seenOwner': seen.owner }),
        },
      });
      return true;
    } catch (error) {
      if (error instanceof AwsError && error.name === 'ConditionalCheckFailedException') return false;
      throw error;
    }
  }
}

function toRecord(item: Item): IdempotencyRecord {
  return new IdempotencyRecord({
    idempotencyKey: item.id?.S ?? '',
    status: isInProgress(item) ? IdempotencyRecordStatus.INPROGRESS : IdempotencyRecordStatus.COMPLETED,
    expiryTimestamp: numberIn(item.expiration),
    inProgressExpiryTimestamp: numberIn(item.in_progress_expiration),
  });
}

function numberIn(value: Item[string] | undefined): number | undefined {
  return value?.N === undefined ? undefined : Number(value.N);
}

function isInProgress(item: Item): boolean {
  return item.status?.S === IdempotencyRecordStatus.INPROGRESS;
}

/** Whether a claim has ended by itself: its event is forgotten, or its invocation is past its deadline. */
function isOver(item: Item): boolean {
  if (toRecord(item).isExpired()) return true;
  const deadline = numberIn(item.in_progress_expiration);
  return isInProgress(item) && deadline !== undefined && deadline < Date.now();
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof StatementError && error.code === code;
}
