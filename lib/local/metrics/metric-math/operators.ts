import type { BinaryOperator } from './parse.ts';
import {
  finite,
  type Points,
  type Scalar,
  type Series,
  type SeriesArray,
  scalar,
  series,
  type Value,
} from './values.ts';

const COMPUTE: Record<BinaryOperator, (left: number, right: number) => number> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '^': (left, right) => left ** right,
  '==': (left, right) => Number(left === right),
  '!=': (left, right) => Number(left !== right),
  '<': (left, right) => Number(left < right),
  '<=': (left, right) => Number(left <= right),
  '>': (left, right) => Number(left > right),
  '>=': (left, right) => Number(left >= right),
  '&&': (left, right) => Number(left !== 0 && right !== 0),
  '||': (left, right) => Number(left !== 0 || right !== 0),
};

/**
 * Applies an operator as CloudWatch does ("Metric math syntax and functions"). Between two series, where only one has a
 * datapoint, the other counts as 0; where none has, the result has none. Between a series and a scalar, the series
 * decides where there are datapoints. What is no finite number, as after a division by 0, is dropped.
 * Returns undefined for two arrays, which have no defined result.
 */
export function applyOperator(operator: BinaryOperator, left: Value, right: Value): Value | undefined {
  const compute = COMPUTE[operator];
  if (left.kind === 'array') {
    if (right.kind === 'array') return undefined;
    return eachOf(left, (one) => combine(compute, one, right));
  }
  if (right.kind === 'array') return eachOf(right, (one) => combine(compute, left, one));
  if (left.kind === 'scalar' && right.kind === 'scalar') {
    if (left.value === undefined || right.value === undefined) return scalar(undefined);
    return scalar(compute(left.value, right.value));
  }
  return combine(compute, left, right);
}

type Compute = (left: number, right: number) => number;

function combine(compute: Compute, left: Scalar | Series, right: Scalar | Series): Series {
  if (left.kind === 'series' && right.kind === 'series') {
    return series(
      left.points.map((value, at) => {
        const other = right.points[at];
        return value === undefined && other === undefined ? undefined : finite(compute(value ?? 0, other ?? 0));
      }),
    );
  }
  const points: Points = left.kind === 'series' ? left.points : right.kind === 'series' ? right.points : [];
  const constant = left.kind === 'scalar' ? left.value : right.kind === 'scalar' ? right.value : undefined;
  if (constant === undefined) return series(points.map(() => undefined));
  return series(
    points.map((value) => {
      if (value === undefined) return undefined;
      return finite(left.kind === 'series' ? compute(value, constant) : compute(constant, value));
    }),
  );
}

function eachOf(array: SeriesArray, change: (one: Series) => Series): SeriesArray {
  return { kind: 'array', series: array.series.map(change) };
}
