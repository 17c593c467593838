import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse } from 'aws-lambda';
import { z } from 'zod';
import { createEnvelope, defineCommand, defineEvent, type Envelope } from '../../lib/contracts/index.ts';
import type { Engines, TestQueue } from './engines.ts';

export const OrderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  schema: z.object({ orderId: z.string().min(1), total: z.number() }),
});

export const OrderCancelled = defineEvent({
  type: 'order.cancelled',
  version: 1,
  description: 'A customer thought better of it.',
  key: (order) => order.orderId,
  schema: z.object({ orderId: z.string(), reason: z.string() }),
});

export const StockReserved = defineEvent({
  type: 'stock.reserved',
  version: 1,
  description: 'The goods of an order are set aside.',
  key: (reservation) => reservation.orderId,
  schema: z.object({ orderId: z.string() }),
});

export const PlaceOrder = defineCommand({
  type: 'order.place',
  version: 1,
  description: 'Take an order.',
  key: (order) => order.orderId,
  schema: z.object({ orderId: z.string() }),
});

export function orderPlaced(orderId: string, props: { id?: string; total?: number } = {}): Envelope<'order.placed'> {
  return createEnvelope(
    OrderPlaced,
    { orderId, total: props.total ?? 10 },
    { source: '/orders', id: props.id ?? `event-${orderId}` },
  );
}

/** What a Consumer construct makes for its function. */
export interface Surroundings {
  queue: TestQueue;
  deadLetters: TestQueue;
  table: string;
  environment: Record<string, string>;
}

/** A queue, its DLQ and a table, and the environment that names them. */
export async function surround(
  engines: Engines,
  options: { fifo?: boolean; environment?: Record<string, string> } = {},
): Promise<Surroundings> {
  const queue = engines.createQueue(options);
  const deadLetters = engines.createQueue(options);
  const table = await engines.createTable();
  return {
    queue,
    deadLetters,
    table,
    environment: {
      BATON_CONSUMER: 'inventory',
      BATON_QUEUE_URL: queue.url,
      BATON_DLQ_URL: deadLetters.url,
      BATON_IDEMPOTENCY_TABLE: table,
      BATON_IDEMPOTENCY_TTL_SECONDS: '3600',
      BATON_MAX_ATTEMPTS: '3',
      BATON_BACKOFF_BASE_SECONDS: '4',
      ...options.environment,
    },
  };
}

export async function send(engines: Engines, queue: TestQueue, bodies: readonly (Envelope | string)[]): Promise<void> {
  await engines.sqs.send(
    new SendMessageBatchCommand({
      QueueUrl: queue.url,
      Entries: bodies.map((body, position) => ({
        Id: String(position),
        MessageBody: typeof body === 'string' ? body : JSON.stringify(body),
      })),
    }),
  );
}

export function failedIds(response: SQSBatchResponse): string[] {
  return response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
}

/** Seconds until each message in flight is seen again, by message id. */
export function visibleIn(engines: Engines, queue: TestQueue): Map<string, number> {
  const { inflight } = engines.fauxqs.inspectQueue(queue.name)!.messages;
  return new Map(
    inflight.map(({ message, visibilityDeadline }) => [message.messageId, (visibilityDeadline - Date.now()) / 1_000]),
  );
}
