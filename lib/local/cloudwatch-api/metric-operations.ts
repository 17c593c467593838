import type { AlarmClock } from '../metrics/alarm-clock.ts';
import { MetricMathError } from '../metrics/metric-math/errors.ts';
import { problemOf } from '../metrics/metric-math/query-math.ts';
import type { MetricStore } from '../metrics/metric-store.ts';
import {
  addValue,
  emptyStatisticSet,
  type StatisticSet,
  statisticNamed,
  UnknownStatisticError,
} from '../metrics/statistic.ts';
import type { Metric } from '../resources.ts';
import { type ApiTime, apiTime, gridOf } from './api-time.ts';
import { invalidCombination, invalidValue, missingParameter, validationError } from './cloudwatch-api-error.ts';
import { getMetricData } from './metric-data.ts';
import {
  dimensionsOf,
  type Input,
  metricIn,
  momentIn,
  numberIn,
  numbersIn,
  pageOf,
  recordsIn,
  requiredMomentIn,
  requiredTextIn,
  seconds,
  textIn,
  textsIn,
} from './request.ts';

/** What the operations on metrics work with. */
export interface MetricsPlace {
  store: MetricStore;
  clock: AlarmClock;
}

type MetricOperation = (input: Input, place: MetricsPlace) => object;

/** Limits of PutMetricData, ListMetrics and GetMetricStatistics. */
const MOST = { metrics: 1000, dimensions: 30, values: 150, listed: 500, datapoints: 1440 };
const RECENTLY = 3 * 3_600_000;

/**
 * The operations of CloudWatch on metrics, in the time of {@link apiTime}. Sources: PutMetricData, ListMetrics,
 * GetMetricStatistics and GetMetricData, Amazon CloudWatch API reference.
 */
export const METRIC_OPERATIONS: Record<string, MetricOperation> = {
  PutMetricData(input, { store, clock }) {
    const namespace = requiredTextIn(input, 'Namespace');
    if (namespace.startsWith('AWS/')) throw invalidValue(`The value ${namespace} for parameter Namespace is invalid.`);
    const data = recordsIn(input, 'MetricData');
    if (data.length > MOST.metrics)
      throw validationError(`MetricData has ${data.length} items, more than ${MOST.metrics}.`);
    const time = apiTime(clock);
    // All or nothing: what is wrong is found before anything is stored.
    const puts = data.map((datum) => readDatum(datum, namespace, time, clock));
    for (const { metric, set, at, unit, resolutionSeconds } of puts)
      store.putSet(metric, set, at, { unit, resolutionSeconds });
    return {};
  },

  ListMetrics(input, { store, clock }) {
    const namespace = textIn(input, 'Namespace');
    const name = textIn(input, 'MetricName');
    const dimensions = recordsIn(input, 'Dimensions').map((dimension) => ({
      name: requiredTextIn(dimension, 'Name'),
      value: textIn(dimension, 'Value'),
    }));
    const since = textIn(input, 'RecentlyActive') === undefined ? -Infinity : clock.now() - RECENTLY;
    const found = store
      .inspect()
      .filter(
        ({ metric, latestAt }) =>
          (namespace === undefined || metric.namespace === namespace) &&
          (name === undefined || metric.name === name) &&
          latestAt >= since &&
          dimensions.every((each) => hasDimension(metric, each)),
      );
    const { items, rest } = pageOf(found, MOST.listed, textIn(input, 'NextToken'));
    const listed = items.map(({ metric }) => ({
      Namespace: metric.namespace,
      MetricName: metric.name,
      Dimensions: dimensionsOf(metric),
    }));
    return { Metrics: listed, ...rest };
  },

  GetMetricStatistics(input, { store, clock }) {
    const metric = metricIn(input);
    const periodSeconds = numberIn(input, 'Period', 1, 86_400 * 365);
    if (periodSeconds === undefined) throw missingParameter('Period');
    const names = [...(textsIn(input, 'Statistics') ?? []), ...(textsIn(input, 'ExtendedStatistics') ?? [])];
    if (names.length === 0) throw missingParameter('Statistics or ExtendedStatistics');
    const time = apiTime(clock);
    const [startMs, endMs] = [requiredMomentIn(input, 'StartTime'), requiredMomentIn(input, 'EndTime')];
    if (startMs >= endMs) throw invalidValue('The parameter StartTime must be less than the parameter EndTime.');
    const grid = gridOf(time.toAlarm(startMs), time.toAlarm(endMs), periodSeconds);
    if (grid.count > MOST.datapoints) {
      throw invalidCombination(
        `You have requested up to ${grid.count} datapoints, which exceeds the limit of ${MOST.datapoints}.`,
      );
    }
    const columns = names.map((name) => ({
      name,
      points: store.datapoints(metric, { statistic: statisticOf(name), periodSeconds, ...grid }),
    }));
    const unit = store.unitOf(metric);
    const Datapoints = Array.from({ length: grid.count }, (_, at) => at).flatMap((at) => {
      const present = columns.filter(({ points }) => points[at] !== undefined);
      if (present.length === 0) return [];
      const extended = present
        .filter(({ name }) => !BASIC.includes(name))
        .map(({ name, points }) => [name, points[at]]);
      const basic = present.filter(({ name }) => BASIC.includes(name)).map(({ name, points }) => [name, points[at]]);
      return {
        Timestamp: seconds(time.toClient(grid.endMs - (grid.count - at) * periodSeconds * 1000)),
        Unit: unit,
        ...Object.fromEntries(basic),
        ...(extended.length > 0 && { ExtendedStatistics: Object.fromEntries(extended) }),
      };
    });
    return { Label: metric.name, Datapoints };
  },

  GetMetricData(input, { store, clock }) {
    try {
      return getMetricData(input, store, apiTime(clock));
    } catch (error) {
      if (error instanceof MetricMathError) throw validationError(problemOf(error));
      if (error instanceof UnknownStatisticError) throw validationError(error.message);
      throw error;
    }
  },
};

const BASIC: readonly string[] = ['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'];

function statisticOf(name: string) {
  try {
    return statisticNamed(name);
  } catch (error) {
    throw validationError((error as Error).message);
  }
}

function hasDimension({ dimensions }: Metric, { name, value }: { name: string; value: string | undefined }): boolean {
  return Object.hasOwn(dimensions, name) && (value === undefined || dimensions[name] === value);
}

function readDatum(datum: Input, namespace: string, time: ApiTime, clock: AlarmClock) {
  const metric = metricIn(datum, namespace);
  if (Object.keys(metric.dimensions).length > MOST.dimensions) {
    throw validationError(`${metric.name} has more than ${MOST.dimensions} dimensions.`);
  }
  const resolution = numberIn(datum, 'StorageResolution', 1, 60) ?? 60;
  if (resolution !== 1 && resolution !== 60) throw invalidValue('StorageResolution has to be 1 or 60.');
  return {
    metric,
    set: setIn(datum, metric.name),
    at: time.toPut(momentIn(datum, 'Timestamp') ?? clock.realNow()),
    unit: textIn(datum, 'Unit') ?? 'None',
    resolutionSeconds: resolution as 1 | 60,
  };
}

/** What `Value`, `Values` and `Counts`, or `StatisticValues` say. */
function setIn(datum: Input, name: string): StatisticSet {
  const set = emptyStatisticSet();
  const { StatisticValues: summed } = datum;
  const values = numbersIn(datum, 'Values') ?? (datum.Value === undefined ? [] : [Number(datum.Value)]);
  const counts = numbersIn(datum, 'Counts') ?? values.map(() => 1);
  if (datum.Value !== undefined && (datum.Values !== undefined || summed !== undefined)) {
    throw invalidCombination(`${name}: Value, Values and StatisticValues exclude each other.`);
  }
  if (typeof summed === 'object' && summed !== null) {
    const { Sum, SampleCount, Minimum, Maximum } = summed as Record<string, unknown>;
    const figures = [Sum, SampleCount, Minimum, Maximum].map(Number);
    if (!figures.every(Number.isFinite))
      throw invalidValue(`${name}: StatisticValues has something that is no number.`);
    const [sum = 0, count = 0, minimum = 0, maximum = 0] = figures;
    // Of values that are all the same, the distribution is known, and with it the percentiles.
    if (minimum === maximum) addValue(set, minimum, count);
    else Object.assign(set, { sum, count, minimum, maximum });
    return set;
  }
  if (values.length === 0) throw missingParameter(`Value of ${name}`);
  if (values.length > MOST.values || counts.length !== values.length) {
    throw validationError(`${name}: at most ${MOST.values} Values, and as many Counts.`);
  }
  for (const [at, value] of values.entries()) {
    if (!Number.isFinite(value))
      throw invalidValue(`The value ${value} for parameter MetricData of ${name} is invalid.`);
    addValue(set, value, counts[at]);
  }
  return set;
}
