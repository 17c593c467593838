import { existsSync } from 'node:fs';
import path from 'node:path';

/** The nearest folder at or above the working directory with a package.json; without one, the working directory. */
export function projectRoot(): string {
  const start = process.cwd();
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) return start;
  }
}
