import { ConstructError } from '../errors.ts';
import type { Finding } from './finding.ts';

/** The app as a whole would lose, block or repeat messages, keep silent about it, or could not be deployed. */
export class UnsafeAppError extends ConstructError {
  override name = 'UnsafeAppError';
  // Hidden from whoever prints the error: findings hold constructs, and those the whole app.
  readonly #findings: readonly Finding[];

  /** @param findings what the rules found; at least one */
  constructor(findings: readonly Finding[]) {
    super(findings.map(describe).join('\n'));
    this.#findings = findings;
  }

  /** What the rules found. */
  get findings(): readonly Finding[] {
    return this.#findings;
  }
}

function describe({ construct, problem, remedy, rule }: Finding): string {
  return `${pathOf(construct)}: ${problem} ${remedy} (${rule})`;
}

/** The path as its author knows it: that of the construct whose resource this is. */
export function pathOf(construct: Finding['construct']): string {
  return construct.node.path.replace(/\/(Resource|Default)$/, '');
}
