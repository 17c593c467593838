import { parseCron, type WallTime } from './cron.ts';
import { ScheduleExpressionError } from './schedule-expression-error.ts';

/** When a schedule fires. */
export interface Recurrence {
  /** The first moment later than `after` (milliseconds since the epoch); undefined when there is none. */
  next(after: number): number | undefined;
  /** The time that an event of that moment says: a rate that beats faster counts whole minutes, hours or days all the same. */
  scheduledTime(at: number): number;
}

/** Milliseconds. */
const SHORTEST_BEAT = 250;
const UNITS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * Reads `rate(5 minutes)`, `cron(0 8 * * ? *)` and `at(2030-01-01T00:00:00)` ("Schedule types in EventBridge Scheduler").
 * A rate fires at `startedAt` for the first time, as a schedule does once it is created, and then keeps its beat.
 * @param timezone the IANA zone of `cron` and `at`
 * @param startedAt milliseconds since the epoch
 * @param speed how many times faster a rate beats, within 4 times a second
 * @throws ScheduleExpressionError
 */
export function parseScheduleExpression(
  expression: string,
  timezone: string,
  startedAt: number,
  speed = 1,
): Recurrence {
  const [, kind, inside = ''] = /^\s*(rate|cron|at)\((.*)\)\s*$/.exec(expression) ?? [];
  switch (kind) {
    case 'rate': {
      const [, count, unit] = /^(\d+)\s+(minute|hour|day)s?$/.exec(inside.trim()) ?? [];
      const declared = Number(count) * (UNITS[unit ?? ''] ?? 0);
      if (!(declared > 0))
        throw new ScheduleExpressionError(expression, 'a rate is a positive number of minutes, hours or days');
      const every = Math.max(SHORTEST_BEAT, declared / speed);
      return {
        next: (after) =>
          after < startedAt ? startedAt : startedAt + (Math.floor((after - startedAt) / every) + 1) * every,
        scheduledTime: (at) => startedAt + Math.round((at - startedAt) / every) * declared,
      };
    }
    case 'cron': {
      const cron = parseCron(inside);
      const zone = zoneOf(timezone, expression);
      return {
        next(after) {
          const found = cron.next(zone.wallTimeAt(after));
          return found && zone.momentOf(found);
        },
        scheduledTime: (at) => at,
      };
    }
    case 'at': {
      const [, year, month, day, hour, minute, second] =
        /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?$/.exec(inside.trim()) ?? [];
      if (year === undefined) throw new ScheduleExpressionError(expression, 'a moment is yyyy-mm-ddThh:mm:ss');
      const wall = { year: +year, month: +month!, day: +day!, hour: +hour!, minute: +minute! };
      const moment = zoneOf(timezone, expression).momentOf(wall) + Number(second ?? 0) * 1000;
      return { next: (after) => (moment > after ? moment : undefined), scheduledTime: (at) => at };
    }
    default:
      throw new ScheduleExpressionError(expression, 'it is neither rate(...) nor cron(...) nor at(...)');
  }
}

interface Zone {
  wallTimeAt(moment: number): WallTime;
  momentOf(wall: WallTime): number;
}

function zoneOf(timezone: string, expression: string): Zone {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
  } catch {
    throw new ScheduleExpressionError(expression, `there is no time zone '${timezone}'`);
  }
  const wallTimeAt = (moment: number): WallTime => {
    const parts = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
    return { year: parts.year!, month: parts.month!, day: parts.day!, hour: parts.hour!, minute: parts.minute! };
  };
  const asUtc = ({ year, month, day, hour, minute }: WallTime): number => Date.UTC(year, month - 1, day, hour, minute);
  return {
    wallTimeAt,
    momentOf(wall) {
      const wanted = asUtc(wall);
      // What the clocks there are ahead by, first guessed and then read again: it may change in between (summer time).
      const guess = wanted - (asUtc(wallTimeAt(wanted)) - wanted);
      return guess + (wanted - asUtc(wallTimeAt(guess)));
    },
  };
}
