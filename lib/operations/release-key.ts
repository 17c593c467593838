import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand, type Message, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { dataschemaOf } from '../contracts/contract.ts';
import type { Envelope } from '../contracts/envelope.ts';
import { WrongQueueError } from './errors.ts';
import { createLaneReader, type LaneReader } from './lane-reader.ts';
import { createMarkerLease, type MarkerLease } from './marker-lease.ts';
import type { ParkedMarker } from './parked-keys.ts';

/** Which key to release, and where. */
export interface ReleaseKeyProps {
  dynamodb: DynamoDBClient;
  sqs: SQSClient;
  /** The idempotency table. */
  table: string;
  consumer: string;
  /** The message group. */
  key: string;
  /** The consumer's queue. */
  queueUrl: string;
  deadLetterQueueUrl: string;
  onProgress?: (progress: ReleaseProgress) => void;
  /** How long to go on without any progress, in milliseconds. @default 300_000 */
  patienceMs?: number;
  /** How often to empty the DLQ of what arrived meanwhile. @default 100 */
  rounds?: number;
  /** Milliseconds between two looks at what the consumer has done. @default 500 */
  pollMs?: number;
  /** How long to wait for a message of the DLQ, in seconds; 0 only where a queue is one server. @default 1 */
  waitSeconds?: number;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default random UUIDs */
  newId?: () => string;
  /** @default setTimeout */
  sleep?: (ms: number) => Promise<unknown>;
}

/** How far a release has come. */
export interface ReleaseProgress {
  /** Messages sent back to the consumer's queue so far. */
  redriven: number;
  /** Counted from 1. */
  round: number;
}

/** What a release came to. */
export interface Release {
  /**
   * - `released`: everything was handled, and the key is free
   * - `not-parked`: there was nothing to release
   * - `failed-again`: an event failed for good once more; it and those behind it are parked, in order
   * - `waiting`: the consumer has not come that far, or somebody holds messages of the DLQ; call again to go on
   */
  status: 'released' | 'not-parked' | 'failed-again' | 'waiting';
  /** Messages sent back to the consumer's queue. */
  redriven: number;
  /** The redrive, once there is one. */
  redriveId?: string;
  /** `failed-again`: the id of the event that failed. */
  headEvent?: string;
}

/**
 * Sends the parked events of a key back to their consumer, in the order in which they were sent first, and frees the key
 * when the last of them is handled. What arrives meanwhile is parked behind them and sent back in a further round. May be stopped
 * at any time: calling it again goes on with the same redrive.
 * @throws WrongQueueError before anything is moved; ReleaseBusyError when somebody else is releasing the key; what AWS
 * answers, with everything where the next call finds it
 */
export async function releaseKey(props: ReleaseKeyProps): Promise<Release> {
  await checkQueues(props);
  const { sqs, deadLetterQueueUrl: queueUrl, waitSeconds = 1, clock = Date.now, newId = randomUUID } = props;
  const lease = createMarkerLease({ ...props, operator: newId(), clock });
  const reader = createLaneReader({ sqs, queueUrl, waitSeconds, clock });
  const parked = await lease.touch();
  if (parked === undefined) return { status: 'not-parked', redriven: 0 };
  try {
    return await createRedrive(props, lease, reader).run(parked);
  } finally {
    await reader.giveBack();
    await lease.end();
  }
}

type Drained = 'empty' | 'up to the last' | 'held elsewhere' | 'ended';

function createRedrive(props: ReleaseKeyProps, lease: MarkerLease, reader: LaneReader) {
  const { sqs, consumer, key, queueUrl, onProgress, clock = Date.now, newId = randomUUID } = props;
  const { patienceMs = 300_000, rounds = 100, pollMs = 500, sleep = setTimeout } = props;
  let progressed = clock();
  let redriven = 0;
  let round = 1;

  function advance(): void {
    progressed = clock();
    onProgress?.({ redriven, round });
  }

  const impatient = () => clock() - progressed > patienceMs;

  /** Sends a control message, and waits until the consumer met it: everything sent before is settled then. */
  async function settle(redriveId: string, count: number): Promise<ParkedMarker | 'waiting' | undefined> {
    await reader.giveBack();
    const id = newId();
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: JSON.stringify(controlMessage(id, { consumer, key, redriveId, count }, clock)),
        MessageGroupId: key,
        MessageDeduplicationId: id,
      }),
    );
    for (;;) {
      const marker = await lease.touch();
      if (marker === undefined || marker.met === id) {
        advance();
        return marker;
      }
      if (impatient()) return 'waiting';
      await sleep(pollMs);
    }
  }

  /** Moves what the DLQ has of a lane to the consumer's queue. A message leaves the DLQ after the queue has accepted it. */
  async function drain(lane: string, { redrive, last }: ParkedMarker): Promise<Drained> {
    for (let quiet = false; ; ) {
      const messages = await reader.next(lane);
      if (messages.length === 0) {
        if ((await reader.heldElsewhere()) === 0) {
          // what was held elsewhere may have been given back between the receive and the count
          if (quiet) return 'empty';
          quiet = true;
          continue;
        }
        if (impatient()) return 'held elsewhere';
        await reader.giveBack();
        await sleep(pollMs);
      }
      quiet = false;
      let metLast = false;
      for (const message of messages) {
        if (!reader.holds(message)) {
          await reader.giveBack();
          break;
        }
        await resend(message, redrive!);
        await reader.remove(message);
        redriven++;
        advance();
        metLast ||= message.Attributes?.MessageDeduplicationId === last;
      }
      const now = await lease.touch();
      if (now?.redrive !== redrive) return 'ended';
      if (metLast && lane === key) return 'up to the last';
    }
  }

  async function resend(message: Message, redriveId: string): Promise<void> {
    const of = message.MessageAttributes?.consumer?.StringValue;
    if (of !== undefined && of !== consumer) {
      throw new WrongQueueError(
        `A message in ${props.deadLetterQueueUrl} is a dead letter of ${of}, not of ${consumer}. Give the DLQ of ${consumer}.`,
      );
    }
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: message.Body!,
        MessageGroupId: key,
        // the same when this is done again after a crash: SQS then takes one of the two
        MessageDeduplicationId: `${redriveId}/${message.MessageId}`,
        MessageAttributes: { redriveId: { DataType: 'String', StringValue: redriveId } },
      }),
    );
  }

  async function drainAll(marker: ParkedMarker): Promise<Drained> {
    let drained: Drained = 'empty';
    let { lanes } = marker;
    for (const lane of marker.lanes) {
      drained = await drain(lane, marker);
      if (drained === 'held elsewhere' || drained === 'ended') return drained;
      if (lane === key) continue;
      await lease.dropLane({ ...marker, lanes }, lane);
      lanes = lanes.filter((one) => one !== lane);
    }
    return drained;
  }

  /** What became of a redrive, as its marker tells; undefined when it is still under way. */
  function statusOf(marker: ParkedMarker | undefined, redriveId: string): Release | undefined {
    if (marker === undefined) return { status: 'released', redriven, redriveId };
    if (marker.redrive === redriveId) return undefined;
    return { status: 'failed-again', redriven, redriveId, headEvent: marker.headEvent };
  }

  return {
    async run(parked: ParkedMarker): Promise<Release> {
      let marker: ParkedMarker | undefined = parked;
      // the one that an earlier release began goes on, even if it has failed by now: it has to come to its end
      if (parked.redrive === undefined) {
        // one before failed: what it sent may still be on its way to its lane, which has to be complete
        if (parked.lanes.length > 1 && (await settle('', -1)) === 'waiting') return { status: 'waiting', redriven };
        marker = await lease.beginRedrive(`redrive-${newId()}`);
      }
      if (marker === undefined) return { status: 'released', redriven };
      const redriveId = marker.redrive!;
      for (; round <= rounds; round++) {
        const drained = await drainAll(marker);
        if (drained === 'held elsewhere') break;
        // without its last message, the DLQ is certain to be empty only of what was settled before it was read
        const certain = drained === 'up to the last' || marker.metCount === marker.count;
        const settled = await settle(redriveId, drained !== 'ended' && certain ? marker.count : -1);
        if (settled === 'waiting') break;
        const ended = statusOf(settled, redriveId);
        if (ended !== undefined) return ended;
        marker = settled!;
      }
      return { status: 'waiting', redriven, redriveId };
    },
  };
}

/** What a control message says. */
interface Released {
  consumer: string;
  key: string;
  /** Empty when no redrive ends with it. */
  redriveId: string;
  /** The marker's count, up to which the DLQ is empty of the key; -1 when that is not certain. */
  count: number;
}

/** What the consumer's runtime understands: an envelope like an event's, with a type of its own. */
function controlMessage(id: string, data: Released, clock: () => number): Envelope {
  const type = 'baton.key.released';
  return {
    specversion: '1.0',
    id,
    source: '/baton',
    type,
    time: new Date(clock()).toISOString(),
    datacontenttype: 'application/json',
    dataschema: dataschemaOf(type, 1),
    subject: data.key,
    correlationid: id,
    data,
  };
}

/** Messages that went to the wrong queue would be somebody else's, out of order, and hard to find. */
async function checkQueues({ sqs, queueUrl, deadLetterQueueUrl }: ReleaseKeyProps): Promise<void> {
  for (const url of [queueUrl, deadLetterQueueUrl]) {
    if (!url.endsWith('.fifo')) {
      throw new WrongQueueError(`${url} is no FIFO queue: keys are parked by consumers of FIFO queues only.`);
    }
  }
  const queue = await attributesOf(sqs, queueUrl);
  const deadLetters = await attributesOf(sqs, deadLetterQueueUrl);
  const { deadLetterTargetArn } = JSON.parse(queue.RedrivePolicy || '{}') as { deadLetterTargetArn?: string };
  if (deadLetterQueueUrl === queueUrl || (deadLetterTargetArn ?? deadLetters.QueueArn) !== deadLetters.QueueArn) {
    throw new WrongQueueError(
      `${deadLetterQueueUrl} is not the DLQ of ${queueUrl}${deadLetterTargetArn === undefined ? '' : `, which is ${deadLetterTargetArn}`}.`,
    );
  }
}

async function attributesOf(sqs: SQSClient, QueueUrl: string): Promise<Record<string, string>> {
  const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  return Attributes;
}
