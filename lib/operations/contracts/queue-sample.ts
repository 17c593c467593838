import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** Which queue to take a sample of, and how. */
export interface SampleProps {
  sqs: SQSClient;
  /** The queue's name. */
  name: string;
  /** Messages at most. */
  sample: number;
  /**
   * Whether a consumer works on it: every look is one receive of the few that its redrive policy grants a message, so messages
   * that have few left are not looked at any further. Who keeps a DLQ counts nothing.
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
   * - `notThere`: there is no such queue yet
   * - `spared`: looking would cost its messages too much; `note` says why
   */
  status: 'sampled' | 'notThere' | 'spared';
  /** As SQS counts them: approximate. */
  visible: number;
  notVisible: number;
  delayed: number;
  /** The messages that were leased, each once, in the order in which they came. */
  messages: Message[];
  /** How many of them come back only when their lease ends, because SQS did not take them back before. */
  notGivenBack: number;
  /** What a reader of the numbers has to know. */
  note?: string;
}

/** How long messages are hidden if this process dies. */
export const LEASE_SECONDS = 60;
/** Leases have to last until everything is given back. */
const SAMPLING_MS = 30_000;
/** A short poll asks some of the servers of a standard queue. Source: Amazon SQS developer guide, "Short and long polling". */
const EMPTY_ANSWERS = 5;
/** Of bodies, of one queue. */
const SAMPLE_BYTES = 16 * 1024 * 1024;
/** Receives that a message of a source queue has to have left. */
const RECEIVES_LEFT = 2;
const ENTRIES = 10;
const TRIES = 4;

/**
 * Leases messages of a queue, as many as asked for and no longer than half a minute, and gives all of them back before it
 * returns or throws. Nothing is deleted: should this process die, the messages are back when their lease ends.
 * Of a FIFO queue these are the first of each group, since SQS gives out no more of a group while some of it are leased.
 * @throws what SQS answers; the reason of `signal`
 */
export async function sampleQueue(props: SampleProps): Promise<QueueSample> {
  const { sqs, name, source, signal } = props;
  const found: QueueSample = {
    status: 'sampled',
    visible: 0,
    notVisible: 0,
    delayed: 0,
    messages: [],
    notGivenBack: 0,
  };
  signal?.throwIfAborted();
  const QueueUrl = await urlOf(sqs, name);
  if (QueueUrl === undefined) return { ...found, status: 'notThere' };
  const { maxReceiveCount, ...counts } = await attributesOf(sqs, QueueUrl);
  Object.assign(found, counts);
  const spareFrom = source && maxReceiveCount !== undefined ? maxReceiveCount - RECEIVES_LEFT : undefined;
  if (spareFrom !== undefined && spareFrom <= 1) {
    const note = `Its redrive policy lets a message be received ${maxReceiveCount} times: looking at one would use up too much of that.`;
    return { ...found, status: 'spared', note };
  }
  const leased = new Map<string, Message>();
  try {
    const note = await lease(props, QueueUrl, spareFrom, leased);
    if (note !== undefined) found.note = note;
  } finally {
    found.notGivenBack = await giveBack(props, QueueUrl, [...leased.values()]);
  }
  signal?.throwIfAborted();
  return { ...found, messages: [...leased.values()] };
}

/** Returns why it ended early, if it did. */
async function lease(
  { sqs, sample, signal, clock }: SampleProps,
  QueueUrl: string,
  spareFrom: number | undefined,
  leased: Map<string, Message>,
): Promise<string | undefined> {
  const end = clock() + SAMPLING_MS;
  let bytes = 0;
  for (let empty = 0; empty < EMPTY_ANSWERS && leased.size < sample; ) {
    if (signal?.aborted) return undefined;
    if (clock() > end) return `The sample ended after ${SAMPLING_MS / 1_000} seconds.`;
    // not called off by the signal: what SQS has leased by then would be known to nobody
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: Math.min(ENTRIES, sample - leased.size),
        VisibilityTimeout: LEASE_SECONDS,
        WaitTimeSeconds: 0,
        MessageSystemAttributeNames: ['All'],
      }),
    );
    empty = Messages.length === 0 ? empty + 1 : 0;
    let fewLeft = false;
    for (const message of Messages) {
      // a standard queue may give a message twice: the newer receipt counts, the place of the first
      if (!leased.has(message.MessageId!)) bytes += message.Body!.length;
      leased.set(message.MessageId!, message);
      fewLeft ||= spareFrom !== undefined && Number(message.Attributes?.ApproximateReceiveCount ?? 1) >= spareFrom;
    }
    if (fewLeft)
      return 'The sample ended at messages that few receives are left of: SQS would move them to the DLQ soon.';
    if (bytes >= SAMPLE_BYTES) return `The sample ended at ${SAMPLE_BYTES / 1024 / 1024} MiB.`;
  }
  return undefined;
}

/** Returns how many SQS did not take. */
async function giveBack({ sqs, sleep }: SampleProps, QueueUrl: string, leased: readonly Message[]): Promise<number> {
  // the later ones of a group first, so that nobody is given them before the earlier ones
  const messages = leased.toReversed();
  let lost = 0;
  for (let start = 0; start < messages.length; start += ENTRIES) {
    let rest = messages.slice(start, start + ENTRIES);
    for (let attempt = 1; rest.length > 0 && attempt <= TRIES; attempt++) {
      if (attempt > 1) await sleep(100 * 2 ** attempt);
      rest = await tryToGiveBack(sqs, QueueUrl, rest);
    }
    lost += rest.length;
  }
  return lost;
}

/** Returns those that are still to be given back. */
async function tryToGiveBack(sqs: SQSClient, QueueUrl: string, messages: readonly Message[]): Promise<Message[]> {
  try {
    const { Failed = [] } = await sqs.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl,
        Entries: messages.map(({ ReceiptHandle }, position) => ({
          Id: String(position),
          ReceiptHandle,
          VisibilityTimeout: 0,
        })),
      }),
    );
    // what is no longer in flight is where it belongs
    const failed = Failed.filter(({ Code = '' }) => !Code.endsWith('MessageNotInflight'));
    return failed.map(({ Id }) => messages[Number(Id)]!).filter((message) => message !== undefined);
  } catch {
    return [...messages];
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
