import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prepareCompositeAlarms } from '../../lib/local/alarms/composite-alarms.ts';
import {
  type AlarmState,
  alarmsIn,
  CompositeRuleError,
  holds,
  parseCompositeRule,
} from '../../lib/local/alarms/composite-rule.ts';
import { compositeAlarm, metricAlarm } from './alarm-resources.ts';

const states: Record<string, AlarmState> = {
  a: 'ALARM',
  b: 'OK',
  c: 'INSUFFICIENT_DATA',
  'with "quotes" (1)': 'ALARM',
};

function evaluates(rule: string): boolean {
  return holds(parseCompositeRule(rule), (name) => states[name]!);
}

describe('the rule of a composite alarm', () => {
  it.each([
    ['ALARM("a")', true],
    ['ALARM(a)', true],
    ['OK("a")', false],
    ['INSUFFICIENT_DATA("c")', true],
    ['NOT ALARM("b")', true],
    ['NOT (ALARM("a") AND OK("b"))', false],
    ['ALARM("b") AND ALARM("b") OR ALARM("a")', true],
    ['ALARM("a") OR ALARM("b") AND ALARM("b")', true],
    ['NOT ALARM("a") OR TRUE', true],
    ['NOT TRUE AND FALSE', false],
    ['(((TRUE)))', true],
    ['  ALARM( "a" )\n AND\tOK(b)  ', true],
    ['ALARM("with \\"quotes\\" (1)")', true],
  ])('%s is %s', (rule, expected) => {
    expect(evaluates(rule)).toBe(expected);
  });

  it('takes ARNs, bare and quoted', () => {
    const arn = 'arn:aws:cloudwatch:eu-central-1:000000000000:alarm:a b';
    expect(alarmsIn(parseCompositeRule(`ALARM("${arn}") OR NOT OK(arn:aws:cloudwatch:x:1:alarm:y)`))).toEqual([
      arn,
      'arn:aws:cloudwatch:x:1:alarm:y',
    ]);
  });

  it.each([
    ['', 'has its end where ALARM(...), OK(...), INSUFFICIENT_DATA(...), TRUE or FALSE was expected'],
    ['ALARM("a") ALARM("b")', "has 'ALARM' where AND, OR or the end was expected"],
    ['ALARM("a"', "has its end where ')' was expected"],
    ['ALARM()', "has ')' where the name or ARN of an alarm was expected"],
    ['BROKEN("a")', "has 'BROKEN' where ALARM(...)"],
    ['ALARM("a', 'has a quote without its end'],
    ['(TRUE', "has its end where ')' was expected"],
  ])('refuses %j', (rule, problem) => {
    expect(() => parseCompositeRule(rule)).toThrow(CompositeRuleError);
    expect(() => parseCompositeRule(rule)).toThrow(problem);
  });

  it('refuses what is nested too deeply, rather than overflow the stack', () => {
    for (const text of ['('.repeat(50_000), 'NOT '.repeat(50_000)]) {
      expect(() => parseCompositeRule(text)).toThrow(CompositeRuleError);
    }
  });

  it('agrees with JavaScript, whatever its shape', () => {
    const rules = fc.letrec<{ tree: [string, string] }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 6 },
        fc.constantFrom<[string, string]>(
          ['TRUE', 'true'],
          ['FALSE', 'false'],
          ['ALARM("a")', 'true'],
          ['OK(a)', 'false'],
        ),
        fc
          .tuple(tie('tree'), fc.constantFrom(['AND', '&&'], ['OR', '||']), tie('tree'))
          .map(([[left, leftJs], [word, symbol], [right, rightJs]]): [string, string] => [
            `${left} ${word} ${right}`,
            `${leftJs} ${symbol} ${rightJs}`,
          ]),
        tie('tree').map(([inner, js]): [string, string] => [`NOT (${inner})`, `!(${js})`]),
      ),
    })).tree;
    fc.assert(
      fc.property(rules, ([rule, js]) => {
        expect(evaluates(rule)).toBe(new Function(`return ${js}`)());
      }),
    );
  });
});

describe('composite alarms among themselves', () => {
  const metric = { namespace: 'N', name: 'M', dimensions: {} };

  it('come children first, however they are declared', () => {
    const alarms = [
      compositeAlarm('top', 'ALARM("middle")'),
      compositeAlarm('middle', 'ALARM("bottom") OR ALARM("leaf")'),
      compositeAlarm('bottom', 'OK("leaf")'),
      metricAlarm('leaf', metric),
    ];
    expect(prepareCompositeAlarms(alarms).map(({ alarm }) => alarm.name)).toEqual(['bottom', 'middle', 'top']);
  });

  it('must name alarms that exist', () => {
    expect(() => prepareCompositeAlarms([compositeAlarm('top', 'ALARM("gone")')])).toThrow(
      "names the alarm 'gone', which does not exist",
    );
  });
});
