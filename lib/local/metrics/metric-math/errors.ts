/** A metric math expression that is wrong, or that uses what is not emulated. */
export class MetricMathError extends Error {
  override name = 'MetricMathError';
  /** What is wrong, as a predicate of the expression. */
  readonly problem: string;
  readonly expression: string;
  /** The alarm that the expression belongs to. */
  readonly alarm: string | undefined;

  constructor(problem: string, expression: string, alarm?: string) {
    super(`${alarm === undefined ? '' : `Alarm '${alarm}': `}the expression '${expression}' ${problem}.`);
    this.problem = problem;
    this.expression = expression;
    this.alarm = alarm;
  }
}
