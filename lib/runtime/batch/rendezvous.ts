/** A record's place at the rendezvous. */
export interface Place {
  /** Says that nothing needs to wait for this record (any more). */
  arrive(): void;
  /** Arrives, and waits for the others, but only so long. */
  together(): Promise<void>;
}

/** Where the records of a batch meet before they write down that they are done, so that one call does it for all. */
export interface Rendezvous {
  place(): Place;
  /** Fulfilled when every record has arrived. */
  readonly all: Promise<void>;
}

/**
 * How long, in milliseconds, a handled record waits for the others of its batch. Long enough for handlers that take
 * about the same time; short, because an effect without its completed guard is what a crash would repeat.
 */
const PATIENCE_MS = 50;

export function createRendezvous(parties: number, patienceMs = PATIENCE_MS): Rendezvous {
  let missing = parties;
  let waiting: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  const { promise: all, resolve: complete } = Promise.withResolvers<void>();

  function release(): void {
    clearTimeout(timer);
    timer = undefined;
    const released = waiting;
    waiting = [];
    for (const go of released) go();
  }

  return {
    all,
    place() {
      let arrived = false;
      const arrive = () => {
        if (arrived) return;
        arrived = true;
        if (--missing > 0) return;
        release();
        complete();
      };
      return {
        arrive,
        together() {
          arrive();
          if (missing <= 0) return Promise.resolve();
          timer ??= setTimeout(release, patienceMs);
          return new Promise((resolve) => waiting.push(resolve));
        },
      };
    },
  };
}
