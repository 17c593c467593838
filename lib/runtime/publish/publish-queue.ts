import type { PublishBatchRequestEntry } from '@aws-sdk/client-sns';
import { AwsError } from '../aws/aws-error.ts';
import type { Sns } from '../aws/clients.ts';
import { backoff, type Random } from '../batch/retry.ts';

/** A message on its way to a topic. */
export interface OutgoingMessage {
  request: Omit<PublishBatchRequestEntry, 'Id'>;
  /** Messages of the same lane keep their order; those without one have none. A tenant's message group is no lane. */
  lane?: string;
  /** Body and attributes together. */
  bytes: number;
  /** What has to be done before it is sent. Rejected: it is given up, and what waits behind it in its lane. @default nothing */
  before?: Promise<void>;
}

/** Where and how messages are sent. */
export interface PublishQueueProps {
  topicArn: string;
  client: Sns;
  /** How often a message that the topic fails is sent in all. @default 5 */
  maxAttempts?: number;
  /** PublishBatch calls under way at once. @default 4 */
  maxCallsInFlight?: number;
  /** The most that one call may carry, in bytes (source: PublishBatch, Amazon SNS API reference: what the topic takes in one message). */
  maxBytes: number;
  random: Random;
}

/** A message was not sent, because the topic failed to accept one before it in its group. */
export class BehindError extends Error {
  override name = 'BehindError';
}

/** Source: PublishBatch, Amazon SNS API reference. */
const ENTRIES = 10;
/** Milliseconds. */
const BACKOFF = { base: 100, cap: 2_000 };

interface Waiting {
  message: OutgoingMessage;
  /** How often the topic has failed it. */
  failures: number;
  /** Sent with no other, since a call that it was part of was refused as a whole. */
  alone: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** The messages of one group, oldest first. Only the first is ever ready, under way, or waiting (for what comes before it, or to be sent again). */
interface Lane {
  group: string | undefined;
  waiting: Waiting[];
}

/**
 * Gathers messages into PublishBatch calls of up to 10 and `maxBytes`. Fulfilled when the topic says it accepted the message.
 *
 * Any call may fail in part, so a group has at most one message under way: the next goes when the topic has accepted the one
 * before. Messages of different groups travel together. A message that the topic refuses as such can never be sent, so the
 * next of its group goes on; one that it fails to accept otherwise takes those waiting behind it with it.
 */
export function createPublishQueue(props: PublishQueueProps): (message: OutgoingMessage) => Promise<void> {
  const { topicArn, client, maxAttempts = 5, maxCallsInFlight = 4, maxBytes, random } = props;
  const lanes = new Map<string, Lane>();
  const ready: Lane[] = [];
  let calls = 0;
  let scheduled = false;

  /** At the end of the turn, so that what is published in one turn shares calls. */
  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      while (ready.length > 0 && calls < maxCallsInFlight) void call(nextBatch(ready, maxBytes));
    });
  }

  function offer(...some: Lane[]): void {
    ready.push(...some);
    schedule();
  }

  /** Offers a lane as soon as its first message may be sent. */
  function begin(lane: Lane): void {
    const { before } = lane.waiting[0]!.message;
    if (before === undefined) {
      offer(lane);
    } else {
      before.then(
        () => offer(lane),
        (error: unknown) => settle(lane, error),
      );
    }
  }

  async function call(batch: readonly Lane[]): Promise<void> {
    calls++;
    try {
      const { Successful = [], Failed = [] } = await client.call('PublishBatch', {
        TopicArn: topicArn,
        PublishBatchRequestEntries: batch.map(({ waiting }, position) => ({
          ...waiting[0]!.message.request,
          Id: String(position),
        })),
      });
      const accepted = new Set(Successful.map(({ Id }) => Id));
      const failed = new Map(Failed.map((failure) => [failure.Id, failure]));
      const again: Lane[] = [];
      for (const [position, lane] of batch.entries()) {
        const id = String(position);
        if (accepted.has(id)) {
          settle(lane, undefined);
          continue;
        }
        const { Code = 'NoAnswer', Message = '', SenderFault = false } = failed.get(id) ?? {};
        const error = new AwsError(Code, `${Code}: ${Message}`, { status: SenderFault ? 400 : 500 });
        const head = lane.waiting[0]!;
        if (error.retryable && ++head.failures < maxAttempts) again.push(lane);
        else settle(lane, error);
      }
      if (again.length > 0) {
        const failures = Math.max(...again.map(({ waiting }) => waiting[0]!.failures));
        setTimeout(() => offer(...again), backoff(failures, BACKOFF, random));
      }
    } catch (error) {
      if (batch.length > 1 && isRefusal(error)) {
        for (const { waiting } of batch) waiting[0]!.alone = true;
        offer(...batch);
      } else {
        // the client has retried what was worth it
        for (const lane of batch) settle(lane, error);
      }
    } finally {
      calls--;
      schedule();
    }
  }

  function settle(lane: Lane, error: unknown): void {
    const head = lane.waiting.shift()!;
    if (error === undefined) head.resolve();
    else head.reject(error);
    if (error !== undefined && !isRefusal(error)) {
      const behind = new BehindError('an event before it in its message group was not accepted', { cause: error });
      for (const { reject } of lane.waiting.splice(0)) reject(behind);
    }
    if (lane.waiting.length > 0) begin(lane);
    else if (lane.group !== undefined) lanes.delete(lane.group);
  }

  return (message) =>
    new Promise((resolve, reject) => {
      const group = message.lane;
      const waiting: Waiting = { message, failures: 0, alone: false, resolve, reject };
      const lane = group === undefined ? undefined : lanes.get(group);
      if (lane !== undefined) {
        lane.waiting.push(waiting);
        return;
      }
      const own: Lane = { group, waiting: [waiting] };
      if (group !== undefined) lanes.set(group, own);
      begin(own);
    });
}

/** Whether it is the message that is at fault, and not a topic that is not there. */
export function isRefusal(error: unknown): boolean {
  return error instanceof AwsError && error.refused && error.status !== 404 && !error.name.includes('NotFound');
}

/** Takes the first lanes whose first messages fit into one call. */
function nextBatch(ready: Lane[], maxBytes: number): Lane[] {
  let bytes = 0;
  let count = 0;
  for (const { waiting } of ready) {
    const { message, alone } = waiting[0]!;
    bytes += message.bytes;
    if (count > 0 && (count === ENTRIES || bytes > maxBytes || alone)) break;
    count++;
    if (alone) break;
  }
  return ready.splice(0, count);
}
