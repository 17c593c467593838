import { RuntimeError } from '../errors.ts';

/** Whether a key is parked could not be found out or written down: the record did not run, because it might have overtaken. */
export class ParkingError extends RuntimeError {
  override name = 'ParkingError';
}

/** What a parked record is in the DLQ for. */
export class ParkedError extends RuntimeError {
  override name = 'ParkedError';

  constructor(key: string, behind: string) {
    super(
      `It never ran: it follows '${behind}', a dead letter with the same key '${key}'. Release the key to redrive both.`,
    );
    // where it was parked is no news, and a stack would be
    this.stack = undefined;
  }
}
