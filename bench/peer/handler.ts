import { BatchProcessor, EventType, type ParsedRecord, processPartialResponse } from '@aws-lambda-powertools/batch';
import { parser } from '@aws-lambda-powertools/batch/parser';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { JSONStringified } from '@aws-lambda-powertools/parser/helpers';
import { SqsRecordSchema } from '@aws-lambda-powertools/parser/schemas/sqs';
import type { SqsRecord } from '@aws-lambda-powertools/parser/types';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import * as z from 'zod';
import { Order } from '../../events/order.ts';
import { recordSale } from './sales.ts';

export { sales } from './sales.ts';

/*
 * The peer: a consumer as a careful team wires it from Powertools today. Where their documentation leaves a choice, this
 * takes the cheaper one: the record's schema is extended once rather than per record, a result is not stored, log keys are
 * appended to the one logger rather than to a child per record (right only because the work does not wait before it logs).
 */

const OrderPlaced = z.object({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.literal('order.placed'),
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json'),
  dataschema: z.literal('urn:baton:order.placed:1'),
  subject: z.string().min(1),
  correlationid: z.string().min(1),
  causationid: z.string().optional(),
  traceparent: z.string().optional(),
  data: Order,
});

type OrderPlacedRecord = ParsedRecord<SqsRecord, z.infer<typeof OrderPlaced>>;

const logger = new Logger({ serviceName: 'sales' });
const metrics = new Metrics({ namespace: 'Orders', serviceName: 'sales' });
const processor = new BatchProcessor(EventType.SQS, {
  parser,
  schema: SqsRecordSchema.extend({ body: JSONStringified(OrderPlaced) }),
  logger,
});
const persistenceStore = new DynamoDBPersistenceLayer({ tableName: process.env.IDEMPOTENCY_TABLE ?? '' });
const config = new IdempotencyConfig({
  eventKeyJmesPath: 'body.id',
  throwOnNoIdempotencyKey: true,
  expiresAfterSeconds: 60 * 60 * 24 * 29,
});

const handleOnce = makeIdempotent(
  async ({ body: event, messageId }: OrderPlacedRecord) => {
    logger.appendKeys({ correlation_id: event.correlationid, event_id: event.id, message_id: messageId });
    recordSale(event.data, logger);
  },
  { persistenceStore, config },
);

export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  config.registerLambdaContext(context);
  logger.addContext(context);
  try {
    const response = await processPartialResponse(event, handleOnce, processor, { context });
    const failed = response.batchItemFailures.length;
    metrics.addMetric('Delivered', MetricUnit.Count, event.Records.length);
    metrics.addMetric('Handled', MetricUnit.Count, event.Records.length - failed);
    metrics.addMetric('Failed', MetricUnit.Count, failed);
    return response;
  } finally {
    metrics.publishStoredMetrics();
    logger.resetKeys();
  }
}
