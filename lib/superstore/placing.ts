import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Order } from '../../events/order.ts';
import { PlaceOrder } from '../../events/place-order.ts';
import { createEnvelope, envelopeText } from '../contracts/index.ts';

/** How orders are placed. */
export interface PlacingProps {
  sqs: SQSClient;
  queueUrl: string;
  orders: readonly Order[];
  /** Orders a second, at most. @default as fast as the queue accepts them */
  rate?: number;
  /** Called with the number of orders that the queue has accepted so far. */
  onAccepted?: (accepted: number) => void;
  signal?: AbortSignal;
}

/** SendMessageBatch takes ten (source: Amazon SQS API reference). */
const BATCH = 10;
const IN_FLIGHT = 4;
const TRIES = 5;

/** Places orders: sends a `PlaceOrder` command for each, and returns when the queue has accepted them all. */
export async function placeOrders({ sqs, queueUrl, orders, rate, onAccepted, signal }: PlacingProps): Promise<number> {
  let next = 0;
  let accepted = 0;
  const started = performance.now();

  const sendNext = async (): Promise<void> => {
    while (next < orders.length && !signal?.aborted) {
      const batch = orders.slice(next, next + BATCH);
      next += batch.length;
      if (rate !== undefined) await until(started + ((next - batch.length) / rate) * 1000, signal);
      if (signal?.aborted) return;
      await send(sqs, queueUrl, batch);
      accepted += batch.length;
      onAccepted?.(accepted);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, sendNext));
  return accepted;
}

async function send(sqs: SQSClient, queueUrl: string, orders: readonly Order[]): Promise<void> {
  let entries = orders.map((order, n) => ({
    Id: String(n),
    // The command is named after the order: placing an order twice is placing it once.
    MessageBody: envelopeText(createEnvelope(PlaceOrder, order, { source: '/superstore', id: order.orderId })),
  }));
  for (let attempt = 1; entries.length > 0; attempt++) {
    const { Failed = [] } = await sqs.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
    const refused = new Set(Failed.map((failure) => failure.Id));
    entries = entries.filter((entry) => refused.has(entry.Id));
    if (entries.length > 0 && attempt === TRIES) {
      throw new Error(`The queue refused ${entries.length} orders ${TRIES} times: ${Failed[0]?.Message}`);
    }
  }
}

async function until(instant: number, signal?: AbortSignal): Promise<void> {
  const wait = instant - performance.now();
  if (wait <= 0 || signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, wait);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done);
  });
}
