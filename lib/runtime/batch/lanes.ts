import type { SQSRecord } from 'aws-lambda';

/** A record's place in the order of its batch. */
export interface Turn {
  /** Fulfilled when the record may run: true, or false when one before it in its group went back. */
  mine(): Promise<boolean>;
  /** Lets the next record of the group run, or stops the group. The first call counts. */
  pass(goOn: boolean): void;
  /** Whether the data of a record before this one in its group has to be fetched: this one may be ready sooner. */
  readonly behindFetch: boolean;
}

/** The order of a batch. */
export interface Lanes {
  /**
   * Asked once for each record, in the order of the batch.
   * @param fetches whether the record's data has to be fetched
   */
  turnOf(record: SQSRecord, fetches?: boolean): Turn;
}

const ALWAYS: Turn = { mine: () => Promise.resolve(true), pass: () => undefined, behindFetch: false };

/**
 * Puts the records of a batch into lanes: on a FIFO queue a lane for each message group, in which one record follows the
 * other; on a standard queue every record is on its own.
 */
export function createLanes(): Lanes {
  const lanes = new Map<string, { end: Promise<boolean>; fetches: boolean }>();
  return {
    turnOf(record, fetches = false) {
      const group = groupOf(record);
      if (group === undefined) return ALWAYS;
      const lane = lanes.get(group);
      const { turn, end } = createTurn(lane?.end, lane?.fetches);
      lanes.set(group, { end, fetches: fetches || turn.behindFetch });
      return turn;
    },
  };
}

/** The message group of a record of a FIFO queue. Groups on a standard queue are for fairness only and order nothing. */
export function groupOf(record: SQSRecord): string | undefined {
  return isFifo(record) ? record.attributes.MessageGroupId : undefined;
}

/** Whether a record came from a FIFO queue. */
export function isFifo(record: SQSRecord): boolean {
  return record.eventSourceARN.endsWith('.fifo');
}

function createTurn(
  before: Promise<boolean> = Promise.resolve(true),
  behindFetch = false,
): { turn: Turn; end: Promise<boolean> } {
  const { promise: passed, resolve: pass } = Promise.withResolvers<boolean>();
  // a record may pass before its turn (a duplicate does); the one behind it still waits for all that are before
  return { turn: { mine: () => before, pass, behindFetch }, end: before.then((goOn) => goOn && passed) };
}
