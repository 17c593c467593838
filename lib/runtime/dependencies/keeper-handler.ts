import { Logger } from '@aws-lambda-powertools/logger';
import type { Context, SQSEvent } from 'aws-lambda';
import { clients, createLambdaClient } from '../aws/clients.ts';
import { ConfigurationError } from '../errors.ts';
import { readEventSources } from './event-source.ts';
import { createKeeper, type Keeper } from './keeper.ts';
import { readWakeUp } from './wake-up.ts';

/** Seconds until a wake-up that failed comes back: doubled with each receive. */
const SOONEST = 2;
const LATEST = 120;

const logger = new Logger({ serviceName: 'circuit-keeper' });
let keeper: Keeper | undefined;

/**
 * The Lambda entry of the keeper. Takes one wake-up at a time; one that fails comes back.
 * @throws ConfigurationError when `BATON_EVENT_SOURCES`, `BATON_IDEMPOTENCY_TABLE` or `BATON_KEEPER_QUEUE_URL` is missing
 */
export async function handler(event: SQSEvent, context: Context): Promise<void> {
  logger.addContext(context);
  const queueUrl = required('BATON_KEEPER_QUEUE_URL');
  keeper ??= createKeeper({
    sources: readEventSources(process.env.BATON_EVENT_SOURCES),
    clients,
    lambda: createLambdaClient(),
    table: required('BATON_IDEMPOTENCY_TABLE'),
    queueUrl,
    logger,
  });
  for (const { messageId, body, receiptHandle, attributes } of event.Records) {
    const receives = Number(attributes.ApproximateReceiveCount);
    try {
      await keeper.wake(readWakeUp(body), receives > 1);
    } catch (error) {
      logger.error('A wake-up failed and comes back.', error as Error);
      const VisibilityTimeout = Math.min(SOONEST * 2 ** Math.min(receives - 1, 10), LATEST);
      const Entries = [{ Id: messageId, ReceiptHandle: receiptHandle, VisibilityTimeout }];
      // when even that fails, it comes back with the visibility timeout of the queue
      await clients.sqs.call('ChangeMessageVisibilityBatch', { QueueUrl: queueUrl, Entries }).catch(() => undefined);
      throw error;
    }
  }
}

function required(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new ConfigurationError(
    `${name} is not set. The CircuitBreakers construct sets it; elsewhere, set it yourself.`,
  );
}
