import { availableParallelism } from 'node:os';
import type { ReaderView } from '../../contracts/registry/reader-view.ts';
import { type DataReference, type Judgement, saidBy } from './judgement.ts';
import { createLimit, type Limit } from './limit.ts';
import { createJudge, type Judge } from './message-judge.ts';
import type { ConsumerCode, DeployedConsumer } from './pipeline.ts';
import { startThread, type ThreadLimits } from './reader-thread.ts';
import { type FetchData, resolveReference } from './referenced-data.ts';

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
  /** What its runtime would say to each of these message bodies. Never rejects: what cannot be told is `unjudged`. */
  judge(bodies: readonly string[]): Promise<Judgement[]>;
}

/** What may be different from the defaults. */
export interface ReaderOptions {
  /** Fetches the data of events that only refer to it, as JSON. @default nobody: such events are `unjudged` */
  fetchData?: FetchData;
  /** How long a bundle may take to load, in milliseconds. @default 20_000 */
  timeoutMs?: number;
  /** How long it may take to judge one message, in milliseconds. @default 5_000 */
  messageMs?: number;
  /** After so many milliseconds no message of a consumer is begun any more. @default 120_000 */
  judgingMs?: number;
  /** Bundles that are loaded at a time. @default the cores of this machine */
  concurrency?: number;
  /** Memory of each, in MiB; of the heap alone. @default 640: ten times the largest data of an event */
  memoryMb?: number;
  /** Ends everything that runs. */
  signal?: AbortSignal;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
}

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

function limitsOf({ timeoutMs = 20_000, messageMs = 5_000, memoryMb = 640, signal }: ReaderOptions): ThreadLimits {
  return { timeoutMs, messageMs, memoryMb, ...(signal && { signal }) };
}

async function open(consumer: DeployedConsumer, options: ReaderOptions, limit: Limit): Promise<ConsumerReader> {
  const { name, owner, kind, pinned, code } = consumer;
  const without = (state: 'foreign' | 'failed', problem: string): ConsumerReader => ({
    consumer,
    state,
    views: [],
    problems: [problem],
    judge: async (bodies) => bodies.map(() => ({ verdict: 'unjudged', message: problem })),
  });
  if (code === undefined) {
    return without('failed', `${name}: its code is no folder of the assembly, so nobody can tell what it reads.`);
  }
  try {
    await using thread = startThread(code, limitsOf(options));
    const opened = await thread.opened();
    if (opened.kind === 'failed') {
      const { message, at } = opened;
      return without('failed', unloadable(consumer, at === undefined ? message : `${message} at ${at}`));
    }
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
      judge: (bodies) => limit(() => judgeAll(bodies, { ...consumer, code }, options)),
    };
  } catch (error) {
    options.signal?.throwIfAborted();
    return without('failed', unloadable(consumer, (error as Error).message));
  }
}

function unloadable({ name, code }: DeployedConsumer, why: string): string {
  return `${name}: its code (${code?.handler}) could not be loaded: ${why.replace(/\.$/, '')}.`;
}

async function judgeAll(
  bodies: readonly string[],
  consumer: DeployedConsumer & { code: ConsumerCode },
  options: ReaderOptions,
): Promise<Judgement[]> {
  if (bodies.length === 0) return [];
  const { name, code } = consumer;
  const { fetchData, judgingMs = 120_000, clock = Date.now } = options;
  await using judge = createJudge({ name, judgingMs, clock, start: () => startThread(code, limitsOf(options)) });
  const fetching = createLimit(FETCHES);
  const fetchOwn = fetchData && ((reference: DataReference) => resolveReference(reference, consumer, fetchData));
  return await Promise.all(bodies.map((body) => judgeOne(body, judge, fetching, fetchOwn)));
}

async function judgeOne(
  body: string,
  judge: Judge,
  fetching: Limit,
  fetchOwn: ((reference: DataReference) => ReturnType<typeof resolveReference>) | undefined,
): Promise<Judgement> {
  const { reference, ...judgement } = await judge.judge({ body });
  // whoever has to find the message is helped by its type
  if (judgement.verdict === 'unjudged') Object.assign(judgement, saidBy(body));
  if (reference === undefined || fetchOwn === undefined) return judgement;
  return await fetching(async () => {
    const found = await fetchOwn(reference);
    if (!('data' in found)) return { ...judgement, ...found };
    const { reference: _, ...rest } = await judge.judge({ body, ...found });
    return { ...saidBy(body), ...rest };
  });
}
