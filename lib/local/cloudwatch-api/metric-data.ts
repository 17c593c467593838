import { type DataQuery, type PreparedQuery, prepareQueries } from '../metrics/metric-math/query-math.ts';
import type { MetricStore } from '../metrics/metric-store.ts';
import { statisticNamed } from '../metrics/statistic.ts';
import { type ApiTime, gridOf } from './api-time.ts';
import { CloudWatchApiError, invalidValue, missingParameter, validationError } from './cloudwatch-api-error.ts';
import {
  choiceIn,
  type Input,
  metricIn,
  numberIn,
  recordsIn,
  requiredMomentIn,
  requiredTextIn,
  seconds,
  textIn,
} from './request.ts';

/** Limits of GetMetricData. */
const MOST = { queries: 500, datapoints: 100_800 };

interface Result {
  query: PreparedQuery;
  timestamps: number[];
  values: number[];
}

/**
 * GetMetricData. A page has at most `MaxDatapoints`; the results of a query that does not fit say `PartialData`, and go on in
 * the next page.
 * @throws MetricMathError, UnknownStatisticError, CloudWatchApiError
 */
export function getMetricData(input: Input, store: MetricStore, time: ApiTime): object {
  const [startMs, endMs] = [requiredMomentIn(input, 'StartTime'), requiredMomentIn(input, 'EndTime')];
  if (startMs >= endMs) throw validationError('The parameter StartTime must be less than the parameter EndTime.');
  const oldestFirst = choiceIn(input, 'ScanBy', ['TimestampDescending', 'TimestampAscending']) === 'TimestampAscending';
  const most = numberIn(input, 'MaxDatapoints', 1, MOST.datapoints) ?? MOST.datapoints;
  const results = prepareQueries(queriesIn(input)).map((query): Result => {
    const grid = gridOf(time.toAlarm(startMs), time.toAlarm(endMs), query.periodSeconds);
    if (grid.count > MOST.datapoints) {
      throw invalidValue(`${query.id} would have ${grid.count} datapoints, more than ${MOST.datapoints}.`);
    }
    const points = query.points(
      ({ metric: { metric, statistic, periodSeconds } }) =>
        store.datapoints(metric, { statistic: statisticNamed(statistic), periodSeconds, ...grid }),
      grid.count,
    );
    const found = points.flatMap((value, at) => {
      const startsAt = grid.endMs - (grid.count - at) * query.periodSeconds * 1000;
      return value === undefined ? [] : [{ at: seconds(time.toClient(startsAt)), value }];
    });
    if (!oldestFirst) found.reverse();
    return { query, timestamps: found.map(({ at }) => at), values: found.map(({ value }) => value) };
  });
  return page(results, most, textIn(input, 'NextToken'));
}

function page(results: readonly Result[], most: number, token: string | undefined): object {
  const from = token === undefined ? 0 : Number(token);
  const total = results.reduce((sum, { values }) => sum + values.length, 0);
  if (!Number.isInteger(from) || from < 0 || (token !== undefined && from >= total)) {
    throw new CloudWatchApiError('InvalidNextToken', `The token ${token} was not given by this API.`);
  }
  const until = from + most;
  let before = 0;
  const MetricDataResults: object[] = [];
  for (const { query, timestamps, values } of results) {
    const [first, end] = [Math.max(0, from - before), Math.min(values.length, until - before)];
    before += values.length;
    const begins = first === 0 && (values.length > 0 || from === 0);
    if (end < first || (end === first && !begins)) continue;
    MetricDataResults.push({
      Id: query.id,
      Label: query.label,
      Timestamps: timestamps.slice(first, end),
      Values: values.slice(first, end),
      StatusCode: end < values.length ? 'PartialData' : 'Complete',
    });
  }
  return { MetricDataResults, Messages: [], ...(total > until && { NextToken: String(until) }) };
}

function queriesIn(input: Input): DataQuery[] {
  const queries = recordsIn(input, 'MetricDataQueries');
  if (queries.length === 0) throw missingParameter('MetricDataQueries');
  if (queries.length > MOST.queries)
    throw validationError(`There are ${queries.length} queries, more than ${MOST.queries}.`);
  const read = queries.map(queryIn);
  const twice = read.find(({ id }, at) => read.findIndex((other) => other.id === id) < at);
  if (twice) throw validationError(`The id '${twice.id}' is used twice.`);
  return read;
}

function queryIn(query: Input): DataQuery {
  const id = requiredTextIn(query, 'Id');
  if (!/^[a-z][a-zA-Z0-9_]{0,254}$/.test(id)) {
    throw validationError(
      `The id '${id}' is no id: it begins with a small letter, and has letters, digits and _ only.`,
    );
  }
  const { MetricStat: stat } = query;
  const expression = textIn(query, 'Expression');
  const common = {
    id,
    returnData: query.ReturnData !== false,
    periodSeconds: numberIn(query, 'Period', 1, 86_400 * 365),
  };
  if (expression !== undefined) return { ...common, label: textIn(query, 'Label') ?? id, expression };
  if (typeof stat !== 'object' || stat === null) throw missingParameter(`MetricStat or Expression of ${id}`);
  const { Metric } = stat as Input;
  if (typeof Metric !== 'object' || Metric === null) throw missingParameter(`Metric of ${id}`);
  const metric = metricIn(Metric as Input);
  const periodSeconds = numberIn(stat as Input, 'Period', 1, 86_400 * 365);
  if (periodSeconds === undefined) throw missingParameter(`Period of ${id}`);
  return {
    ...common,
    label: textIn(query, 'Label') ?? metric.name,
    metric: { metric, statistic: requiredTextIn(stat as Input, 'Stat'), periodSeconds },
  };
}
