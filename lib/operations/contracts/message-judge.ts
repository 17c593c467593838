import { createLimit } from './limit.ts';
import type { ReaderThread } from './reader-thread.ts';
import type { Judged, MessageToJudge } from './thread-messages.ts';

/** How messages are judged. */
export interface JudgeProps {
  /** Of the consumer. */
  name: string;
  /** Starts a thread with its code. */
  start: () => ReaderThread;
  /** After so many milliseconds no message is begun any more. */
  judgingMs: number;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

/** Judges one message after the other. A message that its thread does not survive is `unjudged`, and hides no other. */
export interface Judge extends AsyncDisposable {
  /** Never rejects. */
  judge(message: MessageToJudge): Promise<Judged>;
}

/** The first message starts a thread; one that ends, or that takes too long, is replaced. */
export function createJudge({ name, start, judgingMs, clock }: JudgeProps): Judge {
  const oneAtATime = createLimit(1);
  const end = clock() + judgingMs;
  let running: { thread: ReaderThread; judged: number } | undefined;
  /** Why there will be no other thread. */
  let over: string | undefined;

  async function thread(): Promise<{ thread: ReaderThread; judged: number }> {
    if (running) return running;
    const started = start();
    running = { thread: started, judged: 0 };
    const opened = await started.opened();
    if (opened.kind === 'failed') throw new Error(opened.message);
    return running;
  }

  async function stop(): Promise<void> {
    await running?.thread[Symbol.asyncDispose]();
    running = undefined;
  }

  const unjudged = (why: string): Judged => ({
    verdict: 'unjudged',
    message: `The code of ${name} did not judge it: ${why}.`,
  });

  return {
    judge: (message) =>
      oneAtATime(async () => {
        for (;;) {
          if (over === undefined && clock() >= end) {
            over = `it did not come to it within ${judgingMs / 1_000} seconds`;
          }
          if (over !== undefined) return unjudged(over);
          let opened: Awaited<ReturnType<typeof thread>>;
          try {
            opened = await thread();
          } catch (error) {
            over = (error as Error).message;
            return unjudged(over);
          }
          try {
            const judged = await opened.thread.judge(message);
            opened.judged++;
            return judged;
          } catch (error) {
            await stop();
            // what ended the thread may have been left behind by those before: only in a thread of its own is it this one
            if (opened.judged === 0) return unjudged((error as Error).message);
          }
        }
      }),
    [Symbol.asyncDispose]: stop,
  };
}
