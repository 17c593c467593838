import { describe, expect, it } from 'vitest';
import { parseScheduleExpression } from '../../lib/local/schedules/schedule-expression.ts';

/** The first `count` moments after `from`. */
function moments(expression: string, from: string, count = 3, timezone = 'UTC'): string[] {
  const start = Date.parse(from);
  const recurrence = parseScheduleExpression(expression, timezone, start);
  const found: string[] = [];
  for (let at = recurrence.next(start); at !== undefined && found.length < count; at = recurrence.next(at)) {
    found.push(new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

describe('a rate', () => {
  it.each([
    ['rate(1 minute)', 60_000],
    ['rate(5 minutes)', 300_000],
    ['rate(2 hours)', 7_200_000],
    ['rate(1 day)', 86_400_000],
  ])('%s begins at once and keeps its beat', (expression, every) => {
    const recurrence = parseScheduleExpression(expression, 'UTC', 1_000);
    expect(recurrence.next(0)).toBe(1_000);
    expect(recurrence.next(1_000)).toBe(1_000 + every);
    expect(recurrence.next(1_000 + 3.5 * every)).toBe(1_000 + 4 * every);
  });

  it.each([
    [60, 1_000],
    [6_000, 250],
    [0.5, 120_000],
  ])('beats with the time of the alarms at speed %s, but no more than 4 times a second', (speed, every) => {
    const rate = parseScheduleExpression('rate(1 minute)', 'UTC', 0, speed);
    expect(rate.next(0)).toBe(every);
    // and its events count minutes
    expect(rate.scheduledTime(3 * every)).toBe(180_000);
  });
});

describe('a cron expression', () => {
  it.each([
    ['0 12 * * ? *', ['2026-02-27T12:00', '2026-02-28T12:00', '2026-03-01T12:00']],
    ['0/20 9-10 * * ? *', ['2026-02-27T09:00', '2026-02-27T09:20', '2026-02-27T09:40']],
    ['15,45 23 ? * FRI *', ['2026-02-27T23:15', '2026-02-27T23:45', '2026-03-06T23:15']],
    ['0 8 ? * MON-FRI *', ['2026-02-27T08:00', '2026-03-02T08:00', '2026-03-03T08:00']],
    ['0 8 ? * SAT-MON *', ['2026-02-28T08:00', '2026-03-01T08:00', '2026-03-02T08:00']],
    ['0 0 L * ? *', ['2026-02-28T00:00', '2026-03-31T00:00', '2026-04-30T00:00']],
    ['0 0 L-1 * ? *', ['2026-03-30T00:00', '2026-04-29T00:00', '2026-05-30T00:00']],
    ['0 0 LW * ? *', ['2026-03-31T00:00', '2026-04-30T00:00', '2026-05-29T00:00']],
    ['0 0 1W * ? *', ['2026-03-02T00:00', '2026-04-01T00:00', '2026-05-01T00:00']],
    ['0 0 15W 8,11 ? *', ['2026-08-14T00:00', '2026-11-16T00:00', '2027-08-16T00:00']],
    ['0 0 31W * ? *', ['2026-03-31T00:00', '2026-05-29T00:00', '2026-07-31T00:00']],
    ['0 0 ? * 3#1 *', ['2026-03-03T00:00', '2026-04-07T00:00', '2026-05-05T00:00']],
    ['0 0 ? * 6L *', ['2026-03-27T00:00', '2026-04-24T00:00', '2026-05-29T00:00']],
    ['0 0 ? * L *', ['2026-02-28T00:00', '2026-03-07T00:00', '2026-03-14T00:00']],
    ['0 0 29 FEB ? *', ['2028-02-29T00:00', '2032-02-29T00:00', '2036-02-29T00:00']],
    ['30 6 1 1 ? 2027-2028', ['2027-01-01T06:30', '2028-01-01T06:30']],
    ['0 0 1 1 ? 2020', []],
  ])('%s', (fields, expected) => {
    expect(moments(`cron(${fields})`, '2026-02-27T00:30:00Z')).toEqual(expected);
  });

  it('keeps the clock of its time zone, over the change to summer time', () => {
    expect(moments('cron(0 9 * * ? *)', '2026-03-27T12:00:00Z', 3, 'Europe/Berlin')).toEqual([
      '2026-03-28T08:00',
      '2026-03-29T07:00',
      '2026-03-30T07:00',
    ]);
  });
});

describe('a moment', () => {
  it('comes once, in its time zone', () => {
    expect(moments('at(2026-07-01T10:00:00)', '2026-01-01T00:00:00Z')).toEqual(['2026-07-01T10:00']);
    expect(moments('at(2026-07-01T10:00:00)', '2026-01-01T00:00:00Z', 3, 'America/New_York')).toEqual([
      '2026-07-01T14:00',
    ]);
    expect(moments('at(2026-07-01T10:00:00)', '2026-08-01T00:00:00Z')).toEqual([]);
  });
});

it.each([
  ['every 5 minutes', 'neither rate'],
  ['rate(0 minutes)', 'a rate is a positive number'],
  ['rate(5 weeks)', 'a rate is a positive number'],
  ['cron(0 12 * * ?)', 'it has 5 fields'],
  ['cron(0 12 * * * *)', "exactly one of day of month and day of week has to be '?'"],
  ['cron(60 12 * * ? *)', "'60' is not between 0 and 59"],
  ['cron(0/0 12 * * ? *)', "'0' is not a step"],
  ['cron(0 12 ? * 8#1 *)', "'8' is no day of the week"],
  ['cron(0 12 * FOO ? *)', "'FOO' is not between 1 and 12"],
  ['at(tomorrow)', 'a moment is yyyy-mm-dd'],
])('%s is refused: %s', (expression, why) => {
  expect(() => parseScheduleExpression(expression, 'UTC', 0)).toThrow(why);
});

it('a time zone that is none is refused', () => {
  expect(() => parseScheduleExpression('cron(0 12 * * ? *)', 'Mars/Olympus', 0)).toThrow("no time zone 'Mars/Olympus'");
});
