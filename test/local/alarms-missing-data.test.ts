import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, evaluationRange } from '../../lib/local/alarms/datapoints/missing-data.ts';
import { reasonOf } from '../../lib/local/alarms/datapoints/reason.ts';
import type { MetricAlarmResource } from '../../lib/local/resources.ts';

const TREATMENTS = ['missing', 'ignore', 'breaching', 'notBreaching'] as const;
type Treatment = (typeof TREATMENTS)[number];

/** CloudWatch's notation: 0 does not breach, X breaches, - is missing; the latest is on the right. */
function rangeOf(pattern: string): (number | undefined)[] {
  return pattern.split(' ').map((point) => (point === '-' ? undefined : point === 'X' ? 5 : 0));
}

function stateOf(pattern: string, datapointsToAlarm: number, treatMissingData: Treatment, evaluationPeriods = 3) {
  const rule = { evaluationPeriods, datapointsToAlarm, treatMissingData };
  return decide(rangeOf(pattern), (value) => value > 1, rule).state;
}

const INSUFFICIENT = 'INSUFFICIENT_DATA';

describe('missing data, by the tables of "Configuring how CloudWatch alarms treat missing data"', () => {
  it.each([
    // 3 out of 3
    ['0 - X - X', 3, ['OK', 'OK', 'OK', 'OK']],
    ['0 - - - -', 3, ['OK', 'OK', 'OK', 'OK']],
    ['- - - - -', 3, [INSUFFICIENT, 'RETAIN', 'ALARM', 'OK']],
    ['0 X X - X', 3, ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    ['- - X - -', 3, ['ALARM', 'RETAIN', 'ALARM', 'OK']],
    ['- - - - X', 3, [INSUFFICIENT, 'RETAIN', 'ALARM', 'OK']],
    ['X - - - -', 3, ['ALARM', 'RETAIN', 'ALARM', 'OK']],
    // 2 out of 3
    ['0 - X - X', 2, ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    ['0 0 X 0 X', 2, ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    ['0 - X - -', 2, ['OK', 'OK', 'ALARM', 'OK']],
    ['- - - - 0', 2, ['OK', 'OK', 'ALARM', 'OK']],
    ['- - - X -', 2, ['ALARM', 'RETAIN', 'ALARM', 'OK']],
    ['- - - - X', 2, [INSUFFICIENT, 'RETAIN', 'ALARM', 'OK']],
  ])('%s, %i out of 3: missing, ignore, breaching, notBreaching give %j', (pattern, toAlarm, expected) => {
    expect(TREATMENTS.map((treatment) => stateOf(pattern, toAlarm, treatment))).toEqual(expected);
  });

  it.each(['- - - - X', '- - - X -'])('does not go to ALARM prematurely on %s', (pattern) => {
    expect(stateOf(pattern, 3, 'missing')).not.toBe('ALARM');
  });

  it.each(['- - - X 0', '- - X - 0'])('is OK when the next datapoint shows that nothing is wrong: %s', (pattern) => {
    expect(stateOf(pattern, 3, 'missing')).toBe('OK');
  });

  it('retrieves 5 datapoints for 3 periods, as in the tables', () => {
    expect(evaluationRange(3)).toBe(5);
  });
});

const anyRange = fc.array(fc.constantFrom(0, 5, undefined), { minLength: 1, maxLength: 8 });
const anyRule = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.constantFrom(...TREATMENTS))
  .map(([n, m, treatMissingData]) => ({
    evaluationPeriods: n,
    datapointsToAlarm: Math.min(n, m),
    treatMissingData,
  }));

describe('missing data, for any range', () => {
  it('does not matter where there are datapoints enough', () => {
    fc.assert(
      fc.property(anyRange, anyRule, (range, rule) => {
        const real = range.filter((value) => value !== undefined);
        fc.pre(real.length >= rule.evaluationPeriods);
        const breaching = real.slice(-rule.evaluationPeriods).filter((value) => value > 1).length;
        const expected = breaching >= rule.datapointsToAlarm ? 'ALARM' : 'OK';
        expect(decide(range, (value) => value > 1, rule).state).toBe(expected);
      }),
    );
  });

  it('gives ALARM for breaching wherever notBreaching does, and never leaves those two undecided', () => {
    fc.assert(
      fc.property(anyRange, anyRule, (range, rule) => {
        const by = (treatMissingData: Treatment) =>
          decide(range, (value) => value > 1, { ...rule, treatMissingData }).state;
        expect(['ALARM', 'OK']).toContain(by('breaching'));
        expect(['ALARM', 'OK']).toContain(by('notBreaching'));
        if (by('notBreaching') === 'ALARM') expect(by('breaching')).toBe('ALARM');
        expect(by('ignore')).not.toBe(INSUFFICIENT);
      }),
    );
  });
});

describe('the reason', () => {
  const alarm = { comparison: 'GreaterThanThreshold', threshold: 1 } as const;
  function reason(pattern: string, n: number, m: number, treatMissingData: Treatment) {
    const range = rangeOf(pattern);
    const rule = { evaluationPeriods: n, datapointsToAlarm: m, treatMissingData };
    const verdict = decide(range, (value) => value > 1, rule);
    if (verdict.state === 'RETAIN') throw new Error('no reason for no change');
    return reasonOf({ ...alarm, ...rule } as MetricAlarmResource, verdict, range, (index) => index * 60_000);
  }

  it.each([
    [
      ['0 X X', 3, 2, 'missing'],
      'Threshold Crossed: 2 out of the last 3 datapoints [5.0 (01/01/70 00:02:00), 5.0 (01/01/70 00:01:00)] were greater than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition).',
    ],
    [
      ['X 0 X', 3, 3, 'missing'],
      'Threshold Crossed: 1 out of the last 3 datapoints [0.0 (01/01/70 00:01:00)] was not greater than the threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition).',
    ],
    [
      ['- - -', 1, 1, 'notBreaching'],
      'Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].',
    ],
    [['- - - -', 2, 2, 'missing'], 'Insufficient Data: 2 datapoints were unknown.'],
    [
      ['0 - -', 3, 2, 'breaching'],
      'Threshold Crossed: 1 out of the last 3 datapoints [0.0 (01/01/70 00:00:00)] was not greater than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition). 2 missing datapoints were treated as [Breaching].',
    ],
  ] as const)('of %j', ([pattern, n, m, treatment], expected) => {
    expect(reason(pattern, n, m, treatment)).toBe(expected);
  });
});
