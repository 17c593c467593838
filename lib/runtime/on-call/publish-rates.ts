import type { CloudWatch } from '../aws/clients.ts';
import { readMetrics } from './metric-reader.ts';

const HOUR = 60 * 60_000;
const WEEK = 7 * 24 * HOUR;
/** Fewer publishes in last week's hour say nothing about this week's. */
const LEAST = 10;

/** A topic's publishes in the last full hour, divided by those of the same hour a week before. */
export interface PublishRatio {
  readonly topic: string;
  readonly ratio: number;
}

/**
 * Compares the publish rates of topics with last week's; leaves out those with fewer than 10 publishes then.
 * @param now milliseconds since the epoch
 * @throws AwsError
 */
export async function publishRatios(
  cloudwatch: CloudWatch,
  topics: readonly string[],
  now: number,
): Promise<PublishRatio[]> {
  const to = Math.floor(now / HOUR) * HOUR;
  const [thisWeek, lastWeek] = await Promise.all(
    [to, to - WEEK].map((end) => published(cloudwatch, topics, { from: end - HOUR, to: end })),
  );
  return topics.flatMap((topic, position) => {
    const before = lastWeek![position]!;
    return before < LEAST ? [] : [{ topic, ratio: thisWeek![position]! / before }];
  });
}

/** A topic without a datapoint is one that nobody published to. */
async function published(
  cloudwatch: CloudWatch,
  topics: readonly string[],
  range: { from: number; to: number },
): Promise<number[]> {
  const series = topics.map((TopicName) => ({
    namespace: 'AWS/SNS',
    metric: 'NumberOfMessagesPublished',
    dimensions: { TopicName },
    stat: 'Sum' as const,
  }));
  const found = await readMetrics(cloudwatch, series, range, HOUR / 1000);
  return found.map((datapoints) => datapoints.reduce((sum, { value }) => sum + value, 0));
}
