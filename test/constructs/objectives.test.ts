import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Alarm, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorBudget, isTarget, timesOverBudget } from '../../lib/constructs/objectives/error-budget.ts';
import { latencyIndicator, successIndicator } from '../../lib/constructs/objectives/indicators.ts';
import { objectiveOf } from '../../lib/constructs/objectives/objective.ts';
import { prepareAlarmMath } from '../../lib/local/metrics/metric-math/alarm-math.ts';
import type { MetricQuery } from '../../lib/local/resources.ts';
import { seeded } from '../runtime/seed.ts';
import type { Resource } from './fixtures/wiring.ts';

describe('an error budget', () => {
  it.each([
    [99.9, 0.001, '1000 * bad / total'],
    [99, 0.01, '100 * bad / total'],
    [95, 0.05, '20 * bad / total'],
    [97, 0.03, '100 * bad / (3 * total)'],
    [99.95, 0.0005, '2000 * bad / total'],
    [99.999, 0.00001, '100000 * bad / total'],
    [66.667, 0.33333, '100000 * bad / (33333 * total)'],
  ])('of %s%% is a share of %s: the burn rate is %s', (target, budget, expression) => {
    expect(errorBudget(target)).toBe(budget);
    expect(timesOverBudget(target)('bad', 'total')).toBe(expression);
  });

  it.each([50, 100, 0, -1, 101, 99.9999, Number.NaN, Number.POSITIVE_INFINITY])('is not known of %s%%', (target) => {
    expect(isTarget(target)).toBe(false);
  });

  it.each([50.001, 66.667, 99.9, 99.999])('is known of %s%%', (target) => {
    expect(isTarget(target)).toBe(true);
  });
});

/** The values of a metric, period by period, when the metrics that it is made of have these. */
function evaluate(metric: IMetric, values: Readonly<Record<string, readonly (number | undefined)[]>>) {
  const stack = new Stack(new App(), 'Stack');
  new Alarm(stack, 'Alarm', { metric, threshold: 1, evaluationPeriods: 1 });
  const [alarm] = Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'));
  const queries = (alarm!.Properties.Metrics as Resource['Properties'][]).map(
    ({ Id, Expression, MetricStat, ReturnData = true }): MetricQuery => {
      const query = { id: Id, returnData: ReturnData };
      if (MetricStat === undefined) return { ...query, expression: Expression };
      const { Metric, Stat, Period } = MetricStat;
      const metric = { namespace: Metric.Namespace, name: Metric.MetricName, dimensions: {} };
      return { ...query, metric: { metric, statistic: Stat, periodSeconds: Period } };
    },
  );
  const [period] = queries.flatMap((query) => query.metric?.periodSeconds ?? []);
  const math = prepareAlarmMath(queries, period!, 'alarm');
  const [length] = Object.values(values).map((each) => each.length);
  return math((query) => values[query.metric.metric.name] ?? new Array(length).fill(undefined), length!);
}

describe('an objective of 99% success', () => {
  const success = objectiveOf({
    name: 'success',
    target: 99,
    window: Duration.days(30),
    indicator: successIndicator('checkout'),
  });
  const counts = {
    Handled: [100, 97, undefined, 0, 99],
    DeadLettered: [0, 2, undefined, 0, 1],
    Parked: [0, 1, undefined, 0, undefined],
  };

  it('is the share of events that were handled, and nothing where there were none', () => {
    expect(evaluate(success.indicator(), counts)).toEqual([100, 97, undefined, undefined, 99]);
  });

  it('burns its budget at 1 when just so many fail as may', () => {
    expect(evaluate(success.burnRate(), counts)).toEqual([0, 3, 0, 0, 1]);
  });

  it('has a budget that goes with each failure, of what all events of the time allow', () => {
    // of 300 events 3 may fail, and 4 do
    const left = evaluate(success.budgetLeft(), counts);
    expect(left.map((value) => Math.round(value!))).toEqual([100, 0, 0, 0, -33]);
  });

  it('has the same budget left at the end, in whatever periods it is looked at', () => {
    const minute = fc.record({ handled: fc.nat(1_000), dead: fc.nat(20), parked: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(minute, { minLength: 1, maxLength: 60 }), (minutes) => {
        const columns = (rows: typeof minutes) => ({
          Handled: rows.map(({ handled }) => handled),
          DeadLettered: rows.map(({ dead }) => dead),
          Parked: rows.map(({ parked }) => parked),
        });
        const sum = (of: (row: (typeof minutes)[number]) => number) => minutes.reduce((all, row) => all + of(row), 0);
        const whole = {
          handled: sum((row) => row.handled),
          dead: sum((row) => row.dead),
          parked: sum((row) => row.parked),
        };
        const [once] = evaluate(success.budgetLeft(Duration.hours(1)), columns([whole]));
        const last = evaluate(success.budgetLeft(Duration.minutes(1)), columns(minutes)).at(-1);
        const bad = whole.dead + whole.parked;
        const total = bad + whole.handled;
        fc.pre(total > 0);
        expect(once).toBeCloseTo(100 * (1 - bad / total / 0.01), 6);
        expect(last).toBeCloseTo(once!, 6);
      }),
      seeded({ numRuns: 30 }),
    );
  });
});

it('an objective for latency counts the late among the handled', () => {
  const indicator = latencyIndicator('checkout');
  const latency = objectiveOf({ name: 'latency', target: 95, window: Duration.days(7), indicator });
  const counts = { Handled: [100, 50], Late: [5, 0], DeadLettered: [100, 100] };
  expect(evaluate(latency.indicator(), counts)).toEqual([95, 100]);
  expect(evaluate(latency.burnRate(), counts)).toEqual([1, 0]);
});
