import type { Context, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Order } from '../../events/order.ts';
import type { Envelope } from '../../lib/contracts/envelope.ts';

/** Records of a batch: what SQS gives without a batch window. */
export const BATCH_SIZE = 10;

/** The event that Lambda would pass on: `order.placed` as it comes raw from SNS. The same position has the same events. */
export function batchAt(position: number, orders: readonly Order[]): SQSEvent {
  return {
    Records: Array.from({ length: BATCH_SIZE }, (_, index) => {
      const n = position * BATCH_SIZE + index;
      return recordOf(n, orders[n % orders.length]!);
    }),
  };
}

/** An invocation with half a minute left. */
export function invocationAt(position: number): Context {
  const end = performance.now() + 30_000;
  const nothing = () => undefined;
  return {
    awsRequestId: uuid('c', position),
    functionName: 'sales',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:sales',
    memoryLimitInMB: '512',
    logGroupName: '/aws/lambda/sales',
    logStreamName: 'stream',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(end - performance.now(), 0),
    done: nothing,
    fail: nothing,
    succeed: nothing,
  };
}

function recordOf(n: number, order: Order): SQSRecord {
  const event: Envelope<'order.placed', Order> = {
    specversion: '1.0',
    id: uuid('a', n),
    source: '/orders/place-order',
    type: 'order.placed',
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    dataschema: 'urn:baton:order.placed:1',
    subject: order.orderId,
    correlationid: uuid('a', n),
    data: order,
  };
  return {
    messageId: uuid('b', n),
    receiptHandle: `receipt-${n}`,
    body: JSON.stringify(event),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '1767225600000',
      SenderId: 'AIDAIT2UOQQY3AUEKVGXU',
      ApproximateFirstReceiveTimestamp: '1767225600001',
    },
    messageAttributes: { type: text('order.placed'), version: text('1'), key: text(order.orderId) },
    md5OfBody: '0123456789abcdef0123456789abcdef',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:sales',
    awsRegion: 'us-east-1',
  };
}

function text(stringValue: string) {
  return { stringValue, stringListValues: [], binaryListValues: [], dataType: 'String' as const };
}

/** As long as a real one, and the same in every run. */
function uuid(kind: string, n: number): string {
  return `${kind.repeat(8)}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}
