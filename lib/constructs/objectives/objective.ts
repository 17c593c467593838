import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { timesOverBudget } from './error-budget.ts';
import { type Indicator, withCounts } from './indicators.ts';

/**
 * What a flow promises a share of: `success`, of its events, that they are handled; `latency`, of what is handled, that it is
 * handled in time; `delivery`, of what its topics hand over, that it arrives.
 */
export type ObjectiveName = 'success' | 'latency' | 'delivery';

/** A promise of a flow over its window, and the expressions that say how it stands. */
export interface Objective {
  readonly name: ObjectiveName;
  /** The share of good events that is promised, in percent: 99.9, for instance. */
  readonly target: number;
  /** The time over which it is promised. */
  readonly window: Duration;

  /**
   * The share of good events in each period, in percent. Missing where there were none.
   *
   * @param period @default Duration.minutes(5)
   */
  indicator(period?: Duration): cloudwatch.IMetric;

  /**
   * What is left of the error budget of the time that is shown, in percent: it begins at 100 and falls, below 0 when more
   * failed than was allowed. Shown over the window, its last value is what is left of the objective's budget. In a widget
   * whose period is set to its time range it is that one value.
   *
   * @param period @default Duration.hours(1)
   */
  budgetLeft(period?: Duration): cloudwatch.IMetric;

  /**
   * How many times faster than allowed the budget is being used up in each period: 1 uses it up exactly at the end of the
   * window, 2 after half of it. 0 where there were no events.
   *
   * @param period @default Duration.hours(1)
   */
  burnRate(period?: Duration): cloudwatch.IMetric;
}

/** What {@link objectiveOf} takes. */
export interface ObjectiveProps {
  readonly name: ObjectiveName;
  /** In percent. */
  readonly target: number;
  readonly window: Duration;
  readonly indicator: Indicator;
}

/** An objective on top of what is counted for it. */
export function objectiveOf({ name, target, window, indicator }: ObjectiveProps): Objective {
  const burn = timesOverBudget(target);
  return {
    name,
    target,
    window,
    indicator: (period = Duration.minutes(5)) => share(name, indicator, period),
    budgetLeft: (period = Duration.hours(1)) =>
      new cloudwatch.MathExpression({
        label: `${name}: error budget left, percent`,
        // a share of the budget for each event that failed up to then, out of what all events of the time allow
        expression: `100 - 100 * ${burn('RUNNING_SUM(bad)', 'SUM(total)')}`,
        usingMetrics: withCounts(indicator, period),
        period,
      }),
    burnRate: (period = Duration.hours(1)) =>
      new cloudwatch.MathExpression({
        label: `${name}: burn rate`,
        expression: `IF(total > 0, ${burn('bad', 'total')}, 0)`,
        usingMetrics: withCounts(indicator, period),
        period,
      }),
  };
}

/** The share of good events, in percent. */
export function share(name: ObjectiveName, indicator: Indicator, period: Duration): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({
    label: `${name}, percent`,
    expression: 'IF(total > 0, 100 * (total - bad) / total)',
    usingMetrics: withCounts(indicator, period),
    period,
  });
}
