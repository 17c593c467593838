import { writeSync } from 'node:fs';

/*
 * Imports a bundle (its argument) in a process that has loaded nothing before, not even Node's HTTP client, and prints
 * what that took.
 */

/** What one fresh process showed. */
export interface ColdImport {
  importMs: number;
  /** Processor time of all threads of the process, Node's own start included, in ms. */
  cpuMs: number;
}

const before = performance.now();
await import(process.argv[2]!);
const importMs = performance.now() - before;
const { user, system } = process.cpuUsage();
writeSync(1, JSON.stringify({ importMs, cpuMs: (user + system) / 1_000 } satisfies ColdImport));
