import type { CloudWatch } from '../aws/clients.ts';

/** A series of datapoints to read. */
export interface Series {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly stat: 'Maximum' | 'Sum';
}

export interface Datapoint {
  /** Start of its period, in milliseconds since the epoch. */
  readonly at: number;
  readonly value: number;
}

/** CloudWatch answers up to 500 questions a call (source: GetMetricData in its API reference). */
const QUESTIONS = 500;

/**
 * The datapoints of each series in a range, in the order of the series; none for one that CloudWatch does not know.
 * @param range milliseconds since the epoch; `to` is excluded
 * @param periodSeconds a multiple of 60
 * @throws AwsError
 */
export async function readMetrics(
  cloudwatch: CloudWatch,
  series: readonly Series[],
  range: { from: number; to: number },
  periodSeconds: number,
): Promise<Datapoint[][]> {
  const found: Datapoint[][] = series.map(() => []);
  for (let first = 0; first < series.length; first += QUESTIONS) {
    const MetricDataQueries = series.slice(first, first + QUESTIONS).map((each, position) => ({
      Id: `m${first + position}`,
      MetricStat: {
        Metric: {
          Namespace: each.namespace,
          MetricName: each.metric,
          Dimensions: Object.entries(each.dimensions).map(([Name, Value]) => ({ Name, Value })),
        },
        Period: periodSeconds,
        Stat: each.stat,
      },
    }));
    let next: string | undefined;
    do {
      const { MetricDataResults = [], NextToken } = await cloudwatch.call('GetMetricData', {
        MetricDataQueries,
        StartTime: range.from / 1000,
        EndTime: range.to / 1000,
        ScanBy: 'TimestampAscending',
        ...(next !== undefined && { NextToken: next }),
      });
      for (const { Id = '', Timestamps = [], Values = [] } of MetricDataResults) {
        const into = found[Number(Id.slice(1))];
        Timestamps.forEach((seconds, position) => {
          into?.push({ at: seconds * 1000, value: Values[position] ?? 0 });
        });
      }
      next = NextToken;
    } while (next);
  }
  return found;
}
