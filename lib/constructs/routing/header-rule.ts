import type * as sns from 'aws-cdk-lib/aws-sns';
import type { AnyContract } from '../../contracts/index.ts';

/** Rules about the headers of an event, by name: all of them have to hold. */
export type HeaderRules = Readonly<Record<string, sns.SubscriptionFilter>>;

/** Source: Amazon SNS developer guide, "Filter policy constraints". */
const LARGEST_NUMBER = 1e9;

/** Whether an event can fulfil every rule, as far as its contract tells. */
export function canFulfil(event: AnyContract, rules: HeaderRules): boolean {
  return missingHeaders(event, rules).length === 0;
}

/** The headers that rules ask for and an event never has, as far as its contract tells. */
export function missingHeaders({ headers }: AnyContract, rules: HeaderRules): string[] {
  return requiredHeaders(rules).filter((name) => !Object.hasOwn(headers, name));
}

/** The headers without which no event can fulfil the rules. */
export function requiredHeaders(rules: HeaderRules): string[] {
  return Object.entries(rules).flatMap(([name, { conditions }]) => (conditions.some(acceptsAbsence) ? [] : [name]));
}

/** What is wrong with a rule, and what to do about it; undefined when nothing is. */
export function objectionTo(
  name: string,
  { conditions }: sns.SubscriptionFilter,
): readonly [problem: string, remedy: string] | undefined {
  if (conditions.length === 0) {
    return [`The rule for the header '${name}' has no value: nothing could match it.`, 'Give it one, or take it out.'];
  }
  for (const condition of conditions as readonly unknown[]) {
    const comparison = comparisonOf(condition);
    if (comparison === undefined) continue;
    const numbers = comparison.filter((part) => typeof part === 'number');
    const far = numbers.find((number) => !(Math.abs(number) <= LARGEST_NUMBER));
    if (far !== undefined) {
      return [
        `The rule for the header '${name}' compares with ${far}.`,
        'SNS compares numbers from -1,000,000,000 to 1,000,000,000.',
      ];
    }
    if (isEmpty(comparison)) {
      return [
        `The rule for the header '${name}' wants ${comparison.join(' ')}: no number is both.`,
        'Exchange the bounds.',
      ];
    }
  }
  return undefined;
}

function acceptsAbsence(condition: unknown): boolean {
  return typeof condition === 'object' && condition !== null && (condition as { exists?: unknown }).exists === false;
}

/** A numeric rule as SNS writes it: `['>', 0, '<=', 5]`. */
function comparisonOf(condition: unknown): readonly unknown[] | undefined {
  if (typeof condition === 'number') return ['=', condition];
  if (typeof condition !== 'object' || condition === null) return undefined;
  const { numeric } = condition as { numeric?: unknown };
  return Array.isArray(numeric) ? numeric : undefined;
}

function isEmpty(comparison: readonly unknown[]): boolean {
  let [least, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let open = false;
  for (let at = 0; at < comparison.length; at += 2) {
    const [sign, number] = [comparison[at], Number(comparison[at + 1])];
    if (sign === '=' || sign === '>' || sign === '>=') least = Math.max(least, number);
    if (sign === '=' || sign === '<' || sign === '<=') most = Math.min(most, number);
    open ||= sign === '>' || sign === '<';
  }
  return least > most || (least === most && open);
}
