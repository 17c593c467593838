/** A promise that knows whether anybody looks at what becomes of it. */
class Watched<Value> extends Promise<Value> {
  looked = false;

  /** What follows from it is an ordinary promise, with Node's ordinary care for a rejection that nobody handles. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: to await, catch or combine a promise is to call its then
  override then<A = Value, B = never>(
    fulfilled?: ((value: Value) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.looked = true;
    return super.then(fulfilled, rejected);
  }

  /** Fulfilled when this is settled and was told about it. No look at it. */
  over(tell: (rejection?: { reason: unknown }) => void = () => undefined): Promise<void> {
    return super.then(
      () => tell(),
      (reason: unknown) => tell({ reason }),
    );
  }
}

/** What was handed in to be published, and has not been settled. */
export interface Publications {
  /**
   * Starts some work (an async function) and remembers it. The promise may be left alone: its rejection does not end the process, but goes to
   * the next `settle`, or becomes a process warning when none is under way.
   */
  track<Value>(work: () => Promise<Value>): Promise<Value>;
  /**
   * Fulfilled when everything tracked so far is over.
   * @returns the failures that nobody looked at (no `await`, no `catch`), in the order they were tracked; each only once
   */
  settle(): Promise<unknown[]>;
}

/** What is known about one publication. */
interface State {
  failure?: { error: unknown };
  /** A `settle` waits for it, and will hand its failure over. */
  awaited: boolean;
}

/** Publications of a publisher, or of one handler. */
export function createPublications(warn: (message: string) => void = warnProcess): Publications {
  const open = new Map<Watched<unknown>, State>();

  function fail(watched: Watched<unknown>, state: State, error: unknown): void {
    state.failure = { error };
    if (state.awaited) return;
    // whoever awaits it has had the chance to by then, as with Node's own unhandled rejections
    setImmediate(() => {
      if (watched.looked) open.delete(watched);
      else if (!state.awaited) warn(`An event was not published, and nobody awaited it: ${String(error)}`);
    });
  }

  return {
    track<Value>(work: () => Promise<Value>) {
      const watched = new Watched<Value>((resolve, reject) => {
        work().then(resolve, reject);
      });
      const state: State = { awaited: false };
      open.set(watched, state);
      watched.over((rejection) => {
        if (rejection) fail(watched, state, rejection.reason);
        else open.delete(watched);
      });
      return watched;
    },
    async settle() {
      const soFar = [...open];
      for (const [, state] of soFar) state.awaited = true;
      await Promise.all(soFar.map(([watched]) => watched.over()));
      const failures: unknown[] = [];
      for (const [watched, { failure }] of soFar) {
        // two settles may wait for the same; one hands it over
        if (open.delete(watched) && failure !== undefined && !watched.looked) failures.push(failure.error);
      }
      return failures;
    },
  };
}

function warnProcess(message: string): void {
  process.emitWarning(message, 'UnpublishedEventWarning');
}
