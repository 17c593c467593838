/** How one consumer is doing: the counts are records since the start. */
export interface ConsumerStatus {
  name: string;
  /** False while its event source mapping is disabled: its queue only fills. */
  enabled: boolean;
  delivered: number;
  handled: number;
  duplicates: number;
  retried: number;
  deadLettered: number;
  /** Records that a worker holds now, or that wait for a retry. */
  inFlight: number;
  /** Records that wait in the queue. */
  waiting: number;
  /** Age of the oldest record in the queue, in seconds; undefined when it is empty. */
  oldestSeconds: number | undefined;
}

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** How one alarm is doing. */
export interface AlarmStatus {
  name: string;
  state: AlarmState;
  /** When it came into this state: epoch milliseconds. */
  since: number;
  reason: string;
  /** Whether it has an action of its own; others are heard through composite alarms. */
  speaks: boolean;
  /** The on-call topic that was told of this state; undefined when none was. */
  notified: string | undefined;
}
