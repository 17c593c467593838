/** The values of a series by period, oldest first; undefined where a datapoint is missing. */
export type Points = readonly (number | undefined)[];

export interface Scalar {
  kind: 'scalar';
  /** Undefined when there was nothing to compute it from. */
  value: number | undefined;
}

export interface Series {
  kind: 'series';
  points: Points;
}

export interface SeriesArray {
  kind: 'array';
  series: Series[];
}

export type Value = Scalar | Series | SeriesArray;

export function scalar(value: number | undefined): Scalar {
  return { kind: 'scalar', value: finite(value) };
}

export function series(points: Points): Series {
  return { kind: 'series', points };
}

/** A result that is no number (a division by zero, the root of a negative number) is a missing datapoint. */
export function finite(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

/** Applies `change` to every datapoint that is there. */
export function mapPoints(points: Points, change: (value: number) => number): Series {
  return series(points.map((value) => (value === undefined ? undefined : finite(change(value)))));
}

export function present(points: Points): number[] {
  return points.filter((value) => value !== undefined);
}
