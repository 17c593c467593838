import type { SNSEventRecord } from 'aws-lambda';
import type { CloudWatch, Sns } from '../aws/clients.ts';
import { RuntimeError } from '../errors.ts';
import { writeEmf } from '../telemetry/emf.ts';
import { alarmMessage, alarmNameOf } from './alarm-message.ts';
import type { DeadMansSwitch } from './dead-mans-switch.ts';
import type { HeartbeatSettings } from './heartbeat-settings.ts';
import { closeOverdueWindow, type HeartbeatLog } from './maintenance.ts';
import { readMetrics } from './metric-reader.ts';
import { horizonOf, judge, MINUTE, newsOf, type Past, pastOf, patienceOf, probeLevel, type Verdict } from './probe.ts';
import { publishRatios } from './publish-rates.ts';

/** What a {@link Heartbeat} needs from outside. */
export interface HeartbeatProps {
  readonly settings: HeartbeatSettings;
  readonly cloudwatch: CloudWatch;
  readonly sns: Sns;
  readonly log: HeartbeatLog;
  /** @default none */
  readonly deadMansSwitch?: DeadMansSwitch;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number;
  /** Where metrics go. @default stdout */
  readonly output?: (line: string) => void;
}

/** The heartbeat has run long enough to see its own metrics, and CloudWatch shows none of them. */
export class HeartbeatBlindError extends RuntimeError {
  override name = 'HeartbeatBlindError';
}

/** Watches the alarms: they watch everything else. */
export interface Heartbeat {
  /**
   * Does what is due in a minute. Never throws: a duty that fails makes the metric `Heartbeat` 0, and an alarm on that.
   * @param due when it was to be done, in milliseconds since the epoch
   */
  beat(due: number): Promise<void>;
  /** Notes that notifications of the probe alarm arrived. */
  hear(records: readonly SNSEventRecord[]): void;
}

/** Minutes between two looks at the past: each costs three metrics of GetMetricData. */
const LOOK = 5;
/** The minute in which the last hour's metrics are complete. */
const RATES = 5;

export function createHeartbeat(props: HeartbeatProps): Heartbeat {
  const { settings, cloudwatch, sns, log, deadMansSwitch, clock = Date.now, output } = props;
  const { onCall, probeMinutes } = settings;
  const probe = alarmNameOf(settings.probeAlarmArn);
  /** What the last look found; undefined when there was none, or it failed. */
  let verdict: Verdict | undefined;
  let youngSince: number | undefined;

  const write = (dimensions: Record<string, string>, values: Record<string, number>): void => {
    const metrics = Object.entries(values).map(([name, value]) => [name, { unit: 'None' as const, value }]);
    writeEmf({ dimensions, metrics: Object.fromEntries(metrics) }, clock(), output);
  };

  const look = async (): Promise<void> => {
    verdict = undefined;
    // The metrics of the last minute may be still on their way.
    const now = clock();
    const range = { from: Math.floor((now - horizonOf(probeMinutes)) / MINUTE) * MINUTE, to: now };
    const [beats, heard, told] = await readMetrics(cloudwatch, pastOf(onCall), range, MINUTE / 1000);
    const past: Past = { beats: beats!, heard: heard!, told: told! };
    const found = judge(past, now, probeMinutes);
    youngSince = found === 'young' ? (youngSince ?? now) : undefined;
    if (youngSince !== undefined && now - youngSince > patienceOf(probeMinutes) + 2 * LOOK * MINUTE) {
      throw new HeartbeatBlindError(
        `The metric Heartbeat of ${onCall} has ${past.beats.length} datapoints although it is written every minute: metrics in logs do not arrive, or not in time.`,
      );
    }
    const news = newsOf(found, past, now);
    if (news !== undefined) {
      await sns.call('Publish', { TopicArn: settings.pageTopicArn, ...alarmMessage(news, settings, now) });
      write({ onCall }, { HeartbeatOutage: news === 'outage' ? 1 : 0 });
      if (news === 'outage') log.error('The alarms do not work; the page topic was told so.', { probe });
      else log.info('The alarms work again; the page topic was told so.', { probe });
    }
    verdict = found;
  };

  const compare = async (): Promise<void> => {
    for (const { topic, ratio } of await publishRatios(cloudwatch, settings.publishRates, clock())) {
      write({ topic }, { PublishRatio: ratio });
    }
  };

  return {
    async beat(due) {
      const minute = Math.floor(due / MINUTE);
      const duties: [name: string, duty: () => Promise<void>][] = [
        [
          'close an overdue maintenance window',
          () => closeOverdueWindow(cloudwatch, settings.maintenanceAlarm, clock(), log),
        ],
      ];
      if (verdict === undefined || minute % LOOK === 0) duties.push(['look whether alarms work', look]);
      if (settings.publishRates.length > 0 && minute % 60 === RATES) duties.push(['compare publish rates', compare]);
      const done = await Promise.all(
        duties.map(([name, duty]) =>
          duty().then(
            () => true,
            (error) => {
              log.error(`The heartbeat could not ${name}.`, { error });
              return false;
            },
          ),
        ),
      );
      const well = !done.includes(false);
      if (deadMansSwitch && well && verdict !== 'silent') {
        // Whoever waits for the call outside pages when it stays away; here nobody has to be woken for that.
        await deadMansSwitch.press().catch((error) => log.warn("The dead man's switch was not reached.", { error }));
      }
      write({ onCall }, { Heartbeat: well ? 1 : 0, HeartbeatProbe: probeLevel(due, probeMinutes) });
    },
    hear(records) {
      for (const { Sns: notification } of records) {
        const { name, at } = readNotification(notification.Message);
        if (name !== probe) {
          log.warn('A notification that is not of the probe alarm arrived; it is left alone.', { alarm: name ?? null });
        } else if (clock() - at <= probeMinutes * MINUTE) {
          write({ onCall }, { HeartbeatHeard: 1 });
        } else {
          log.warn('A notification of the probe alarm arrived too late to count.', { at: new Date(at).toISOString() });
        }
      }
    },
  };
}

function readNotification(message: string): { name?: string; at: number } {
  try {
    const { AlarmName, StateChangeTime } = JSON.parse(message) as Record<string, string>;
    // CloudWatch writes the zone as +0000, which is not what ISO 8601 has.
    const at = Date.parse(StateChangeTime?.replace(/\+0000$/, 'Z') ?? '');
    return { ...(AlarmName !== undefined && { name: AlarmName }), at: Number.isNaN(at) ? 0 : at };
  } catch {
    return { at: 0 };
  }
}
