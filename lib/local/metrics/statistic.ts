/** The values of one metric in one interval, as CloudWatch keeps them: a statistic set and the distribution. */
export interface StatisticSet {
  sum: number;
  count: number;
  minimum: number;
  maximum: number;
  /** value -> how often; what percentiles are read from. */
  distribution: Map<number, number>;
}

/** A statistic that is not computed here. */
export class UnknownStatisticError extends Error {
  override name = 'UnknownStatisticError';

  readonly statistic: string;

  constructor(statistic: string) {
    super(
      `The statistic '${statistic}' is not emulated. Use Sum, Average, Minimum, Maximum, SampleCount, a percentile such as p99, PR(:100) or TC(:100).`,
    );
    this.statistic = statistic;
  }
}

/** Reads one statistic of an interval that has at least one value. */
export interface Statistic {
  (set: StatisticSet): number;
  /** Whether it is read from the distribution, which costs more to merge than the other figures together. */
  readonly ofDistribution?: true;
}

/** Up to here a distribution is exact; above, values are kept to 3 significant digits, which bounds its size. */
const EXACT_VALUES = 512;

export function emptyStatisticSet(): StatisticSet {
  return { sum: 0, count: 0, minimum: Infinity, maximum: -Infinity, distribution: new Map() };
}

/** Counts `value` into the set, `times` times. */
export function addValue(set: StatisticSet, value: number, times = 1): void {
  set.sum += value * times;
  set.count += times;
  if (value < set.minimum) set.minimum = value;
  if (value > set.maximum) set.maximum = value;
  const { distribution } = set;
  if (distribution.size < EXACT_VALUES || distribution.has(value)) {
    distribution.set(value, (distribution.get(value) ?? 0) + times);
    return;
  }
  if (distribution.size === EXACT_VALUES) {
    const exact = [...distribution];
    distribution.clear();
    for (const [each, count] of exact) addRounded(distribution, each, count);
  }
  addRounded(distribution, value, times);
}

/** Adds all of `from` to `into`, except its distribution. */
export function mergeFigures(into: StatisticSet, from: StatisticSet): void {
  into.sum += from.sum;
  into.count += from.count;
  if (from.minimum < into.minimum) into.minimum = from.minimum;
  if (from.maximum > into.maximum) into.maximum = from.maximum;
}

/** Adds all of `from` to `into`. */
export function mergeWhole(into: StatisticSet, from: StatisticSet): void {
  mergeFigures(into, from);
  for (const [value, count] of from.distribution) {
    into.distribution.set(value, (into.distribution.get(value) ?? 0) + count);
  }
}

/**
 * The statistic of a name: Sum, Average, Minimum, Maximum, SampleCount, `pNN` with up to ten decimals, and of the values above
 * `a` and up to `b` the percentage, `PR(a:b)`, and the count, `TC(a:b)`; either bound may be left out.
 * Percentiles are by nearest rank, exact up to 512 different values per interval and within 0.5% beyond.
 * @throws UnknownStatisticError for any other (trimmed means and the like).
 */
export function statisticNamed(name: string): Statistic {
  switch (name) {
    case 'Sum':
      return (set) => set.sum;
    case 'Average':
      return (set) => set.sum / set.count;
    case 'Minimum':
      return (set) => set.minimum;
    case 'Maximum':
      return (set) => set.maximum;
    case 'SampleCount':
      return (set) => set.count;
  }
  const range = /^(PR|TC)\((-?\d+(?:\.\d+)?)?:(-?\d+(?:\.\d+)?)?\)$/.exec(name);
  if (range !== null) {
    const low = range[2] === undefined ? -Infinity : Number(range[2]);
    const high = range[3] === undefined ? Infinity : Number(range[3]);
    const share = range[1] === 'PR';
    return fromDistribution((set) => within(set, low, high) * (share ? 100 / set.count : 1));
  }
  const percent = Number(/^p(\d{1,3}(?:\.\d{1,10})?)$/.exec(name)?.[1] ?? Number.NaN);
  if (!(percent >= 0 && percent <= 100)) throw new UnknownStatisticError(name);
  return fromDistribution((set) => percentile(set, percent));
}

/** Whether the statistic is one of CloudWatch's `ExtendedStatistic`. */
export function isPercentile(name: string): boolean {
  return /^(p|PR|TC)/.test(name);
}

function fromDistribution(statistic: (set: StatisticSet) => number): Statistic {
  return Object.assign(statistic, { ofDistribution: true as const });
}

/** How many values are above `low` and not above `high`. */
function within({ distribution }: StatisticSet, low: number, high: number): number {
  let count = 0;
  for (const [value, times] of distribution) if (value > low && value <= high) count += times;
  return count;
}

function percentile(set: StatisticSet, percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * set.count));
  let seen = 0;
  for (const [value, count] of [...set.distribution].sort(([a], [b]) => a - b)) {
    seen += count;
    // A rounded value may lie outside of what was really seen.
    if (seen >= rank) return Math.min(Math.max(value, set.minimum), set.maximum);
  }
  return set.maximum;
}

function addRounded(distribution: Map<number, number>, value: number, times: number): void {
  const rounded = Number(value.toPrecision(3));
  distribution.set(rounded, (distribution.get(rounded) ?? 0) + times);
}
