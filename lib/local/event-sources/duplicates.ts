import type { SQSRecord } from 'aws-lambda';

/** Chooses which handled records are delivered once more, as the at-least-once delivery of SQS may do at any time. */
export interface DuplicateInjector {
  /** True when the record is to be made visible again instead of deleted. Never true twice for one message. */
  chooses(record: SQSRecord): boolean;
  /** How many were chosen so far. */
  readonly count: number;
}

/**
 * Chooses each record with the probability `rate` (0 to 1), on its first receive only. So none is chosen twice; and one
 * that needed retries cannot be moved to the dead-letter queue by the extra receive, although it was handled.
 */
export function duplicateInjector(rate: number, random: () => number): DuplicateInjector {
  let count = 0;
  return {
    chooses({ attributes }) {
      const chosen = rate > 0 && attributes.ApproximateReceiveCount === '1' && random() < rate;
      if (chosen) count += 1;
      return chosen;
    },
    get count() {
      return count;
    },
  };
}
