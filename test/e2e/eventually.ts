import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two looks. */
const INTERVAL = 25;

/** Waits until the condition gives something, and returns that; how long it may take is up to the test's own timeout. */
export async function eventually<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  signal?: AbortSignal,
): Promise<T> {
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    await sleep(INTERVAL, undefined, { signal });
  }
}
