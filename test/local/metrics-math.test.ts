import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prepareAlarmMath } from '../../lib/local/metrics/metric-math/alarm-math.ts';
import { MetricMathError } from '../../lib/local/metrics/metric-math/errors.ts';
import { parseExpression } from '../../lib/local/metrics/metric-math/parse.ts';
import type { Points } from '../../lib/local/metrics/metric-math/values.ts';
import type { MetricQuery } from '../../lib/local/resources.ts';

const _ = undefined;

function queriesOf(expression: string, ids: string[], others: Record<string, string> = {}): MetricQuery[] {
  return [
    { id: 'result', returnData: true, expression },
    ...Object.entries(others).map(([id, text]) => ({ id, returnData: false, expression: text })),
    ...ids.map((id) => ({
      id,
      returnData: false,
      metric: { metric: { namespace: 'N', name: id, dimensions: {} }, statistic: 'Sum', periodSeconds: 60 },
    })),
  ];
}

function evaluate(expression: string, metrics: Record<string, Points>, others?: Record<string, string>): Points {
  const math = prepareAlarmMath(queriesOf(expression, Object.keys(metrics), others), 60, 'an-alarm');
  return math(({ id }) => metrics[id]!, Object.values(metrics)[0]!.length);
}

describe('metric math', () => {
  it.each([
    ['m1 * 2 + 1', [3, 5]],
    ['1 + m1 * 2', [3, 5]],
    ['(1 + m1) * 2', [4, 6]],
    ['10 - m1 - 1', [8, 7]],
    ['12 / m1 / 2', [6, 3]],
    ['2 ^ m1 ^ 2', [2, 16]],
    ['-m1 ^ 2', [-1, -4]],
    ['2 ^ -m1', [0.5, 0.25]],
    ['- - m1', [1, 2]],
    ['.5e1 * m1', [5, 10]],
    ['m1 + 1 > 2', [0, 1]],
    ['m1 == 1 OR m1 == 2 AND 0', [1, 0]],
    ['m1 != 1 || m1 <= 1 && m1 >= 1', [1, 1]],
    ['m1 < 2 == 1', [1, 0]],
  ])('reads %s by precedence', (expression, expected) => {
    expect(evaluate(expression, { m1: [1, 2] })).toEqual(expected);
  });

  it('takes a missing datapoint as 0 where the other series has one, and only there', () => {
    expect(evaluate('m1 + m2', { m1: [1, _, 3, _], m2: [10, 20, _, _] })).toEqual([11, 20, 3, _]);
    expect(evaluate('m1 - m2', { m1: [1, _], m2: [_, 20] })).toEqual([1, -20]);
    expect(evaluate('m1 * 5', { m1: [1, _] })).toEqual([5, _]);
  });

  it('compares as the examples of "Comparison and logical operators" do', () => {
    const metrics = { metric1: [30, 20, 0, 0], metric2: [20, _, 20, _] };
    expect(evaluate('metric1 < metric2', metrics)).toEqual([0, 0, 1, 0]);
    expect(evaluate('metric1 >= 30', metrics)).toEqual([1, 0, 0, 0]);
    expect(evaluate('metric1 > 15 AND metric2 > 15', metrics)).toEqual([1, 0, 0, 0]);
  });

  it('drops the datapoint of a division by zero', () => {
    expect(evaluate('m1 / m2', { m1: [1, 0, 4, 4], m2: [0, 0, 2, _] })).toEqual([_, _, 2, _]);
    expect(evaluate('(m1 / 0) + 1', { m1: [1, 2, 3, 4] })).toEqual([_, _, _, _]);
    expect(evaluate('m1 / (1 - 1)', { m1: [1] })).toEqual([_]);
  });

  it('chooses as the examples of "Using IF expressions" do', () => {
    const metrics = { metric1: [1, 1, 0, 0, _], metric2: [30, _, 0, 0, 30], metric3: [0, 0, 20, _, 20] };
    expect(evaluate('IF(metric1, metric2, metric3)', metrics)).toEqual([30, 0, 20, _, _]);
    expect(evaluate('IF(metric1, 5, metric3)', metrics)).toEqual([5, 5, 20, _, _]);
    expect(evaluate('IF(metric1, metric2, 5)', metrics)).toEqual([30, 0, 5, 5, _]);
    expect(evaluate('IF(metric1, metric2)', metrics)).toEqual([30, 0, _, _, _]);
    expect(evaluate('IF(0, metric2)', metrics)).toEqual([_, _, _, _, _]);
    expect(evaluate('IF(2 > 1, metric2, metric3)', metrics)).toEqual(metrics.metric2);
  });

  it.each([
    ['FILL(m1, 9)', [9, 2, 9, 9, 5, 9]],
    ['FILL(m1, REPEAT)', [_, 2, 2, 2, 5, 5]],
    ['FILL(m1, LINEAR)', [_, 2, 3, 4, 5, _]],
    ['FILL(m1, m2)', [1, 2, 1, _, 5, 1]],
    ['FILL(m1, MIN(m1))', [2, 2, 2, 2, 5, 2]],
    ['SUM(FILL([m1, m2], 0))', [1, 3, 1, 0, 6, 1]],
  ])('fills: %s', (expression, expected) => {
    expect(evaluate(expression, { m1: [_, 2, _, _, 5, _], m2: [1, 1, 1, _, 1, 1] })).toEqual(expected);
  });

  it.each([
    ['SUM([m1, m2])', [5, 2, 4]],
    ['AVG([m1, m2])', [2.5, 1, 2]],
    ['MAX([m1, m2])', [4, 2, 4]],
    ['MIN(METRICS())', [1, 2, 4]],
    ['SUM(METRICS("2"))', [4, _, 4]],
    ['m1 - MAX(m1)', [-1, 0, _]],
    ['m1 / AVG(m1)', [1 / 1.5, 2 / 1.5, _]],
    ['m1 + SUM(m2)', [9, 10, _]],
    ['m1 * PERIOD(m1)', [60, 120, _]],
    ['TIME_SERIES(METRIC_COUNT(METRICS()))', [2, 2, 2]],
    ['ABS(m1 - 5)', [4, 3, _]],
    ['SUM(100 / [m1, m2])', [125, 50, 25]],
    ['IF(DATAPOINT_COUNT([m1, m2]) == 2, m1)', [1, _, _]],
  ])('aggregates: %s', (expression, expected) => {
    expect(evaluate(expression, { m1: [1, 2, _], m2: [4, _, 4] })).toEqual(expected);
  });

  it('takes changes since the previous datapoint that is there', () => {
    const metrics = { m1: [60, 180, _, 60] };
    expect(evaluate('DIFF(m1)', metrics)).toEqual([_, 120, _, -120]);
    expect(evaluate('RATE(m1)', metrics)).toEqual([_, 2, _, -1]);
    expect(evaluate('DIFF_TIME(m1)', metrics)).toEqual([_, 60, _, 120]);
    expect(evaluate('RUNNING_SUM(m1)', metrics)).toEqual([60, 240, _, 300]);
  });

  it('uses other expressions of the alarm', () => {
    const metrics = { failed: [1, 0], delivered: [4, 0] };
    expect(evaluate('rate * 100', metrics, { rate: 'failed / delivered' })).toEqual([25, _]);
  });

  it.each([
    ['SEARCH("x", "Sum", 60)', 'uses the function SEARCH, which is not emulated'],
    ['ANOMALY_DETECTION_BAND(m1)', 'uses the function ANOMALY_DETECTION_BAND, which is not emulated'],
    ['toString(m1)', 'uses the function toString, which is not emulated'],
    ['m1 + m9', "names 'm9', which is no metric or expression of the alarm"],
    ['m1 +', 'has the end at position 5 where a value was expected'],
    ['m1 m1', "has 'm1' at position 4 where an operator or the end was expected"],
    ['(m1', "has the end at position 4 where ')' was expected"],
    ['m1 % 2', "has an unexpected '%' at position 4"],
    ['AVG(m1)', 'gives a number, not a time series'],
    ['[m1, m1]', 'gives several time series'],
    ['[m1] + [m1]', "has '+' between two arrays"],
    ['SUM(m1, m1)', 'uses SUM, which takes one time series, or an array of them: SUM([m1, m2])'],
    ['FILL(m1)', 'uses FILL, which takes two arguments'],
    ['PERIOD(m1 + 1) + m1', 'uses PERIOD, which takes the id of a metric'],
    ['m1 + REPEAT', "has 'REPEAT' where a value was expected"],
    ['result + 1', "depends on itself through 'result'"],
  ])('refuses %s, naming the alarm', (expression, problem) => {
    const prepare = () => prepareAlarmMath(queriesOf(expression, ['m1']), 60, 'an-alarm');
    expect(prepare).toThrow(MetricMathError);
    expect(prepare).toThrow(`Alarm 'an-alarm': the expression '${expression}' ${problem}.`);
  });

  it('refuses an alarm that watches none or several, and metrics of another period', () => {
    const queries = queriesOf('m1', ['m1']);
    const watching = (ids: string[]) => queries.map((query) => ({ ...query, returnData: ids.includes(query.id) }));
    expect(() => prepareAlarmMath(watching([]), 60, 'a')).toThrow('returns 0 time series');
    expect(() => prepareAlarmMath(watching(['m1', 'result']), 60, 'a')).toThrow('returns 2 time series');
    expect(() => prepareAlarmMath(queries, 300, 'a')).toThrow('has a period of 60 s in an alarm of 300 s');
  });

  it('refuses what is nested too deeply, rather than overflow the stack', () => {
    for (const text of ['('.repeat(50_000), '-'.repeat(50_000), `${'['.repeat(50_000)}`, `m1${'^m1'.repeat(50_000)}`]) {
      expect(() => parseExpression(text)).toThrow(MetricMathError);
    }
  });
});

const numbers = fc.integer({ min: -9, max: 9 });
const formula = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.nat({ max: 9 }).map(String),
    fc.constant('m1'),
    fc
      .tuple(tie('tree'), fc.constantFrom('+', '-', '*', '/', '<', '>=', '=='), tie('tree'))
      .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    tie('tree').map((inner) => `-${inner}`),
  ),
})).tree;

describe('metric math, for any formula', () => {
  it('agrees with JavaScript on arithmetic and comparisons', () => {
    fc.assert(
      fc.property(formula, numbers, (text, value) => {
        // A division by zero within a comparison is missing here and a number there.
        fc.pre(!text.includes('/'));
        const [found] = evaluate(`${text} + 0 * m1`, { m1: [value] });
        const expected: unknown = new Function('m1', `return ${text.replaceAll('-', ' - ')} + 0 * m1`)(value);
        // Adding 0 makes one of the two zeros.
        expect((found ?? Number.NaN) + 0).toBe(Number(expected) + 0);
      }),
    );
  });

  it('never gives anything but finite numbers and gaps, and ends for every text', () => {
    const points = fc.array(fc.option(fc.double(), { nil: undefined }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(formula, points, (text, m1) => {
        const finite = m1.map((value) => (value !== undefined && Number.isFinite(value) ? value : undefined));
        const result = evaluate(`m1 * 0 + ${text}`, { m1: finite });
        expect(result).toHaveLength(m1.length);
        expect(result.every((value) => value === undefined || Number.isFinite(value))).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseExpression(text);
        } catch (error) {
          expect(error).toBeInstanceOf(MetricMathError);
        }
      }),
    );
  });

  it('leaves no gap after FILL with a number, and changes no datapoint', () => {
    fc.assert(
      fc.property(fc.array(fc.option(numbers, { nil: undefined }), { minLength: 1 }), numbers, (m1, filler) => {
        expect(evaluate(`FILL(m1, ${filler})`, { m1 })).toEqual(m1.map((value) => value ?? filler));
      }),
    );
  });

  it('adds a series to itself as it multiplies it by two', () => {
    fc.assert(
      fc.property(fc.array(fc.option(numbers, { nil: undefined }), { minLength: 1 }), (m1) => {
        expect(evaluate('m1 + m1', { m1 })).toEqual(evaluate('2 * m1', { m1 }));
      }),
    );
  });
});
