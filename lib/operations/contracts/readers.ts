import { availableParallelism } from 'node:os';
import type { ReaderView } from '../../contracts/registry/reader-view.ts';
import type { Judgement } from './judgement.ts';
import { createLimit, type Limit } from './limit.ts';
import type { ConsumerCode, DeployedConsumer } from './pipeline.ts';
import { type ReaderThread, startThread, type ThreadLimits } from './reader-thread.ts';
import { type FetchData, resolveReference } from './referenced-data.ts';
import type { MessageToJudge } from './thread-messages.ts';

/** What a consumer's code, as it is about to be deployed, reads. */
export interface ConsumerReader {
  readonly consumer: DeployedConsumer;
  /**
   * - `open`: made by `consume`; its contracts are known
   * - `foreign`: another kind of handler, of which nobody knows what it reads
   * - `failed`: its code could not be loaded
   */
  readonly state: 'open' | 'foreign' | 'failed';
  /** One for each contract of its handler. */
  readonly views: readonly ReaderView[];
  /** What went wrong, in sentences that name the consumer. */
  readonly problems: readonly string[];
  /** What its runtime would say to each of these message bodies. Never rejects but on abort: what cannot be told is `notLookedAt`. */
  judge(bodies: readonly string[]): Promise<Judgement[]>;
}

/** What may be different from the defaults. */
export interface ReaderOptions {
  /** Fetches the data of events that only refer to it, as JSON. @default nobody: such events are `notLookedAt` */
  fetchData?: FetchData;
  /** How long a bundle may take to load, and to judge one batch of messages, in milliseconds. @default 20_000 */
  timeoutMs?: number;
  /** Bundles that are loaded at a time. @default the cores of this machine */
  concurrency?: number;
  /** Memory of each, in MiB; of the heap alone. @default 256 */
  memoryMb?: number;
  /** Ends everything that runs. */
  signal?: AbortSignal;
}

/** Bodies that are in a thread at a time; with the largest that SQS takes, 100 MiB. */
const BATCH = 100;
/** Objects that are fetched at a time. */
const FETCHES = 4;

/**
 * Loads the bundle of each consumer, in a thread with the environment that its template gives it, and returns what it reads. No
 * credentials and none of this process's own variables are passed on. The threads are ended before this returns; `judge`
 * starts one again for as long as it runs.
 * @throws the reason of `signal`
 */
export async function openReaders(
  consumers: readonly DeployedConsumer[],
  options: ReaderOptions = {},
): Promise<ConsumerReader[]> {
  const limit = createLimit(options.concurrency ?? availableParallelism());
  return await Promise.all(consumers.map((consumer) => limit(() => open(consumer, options, limit))));
}

function limitsOf({ timeoutMs = 20_000, memoryMb = 256, signal }: ReaderOptions): ThreadLimits {
  return { timeoutMs, memoryMb, ...(signal && { signal }) };
}

async function open(consumer: DeployedConsumer, options: ReaderOptions, limit: Limit): Promise<ConsumerReader> {
  const { name, owner, kind, pinned, code } = consumer;
  const without = (state: 'foreign' | 'failed', problem: string): ConsumerReader => ({
    consumer,
    state,
    views: [],
    problems: [problem],
    judge: async (bodies) => bodies.map(() => ({ verdict: 'notLookedAt', message: problem })),
  });
  if (code === undefined) {
    return without('failed', `${name}: its code is no folder of the assembly, so nobody can tell what it reads.`);
  }
  try {
    await using thread = startThread(code, limitsOf(options));
    const opened = await thread.opened();
    if (opened.kind === 'failed') throw new Error(opened.message);
    if (opened.kind === 'foreign') {
      return without(
        'foreign',
        `${name}: its handler is not what \`consume\` returned, so nobody can tell what it reads.`,
      );
    }
    return {
      consumer,
      state: 'open',
      views: opened.views.map((view) => ({ consumer: name, owner, kind, pinned, ...view })),
      problems: opened.problems.map((problem) => `${name}: ${problem}`),
      judge: (bodies) => limit(() => judgeAll(bodies, { name, code }, options)),
    };
  } catch (error) {
    options.signal?.throwIfAborted();
    return without(
      'failed',
      `${name}: its code in ${code.directory} could not be loaded (${(error as Error).message}).`,
    );
  }
}

async function judgeAll(
  bodies: readonly string[],
  { name, code }: { name: string; code: ConsumerCode },
  options: ReaderOptions,
): Promise<Judgement[]> {
  const judgements: Judgement[] = [];
  if (bodies.length === 0) return judgements;
  try {
    await using thread = startThread(code, limitsOf(options));
    const opened = await thread.opened();
    if (opened.kind === 'failed') throw new Error(opened.message);
    while (judgements.length < bodies.length) {
      const batch = bodies.slice(judgements.length, judgements.length + BATCH).map((body) => ({ body }));
      judgements.push(...(await judgeBatch(batch, thread, options.fetchData)));
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    const message = `The code of ${name} did not judge it: ${(error as Error).message}.`;
    while (judgements.length < bodies.length) judgements.push({ verdict: 'notLookedAt', message });
  }
  return judgements;
}

async function judgeBatch(
  batch: readonly MessageToJudge[],
  thread: ReaderThread,
  fetchData: FetchData | undefined,
): Promise<Judgement[]> {
  const fetching = createLimit(FETCHES);
  const judgements = (await thread.judge(batch)).map(async ({ reference, ...judgement }, index): Promise<Judgement> => {
    if (reference === undefined || fetchData === undefined) return judgement;
    return await fetching(async () => {
      const found = await resolveReference(reference, fetchData);
      if (!('data' in found)) return { ...judgement, ...found };
      const [judged] = await thread.judge([{ ...batch[index]!, ...found }]);
      const { reference: _, ...rest } = judged!;
      return rest;
    });
  });
  return await Promise.all(judgements);
}
