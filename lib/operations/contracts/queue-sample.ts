import { GetQueueAttributesCommand, GetQueueUrlCommand, type Message, type SQSClient } from '@aws-sdk/client-sqs';
import { SampleError } from './errors.ts';
import { createLease, MOST_AT_ONCE, type QueueLease } from './queue-lease.ts';

/** Which queue to take a sample of, and how. */
export interface SampleProps {
  sqs: SQSClient;
  /** The queue's name. */
  name: string;
  /** Messages at most. */
  sample: number;
  /**
   * Whether a consumer works on it: every look is one receive of the few that its redrive policy grants a message, so half of
   * them are left to the consumer. Who keeps a DLQ counts nothing.
   */
  source: boolean;
  /** Ends the sampling; what is leased is given back all the same. */
  signal?: AbortSignal;
  /** Milliseconds since the epoch. */
  clock: () => number;
  sleep: (ms: number) => Promise<unknown>;
}

/** What was seen of a queue. */
export interface QueueSample {
  /**
   * - `sampled`: as far as the limits go
   * - `missing`: there is no such queue
   * - `spared`: looking would cost its messages too much; `note` says why
   * - `interrupted`: called off before it was complete
   */
  status: 'sampled' | 'missing' | 'spared' | 'interrupted';
  /** As SQS counts them: approximate. */
  visible: number;
  notVisible: number;
  delayed: number;
  /** The messages that were leased, each once, in the order in which they came. */
  messages: readonly Message[];
  /** How many of them SQS did not take back: they stay hidden until their lease ends. */
  notGivenBack: number;
  /** What a reader of the numbers has to know. */
  note?: string;
}

/** A quarter of the lease: the rest is for giving everything back, should SQS be slow. */
const SAMPLING_MS = 15_000;
/** A short poll asks some of the servers of a standard queue. Source: Amazon SQS developer guide, "Short and long polling". */
const EMPTY_ANSWERS = 5;
/** Of bodies, of one queue. */
const SAMPLE_BYTES = 16 * 1024 * 1024;

/**
 * Leases messages of a queue, as many as asked for and no longer than 15 seconds, and gives all of them back before it returns
 * or throws. It begins with one, and leases no more unless SQS takes that one back. Nothing is deleted: should this process die,
 * the messages are back when their lease ends. Of a FIFO queue these are the first of each group, since SQS gives out no more of
 * a group while some of it are leased.
 * @throws SampleError when SQS does not answer as it should; it knows what was not given back
 */
export async function sampleQueue(props: SampleProps): Promise<QueueSample> {
  const { sqs, name, sample, source, signal, clock, sleep } = props;
  const seen: QueueSample = {
    status: 'sampled',
    visible: 0,
    notVisible: 0,
    delayed: 0,
    messages: [],
    notGivenBack: 0,
  };
  if (signal?.aborted) return { ...seen, status: 'interrupted' };
  const url = await orSampleError(() => urlOf(sqs, name));
  if (url === undefined) return { ...seen, status: 'missing' };
  const { maxReceiveCount, ...counts } = await orSampleError(() => attributesOf(sqs, url));
  const counted = { ...seen, ...counts };
  const mostReceives =
    source && maxReceiveCount !== undefined ? maxReceiveCount - reserveOf(maxReceiveCount) : Infinity;
  if (mostReceives <= 1) {
    const note = `Its redrive policy lets a message be received ${maxReceiveCount} times: looking at one would use up too much of that.`;
    return { ...counted, status: 'spared', note };
  }
  if (sample === 0) return counted;
  const lease = createLease({ sqs, url, clock, sleep });
  let note: string | undefined;
  try {
    note = await fill(lease, props, mostReceives);
  } catch (cause) {
    const notGivenBack = await lease.giveBack();
    throw cause instanceof SampleError
      ? new SampleError(cause.message, notGivenBack, { cause })
      : sampleError(cause, notGivenBack);
  }
  const notGivenBack = await lease.giveBack();
  if (signal?.aborted) return { ...counted, status: 'interrupted', notGivenBack };
  return { ...counted, messages: lease.messages, notGivenBack, ...(note !== undefined && { note }) };
}

/** Receives that a message keeps for its consumer: the sample ends at those that have no more than this left. */
function reserveOf(maxReceiveCount: number): number {
  return Math.ceil(maxReceiveCount / 2);
}

/** Returns why it ended early, if it did. */
async function fill(
  lease: QueueLease,
  { sample, signal, clock }: SampleProps,
  mostReceives: number,
): Promise<string | undefined> {
  const end = clock() + SAMPLING_MS;
  let rehearsed = false;
  for (let empty = 0; empty < EMPTY_ANSWERS && lease.messages.length < sample; ) {
    if (signal?.aborted) return undefined;
    if (clock() >= end) return `The sample ended after ${SAMPLING_MS / 1_000} seconds.`;
    // not called off by the signal: what SQS has leased by then would be known to nobody
    const taken = await lease.take(rehearsed ? Math.min(MOST_AT_ONCE, sample - lease.messages.length) : 1);
    empty = taken.length === 0 ? empty + 1 : 0;
    if (taken.some((message) => receivesOf(message) >= mostReceives)) {
      return 'The sample ended at messages that half of their receives are left of, or less: the rest is for the consumer.';
    }
    if (!rehearsed && taken.length > 0) {
      const failure = await lease.rehearse();
      if (failure !== undefined) throw unreturnable(failure);
      rehearsed = true;
    }
    if (bytesOf(lease.messages) >= SAMPLE_BYTES) return `The sample ended at ${SAMPLE_BYTES / 1024 / 1024} MiB.`;
  }
  return undefined;
}

function receivesOf({ Attributes }: Message): number {
  return Number(Attributes?.ApproximateReceiveCount ?? 1);
}

function bytesOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { Body = '' }) => sum + Body.length, 0);
}

function unreturnable(failure: string): SampleError {
  return new SampleError(
    `SQS does not take messages back, so only one was leased (${failure}). Looking needs sqs:ChangeMessageVisibility.`,
    1,
  );
}

function sampleError(cause: unknown, notGivenBack: number): SampleError {
  const { name, message } = cause as Error;
  return new SampleError(`${name}: ${message}`, notGivenBack, { cause });
}

async function orSampleError<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    throw sampleError(cause, 0);
  }
}

async function urlOf(sqs: SQSClient, QueueName: string): Promise<string | undefined> {
  try {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
    return QueueUrl;
  } catch (error) {
    if (/QueueDoesNotExist|NonExistentQueue/.test((error as Error).name)) return undefined;
    throw error;
  }
}

async function attributesOf(sqs: SQSClient, QueueUrl: string) {
  const { Attributes: attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
        'RedrivePolicy',
      ],
    }),
  );
  const policy = JSON.parse(attributes.RedrivePolicy ?? '{}') as { maxReceiveCount?: number | string };
  return {
    visible: Number(attributes.ApproximateNumberOfMessages ?? 0),
    notVisible: Number(attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
    delayed: Number(attributes.ApproximateNumberOfMessagesDelayed ?? 0),
    maxReceiveCount: policy.maxReceiveCount === undefined ? undefined : Number(policy.maxReceiveCount),
  };
}
