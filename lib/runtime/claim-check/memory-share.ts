/** What one record needs of the memory for fetched data. */
export interface MemoryShare {
  /** Fulfilled when its data may be fetched. */
  readonly ready: Promise<void>;
  /** Says how large the data is that was fetched, in bytes. */
  fetched(bytes: number): void;
  /** Gives up what it has, or its place in the line. Calls after the first do nothing. */
  release(): void;
}

/** Bytes of fetched data from which on nothing else is fetched until some of it is done with: 16 MiB. */
const HELD = 16 * 1_024 * 1_024;
const FETCHES = 4;

/**
 * Shares out memory among the records of a batch whose data is elsewhere: up to 4 fetch at a time, and none while those that
 * have fetched hold 16 MiB or more. A share is held until its record is settled.
 *
 * First come, first served: a record may wait for those before it in its message group, and these have their shares by then.
 */
export function createMemoryShares(held = HELD, fetches = FETCHES): () => MemoryShare {
  const waiting: (() => void)[] = [];
  let bytesHeld = 0;
  let fetching = 0;

  function admit(): void {
    while (waiting.length > 0 && fetching < fetches && bytesHeld < held) {
      fetching++;
      waiting.shift()!();
    }
  }

  return () => {
    let state: 'waiting' | 'fetching' | 'holding' | 'released' = 'waiting';
    let own = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const enter = () => {
      state = 'fetching';
      resolve();
    };
    waiting.push(enter);
    admit();
    return {
      ready: promise,
      fetched(bytes) {
        if (state !== 'fetching') return;
        state = 'holding';
        own = bytes;
        fetching--;
        bytesHeld += own;
        admit();
      },
      release() {
        if (state === 'waiting') waiting.splice(waiting.indexOf(enter), 1);
        if (state === 'fetching') fetching--;
        bytesHeld -= own;
        own = 0;
        state = 'released';
        admit();
      },
    };
  };
}
