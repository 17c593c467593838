import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';

/** Watches the sources of an app. */
export interface CodeWatch {
  stop(): void;
}

/** Editors write a file in several steps: changes within so many milliseconds are one. */
const SETTLE = 150;
const SOURCES = ['functions', 'events', 'lib', 'bin'];

/** Calls `onChange` with the changed files, once they have settled, and never twice at a time. */
export function watchCode(projectDirectory: string, onChange: (files: string[]) => Promise<void>): CodeWatch {
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let stopped = false;

  const settle = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (running || stopped || changed.size === 0) return;
      running = true;
      const files = [...changed];
      changed.clear();
      try {
        await onChange(files);
      } finally {
        running = false;
        if (changed.size > 0) settle();
      }
    }, SETTLE);
  };

  const watchers: FSWatcher[] = SOURCES.flatMap((folder) => {
    try {
      return [
        watch(join(projectDirectory, folder), { recursive: true }, (_, file) => {
          if (file === null || !/\.(ts|mts|js|mjs|json)$/.test(file)) return;
          changed.add(join(folder, file));
          settle();
        }),
      ];
    } catch {
      return []; // A project need not have every folder.
    }
  });
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
