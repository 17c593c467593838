import type { Construct } from 'constructs';
import { UnsafePropsError } from '../errors.ts';

/** What else begins a record of the idempotency table, up to the first `#`: circuits, and markers of parked keys. */
const OTHER_RECORDS = ['circuit', 'parked'];

/**
 * Idempotency records begin with the name of a consumer, metrics have it as a dimension, and it is a tag.
 *
 * @throws UnsafePropsError when it is not fit for all of that
 */
export function refuseBadName(scope: Construct, name: string): void {
  if (!/^[A-Za-z0-9][\w.-]{0,254}$/.test(name)) {
    throw new UnsafePropsError(
      scope,
      `\`name\` is '${name}'.`,
      'Set it, or the id that it follows from, to letters, digits, dots, dashes and underscores, up to 255.',
    );
  }
  if (OTHER_RECORDS.includes(name)) {
    throw new UnsafePropsError(
      scope,
      `\`name\` is '${name}', as the idempotency table calls records that are no events: one would be taken for the other.`,
      'Give it another `name`.',
    );
  }
}
