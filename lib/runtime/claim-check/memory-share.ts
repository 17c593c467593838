/** What one record needs of the memory for fetched data. */
export interface MemoryShare {
  /** Fulfilled when its data may be fetched. */
  readonly ready: Promise<void>;
  /** Says that the data is there: somebody else may fetch. */
  fetched(): void;
  /** Gives up what it has, or its place in the line. Calls after the first do nothing. */
  release(): void;
}

/** How memory is shared out. */
export interface MemoryShares {
  /** Bytes of fetched data, as JSON, that are held at once. */
  budget: number;
  /** Fetches at once. @default 4 */
  fetches?: number;
}

/** Bytes that Node and the bundle take themselves. */
const OWN = 128 * 1_024 * 1_024;
/** Bytes of memory for a byte of JSON: as it comes, as a text, as objects, and as the schema returns them. */
const EXPANSION = 10;
const SMALLEST = 4 * 1_024 * 1_024;

/** How much fetched data a function may hold, in bytes of JSON: what fits into its memory as objects, 4 MiB at least. */
export function memoryBudget(memoryLimitInMB: string): number {
  const limit = Number(memoryLimitInMB) * 1_024 * 1_024;
  return Math.max((limit - OWN) / EXPANSION, SMALLEST) || SMALLEST;
}

/**
 * Shares out memory among the records of a batch whose data is elsewhere, by the size that their references name; where they name
 * none it is a part of the budget. Data that is larger than the budget is fetched when nothing else is held. A share is held until
 * its record is settled.
 *
 * First come, first served: a record may wait for those before it in its message group, and these have their shares by then.
 */
export function createMemoryShares({ budget, fetches = 4 }: MemoryShares): (bytes?: number) => MemoryShare {
  const waiting: { bytes: number; enter: () => void }[] = [];
  let held = 0;
  let fetching = 0;

  function admit(): void {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (fetching >= fetches || (held > 0 && held + next.bytes > budget)) return;
      waiting.shift();
      fetching++;
      held += next.bytes;
      next.enter();
    }
  }

  return (bytes = budget / fetches) => {
    let state: 'waiting' | 'fetching' | 'holding' | 'released' = 'waiting';
    const { promise, resolve } = Promise.withResolvers<void>();
    const place = {
      bytes,
      enter() {
        state = 'fetching';
        resolve();
      },
    };
    waiting.push(place);
    admit();
    return {
      ready: promise,
      fetched() {
        if (state !== 'fetching') return;
        state = 'holding';
        fetching--;
        admit();
      },
      release() {
        if (state === 'waiting') waiting.splice(waiting.indexOf(place), 1);
        if (state === 'fetching') fetching--;
        if (state === 'fetching' || state === 'holding') held -= bytes;
        state = 'released';
        admit();
      },
    };
  };
}
