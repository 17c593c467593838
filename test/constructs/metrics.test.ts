import { Duration, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { describe, expect, it } from 'vitest';
import { CircuitBreakers, Flow, Outbox } from '../../lib/constructs/index.ts';
import { wiring } from './fixtures/wiring.ts';

const { stack, topic, idempotency, onCall, consumer, commandQueue } = wiring();
const owner = 'box-office';
const seats = consumer();
const book = commandQueue();
const outbox = new Outbox(stack, 'Outbox', { topic, onCall, owner });
const circuits = new CircuitBreakers(stack, 'Circuits', { idempotency, onCall, owner });
const flow = new Flow(stack, 'Sales', { parts: [seats, book, outbox], onCall, owner });

/** `namespace/name statistic period`, and the dimensions. */
function seen(metric: cloudwatch.Metric): [string, unknown] {
  const { namespace, metricName, statistic, period } = metric;
  const { dimensions } = metric.toMetricConfig().metricStat!;
  return [`${namespace}/${metricName} ${statistic} ${period.toSeconds()}`, Stack.of(stack).resolve(dimensions)];
}

const TABLE = { TableName: stack.resolve(idempotency.table.tableName) };
const QUEUE = { QueueName: stack.resolve(seats.queue.queueName) };

describe('the metrics of a construct', () => {
  it.each<[cloudwatch.Metric, string, unknown]>([
    [seats.metric('Handled'), 'Baton/Handled Sum 60', { service: 'seat-plan' }],
    [seats.metricDepth(), 'AWS/SQS/ApproximateNumberOfMessagesVisible Maximum 300', QUEUE],
    [seats.metricAge(), 'AWS/SQS/ApproximateAgeOfOldestMessage Maximum 300', QUEUE],
    [
      seats.metricDeadLetters(),
      'AWS/SQS/ApproximateNumberOfMessagesVisible Maximum 300',
      { QueueName: stack.resolve(seats.deadLetterQueue.queueName) },
    ],
    [book.metricSent(), 'AWS/SQS/NumberOfMessagesSent Sum 300', { QueueName: stack.resolve(book.queue.queueName) }],
    [outbox.metricLag(), 'Baton/OutboxLag Maximum 60', { service: 'outbox' }],
    [outbox.metricRelayed(), 'Baton/Relayed Sum 60', { service: 'outbox' }],
    [outbox.metricRelayFailed(), 'Baton/RelayFailed Sum 60', { service: 'outbox' }],
    [
      circuits.metricState('seat-plan', 'payments'),
      'Baton/CircuitState Maximum 60',
      { service: 'seat-plan', dependency: 'payments' },
    ],
    [idempotency.metricReadThrottles(), 'AWS/DynamoDB/ReadThrottleEvents Sum 300', TABLE],
    [idempotency.metricWriteThrottles(), 'AWS/DynamoDB/WriteThrottleEvents Sum 300', TABLE],
    [idempotency.metricConsumedReads(), 'AWS/DynamoDB/ConsumedReadCapacityUnits Sum 300', TABLE],
    [idempotency.metricConsumedWrites(), 'AWS/DynamoDB/ConsumedWriteCapacityUnits Sum 300', TABLE],
    [flow.metric('Late'), 'Baton/Late Sum 60', { flow: 'sales' }],
  ])('%#: are what CloudWatch has', (metric, what, dimensions) => {
    expect(seen(metric)).toEqual([what, named(dimensions)]);
  });

  it('take options: statistic and period', () => {
    const options = { statistic: 'Average', period: Duration.minutes(15) };
    expect(seen(seats.metricAge(options))[0]).toMatch(/Average 900$/);
    expect(seen(outbox.metricLag(options))[0]).toMatch(/Average 900$/);
    expect(seen(idempotency.metricReadThrottles(options))[0]).toMatch(/Average 900$/);
    expect(seats.metricFailureRate(Duration.minutes(30)).period.toMinutes()).toBe(30);
    expect(flow.metricLatency(Duration.hours(1)).period.toHours()).toBe(1);
  });
});

/** Dimensions as CDK keeps them. */
function named(dimensions: unknown): { name: string; value: unknown }[] {
  return Object.entries(dimensions as object)
    .map(([name, value]) => ({ name, value }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
