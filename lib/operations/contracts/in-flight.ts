import { setTimeout } from 'node:timers/promises';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { ConsumerFacts } from '../../contracts/pipeline.ts';
import type { SampleError } from './errors.ts';
import type { Judgement, Verdict } from './judgement.ts';
import { createLimit } from './limit.ts';
import { type QueueSample, sampleQueue } from './queue-sample.ts';
import type { ConsumerReader } from './readers.ts';

/** What to look at. */
export interface InFlightProps {
  sqs: SQSClient;
  /** Whose queues. */
  consumers: readonly ConsumerFacts[];
  /** What judges their messages; queues of consumers without an open reader are counted, not sampled. */
  readers: readonly Pick<ConsumerReader, 'consumer' | 'state' | 'problems' | 'judge'>[];
  /** Messages of each queue at most. */
  sample: number;
  /** Ends it; what is leased is given back first. */
  signal?: AbortSignal;
  /** Told, in a sentence, of what takes its time. @default nobody */
  say?: (line: string) => void;
  /** Consumers at a time. @default 4 */
  concurrency?: number;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default setTimeout */
  sleep?: (ms: number) => Promise<unknown>;
}

/** A consumer has two queues. */
export type QueueKind = 'queue' | 'dlq';

/** What was seen of one queue. */
export interface QueueReport {
  consumer: string;
  owner: string;
  queue: QueueKind;
  /** The queue's name. */
  name: string;
  /**
   * - `sampled`: see `sampled`
   * - `missing`: there is no such queue
   * - `spared`: looking would cost its messages too much
   * - `counted`: no more than that, since nobody knows what its consumer reads
   * - `interrupted`: called off before it was complete
   * - `failed`: SQS did not answer as it should
   */
  status: QueueSample['status'] | 'counted' | 'failed';
  /** As SQS counts them: approximate. */
  visible: number;
  notVisible: number;
  delayed: number;
  sampled: number;
  /** Messages that SQS did not take back: they stay hidden until their lease of a minute ends. */
  notGivenBack: number;
  /** What a reader of the numbers has to know. */
  note?: string;
}

/** The messages of one type and version in the sample of one queue. */
export interface InFlightRow {
  consumer: string;
  owner: string;
  queue: QueueKind;
  /** Missing where the messages could not be read that far. */
  type?: string;
  version?: number;
  sampled: number;
  /** Those of them that the consumer's code could not read. */
  unreadable: number;
  /** Those of which nobody can tell. */
  unjudged: number;
  verdicts: Partial<Record<Verdict, number>>;
  /** The first of each verdict but `readable`: why it is not, or was not judged. */
  examples: { messageId: string; verdict: Verdict; message: string }[];
}

/** What is in the queues of a pipeline, by the code that is about to be deployed. */
export interface InFlight {
  /** By consumer. */
  queues: QueueReport[];
  /** By consumer, queue, type and version. */
  rows: InFlightRow[];
  sampled: number;
  unreadable: number;
  unjudged: number;
  /** Messages that SQS did not take back. */
  notGivenBack: number;
}

/**
 * Samples what is in the queues and DLQs of consumers, and judges it by their code. Messages are leased and given back, never
 * deleted; each one looked at has been received once more. See docs/in-flight.md for what that costs. Never rejects: a queue
 * that cannot be read is `failed`, and one that was not looked into any more, because of `signal`, `interrupted`.
 */
export async function inFlight(props: InFlightProps): Promise<InFlight> {
  const { consumers, concurrency = 4 } = props;
  const limit = createLimit(concurrency);
  const each = await Promise.all(consumers.map((consumer) => limit(() => lookAt(consumer, props))));
  const rows = each.flatMap((one) => one.rows);
  const queues = each.flatMap((one) => one.queues);
  return {
    queues,
    rows,
    sampled: sum(rows, ({ sampled }) => sampled),
    unreadable: sum(rows, ({ unreadable }) => unreadable),
    unjudged: sum(rows, ({ unjudged }) => unjudged),
    notGivenBack: sum(queues, ({ notGivenBack }) => notGivenBack),
  };
}

async function lookAt(consumer: ConsumerFacts, props: InFlightProps): Promise<Pick<InFlight, 'queues' | 'rows'>> {
  const { readers } = props;
  const reader = readers.find((one) => one.consumer.name === consumer.name);
  const places: { queue: QueueKind; name: string }[] = [
    { queue: 'queue', name: consumer.queue },
    { queue: 'dlq', name: consumer.deadLetterQueue },
  ];
  const readable = reader?.state === 'open';
  const samples = await Promise.all(places.map((place) => sampleOf(place, props, readable)));
  const messages = samples.flatMap(({ queue, messages }) => messages.map((message) => ({ queue, message })));
  if (messages.length > 0)
    props.say?.(`${consumer.name}: judging ${messages.length} message${messages.length === 1 ? '' : 's'} ...`);
  const judgements = await judgeAll(
    messages.map(({ message }) => message.Body ?? ''),
    reader,
  );
  const { name, owner } = consumer;
  const rows = new Map<string, InFlightRow>();
  messages.forEach(({ queue, message }, index) => {
    const judgement = judgements[index] ?? { verdict: 'unjudged', message: 'It was not judged.' };
    const key = JSON.stringify([queue, judgement.type, judgement.version]);
    const row = rows.get(key) ?? emptyRow(name, owner, queue, judgement);
    rows.set(key, row);
    count(row, judgement, message.MessageId ?? '');
  });
  const queues = samples.map(({ messages: all, queue, name: queueName, ...facts }): QueueReport => {
    const problem = reader === undefined ? `${name}: it has no reader.` : reader.problems.join(' ');
    const note = facts.status === 'counted' ? problem : facts.note;
    const { note: _, ...counted } = facts;
    return { consumer: name, owner, queue, name: queueName, sampled: all.length, ...counted, ...(note && { note }) };
  });
  return { queues, rows: [...rows.values()].sort(inOrder) };
}

type Sampled = Omit<QueueSample, 'status'> & Pick<QueueReport, 'queue' | 'name' | 'status'>;

async function sampleOf(
  { queue, name }: { queue: QueueKind; name: string },
  { sqs, sample, signal, clock = Date.now, sleep = setTimeout }: InFlightProps,
  readable: boolean,
): Promise<Sampled> {
  try {
    const props = { sqs, name, sample: readable ? sample : 0, source: queue === 'queue', clock, sleep };
    const sampled = await sampleQueue({ ...props, ...(signal && { signal }) });
    const counted = !readable && (sampled.status === 'sampled' || sampled.status === 'spared');
    const status = counted ? 'counted' : sampled.status;
    return { queue, name, ...sampled, status };
  } catch (error) {
    // one queue that cannot be read does not hide the others
    const { message: note, notGivenBack = 0 } = error as Partial<SampleError> & Error;
    const nothing = { visible: 0, notVisible: 0, delayed: 0, messages: [] };
    return { queue, name, status: 'failed', note, notGivenBack, ...nothing };
  }
}

async function judgeAll(bodies: readonly string[], reader: InFlightProps['readers'][number] | undefined) {
  if (reader === undefined || bodies.length === 0) return [];
  try {
    return await reader.judge(bodies);
  } catch (error) {
    const message = `It could not be judged: ${(error as Error).message}`;
    return bodies.map((): Judgement => ({ verdict: 'unjudged', message }));
  }
}

function emptyRow(consumer: string, owner: string, queue: QueueKind, { type, version }: Judgement): InFlightRow {
  return {
    consumer,
    owner,
    queue,
    ...(type !== undefined && { type }),
    ...(version !== undefined && { version }),
    sampled: 0,
    unreadable: 0,
    unjudged: 0,
    verdicts: {},
    examples: [],
  };
}

function count(row: InFlightRow, { verdict, message = '' }: Judgement, messageId: string): void {
  row.sampled++;
  row.verdicts[verdict] = (row.verdicts[verdict] ?? 0) + 1;
  if (verdict === 'readable') return;
  if (verdict === 'unjudged') row.unjudged++;
  else row.unreadable++;
  if (row.verdicts[verdict] === 1) row.examples.push({ messageId, verdict, message });
}

/** Queues before DLQs, what has no type last. */
function inOrder(a: InFlightRow, b: InFlightRow): number {
  if (a.queue !== b.queue) return a.queue === 'queue' ? -1 : 1;
  if (a.type !== b.type) return a.type === undefined ? 1 : b.type === undefined ? -1 : a.type < b.type ? -1 : 1;
  return (a.version ?? Infinity) - (b.version ?? Infinity) || 0;
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
