/** Bounds how many calls are in flight at the same time. */
export interface Bulkhead {
  /**
   * Waits for a place; first come, first served.
   * @returns gives the place back; the first call counts
   * @throws the signal's reason when it aborts first
   */
  enter(signal: AbortSignal): Promise<() => void>;
}

interface Waiting {
  admit: () => void;
}

/** @param places calls at the same time; undefined for any number */
export function createBulkhead(places: number = Number.POSITIVE_INFINITY): Bulkhead {
  let free = places;
  const queue = new Set<Waiting>();

  function place(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const [next] = queue;
      if (next === undefined) {
        free++;
      } else {
        queue.delete(next);
        next.admit();
      }
    };
  }

  return {
    async enter(signal) {
      signal.throwIfAborted();
      if (free > 0) {
        free--;
        return place();
      }
      await new Promise<void>((resolve, reject) => {
        const waiting: Waiting = {
          admit() {
            signal.removeEventListener('abort', giveUp);
            resolve();
          },
        };
        const giveUp = () => {
          queue.delete(waiting);
          reject(signal.reason);
        };
        queue.add(waiting);
        signal.addEventListener('abort', giveUp, { once: true });
      });
      return place();
    },
  };
}
