import { ScheduleExpressionError } from './schedule-expression-error.ts';

/** A calendar date and time of day without a zone, to the minute. */
export interface WallTime {
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
  hour: number;
  minute: number;
}

/** The moments of a cron expression, on a clock without a zone. */
export interface Cron {
  /** The first of them later than `after`; undefined when there is none before 2200. */
  next(after: WallTime): WallTime | undefined;
}

type Matches = (value: number) => boolean;
/** Which days of a month: these depend on how long it is and how it begins. */
type Days = (year: number, month: number) => ReadonlySet<number>;

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const LAST_YEAR = 2199;

/**
 * Reads the six fields of AWS (minutes, hours, day of month, month, day of week, year), with `*`, `?`, `,`, `-`, `/`, `L`,
 * `W` and `#` ("Schedule types in EventBridge Scheduler", its user guide). Sunday is 1.
 * @throws ScheduleExpressionError
 */
export function parseCron(fields: string): Cron {
  const parts = fields.trim().split(/\s+/);
  if (parts.length !== 6) throw wrong(fields, `it has ${parts.length} fields, and AWS wants 6 (the last is the year)`);
  const [minutes, hours, daysOfMonth, months, daysOfWeek, years] = parts as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if ((daysOfMonth === '?') === (daysOfWeek === '?')) {
    throw wrong(fields, "exactly one of day of month and day of week has to be '?'");
  }
  const field = (text: string, low: number, high: number, names: readonly string[] = [], base = 0) =>
    parseField(fields, text, low, high, names, base);
  const minute = field(minutes, 0, 59);
  const hour = field(hours, 0, 23);
  const month = field(months, 1, 12, MONTHS, 1);
  const year = field(years, 1970, LAST_YEAR);
  const days = daysOfWeek === '?' ? parseDaysOfMonth(fields, daysOfMonth) : parseDaysOfWeek(fields, daysOfWeek);

  return {
    next(after) {
      let from = later(after);
      while (from.year <= LAST_YEAR) {
        if (!year(from.year)) from = { year: from.year + 1, month: 1, day: 1, hour: 0, minute: 0 };
        else if (!month(from.month)) from = nextMonth(from);
        else if (!days(from.year, from.month).has(from.day)) from = nextDay(from);
        else if (!hour(from.hour)) from = normal({ ...from, hour: from.hour + 1, minute: 0 });
        else if (!minute(from.minute)) from = later(from);
        else return from;
      }
      return undefined;
    },
  };
}

function parseField(
  fields: string,
  text: string,
  low: number,
  high: number,
  names: readonly string[],
  base: number,
): Matches {
  const number = (word: string): number => {
    const named = names.indexOf(word.toUpperCase());
    const value = named === -1 ? Number(word) : named + base;
    if (word !== '' && Number.isInteger(value) && value >= low && value <= high) return value;
    throw wrong(fields, `'${word}' is not between ${low} and ${high}`);
  };
  const tests = text.split(',').map((item): Matches => {
    const [range = '', step] = item.split('/');
    const by = step === undefined ? 1 : Number(step);
    if (!Number.isInteger(by) || by < 1) throw wrong(fields, `'${step}' is not a step`);
    const [first = '', last] = range.split('-');
    const from = range === '*' ? low : number(first);
    // `5/10` begins at 5 and has no end; `5` is 5 alone.
    const to = last !== undefined ? number(last) : range === '*' || step !== undefined ? high : from;
    if (from > to) {
      // Through the end and on from the beginning: FRI-MON.
      return (value) =>
        (value >= from || value <= to) && (value - from + (value < from ? high - low + 1 : 0)) % by === 0;
    }
    return (value) => value >= from && value <= to && (value - from) % by === 0;
  });
  return (value) => tests.some((test) => test(value));
}

function parseDaysOfMonth(fields: string, text: string): Days {
  const [, before, weekday] = /^L(?:-(\d+))?(W)?$/i.exec(text) ?? [];
  if (/^L/i.test(text)) {
    if (before !== undefined && Number(before) > 30) throw wrong(fields, `'${text}' is before every month`);
    return (year, month) => {
      const day = lengthOf(year, month) - Number(before ?? 0);
      return new Set(weekday === undefined ? [day] : [nearestWeekday(year, month, day)]);
    };
  }
  const [, near] = /^(\d+)W$/i.exec(text) ?? [];
  if (near !== undefined) {
    if (Number(near) < 1 || Number(near) > 31) throw wrong(fields, `'${near}' is not between 1 and 31`);
    return (year, month) =>
      new Set(Number(near) > lengthOf(year, month) ? [] : [nearestWeekday(year, month, Number(near))]);
  }
  const matches = parseField(fields, text, 1, 31, [], 0);
  return (year, month) => daysWhere(year, month, matches);
}

function parseDaysOfWeek(fields: string, text: string): Days {
  const number = (word: string): number => {
    const named = WEEKDAYS.indexOf(word.toUpperCase());
    const value = named === -1 ? Number(word) : named + 1;
    if (Number.isInteger(value) && value >= 1 && value <= 7) return value;
    throw wrong(fields, `'${word}' is no day of the week (1 is Sunday)`);
  };
  const [, lastOne] = /^(\w+)L$/i.exec(text) ?? [];
  if (lastOne !== undefined) {
    const wanted = number(lastOne);
    return (year, month) =>
      daysWhere(year, month, (day) => weekdayOf(year, month, day) === wanted && day > lengthOf(year, month) - 7);
  }
  const [, which, nth] = /^(\w+)#(\d)$/.exec(text) ?? [];
  if (which !== undefined) {
    const wanted = number(which);
    return (year, month) =>
      daysWhere(year, month, (day) => weekdayOf(year, month, day) === wanted && Math.ceil(day / 7) === Number(nth));
  }
  const matches = /^L$/i.test(text) ? (weekday: number) => weekday === 7 : parseField(fields, text, 1, 7, WEEKDAYS, 1);
  return (year, month) => daysWhere(year, month, (day) => matches(weekdayOf(year, month, day)));
}

function daysWhere(year: number, month: number, test: Matches): ReadonlySet<number> {
  const all = Array.from({ length: lengthOf(year, month) }, (_, index) => index + 1);
  return new Set(all.filter(test));
}

/** The working day closest to a day, in the same month. */
function nearestWeekday(year: number, month: number, day: number): number {
  switch (weekdayOf(year, month, day)) {
    case 7:
      return day === 1 ? 3 : day - 1;
    case 1:
      return day === lengthOf(year, month) ? day - 2 : day + 1;
    default:
      return day;
  }
}

/** 1 is Sunday. */
function weekdayOf(year: number, month: number, day: number): number {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 1;
}

function lengthOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function later(from: WallTime): WallTime {
  return normal({ ...from, minute: from.minute + 1 });
}

function nextDay(from: WallTime): WallTime {
  return normal({ ...from, day: from.day + 1, hour: 0, minute: 0 });
}

function nextMonth(from: WallTime): WallTime {
  return normal({ ...from, month: from.month + 1, day: 1, hour: 0, minute: 0 });
}

/** Carries what is beyond an hour, a day or a month. */
function normal({ year, month, day, hour, minute }: WallTime): WallTime {
  const at = new Date(Date.UTC(year, month - 1, day, hour, minute));
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
  };
}

function wrong(fields: string, why: string): ScheduleExpressionError {
  return new ScheduleExpressionError(`cron(${fields})`, why);
}
