import {
  finite,
  mapPoints,
  type Points,
  present,
  type Scalar,
  type Series,
  type SeriesArray,
  scalar,
  series,
  type Value,
} from './values.ts';

/** The grid that all series of an evaluation share. */
export interface Grid {
  /** How many periods a series has. */
  length: number;
  periodSeconds: number;
}

/** A function got arguments that it does not take; the text says which it takes. */
export class ArgumentsError extends Error {
  override name = 'ArgumentsError';
}

type MathFunction = (args: readonly Value[], grid: Grid) => Value;

/** The functions that take values; FILL, METRICS and PERIOD, which look at words and ids, are the evaluator's own. */
export const FUNCTIONS: Readonly<Record<string, MathFunction>> = {
  ABS: pointwise(Math.abs),
  CEIL: pointwise(Math.ceil),
  FLOOR: pointwise(Math.floor),
  LOG: pointwise(Math.log),
  LOG10: pointwise(Math.log10),
  SUM: summary(sum),
  AVG: summary(average, (values, width) => sum(values) / width),
  MAX: summary((values) => values.reduce((a, b) => Math.max(a, b))),
  MIN: summary((values) => values.reduce((a, b) => Math.min(a, b))),
  STDDEV: summary(deviation),
  DATAPOINT_COUNT: summary((values) => values.length, undefined, 0),
  METRIC_COUNT(args) {
    const [only, ...rest] = args;
    if (only?.kind !== 'array' || rest.length > 0) throw new ArgumentsError('an array of time series');
    return scalar(only.series.length);
  },
  DIFF: stepwise((change) => change),
  DIFF_TIME: stepwise((_, seconds) => seconds),
  RATE: stepwise((change, seconds) => change / seconds),
  RUNNING_SUM: everySeries((points) => {
    let total = 0;
    return mapPoints(points, (value) => {
      total += value;
      return total;
    });
  }),
  TIME_SERIES(args, grid) {
    const [only, ...rest] = args;
    if (only?.kind !== 'scalar' || rest.length > 0) throw new ArgumentsError('one number');
    return series(new Array<number | undefined>(grid.length).fill(only.value));
  },
  IF: choose,
  FIRST: (args) => pick(args, (all) => all[0]),
  LAST: (args) => pick(args, (all) => all[all.length - 1]),
};

/** What FILL puts where a datapoint is missing. */
export type Filler = 'REPEAT' | 'LINEAR' | Scalar | Series;

/**
 * FILL: REPEAT takes the datapoint before the gap, LINEAR the line between those at its ends; both leave a gap that has
 * no such end.
 */
export function fill(value: Value, filler: Filler): Value {
  if (value.kind === 'scalar') throw new ArgumentsError('a time series and a number, REPEAT, LINEAR or a time series');
  if (value.kind === 'array') return { kind: 'array', series: value.series.map((one) => fillSeries(one, filler)) };
  return fillSeries(value, filler);
}

function fillSeries({ points }: Series, filler: Filler): Series {
  if (filler === 'REPEAT') {
    let before: number | undefined;
    return series(
      points.map((value) => {
        before = value ?? before;
        return before;
      }),
    );
  }
  if (filler === 'LINEAR') return fillLinearly(points);
  if (filler.kind === 'scalar') return series(points.map((value) => value ?? filler.value));
  return series(points.map((value, at) => value ?? filler.points[at]));
}

function fillLinearly(points: Points): Series {
  const filled = [...points];
  let before: number | undefined;
  points.forEach((value, at) => {
    if (value === undefined) return;
    if (before !== undefined) {
      const from = points[before] ?? 0;
      for (let gap = before + 1; gap < at; gap++) {
        filled[gap] = from + ((value - from) * (gap - before)) / (at - before);
      }
    }
    before = at;
  });
  return series(filled);
}

/**
 * IF by "Using IF expressions": a condition other than 0 is true; where it is missing the result is; a datapoint that
 * the true branch lacks is 0, one that the false branch lacks (or that has no false branch) is dropped.
 */
function choose(args: readonly Value[]): Value {
  const [condition, whenTrue, whenFalse, ...rest] = args;
  if (
    !isPlain(condition) ||
    !isPlain(whenTrue) ||
    !(whenFalse === undefined || isPlain(whenFalse)) ||
    rest.length > 0
  ) {
    throw new ArgumentsError('a condition, a value and, if need be, another value: numbers or time series');
  }
  if (condition.kind === 'scalar') {
    const length = [whenTrue, whenFalse].find((branch) => branch?.kind === 'series')?.points.length;
    const chosen = condition.value === undefined ? undefined : condition.value !== 0 ? whenTrue : whenFalse;
    if (length === undefined) return scalar(chosen === undefined ? undefined : at(chosen, 0));
    return series(Array.from({ length }, (_, index) => (chosen === undefined ? undefined : at(chosen, index))));
  }
  return series(
    condition.points.map((value, index) => {
      if (value === undefined) return undefined;
      if (value !== 0) return at(whenTrue, index) ?? 0;
      return whenFalse === undefined ? undefined : at(whenFalse, index);
    }),
  );
}

function at(value: Scalar | Series, index: number): number | undefined {
  return value.kind === 'scalar' ? value.value : value.points[index];
}

function isPlain(value: Value | undefined): value is Scalar | Series {
  return value !== undefined && value.kind !== 'array';
}

function pointwise(change: (value: number) => number): MathFunction {
  return everySeries((points) => mapPoints(points, change));
}

/** A function of the change since the previous datapoint that is there, and of the seconds between the two. */
function stepwise(result: (change: number, seconds: number) => number): MathFunction {
  return everySeries((points, { periodSeconds }) => {
    let before: { value: number; at: number } | undefined;
    return series(
      points.map((value, index) => {
        if (value === undefined) return undefined;
        const previous = before;
        before = { value, at: index };
        if (previous === undefined) return undefined;
        return finite(result(value - previous.value, (index - previous.at) * periodSeconds));
      }),
    );
  });
}

function everySeries(change: (points: Points, grid: Grid) => Series): MathFunction {
  return (args, grid) => {
    const [only, ...rest] = args;
    if (only === undefined || only.kind === 'scalar' || rest.length > 0) {
      throw new ArgumentsError('one time series, or an array of them');
    }
    if (only.kind === 'series') return change(only.points, grid);
    return { kind: 'array', series: only.series.map(({ points }) => change(points, grid)) };
  };
}

/**
 * Of one series, the scalar over its datapoints; of an array, the series over the datapoints of each period.
 * `width` is how many series the array has; `ofNothing` is the result where there is no datapoint.
 */
function summary(
  overTime: (values: readonly number[]) => number,
  overSeries: (values: readonly number[], width: number) => number = overTime,
  ofNothing?: number,
): MathFunction {
  return (args, grid) => {
    const [only, ...rest] = args;
    if (only === undefined || only.kind === 'scalar' || rest.length > 0) {
      throw new ArgumentsError('one time series, or an array of them: SUM([m1, m2])');
    }
    if (only.kind === 'series') {
      const values = present(only.points);
      return scalar(values.length === 0 ? ofNothing : overTime(values));
    }
    const all = only.series;
    return series(
      Array.from({ length: grid.length }, (_, period) => {
        const values = present(all.map(({ points }) => points[period]));
        return values.length === 0 ? ofNothing : finite(overSeries(values, all.length));
      }),
    );
  };
}

function pick(args: readonly Value[], choice: (all: Series[]) => Series | undefined): Value {
  const [only, ...rest] = args;
  const chosen = only?.kind === 'array' && rest.length === 0 ? choice((only satisfies SeriesArray).series) : undefined;
  if (chosen === undefined) throw new ArgumentsError('an array of at least one time series');
  return chosen;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function average(values: readonly number[]): number {
  return sum(values) / values.length;
}

function deviation(values: readonly number[]): number {
  const mean = average(values);
  return Math.sqrt(average(values.map((value) => (value - mean) ** 2)));
}
