import type { UpdateItemInput } from '@aws-sdk/client-dynamodb';
import type { SQSRecord } from 'aws-lambda';
import type { Envelope } from '../../contracts/envelope.ts';
import { AwsError } from '../aws/aws-error.ts';
import type { DynamoDb } from '../aws/clients.ts';
import type { Execute } from '../aws/statements.ts';
import type { DeadLetter } from '../batch/dead-letter.ts';
import { groupOf } from '../batch/lanes.ts';
import { type Control, readControl } from './control.ts';
import { ParkedError, ParkingError } from './errors.ts';
import { laneOf, type Marker, markerIdOf, NAMES, readMarker } from './marker.ts';

/** What becomes of a record of a strictly ordered consumer when its turn has come. */
export type ParkingVerdict =
  | { kind: 'run' }
  /** It follows a dead letter: send this to the DLQ, then acknowledge it. */
  | { kind: 'park'; letter: Omit<DeadLetter, 'record'> }
  /** It was a message of the operator to the consumer: acknowledge it. `released` says whether its key is free again. */
  | { kind: 'control'; released: boolean };

/** Where in the DLQ a letter belongs. */
export type Placement = Pick<DeadLetter, 'group' | 'parkedKey' | 'redriveId'>;

/**
 * Keeps the order of a key over its dead letters, for one batch.
 *
 * Every rejection is a {@link ParkingError}: the record has to go back, without counting it as failed.
 */
export interface Parking {
  /** Looks up the keys of a batch, in one call together. */
  prepare(records: readonly SQSRecord[]): void;
  /**
   * Asked when it is the record's turn: all before it in its group are settled.
   * @param envelope what the record is, as far as it can be read
   */
  verdict(record: SQSRecord, envelope: Envelope | undefined): Promise<ParkingVerdict>;
  /** Before a failed record is sent to the DLQ: parks its key. The letter is to be sent as the placement says. */
  beforeDeadLetter(record: SQSRecord, eventId: string | undefined): Promise<Placement>;
  /** After a record was handled, or found to be a duplicate: a dead letter that succeeded after all parks nobody. */
  settled(record: SQSRecord): Promise<void>;
}

/** What parking works with. */
export interface ParkingProps {
  /** The idempotency table. */
  table: string;
  consumer: string;
  /** Coalesced, strongly consistent reads. */
  read: Execute;
  dynamodb: DynamoDb;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

/** How often a marker that others keep changing is looked at before the record goes back. */
const LOOKS = 4;
const LONGEST_EVENT_ID = 1_024;
const RUN: ParkingVerdict = { kind: 'run' };

/**
 * The parking of one batch. A key is parked by a marker in the idempotency table, which is written before the dead letter
 * is sent; while it is there, whatever arrives for the key follows into the DLQ.
 *
 * Why a redrive restores the order, and a crash anywhere does not lose it:
 *
 * 1. A group's messages are delivered one after the other, and one that is not acknowledged is delivered again before
 *    the next. So between a marker and its letter, or a letter and its acknowledgement, nothing of the key can pass; the
 *    message itself comes again, and does the same again (a second copy in the DLQ is a duplicate for the guard).
 * 2. The lanes of a marker, one after the other, are the unhandled events of the key in the order they were sent. True
 *    of the first dead letter. What arrives is appended to the last lane. A redrive takes from the front, in order; if
 *    it fails at one event, this one and all behind it that carry the redrive's id go into a new lane in front: they
 *    are older than what was not yet taken.
 * 3. A redriven event runs only while its redrive is the marker's, and its first failure ends that. So none runs before
 *    those in front of it are handled, and nothing new runs before the marker is gone.
 * 4. The control message is behind all that was redriven. When it is met, those are settled. The marker is deleted if none
 *    of them failed (the redrive is still the marker's) and nothing was parked since the operator saw the DLQ empty of the key
 *    (the count is the same), so that no older event is left when a new one runs.
 */
export function createParking({ table, consumer, read, dynamodb, clock }: ParkingProps): Parking {
  const markers = new Map<string, Promise<Marker | undefined>>();

  function find(key: string): Promise<Marker | undefined> {
    const known = markers.get(key);
    if (known !== undefined) return known;
    const found = read({
      Statement: `SELECT * FROM "${table}" WHERE "id" = ?`,
      Parameters: [{ S: markerIdOf(consumer, key) }],
    }).then((item) => item && readMarker(item));
    // whoever needs it is told
    found.catch(() => undefined);
    markers.set(key, found);
    return found;
  }

  /** Changes a marker on a condition. Undefined when it does not hold (any more); the marker is looked up again then. */
  async function change(
    key: string,
    update: Pick<UpdateItemInput, 'UpdateExpression' | 'ConditionExpression' | 'ExpressionAttributeValues'>,
  ): Promise<Marker | undefined> {
    const { Attributes } = await onCondition(key, () =>
      dynamodb.call('UpdateItem', {
        TableName: table,
        Key: { id: { S: markerIdOf(consumer, key) } },
        ReturnValues: 'ALL_NEW',
        ExpressionAttributeNames: namesIn(update),
        ...update,
      }),
    );
    if (Attributes === undefined) return undefined;
    const marker = readMarker(Attributes);
    markers.set(key, Promise.resolve(marker));
    return marker;
  }

  async function onCondition<Answer extends object>(
    key: string,
    call: () => Promise<Answer>,
  ): Promise<Partial<Answer>> {
    try {
      return await call();
    } catch (error) {
      markers.delete(key);
      if (error instanceof AwsError && error.name === 'ConditionalCheckFailedException') return {};
      throw error;
    }
  }

  /** One more message in a lane; false when the marker changed in a way that matters. */
  async function append(key: string, lane: string, messageId: string): Promise<boolean> {
    const changed = await change(key, {
      UpdateExpression: `SET #count = #count + :one${lane === key ? ', #last = :message' : ''}`,
      ConditionExpression: 'contains(#lanes, :lane)',
      ExpressionAttributeValues: {
        ':one': { N: '1' },
        ':lane': { S: lane },
        ...(lane === key && { ':message': { S: messageId } }),
      },
    });
    return changed !== undefined;
  }

  async function park(key: string, record: SQSRecord, envelope: Envelope | undefined): Promise<ParkingVerdict> {
    const redriveId = redriveOf(record);
    for (let look = 1; look <= LOOKS; look++) {
      const marker = await find(key);
      if (marker === undefined || mayRun(marker, record)) return RUN;
      const group = laneOf(marker, redriveId, key);
      if (!(await append(key, group, record.messageId))) continue;
      const letter = {
        error: new ParkedError(key, marker.headEvent),
        parkedBehind: marker.headEvent,
        group,
        ...(group !== key && { parkedKey: key }),
        ...(envelope && { eventId: envelope.id }),
        ...(redriveId !== undefined && { redriveId }),
      };
      return { kind: 'park', letter };
    }
    throw new ParkingError(`The marker of the key '${key}' changed ${LOOKS} times while a record was to be parked.`);
  }

  /** Parks the key behind a record that failed, or goes on with that when it did so before. */
  async function parkBehind(key: string, record: SQSRecord, eventId: string): Promise<Placement> {
    const redriveId = redriveOf(record);
    for (let look = 1; look <= LOOKS; look++) {
      const marker = await find(key);
      let group = key;
      let done: boolean;
      if (marker === undefined) {
        done = await create(key, record.messageId, eventId);
      } else if (redriveId !== undefined && marker.redrive === redriveId) {
        group = redriveId;
        done = await endRedrive(key, redriveId, record.messageId, eventId);
      } else {
        group = laneOf(marker, redriveId, key);
        done = await append(key, group, record.messageId);
      }
      if (done)
        return { group, ...(group !== key && { parkedKey: key }), ...(redriveId !== undefined && { redriveId }) };
    }
    throw new ParkingError(`The marker of the key '${key}' changed ${LOOKS} times while it was to be parked.`);
  }

  async function create(key: string, head: string, headEvent: string): Promise<boolean> {
    const marker: Marker = { head, headEvent, lanes: [key], last: head, count: 1 };
    const { created } = await onCondition(key, async () => {
      await dynamodb.call('PutItem', {
        TableName: table,
        ConditionExpression: 'attribute_not_exists(id)',
        Item: {
          id: { S: markerIdOf(consumer, key) },
          head: { S: head },
          headEvent: { S: headEvent },
          lanes: { L: [{ S: key }] },
          last: { S: head },
          count: { N: '1' },
          parkedAt: { S: new Date(clock()).toISOString() },
        },
      });
      return { created: true };
    });
    if (created) markers.set(key, Promise.resolve(marker));
    return created === true;
  }

  /** A redriven event failed for good again: it is the head of what follows, in a lane of its own in front. */
  async function endRedrive(key: string, redriveId: string, head: string, headEvent: string): Promise<boolean> {
    const changed = await change(key, {
      UpdateExpression:
        'SET #head = :head, #headEvent = :event, #lanes = list_append(:lane, #lanes), #count = #count + :one REMOVE #redrive',
      ConditionExpression: '#redrive = :redrive',
      ExpressionAttributeValues: {
        ':head': { S: head },
        ':event': { S: headEvent },
        ':lane': { L: [{ S: redriveId }] },
        ':one': { N: '1' },
        ':redrive': { S: redriveId },
      },
    });
    return changed !== undefined;
  }

  /** Deletes the marker if nothing was parked since this count, and its redrive, or that it has none, is the same. */
  async function free(key: string, marker: Marker, redriveId?: string): Promise<boolean> {
    const condition = {
      ConditionExpression: `#head = :head AND #count = :count AND ${redriveId === undefined ? 'attribute_not_exists(#redrive)' : '#redrive = :redrive'}`,
      ExpressionAttributeValues: {
        ':head': { S: marker.head },
        ':count': { N: String(marker.count) },
        ...(redriveId !== undefined && { ':redrive': { S: redriveId } }),
      },
    };
    const { freed } = await onCondition(key, async () => {
      await dynamodb.call('DeleteItem', {
        TableName: table,
        Key: { id: { S: markerIdOf(consumer, key) } },
        ExpressionAttributeNames: namesIn(condition),
        ...condition,
      });
      return { freed: true };
    });
    if (freed) markers.set(key, Promise.resolve(undefined));
    return freed === true;
  }

  /** Ends a redrive that went well, or tells the operator that everything before the control message is settled. */
  async function meet(key: string, control: Control): Promise<boolean> {
    if (control.consumer !== consumer) return false;
    const marker = await find(key);
    if (marker === undefined) return true;
    const ends = marker.redrive === control.redriveId && marker.count === control.count;
    if (ends && (await free(key, marker, control.redriveId))) return true;
    const met = await change(key, {
      UpdateExpression: 'SET #met = :id, #metCount = #count',
      ConditionExpression: 'attribute_exists(#head)',
      ExpressionAttributeValues: { ':id': { S: control.id } },
    });
    return met === undefined;
  }

  return {
    prepare(records) {
      for (const record of records) {
        const key = keyOf(record);
        if (key !== undefined) void find(key);
      }
    },
    async verdict(record, envelope) {
      const key = keyOf(record);
      if (key === undefined) return RUN;
      const control = readControl(envelope);
      return await telling(key, async () =>
        control === undefined
          ? await park(key, record, envelope)
          : { kind: 'control', released: await meet(key, control) },
      );
    },
    async beforeDeadLetter(record, eventId = record.messageId) {
      const key = keyOf(record);
      if (key === undefined) return {};
      return await telling(key, () => parkBehind(key, record, eventId.slice(0, LONGEST_EVENT_ID)));
    },
    async settled(record) {
      const key = keyOf(record);
      if (key === undefined) return;
      await telling(key, async () => {
        const marker = await find(key);
        if (marker?.head !== record.messageId || marker.redrive !== undefined) return;
        // never under an operator who is emptying the DLQ: what he moves then would belong to no redrive
        if (marker.last === marker.head && marker.lanes.length === 1) await free(key, marker);
      });
    },
  };
}

/**
 * Whether a record may pass a marker: it belongs to the redrive that is under way, or it is the dead letter itself, whose
 * letter was not sent, or not acknowledged, before its function ended.
 */
function mayRun(marker: Marker, record: SQSRecord): boolean {
  if (marker.head === record.messageId) return true;
  return marker.redrive !== undefined && marker.redrive === redriveOf(record);
}

/**
 * The message group, or what it was before the record was in a lane: whoever moves a whole DLQ back (SQS does, when it is
 * asked to) keeps attributes and groups, and what was parked is parked again then, in its lane.
 */
function keyOf(record: SQSRecord): string | undefined {
  const group = groupOf(record);
  return group === undefined ? undefined : (record.messageAttributes?.parkedKey?.stringValue ?? group);
}

function redriveOf(record: SQSRecord): string | undefined {
  return record.messageAttributes?.redriveId?.stringValue;
}

/** The names that an expression uses: DynamoDB refuses those that it does not. */
function namesIn(expressions: object): Record<string, string> {
  const text = Object.values(expressions).join(' ');
  return Object.fromEntries(Object.entries(NAMES).filter(([alias]) => new RegExp(`${alias}\\b`).test(text)));
}

async function telling<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof ParkingError) throw cause;
    throw new ParkingError(`Whether the key '${key}' is parked could not be settled: ${String(cause)}`, { cause });
  }
}
