import { randomUUID } from 'node:crypto';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Invocable } from '../event-sources/event-source.ts';
import type { ScheduleResource, ScheduleTarget } from '../resources.ts';
import { parseScheduleExpression, type Recurrence } from './schedule-expression.ts';
import { scheduledInput, type Tick } from './scheduled-event.ts';

export interface SchedulesProps {
  schedules: readonly ScheduleResource[];
  /** By name. */
  functions: ReadonlyMap<string, Invocable>;
  sqs: SQSClient;
  /** How many times faster time runs for alarms: a rate beats so much faster, for alarms that miss its beat. @default 1 */
  speed?: number | undefined;
  /** What a target could not be brought to do; the schedule goes on by itself. */
  onError?: (error: Error) => void;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default randomUUID */
  id?: () => string;
}

/** Schedules at work. */
export interface Schedules {
  /** Whether a function runs that a schedule started, or one is due within `ms`: events may come of it yet. */
  restless(ms: number): boolean;
  /** Nothing fires any more, and nothing is tried again. What runs is not waited for: it ends with its function. */
  stop(): void;
}

/** The longest time a timer takes, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** Between two attempts, doubling: milliseconds. */
const BACKOFF_MS = { base: 1_000, cap: 60_000 };

/**
 * Fires schedules. A rate fires at once and then by its beat, in the time of the alarms; `cron` and `at` fire when they say,
 * in real time.
 *
 * A firing that finds every execution environment of its function taken by earlier ones of the same schedule waits until
 * one ends; while it waits, it stands for those that come after it. So a function that runs as long as its rate runs without
 * a pause, and nothing piles up. A failed firing is tried again as its retry policy says, until the next one waits.
 * @throws ScheduleExpressionError
 */
export function startSchedules(props: SchedulesProps): Schedules {
  const { clock = Date.now } = props;
  const stopping = new AbortController();
  const lanes = props.schedules
    .filter(({ enabled }) => enabled)
    .map((schedule) => {
      const startedAt = Math.max(clock(), schedule.startAt ?? 0);
      const recurrence = parseScheduleExpression(schedule.expression, schedule.timezone, startedAt, props.speed);
      const next = (after: number): number | undefined => {
        const found = recurrence.next(Math.max(after, (schedule.startAt ?? 0) - 1));
        return found === undefined || found > (schedule.endAt ?? Number.POSITIVE_INFINITY) ? undefined : found;
      };
      const targets = schedule.targets.map((target) => startLane(schedule, target, props, recurrence, stopping.signal));
      return { targets, due: runTimer(next, startedAt - 1, targets, clock, stopping.signal) };
    });
  return {
    restless: (ms) =>
      lanes.some(
        ({ targets, due }) => targets.some(({ busy }) => busy()) || (due() ?? Number.POSITIVE_INFINITY) <= clock() + ms,
      ),
    stop: () => stopping.abort(),
  };
}

interface Lane {
  fire(at: number): void;
  busy(): boolean;
}

/** Fires the lanes at every moment of `next`; returns what tells when that is the next time. */
function runTimer(
  next: (after: number) => number | undefined,
  after: number,
  lanes: readonly Lane[],
  clock: () => number,
  signal: AbortSignal,
): () => number | undefined {
  let due = next(after);
  let timer: NodeJS.Timeout | undefined;
  const arm = (): void => {
    if (due === undefined || signal.aborted) return;
    timer = setTimeout(ring, Math.min(LONGEST_TIMER, Math.max(0, due - clock())));
  };
  const ring = (): void => {
    const now = clock();
    if (due !== undefined && due <= now) {
      for (const lane of lanes) lane.fire(due);
      // After a machine has slept, the moments in between are not made up for.
      due = next(now);
    }
    arm();
  };
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  arm();
  return () => (signal.aborted ? undefined : due);
}

function startLane(
  schedule: ScheduleResource,
  target: ScheduleTarget,
  { functions, sqs, clock = Date.now, id = randomUUID, onError }: SchedulesProps,
  { scheduledTime }: Recurrence,
  signal: AbortSignal,
): Lane {
  const { to } = target;
  let running = 0;
  let waiting: number | undefined;
  const places = (): number =>
    to.kind === 'function' ? Math.max(1, functions.get(to.functionName)?.concurrency ?? 1) : 1;

  /** Throws when the target refused or failed. */
  const deliver = async (tick: Tick): Promise<void> => {
    const input = scheduledInput(schedule, target.input, tick);
    if (to.kind === 'queue') {
      const MessageGroupId = to.messageGroupId;
      const group = MessageGroupId === undefined ? {} : { MessageGroupId };
      await sqs.send(new SendMessageCommand({ QueueUrl: to.queueUrl, MessageBody: input, ...group }));
      return;
    }
    const fn = functions.get(to.functionName);
    if (fn === undefined) throw new Error(`there is no function ${to.functionName}`);
    const result = await fn.invoke(payloadOf(input));
    if (result.status === 'throttled') throw new Error(result.reason);
    if (result.status === 'failed') throw new Error(`${result.error.errorType}: ${result.error.errorMessage}`);
  };

  const run = async (at: number): Promise<void> => {
    const tick: Tick = { id: id(), at: scheduledTime(at), attempt: 1 };
    for (; ; tick.attempt += 1) {
      try {
        return await deliver(tick);
      } catch (cause) {
        if (signal.aborted) return;
        const pause = Math.min(BACKOFF_MS.cap, BACKOFF_MS.base * 2 ** (tick.attempt - 1));
        const spent = tick.attempt > target.maximumRetryAttempts;
        const expired = clock() + pause > at + target.maximumEventAgeSeconds * 1000;
        const replaced = waiting !== undefined;
        const outlook = spent || expired || replaced ? 'given up' : `tried again in ${pause / 1000} s`;
        onError?.(
          new Error(`${schedule.path}: attempt ${tick.attempt} failed (${(cause as Error).message}), ${outlook}`),
        );
        if (spent || expired || replaced) return;
        await rest(pause, signal);
        if (signal.aborted) return;
      }
    }
  };

  const fire = (at: number): void => {
    if (signal.aborted) return;
    if (running >= places()) {
      waiting ??= at;
      return;
    }
    running += 1;
    void run(at).finally(() => {
      running -= 1;
      const next = waiting;
      waiting = undefined;
      if (next !== undefined) fire(next);
    });
  };
  return { fire, busy: () => to.kind === 'function' && running > 0 };
}

function payloadOf(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    return input;
  }
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
    signal.addEventListener('abort', end, { once: true });
  });
}
