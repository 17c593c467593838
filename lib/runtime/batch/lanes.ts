import type { SQSRecord } from 'aws-lambda';

/** A record's place in the order of its batch. */
export interface Turn {
  /** Fulfilled when the record may run: true, or false when one before it in its group went back. */
  mine(): Promise<boolean>;
  /** Lets the next record of the group run, or stops the group. The first call counts. */
  pass(goOn: boolean): void;
}

/** The order of a batch. */
export interface Lanes {
  /** Asked once for each record, in the order of the batch. */
  turnOf(record: SQSRecord): Turn;
}

const ALWAYS: Turn = { mine: () => Promise.resolve(true), pass: () => undefined };

/**
 * Puts the records of a batch into lanes: on a FIFO queue a lane for each message group, in which one record follows the
 * other; on a standard queue every record is on its own.
 */
export function createLanes(): Lanes {
  const ends = new Map<string, Promise<boolean>>();
  return {
    turnOf(record) {
      const group = groupOf(record);
      if (group === undefined) return ALWAYS;
      const { turn, end } = createTurn(ends.get(group));
      ends.set(group, end);
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

function createTurn(before: Promise<boolean> = Promise.resolve(true)): { turn: Turn; end: Promise<boolean> } {
  const { promise: passed, resolve: pass } = Promise.withResolvers<boolean>();
  // a record may pass before its turn (a duplicate does); the one behind it still waits for all that are before
  return { turn: { mine: () => before, pass }, end: before.then((goOn) => goOn && passed) };
}
