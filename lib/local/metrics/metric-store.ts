import type { Metric } from '../resources.ts';
import {
  addValue,
  emptyStatisticSet,
  mergeFigures,
  mergeWhole,
  type Statistic,
  type StatisticSet,
} from './statistic.ts';

export interface MetricStoreProps {
  /** How long datapoints are kept, in ms of alarm time; alarms widen it for the metrics they need. @default 3 hours */
  retentionMs?: number;
  /** How many different metrics are kept; beyond, the one that was silent longest goes. @default 10,000 */
  maximumMetrics?: number;
}

export interface PutOptions {
  /** CloudWatch's unit, for the eye only. @default 'None' */
  unit?: string;
  /** 1 for a high-resolution metric. @default 60 */
  resolutionSeconds?: 1 | 60;
}

/** Which datapoints are asked for: `count` periods, the last of which ends at `endMs`. */
export interface DatapointsQuery {
  statistic: Statistic;
  periodSeconds: number;
  /** Alarm time, in ms; exclusive. */
  endMs: number;
  count: number;
}

/** A metric and everything it ever reported. */
export interface MetricTotal {
  metric: Metric;
  unit: string;
  sum: number;
  count: number;
  /** The value put last, and when (ms of alarm time). */
  latest: number;
  latestAt: number;
}

export type MetricListener = (metric: Metric, values: readonly number[], timestampMs: number) => void;

interface Interval extends StatisticSet {
  startMs: number;
}

interface Series extends MetricTotal {
  /** Ascending by start. */
  intervals: Interval[];
  retentionMs: number;
}

/**
 * The metrics of the local cloud, all in alarm time: what CloudWatch keeps, in memory. A metric is its namespace, name
 * and exact set of dimensions, as in CloudWatch: nothing is aggregated over dimensions.
 */
export class MetricStore {
  readonly #series = new Map<string, Series>();
  readonly #listeners = new Set<MetricListener>();
  readonly #maximumMetrics: number;
  readonly #retentionMs: number;
  /** Of the metrics whose datapoints are kept longer. */
  readonly #longer = new Map<string, number>();

  constructor({ retentionMs = 3 * 3_600_000, maximumMetrics = 10_000 }: MetricStoreProps = {}) {
    this.#retentionMs = retentionMs;
    this.#maximumMetrics = maximumMetrics;
  }

  /** Records one value or several. Values that are no finite number are dropped, as CloudWatch refuses them. */
  put(metric: Metric, value: number | readonly number[], timestampMs: number, options: PutOptions = {}): void {
    const values = (typeof value === 'number' ? [value] : value).filter(Number.isFinite);
    if (values.length === 0) return;
    const series = this.#seriesFor(metric, options.unit);
    const interval = intervalAt(series, timestampMs, options.resolutionSeconds ?? 60);
    for (const each of values) addValue(interval, each);
    this.#noteInTotal(series, values, timestampMs);
    this.#forget(series);
    for (const listener of this.#listeners) listener(metric, values, timestampMs);
  }

  /** Records values that somebody has summed up already. Of a set without a distribution no percentiles are known. */
  putSet(metric: Metric, set: StatisticSet, timestampMs: number, options: PutOptions = {}): void {
    const series = this.#seriesFor(metric, options.unit);
    mergeWhole(intervalAt(series, timestampMs, options.resolutionSeconds ?? 60), set);
    series.sum += set.sum;
    series.count += set.count;
    if (timestampMs >= series.latestAt) {
      series.latest = set.maximum;
      series.latestAt = timestampMs;
    }
    this.#forget(series);
    for (const listener of this.#listeners) listener(metric, [set.sum], timestampMs);
  }

  /**
   * Records what a gauge shows. Within a minute the latest sample replaces the one before, so that however often
   * we look, a minute holds one sample, as in the metrics that AWS services publish.
   */
  sample(metric: Metric, value: number, timestampMs: number, options: Pick<PutOptions, 'unit'> = {}): void {
    if (!Number.isFinite(value)) return;
    const series = this.#seriesFor(metric, options.unit);
    const interval = intervalAt(series, timestampMs, 60);
    Object.assign(interval, emptyStatisticSet());
    addValue(interval, value);
    this.#noteInTotal(series, [value], timestampMs);
    this.#forget(series);
    for (const listener of this.#listeners) listener(metric, [value], timestampMs);
  }

  /** One statistic per period, oldest first; undefined where nothing was reported. */
  datapoints(metric: Metric, query: DatapointsQuery): (number | undefined)[] {
    return this.#read(keyOf(metric), query);
  }

  /** Prepares to ask for the datapoints of a metric often. */
  reader(metric: Metric): (query: DatapointsQuery) => (number | undefined)[] {
    const key = keyOf(metric);
    return (query) => this.#read(key, query);
  }

  #read(key: string, { statistic, periodSeconds, endMs, count }: DatapointsQuery): (number | undefined)[] {
    const points = new Array<number | undefined>(count).fill(undefined);
    const intervals = this.#series.get(key)?.intervals;
    if (!intervals) return points;
    const mergeInto = statistic.ofDistribution ? mergeWhole : mergeFigures;
    const periodMs = periodSeconds * 1000;
    const beginMs = endMs - count * periodMs;
    let at = firstFrom(intervals, beginMs);
    while (at < intervals.length) {
      const first = intervals[at]!;
      if (first.startMs >= endMs) break;
      const period = Math.floor((first.startMs - beginMs) / periodMs);
      const periodEndMs = beginMs + (period + 1) * periodMs;
      at++;
      let next = intervals[at];
      if (next === undefined || next.startMs >= periodEndMs) {
        points[period] = statistic(first);
        continue;
      }
      const merged = emptyStatisticSet();
      mergeInto(merged, first);
      while (next !== undefined && next.startMs < periodEndMs) {
        mergeInto(merged, next);
        at++;
        next = intervals[at];
      }
      points[period] = statistic(merged);
    }
    return points;
  }

  /** The sum of every value ever put, kept or not; 0 when there was none. */
  total(namespace: string, name: string, dimensions: Record<string, string>): number {
    return this.#series.get(keyOf({ namespace, name, dimensions }))?.sum ?? 0;
  }

  /** The value put last; undefined when there was none. */
  latest(namespace: string, name: string, dimensions: Record<string, string>): number | undefined {
    return this.#series.get(keyOf({ namespace, name, dimensions }))?.latest;
  }

  /** The unit that a metric was first put with; 'None' when it was never put. */
  unitOf(metric: Metric): string {
    return this.#series.get(keyOf(metric))?.unit ?? 'None';
  }

  /** Every metric that was ever put and is still kept, with its totals. */
  inspect(): MetricTotal[] {
    return [...this.#series.values()].map(({ intervals: _, retentionMs: __, ...total }) => total);
  }

  /** Calls `listener` on every put; returns the function that ends it. */
  subscribe(listener: MetricListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Keeps the datapoints of a metric for at least this many ms of alarm time. */
  retainAtLeast(metric: Metric, ms: number): void {
    const key = keyOf(metric);
    const retentionMs = Math.max(ms, this.#longer.get(key) ?? this.#retentionMs);
    this.#longer.set(key, retentionMs);
    const known = this.#series.get(key);
    if (known) known.retentionMs = retentionMs;
  }

  #seriesFor(metric: Metric, unit = 'None'): Series {
    const key = keyOf(metric);
    const known = this.#series.get(key);
    if (known) return known;
    if (this.#series.size >= this.#maximumMetrics) this.#dropTheMostSilent();
    const series: Series = {
      metric,
      unit,
      sum: 0,
      count: 0,
      latest: 0,
      latestAt: -Infinity,
      intervals: [],
      retentionMs: this.#longer.get(key) ?? this.#retentionMs,
    };
    this.#series.set(key, series);
    return series;
  }

  #noteInTotal(series: Series, values: readonly number[], timestampMs: number): void {
    for (const value of values) series.sum += value;
    series.count += values.length;
    if (timestampMs >= series.latestAt) {
      series.latest = values[values.length - 1]!;
      series.latestAt = timestampMs;
    }
  }

  #forget(series: Series): void {
    const from = series.latestAt - series.retentionMs;
    const kept = firstFrom(series.intervals, from);
    if (kept > 0) series.intervals.splice(0, kept);
  }

  #dropTheMostSilent(): void {
    let silent: [string, number] | undefined;
    for (const [key, { latestAt }] of this.#series) {
      if (silent === undefined || latestAt < silent[1]) silent = [key, latestAt];
    }
    if (silent) this.#series.delete(silent[0]);
  }
}

function keyOf({ namespace, name, dimensions }: Metric): string {
  const names = Object.keys(dimensions);
  if (names.length > 1) names.sort();
  let key = `${namespace}\n${name}`;
  for (const each of names) key += `\n${each}\t${dimensions[each]}`;
  return key;
}

function intervalAt(series: Series, timestampMs: number, resolutionSeconds: 1 | 60): Interval {
  const lengthMs = resolutionSeconds * 1000;
  const startMs = Math.floor(timestampMs / lengthMs) * lengthMs;
  const { intervals } = series;
  const last = intervals[intervals.length - 1];
  if (last?.startMs === startMs) return last;
  const at = last === undefined || last.startMs < startMs ? intervals.length : firstFrom(intervals, startMs);
  const found = intervals[at];
  if (found?.startMs === startMs) return found;
  const interval: Interval = { startMs, ...emptyStatisticSet() };
  intervals.splice(at, 0, interval);
  return interval;
}

/** The index of the first interval that starts at `fromMs` or later. */
function firstFrom(intervals: readonly Interval[], fromMs: number): number {
  let low = 0;
  let high = intervals.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (intervals[middle]!.startMs < fromMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
