import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { listParkedKeys } from '../../lib/operations/parked-keys.ts';
import { releaseKey } from '../../lib/operations/release-key.ts';
import type { DynamoDb } from '../../lib/runtime/aws/clients.ts';
import { seededRandom } from '../../lib/superstore/random.ts';
import type { Engines, TestQueue } from '../runtime/engines.ts';
import { FifoQueues, type Who } from '../runtime/parking/fifo-queues.ts';
import { createStrictConsumer, type End } from '../runtime/parking/strict-consumer.ts';
import { orderPlaced } from '../runtime/pipeline.ts';

/** One event: how often it fails for a moment, and how often for good, before it succeeds. */
export interface Fate {
  key: string;
  again: number;
  failed: number;
}

/** What happens by chance. */
export interface Luck {
  seed: number;
  /** How many processes may crash. */
  crashes: number;
  /** How likely at each call, from 0 to 1. */
  crashRate: number;
  /** The most messages that the consumer takes at once. */
  batchSize: number;
}

const queue: TestQueue = { name: 'orders.fifo', url: 'http://model/orders.fifo', arn: 'arn:aws:sqs:::orders.fifo' };
const deadLetterQueueUrl = 'http://model/dead-letters.fifo';

/** A batch that is under way. */
interface Batch {
  done: Promise<void>;
  /** Called when the consumer waits. */
  stops?: () => void;
  /** Ends its waiting. */
  open?: () => void;
  /** How many calls of others it waits for. */
  patience: number;
}

/** A process ends at a call, which was made or was not. */
class Crash extends Error {}

// biome-ignore lint/suspicious/noExplicitAny: whatever a client's calls look like
type AnyCall = (...args: any[]) => Promise<any>;

/**
 * A producer, a strictly ordered consumer and an operator, who releases keys at random times. Each may act while another
 * one waits for an answer, the consumer may be slow at any call, and consumer and operator may crash at any call.
 * All of it follows from the seed.
 */
export function createStrictWorld(
  engines: Engines,
  table: string,
  consumer: string,
  fates: readonly Fate[],
  luck: Luck,
) {
  const queues = new FifoQueues();
  const random = seededRandom(luck.seed);
  const events = fates.map(({ key, ...left }, position) => ({ id: `${key}-${position}`, key, ...left }));
  const unsent = [...events];
  /** Those who crashed make no further call. */
  const dead = new Set<Who>();
  let crashesLeft = luck.crashes;
  let batch: Batch | undefined;

  function mayCrash(who: Who): void {
    if (!dead.has(who)) {
      if (crashesLeft === 0 || random() > luck.crashRate) return;
      crashesLeft--;
      dead.add(who);
    }
    throw new Crash(`the ${who} crashed`);
  }

  async function before(who: Who): Promise<void> {
    if (who === 'operator') await meanwhile();
    else if (batch?.stops !== undefined && random() < 0.3) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const { stops } = batch;
      delete batch.stops;
      batch.open = resolve;
      stops();
      await promise;
    }
    mayCrash(who);
  }
  queues.before = before;
  queues.after = mayCrash;

  const troubled =
    (who: Who, call: AnyCall): AnyCall =>
    async (...args) => {
      await before(who);
      const answer = await call(...args);
      mayCrash(who);
      return answer;
    };
  const strict = createStrictConsumer({
    clients: {
      dynamodb: { call: troubled('consumer', engines.clients.dynamodb.call as AnyCall) } as unknown as DynamoDb,
      sqs: queues.lean,
    },
    queue,
    deadLetterQueueUrl,
    table,
    consumer,
    clock: () => queues.now,
    handle(id): End {
      const event = events.find((each) => each.id === id)!;
      if (event.again > 0 && event.again--) return 'again';
      return event.failed > 0 && event.failed-- ? 'failed' : 'done';
    },
  });
  const operatorDynamoDb = {
    send: troubled('operator', engines.dynamodb.send.bind(engines.dynamodb) as AnyCall),
  } as unknown as DynamoDBClient;

  function sendNext(): void {
    const event = unsent.shift();
    if (event) queues.put(queue.url, event.key, JSON.stringify(orderPlaced(event.key, { id: event.id })));
  }

  async function invoke(): Promise<void> {
    const messages = queues.take(queue.url, 1 + Math.floor(random() * luck.batchSize));
    const receipts = messages.map(({ ReceiptHandle }) => ReceiptHandle!);
    try {
      const acknowledged = await strict.invoke(messages.map(strict.recordOf));
      for (const { receiptHandle } of acknowledged) queues.acknowledge(queue.url, receiptHandle);
      queues.giveBack(queue.url, receipts);
    } catch (error) {
      if (!dead.has('consumer')) throw error;
      // the messages come back when their visibility ends, sometimes too late for deduplication
      queues.now += random() < 0.7 ? 31_000 : 400_000;
    } finally {
      dead.delete('consumer');
      batch = undefined;
    }
  }

  /** Takes a batch, or lets the one that is under way end. */
  async function poll(): Promise<void> {
    if (batch === undefined) {
      await invoke();
    } else {
      delete batch.stops;
      batch.open?.();
      await batch.done;
    }
  }

  /** Takes a batch, and leaves it where it has to wait. */
  async function pollSlowly(): Promise<void> {
    if (batch !== undefined) return;
    const { promise: stopped, resolve: stops } = Promise.withResolvers<void>();
    const mine: Batch = { done: Promise.resolve(), stops, patience: 1 + Math.floor(random() * 30) };
    batch = mine;
    mine.done = invoke();
    await Promise.race([mine.done, stopped]);
  }

  /** What the others do while the operator waits for an answer. */
  async function meanwhile(): Promise<void> {
    if (batch !== undefined && --batch.patience <= 0) return await poll();
    const chance = random();
    if (chance < 0.15) sendNext();
    else if (chance < 0.25 && batch === undefined) await poll();
    else if (chance < 0.4) await pollSlowly();
  }

  async function release(key: string): Promise<void> {
    try {
      await releaseKey({
        dynamodb: operatorDynamoDb,
        sqs: queues.sdk,
        table,
        consumer,
        key,
        queueUrl: queue.url,
        deadLetterQueueUrl,
        waitSeconds: 0,
        pollMs: 20_000,
        clock: () => queues.now,
        patienceMs: Number.POSITIVE_INFINITY,
        sleep: async (ms) => {
          queues.now += ms;
          await poll();
        },
      });
    } catch (error) {
      // time jumped over the lease of a message: SQS refuses its receipt, and the operator has to call again
      const late = error instanceof Error && error.message === 'ReceiptHandleIsInvalid';
      if (!dead.has('operator') && !late) throw error;
      queues.now += random() < 0.5 ? 61_000 : 400_000;
    } finally {
      dead.delete('operator');
    }
  }

  return {
    events,
    handled: strict.handled,
    /** The bodies of what is left in the DLQ. */
    deadLetters: () => queues.bodies(deadLetterQueueUrl),
    /** Lets everything happen until everything has. */
    async run(): Promise<void> {
      for (let step = 0; step < 2_000; step++) {
        const parked = await listParkedKeys({ dynamodb: engines.dynamodb, table, consumer });
        const idle = batch === undefined && queues.bodies(queue.url).length === 0;
        if (idle && unsent.length === 0 && parked.length === 0) return;
        const chance = random();
        const one = parked[Math.floor(random() * parked.length)];
        if (chance < 0.35) sendNext();
        else if (one !== undefined && chance < (unsent.length === 0 ? 0.7 : 0.5)) await release(one.key);
        else await poll();
        queues.now += 1_000;
      }
      throw new Error('It never came to an end.');
    },
  };
}
