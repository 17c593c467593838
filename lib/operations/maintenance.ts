import {
  type CloudWatchClient,
  DescribeAlarmsCommand,
  type MetricAlarm,
  paginateDescribeAlarms,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { placeOf } from './caller.ts';
import { InvalidActionError, UnknownAlarmError, WindowError, WindowOpenError } from './errors.ts';

/** A time in which nobody is told of alarms, because somebody works on the system on purpose. */
export interface MaintenanceWindow {
  /** The suppressor that is in ALARM meanwhile. */
  alarm: string;
  id: string;
  by: string;
  reason: string;
  /** RFC 3339; undefined when somebody set the alarm by hand. */
  openedAt?: string;
  /** RFC 3339. The heartbeat closes it then; undefined when somebody set the alarm by hand. */
  until?: string;
}

/** What the operations on a window work with. */
export interface MaintenanceProps {
  cloudwatch: CloudWatchClient;
  /** The alarm that suppresses the actions of others. */
  alarm: string;
  /** Who asks. */
  by: string;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
}

/** What {@link openWindow} takes. */
export interface OpenWindowProps extends MaintenanceProps {
  /** How long, in milliseconds, from now: 1 minute to 24 hours. */
  lengthMs: number;
  /** Why, in the operator's words: at most 500 characters. */
  reason: string;
  id: string;
  /** Moves the end of a window that is open; its age counts towards the 24 hours. @default false */
  extend?: boolean;
}

const SHORTEST = 60_000;
const LONGEST = 24 * 60 * 60_000;
/** CloudWatch takes 1,023 characters; the rest of them says who and until when (source: SetAlarmState, API reference). */
const LONGEST_REASON = 500;

/**
 * Opens a maintenance window: composite alarms keep their states, and tell nobody, until it is closed.
 *
 * @throws InvalidActionError when the reason is empty or too long, or the length not between a minute and a day
 * @throws UnknownAlarmError when there is no such alarm
 * @throws WindowOpenError when a window is open, and not to be extended
 * @throws WindowError when none is open that could be extended, or it would be longer than a day
 */
export async function openWindow(props: OpenWindowProps): Promise<MaintenanceWindow> {
  checkWindow(props);
  const { cloudwatch, alarm, by, reason, id, lengthMs, clock = Date.now } = props;
  const now = clock();
  const open = await findWindow(props);
  if (open !== undefined && !props.extend) {
    throw new WindowOpenError(
      `A maintenance window is open already: ${describeWindow(open, now)}. Close it first, or move its end with --extend.`,
    );
  }
  if (open === undefined && props.extend) {
    throw new WindowError(`No maintenance window of ${alarm} is open that could be extended. Open one.`);
  }
  const window: MaintenanceWindow = {
    alarm,
    id: open?.id || id,
    by,
    reason,
    openedAt: open?.openedAt ?? new Date(now).toISOString(),
    until: new Date(now + lengthMs).toISOString(),
  };
  if (Date.parse(window.until!) - Date.parse(window.openedAt!) > LONGEST) {
    throw new WindowError(
      `The window is open since ${window.openedAt}: it would be open for more than 24 hours. Close it, look whether all is well, and open another.`,
    );
  }
  // What an alarm says is replaced for certain when its state changes; the composites wait minutes before they speak.
  if (open !== undefined) await setState(cloudwatch, alarm, 'OK', `Extended by ${by}`);
  const { alarm: _alarm, ...data } = window;
  await setState(cloudwatch, alarm, 'ALARM', `Maintenance by ${by} until ${window.until}: ${reason}`, data);
  return window;
}

/**
 * Closes the maintenance window; returns the one that was open.
 *
 * @throws UnknownAlarmError when there is no such alarm
 */
export async function closeWindow(props: MaintenanceProps): Promise<MaintenanceWindow | undefined> {
  const open = await findWindow(props);
  if (open !== undefined) await setState(props.cloudwatch, props.alarm, 'OK', `Maintenance closed by ${props.by}`);
  return open;
}

/**
 * The open maintenance windows.
 *
 * @param alarm @default every suppressor that Baton's `OnCall` made
 * @throws UnknownAlarmError when there is no such alarm
 */
export async function listWindows({
  cloudwatch,
  alarm,
}: Pick<MaintenanceProps, 'cloudwatch'> & { alarm?: string }): Promise<MaintenanceWindow[]> {
  if (alarm !== undefined) {
    const window = await findWindow({ cloudwatch, alarm });
    return window === undefined ? [] : [window];
  }
  const found: MaintenanceWindow[] = [];
  const pages = paginateDescribeAlarms(
    { client: cloudwatch },
    { AlarmNamePrefix: 'Baton-', AlarmTypes: ['MetricAlarm'], StateValue: 'ALARM' },
  );
  for await (const { MetricAlarms = [] } of pages) {
    found.push(...MetricAlarms.filter((each) => /-Maintenance$/.test(each.AlarmName ?? '')).map(windowOf));
  }
  return found;
}

/** What closes windows that nobody closes. */
export type HeartbeatState = 'beating' | 'silent' | 'missing';

/** Whether the heartbeat that stands beside a suppressor runs, as far as its alarm knows. */
export async function heartbeatOf({
  cloudwatch,
  alarm,
}: Pick<MaintenanceProps, 'cloudwatch' | 'alarm'>): Promise<HeartbeatState> {
  const AlarmNames = [alarm.replace(/-Maintenance$/, '-heartbeat')];
  if (AlarmNames[0] === alarm) return 'missing';
  const { MetricAlarms: [heartbeat] = [] } = await cloudwatch.send(new DescribeAlarmsCommand({ AlarmNames }));
  if (heartbeat === undefined) return 'missing';
  return heartbeat.StateValue === 'ALARM' ? 'silent' : 'beating';
}

/**
 * What is in ALARM of that which a suppressor holds back and which has somebody to tell: when the window is closed, they are
 * told of what began meanwhile.
 */
export async function heldBackBy({
  cloudwatch,
  alarm,
}: Pick<MaintenanceProps, 'cloudwatch' | 'alarm'>): Promise<string[]> {
  const found: string[] = [];
  const pages = paginateDescribeAlarms({ client: cloudwatch }, { AlarmTypes: ['CompositeAlarm'], StateValue: 'ALARM' });
  for await (const { CompositeAlarms = [] } of pages) {
    for (const { AlarmName = '', AlarmActions = [], ActionsSuppressor: by = '' } of CompositeAlarms) {
      if (AlarmActions.length > 0 && (by === alarm || by.endsWith(`:alarm:${alarm}`))) found.push(AlarmName);
    }
  }
  return found.sort();
}

/** A window in a line: whose, why, and how long it lasts. */
export function describeWindow({ by, reason, until }: MaintenanceWindow, now: number): string {
  if (until === undefined) return `set by hand: ${reason || 'no reason given'}`;
  return `by ${by}, until ${minuteOf(until)} (${left(Date.parse(until) - now)}): ${reason}`;
}

/** `2031-05-02 12:00 UTC`: nobody reads milliseconds at night. */
function minuteOf(time: string): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function left(ms: number): string {
  if (ms <= 0) return 'over';
  const minutes = Math.ceil(ms / 60_000);
  const hours = Math.floor(minutes / 60);
  return `${hours > 0 ? `${hours} h ` : ''}${minutes % 60} min left`;
}

function checkWindow({ reason, lengthMs }: OpenWindowProps): void {
  if (reason.trim() === '') {
    throw new InvalidActionError('The reason is empty: say why nobody is to be told of alarms.');
  }
  if (reason.length > LONGEST_REASON) {
    throw new InvalidActionError(`The reason has ${reason.length} characters. Say it in ${LONGEST_REASON}.`);
  }
  if (lengthMs < SHORTEST || lengthMs > LONGEST) {
    throw new InvalidActionError('A maintenance window is open for at least 1 minute and at most 24 hours.');
  }
}

async function findWindow({
  cloudwatch,
  alarm,
}: Pick<MaintenanceProps, 'cloudwatch' | 'alarm'>): Promise<MaintenanceWindow | undefined> {
  const { MetricAlarms: [found] = [] } = await cloudwatch.send(
    new DescribeAlarmsCommand({ AlarmNames: [alarm], AlarmTypes: ['MetricAlarm'] }),
  );
  if (found === undefined) {
    const place = await placeOf(cloudwatch);
    throw new UnknownAlarmError(
      `There is no alarm '${alarm}' in ${place}. Check --env or --alarm, account and region.`,
    );
  }
  return found.StateValue === 'ALARM' ? windowOf(found) : undefined;
}

function windowOf({ AlarmName = '', StateReason = '', StateReasonData }: MetricAlarm): MaintenanceWindow {
  const said = dataOf(StateReasonData);
  return {
    alarm: AlarmName,
    id: said.id ?? '',
    by: said.by ?? 'unknown',
    reason: said.reason ?? StateReason,
    ...(said.openedAt !== undefined && { openedAt: said.openedAt }),
    ...(said.until !== undefined && { until: said.until }),
  };
}

/** What {@link openWindow} left with the alarm; nothing where somebody else set its state. */
function dataOf(text = '{}'): Partial<MaintenanceWindow> {
  try {
    const { id, by, reason, openedAt, until } = JSON.parse(text) as Record<string, unknown>;
    const isTime = (value: unknown) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
    return {
      ...(typeof id === 'string' && { id }),
      ...(typeof by === 'string' && { by }),
      ...(typeof reason === 'string' && { reason }),
      ...(isTime(openedAt) && { openedAt: openedAt as string }),
      ...(isTime(until) && { until: until as string }),
    };
  } catch {
    return {};
  }
}

async function setState(
  cloudwatch: CloudWatchClient,
  AlarmName: string,
  StateValue: 'OK' | 'ALARM',
  StateReason: string,
  data?: object,
): Promise<void> {
  await cloudwatch.send(
    new SetAlarmStateCommand({
      AlarmName,
      StateValue,
      StateReason: StateReason.slice(0, 1_023),
      ...(data && { StateReasonData: JSON.stringify(data) }),
    }),
  );
}
