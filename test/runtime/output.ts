import { vi } from 'vitest';

/** What is written to stdout and stderr. */
export interface Output {
  text: string;
}

/** Keeps what is written from now on, and lets nothing of it out. `vi.restoreAllMocks()` ends it. */
export function captureOutput(): Output {
  const output: Output = { text: '' };
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      output.text += String(text);
      return true;
    });
  }
  return output;
}
