/** A record's place at the rendezvous. */
export interface Place {
  /** Says that nothing needs to wait for this record (any more). */
  arrive(): void;
  /** Arrives, and waits for the others, but only so long. */
  together(): Promise<void>;
}

/** Where the records of a batch meet before they write something down, so that one call does it for all. */
export interface Rendezvous {
  /** From now on the others wait for this record too. */
  enter(): Place;
  /** Waits until every record that has entered by then has arrived, however long that takes. */
  all(): Promise<void>;
}

/**
 * How long, in milliseconds, a record waits for the others of its batch. Long enough for handlers that take about the
 * same time; short, because an effect without its completed guard is what a crash would repeat.
 */
const PATIENCE_MS = 50;

export function createRendezvous(patienceMs = PATIENCE_MS): Rendezvous {
  let missing = 0;
  let waiting: (() => void)[] = [];
  let ending: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;

  function release(): void {
    clearTimeout(timer);
    timer = undefined;
    const released = waiting;
    waiting = [];
    for (const go of released) go();
  }

  function arrived(): void {
    if (--missing > 0) return;
    release();
    const ended = ending;
    ending = [];
    for (const go of ended) go();
  }

  return {
    enter() {
      let here = false;
      missing++;
      const arrive = () => {
        if (here) return;
        here = true;
        arrived();
      };
      return {
        arrive,
        together() {
          // first in line: the last one to arrive lets everybody go, itself included
          const met = new Promise<void>((resolve) => waiting.push(resolve));
          timer ??= setTimeout(release, patienceMs);
          if (here) {
            if (missing <= 0) release();
          } else {
            arrive();
          }
          return met;
        },
      };
    },
    all() {
      if (missing <= 0) return Promise.resolve();
      return new Promise((resolve) => ending.push(resolve));
    },
  };
}
