import type { Metric } from '../resources.ts';
import type { MetricStore } from './metric-store.ts';
import { statisticNamed } from './statistic.ts';

/** What several alarms read alike. */
export interface SharedReads {
  /**
   * Prepares to read `count` periods of a metric; the last of them ends at the moment that the read is asked for.
   * @throws UnknownStatisticError
   */
  prepare(metric: Metric, statistic: string, periodSeconds: number, count: number): Read;
}

/** @param endMs alarm time */
export type Read = (endMs: number) => readonly (number | undefined)[];

/**
 * Reads of a store that are made once for a moment, however many alarms ask: dozens of alarms watch the same few metrics, all
 * of them at the full minute.
 */
export function sharedReads(store: MetricStore): SharedReads {
  const known = new Map<string, Read>();
  return {
    prepare(metric, statistic, periodSeconds, count) {
      const key = JSON.stringify([metric.namespace, metric.name, entriesOf(metric), statistic, periodSeconds, count]);
      let read = known.get(key);
      if (read === undefined) {
        const of = statisticNamed(statistic);
        const datapoints = store.reader(metric);
        let last: { endMs: number; points: ReturnType<Read> } | undefined;
        read = (endMs) => {
          if (last?.endMs !== endMs)
            last = { endMs, points: datapoints({ statistic: of, periodSeconds, endMs, count }) };
          return last.points;
        };
        known.set(key, read);
      }
      return read;
    },
  };
}

function entriesOf({ dimensions }: Metric): [string, string][] {
  return Object.entries(dimensions).sort(([one], [other]) => (one < other ? -1 : 1));
}
