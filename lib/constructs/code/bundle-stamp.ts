import { readFileSync, statSync } from 'node:fs';

/** What a bundle was made by and of. */
interface Stamp {
  /** Everything that decides the output beside the files. */
  recipe: string;
  /** The state of every file that went in or came out. */
  files: Record<string, string>;
}

/** The memory of a bundle, as text: whatever changes in these files makes it stale. */
export function stampOf(recipe: string, files: readonly string[]): string {
  const stamp: Stamp = { recipe, files: Object.fromEntries(files.map((file) => [file, stateOf(file)])) };
  return JSON.stringify(stamp);
}

/** Whether everything is as it was when the stamp was made. */
export function isFresh(stampFile: string, recipe: string): boolean {
  const stamp = read(stampFile);
  return stamp?.recipe === recipe && Object.entries(stamp.files).every(([file, state]) => stateOf(file) === state);
}

/** Whether a file changed at or after a time (milliseconds since the epoch), or is gone. */
export function changedSince(file: string, time: number): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined || found.ctimeMs >= time;
}

function read(stampFile: string): Stamp | undefined {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8')) as Stamp;
  } catch {
    // None yet, or written by a process that died: bundle anew.
    return undefined;
  }
}

// The change time, not the modification time: npm gives every file of every package the same one of those.
function stateOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? 'none' : `${found.size}@${found.ctimeMs}`;
}
