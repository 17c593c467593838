import type { Entry } from './outbox-entry.ts';

/** What a relay remembers of the keys whose next event the topic refuses as such. */
export interface Refusals {
  /** Whether the key waits for its next try. */
  waiting(key: string): boolean;
  /** How many events of the entry the topic had accepted when it refused the one after them. */
  acceptedOf(entry: Entry): number;
  /** The topic refused an event of the entry, after so many that it had accepted. */
  refused(entry: Entry, accepted: number): void;
  /** The topic accepted the entry's last event. */
  delivered(entry: Entry): void;
}

interface Refusal {
  until: number;
  wait: number;
  sk: string;
  accepted: number;
}

/** Milliseconds between two tries: doubled from refusal to refusal. */
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 60_000;
/** Keys remembered at a time; one that is forgotten is merely tried sooner. */
const KEYS = 10_000;

/**
 * Spares topic and log from a refused event's being sent in every round: it is tried again after a second, two, four, up to a
 * minute, because what makes a topic refuse it (its policy, its key) may be mended.
 * @param clock milliseconds since the epoch
 */
export function createRefusals(clock: () => number): Refusals {
  const known = new Map<string, Refusal>();
  return {
    waiting: (key) => (known.get(key)?.until ?? 0) > clock(),
    acceptedOf({ key, sk }) {
      const refusal = known.get(key);
      return refusal?.sk === sk ? refusal.accepted : 0;
    },
    refused({ key, sk }, accepted) {
      const wait = Math.min((known.get(key)?.wait ?? FIRST_WAIT / 2) * 2, LONGEST_WAIT);
      known.delete(key);
      known.set(key, { until: clock() + wait, wait, sk, accepted });
      if (known.size > KEYS) known.delete(known.keys().next().value!);
    },
    delivered({ key }) {
      known.delete(key);
    },
  };
}
