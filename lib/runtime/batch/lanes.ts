import type { SQSRecord } from 'aws-lambda';

/** A record's place in the order of its batch. */
export interface Turn {
  /** Fulfilled when the record may run: true, or false when one before it in its group went back. */
  mine(): Promise<boolean>;
  /** Lets the next record of the group run, or stops the group. The first call counts. */
  pass(goOn: boolean): void;
}

/**
 * Puts the records of a batch into lanes: on a FIFO queue a lane for each message group, on a standard queue one for each
 * record. Lanes run side by side, as many as `concurrency` allows; within a lane one record follows the other.
 */
export function createLanes(
  records: readonly SQSRecord[],
  concurrency: number = Number.POSITIVE_INFINITY,
): Map<SQSRecord, Turn> {
  const turns = new Map<SQSRecord, Turn>();
  const ends = new Map<string, Promise<boolean>>();
  const slots = createSlots(concurrency);
  for (const record of records) {
    const group = groupOf(record);
    if (group === undefined) {
      turns.set(record, createTurn(undefined, slots).turn);
      continue;
    }
    const { turn, end } = createTurn(ends.get(group), slots);
    turns.set(record, turn);
    ends.set(group, end);
  }
  return turns;
}

/** The message group of a record of a FIFO queue. Groups on a standard queue are for fairness only and order nothing. */
export function groupOf(record: SQSRecord): string | undefined {
  return isFifo(record) ? record.attributes.MessageGroupId : undefined;
}

/** Whether a record came from a FIFO queue. */
export function isFifo(record: SQSRecord): boolean {
  return record.eventSourceARN.endsWith('.fifo');
}

function createTurn(before: Promise<boolean> | undefined, slots: Slots): { turn: Turn; end: Promise<boolean> } {
  const { promise: passed, resolve: pass } = Promise.withResolvers<boolean>();
  let holdsSlot = false;
  const turn: Turn = {
    async mine() {
      if (before !== undefined && !(await before)) return false;
      const slot = slots.take();
      if (slot !== undefined) await slot;
      holdsSlot = true;
      return true;
    },
    pass(goOn) {
      if (holdsSlot) {
        holdsSlot = false;
        slots.give();
      }
      pass(goOn);
    },
  };
  // a record may pass before its turn (a duplicate does); the one behind it still waits for all that are before
  const end = before === undefined ? passed : before.then((goOn) => goOn && passed);
  return { turn, end };
}

interface Slots {
  take(): Promise<void> | undefined;
  give(): void;
}

function createSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    take() {
      if (free > 0) {
        free--;
        return undefined;
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    give() {
      const next = waiting.shift();
      if (next) next();
      else free++;
    },
  };
}
