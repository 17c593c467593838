import { readdirSync, readFileSync } from 'node:fs';

/** Watches the memory of this process and all processes it started. */
export interface MemoryWatch {
  /** The most that was resident at once, in bytes. */
  peakBytes(): number;
  stop(): void;
}

/** Samples the resident memory of the process tree every half a second (Linux; elsewhere only of this process). */
export function watchMemory(): MemoryWatch {
  let peak = 0;
  const sample = () => {
    peak = Math.max(peak, residentBytes(process.pid));
  };
  sample();
  const timer = setInterval(sample, 500);
  timer.unref();
  return {
    peakBytes: () => peak,
    stop: () => clearInterval(timer),
  };
}

function residentBytes(root: number): number {
  if (process.platform !== 'linux') return process.memoryUsage.rss();
  const children = new Map<number, number[]>();
  const resident = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const parent = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
      children.set(parent, [...(children.get(parent) ?? []), pid]);
      resident.set(pid, Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
    } catch {
      // The process ended between the listing and the reading.
    }
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree.reduce((sum, pid) => sum + (resident.get(pid) ?? 0), 0);
}
