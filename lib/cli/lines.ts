import { createInterface } from 'node:readline';

/** Asks, and reads an answer a line. */
export interface LineReader {
  /** The next line; undefined when there are no more. @throws the signal's reason when it is aborted first */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
  close(): void;
}

/** Reads from a terminal, or from whatever is piped in: no line is lost that comes before its question. */
export function createLineReader(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): LineReader {
  const lines = createInterface({ input, terminal: false });
  const waiting: string[] = [];
  let ended = false;
  let wake = () => {};
  lines.on('line', (line) => {
    waiting.push(line);
    wake();
  });
  lines.on('close', () => {
    ended = true;
    wake();
  });
  return {
    async ask(question, signal) {
      output.write(question);
      while (waiting.length === 0 && !ended) {
        signal.throwIfAborted();
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
      signal.throwIfAborted();
      return waiting.shift();
    },
    close: () => lines.close(),
  };
}
