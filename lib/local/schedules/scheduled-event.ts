import type { ScheduleResource } from '../resources.ts';

/** One firing of a schedule. */
export interface Tick {
  id: string;
  /** When it was due by its schedule, in milliseconds since the epoch. */
  at: number;
  /** 1 for the first attempt. */
  attempt: number;
}

/**
 * What a target gets, as text: its input, with the context attributes (`<aws.scheduler.scheduled-time>` and so on) filled in,
 * or the default event ("Managing targets" and "Adding context attributes", EventBridge Scheduler user guide).
 */
export function scheduledInput(schedule: ScheduleResource, input: string | undefined, tick: Tick): string {
  if (input === undefined) return JSON.stringify(defaultEvent(schedule, tick));
  if (schedule.kind === 'rule') return input;
  const attributes: Record<string, string> = {
    'schedule-arn': schedule.arn,
    'scheduled-time': timeOf(tick),
    'execution-id': tick.id,
    'attempt-number': String(tick.attempt),
  };
  return input.replace(/<aws\.scheduler\.([a-z-]+)>/g, (whole, name: string) => attributes[name] ?? whole);
}

function defaultEvent({ kind, arn }: ScheduleResource, tick: Tick): object {
  const [, , , region, account] = arn.split(':');
  return {
    version: '0',
    id: tick.id,
    'detail-type': 'Scheduled Event',
    source: kind === 'rule' ? 'aws.events' : 'aws.scheduler',
    account,
    time: timeOf(tick),
    region,
    resources: [arn],
    // Scheduler sends the empty object as text; EventBridge sends the object.
    detail: kind === 'rule' ? {} : '{}',
  };
}

function timeOf({ at }: Tick): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
