/** Decimals that a target may have: 99.999. */
const DECIMALS = 3;

/** Whether it is a target that {@link timesOverBudget} takes: more than 50 and less than 100 percent, with up to 3 decimals. */
export function isTarget(percent: number): boolean {
  return percent > 50 && percent < 100 && Number(percent.toFixed(DECIMALS)) === percent;
}

/**
 * The error budget of a target, as a share of all events: 0.001 for 99.9 percent.
 */
export function errorBudget(target: number): number {
  return thousandths(target) / 100_000;
}

/**
 * Writes the burn rate as metric math: the share of bad events, divided by the share that the target allows. The budget is a
 * fraction of whole numbers (99.9 percent: `1000 * bad / total`; 97: `100 * bad / (3 * total)`), so that what lies exactly
 * on a threshold is not moved off it by rounding.
 */
export function timesOverBudget(target: number): (bad: string, total: string) => string {
  const budget = thousandths(target);
  const divisor = greatestCommonDivisor(100_000, budget);
  const [times, part] = [100_000 / divisor, budget / divisor];
  return (bad, total) => `${times} * ${bad} / ${part === 1 ? total : `(${part} * ${total})`}`;
}

/** Of a percent. */
function thousandths(target: number): number {
  return Math.round((100 - target) * 1_000);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
