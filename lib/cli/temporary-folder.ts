import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that is gone when it is disposed of, and when a signal ends the process. */
export interface TemporaryFolder extends Disposable {
  readonly path: string;
  /**
   * Waits for another process that writes into it. A signal that comes meanwhile ends this process when the other one has ended,
   * which would make the folder again; the second signal does at once.
   */
  filledBy<Result>(work: () => Promise<Result>): Promise<Result>;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Makes a folder where the system has such. */
export function temporaryFolder(prefix: string): TemporaryFolder {
  let filling = false;
  let waiting: NodeJS.Signals | undefined;
  const dispose = () => {
    for (const name of SIGNALS) process.off(name, leave);
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  };
  const end = (signal: NodeJS.Signals) => {
    dispose();
    process.kill(process.pid, signal);
  };
  const leave = (signal: NodeJS.Signals) => {
    // somebody else brings the work to an end, and needs the folder until then
    if (process.listenerCount(signal) > 1) return;
    if (filling && waiting === undefined) waiting = signal;
    else end(signal);
  };
  // before there is anything to leave behind
  for (const name of SIGNALS) process.on(name, leave);
  const path = mkdtempSync(join(tmpdir(), prefix));
  return {
    path,
    async filledBy(work) {
      filling = true;
      try {
        return await work();
      } finally {
        filling = false;
        if (waiting !== undefined) end(waiting);
      }
    },
    [Symbol.dispose]: dispose,
  };
}
