/** Runs what it is given, so many at a time, in order. */
export type Limit = <Value>(work: () => Promise<Value>) => Promise<Value>;

export function createLimit(atATime: number): Limit {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    // whoever ends hands over its place, so that nobody overtakes
    if (running >= atATime) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
