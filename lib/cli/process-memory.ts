import { readdirSync, readFileSync } from 'node:fs';

/** Watches the memory of this process and all processes it started. */
export interface MemoryWatch {
  /** The most that was resident at once, in bytes. */
  peakBytes(): number;
  stop(): void;
}

/** Samples the resident memory of the process tree every second (Linux; elsewhere only of this process). */
export function watchMemory(): MemoryWatch {
  let peak = 0;
  const sample = () => {
    peak = Math.max(peak, residentBytes(process.pid));
  };
  sample();
  const timer = setInterval(sample, 1000);
  timer.unref();
  return {
    peakBytes: () => peak,
    stop: () => clearInterval(timer),
  };
}

function residentBytes(root: number): number {
  if (process.platform !== 'linux') return process.memoryUsage.rss();
  const tree = [root];
  let bytes = 0;
  for (const pid of tree) {
    try {
      bytes += Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8');
        tree.push(...children.split(' ').filter(Boolean).map(Number));
      }
    } catch {
      // The process ended between the listing and the reading.
    }
  }
  return bytes;
}
