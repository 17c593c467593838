import {
  ChangeMessageVisibilityBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** Seconds that messages are hidden if this process dies. */
export const LEASE_SECONDS = 60;
/** Messages of one request. Source: Amazon SQS, "Quotas". */
export const MOST_AT_ONCE = 10;

/** Before the end of a lease nothing is given back any more: by the time it arrived, somebody else might have the message. */
const MARGIN_MS = 5_000;
const TRIES = 4;

/** What leases messages of one queue. */
export interface LeaseProps {
  sqs: SQSClient;
  url: string;
  /** Milliseconds since the epoch. */
  clock: () => number;
  sleep: (ms: number) => Promise<unknown>;
}

/** Messages of a queue that nobody else gets until they are given back, or for {@link LEASE_SECONDS}. */
export interface QueueLease {
  /** Each once, in the order in which they came. */
  readonly messages: readonly Message[];
  /**
   * Leases up to so many more; returns what SQS gave, which on a standard queue may be what was given before.
   * @throws what SQS answers
   */
  take(count: number): Promise<readonly Message[]>;
  /**
   * Makes the call that gives everything back, and keeps the lease where there is a way to: it is renewed. In a FIFO queue it is
   * given up, because no more of a group is given out while some of it is leased.
   * @returns what SQS answers, when it does not take it
   */
  rehearse(): Promise<string | undefined>;
  /** Gives everything back, the later ones first. Never rejects. Returns how many stay hidden until their lease ends, or did. */
  giveBack(): Promise<number>;
}

interface Held {
  message: Message;
  /** Whether it still has to be given back. */
  leased: boolean;
  /** Not after: SQS began to count later. */
  since: number;
}

interface Change {
  /** Those that SQS did not change, and why. */
  rest: readonly Held[];
  failure?: string;
}

/** Holds no lease yet. */
export function createLease({ sqs, url: QueueUrl, clock, sleep }: LeaseProps): QueueLease {
  const held = new Map<string, Held>();
  /** Whether SQS would answer the same if it were asked again. */
  let refused = false;

  async function change(entries: readonly Held[], VisibilityTimeout: number): Promise<Change> {
    const Entries = entries.map(({ message: { ReceiptHandle } }, position) => ({
      Id: String(position),
      ReceiptHandle,
      VisibilityTimeout,
    }));
    try {
      const { Failed = [] } = await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
      // what is no longer in flight is where it belongs
      const failed = Failed.filter(({ Code = '' }) => !Code.endsWith('MessageNotInflight'));
      const failure = failed.map(({ Code, Message }) => `${Code}: ${Message ?? 'it does not say why'}`)[0];
      return { rest: failed.flatMap(({ Id }) => entries[Number(Id)] ?? []), ...(failure !== undefined && { failure }) };
    } catch (error) {
      refused ||= isRefusal(error);
      return { rest: entries, failure: `${(error as Error).name}: ${(error as Error).message}` };
    }
  }

  /** As {@link change}, asking again where that may help. */
  async function insist(entries: readonly Held[], timeout: number): Promise<Change> {
    let done = await change(entries, timeout);
    for (let attempt = 2; attempt <= TRIES && done.rest.length > 0 && !refused; attempt++) {
      await sleep(100 * 2 ** attempt);
      done = await change(done.rest, timeout);
    }
    return done;
  }

  return {
    get messages() {
      return [...held.values()].map(({ message }) => message);
    },
    async take(count) {
      const since = clock();
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: Math.min(MOST_AT_ONCE, count),
          VisibilityTimeout: LEASE_SECONDS,
          WaitTimeSeconds: 0,
          MessageSystemAttributeNames: ['All'],
        }),
      );
      // given twice, the newer receipt counts, and the place of the first
      for (const message of Messages) held.set(message.MessageId!, { message, leased: true, since });
      return Messages;
    },
    async rehearse() {
      const all = [...held.values()];
      const fifo = QueueUrl.endsWith('.fifo');
      const since = clock();
      const { rest, failure } = await insist(all, fifo ? 0 : LEASE_SECONDS);
      for (const one of all.filter((each) => !rest.includes(each))) Object.assign(one, { leased: !fifo, since });
      return failure;
    },
    async giveBack() {
      // the later ones of a group first, so that nobody is given them before the earlier ones
      const leased = [...held.values()].filter((one) => one.leased).reverse();
      let left = 0;
      for (let start = 0; start < leased.length; start += MOST_AT_ONCE) {
        const batch = leased.slice(start, start + MOST_AT_ONCE);
        const inTime = batch.filter(({ since }) => clock() < since + LEASE_SECONDS * 1_000 - MARGIN_MS);
        left += batch.length - inTime.length;
        if (inTime.length === 0) continue;
        left += refused ? inTime.length : (await insist(inTime, 0)).rest.length;
      }
      return left;
    },
  };
}

/** Whether asking again would get the same answer. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { $fault, $retryable } = error as { $fault?: string; $retryable?: object };
  return $fault === 'client' && $retryable === undefined && !/throttl|limit/i.test(error.name);
}
