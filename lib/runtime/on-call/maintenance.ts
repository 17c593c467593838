import type { CloudWatch } from '../aws/clients.ts';

/** Nobody works on a system longer than this without deciding it again. Milliseconds. */
const LONGEST = 24 * 60 * 60_000;

/** Where the heartbeat says what it did and what went wrong. */
export interface HeartbeatLog {
  info(message: string, details: Record<string, unknown>): void;
  warn(message: string, details: Record<string, unknown>): void;
  error(message: string, details: Record<string, unknown>): void;
}

/** What `baton maintenance open` writes beside the state of the alarm. */
interface MaintenanceData {
  until?: unknown;
  by?: unknown;
  reason?: unknown;
  id?: unknown;
}

/**
 * Closes the maintenance window when its time is over, when it has no end, and when its end is more than 24 hours away: whoever
 * forgets a window shall not go without pages.
 * @param now milliseconds since the epoch
 * @throws AwsError
 */
export async function closeOverdueWindow(
  cloudwatch: CloudWatch,
  alarm: string,
  now: number,
  log: HeartbeatLog,
): Promise<void> {
  const { MetricAlarms = [] } = await cloudwatch.call('DescribeAlarms', {
    AlarmNames: [alarm],
    AlarmTypes: ['MetricAlarm'],
  });
  const [window] = MetricAlarms;
  if (window?.StateValue !== 'ALARM') return;
  const data = readData(window.StateReasonData);
  const why = overdue(data, now);
  if (why === undefined) return;
  log.warn(`The maintenance window is closed: ${why}`, { alarm, window: data });
  await cloudwatch.call('SetAlarmState', {
    AlarmName: alarm,
    StateValue: 'OK',
    StateReason: `Closed by the heartbeat: ${why}`,
    StateReasonData: JSON.stringify({ ...data, closedAt: new Date(now).toISOString(), closedBy: 'heartbeat' }),
  });
}

function overdue({ until }: MaintenanceData, now: number): string | undefined {
  const end = typeof until === 'string' ? Date.parse(until) : Number.NaN;
  if (Number.isNaN(end)) return 'it does not say until when it is open.';
  if (end <= now) return `its time was over at ${until}.`;
  if (end - now > LONGEST) return `it would be open until ${until}, and 24 hours are the most.`;
  return undefined;
}

function readData(json: string | undefined): MaintenanceData {
  try {
    return { ...(JSON.parse(json ?? '') as MaintenanceData) };
  } catch {
    return {};
  }
}
