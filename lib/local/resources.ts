/** What the templates declare, resolved and provisioned: the vocabulary that the rooms of the local cloud share. */
export interface Resources {
  region: string;
  accountId: string;
  queues: QueueResource[];
  topics: TopicResource[];
  tables: TableResource[];
  functions: FunctionResource[];
  eventSources: EventSourceResource[];
  schedules: ScheduleResource[];
  alarms: AlarmResource[];
  /** Stack outputs: `<stack>.<output>` -> value. */
  outputs: Record<string, string>;
  /** Everything in the templates that nothing here stands for, with the reason. Printed, never silently skipped. */
  notEmulated: NotEmulated[];
}

/** Where a resource comes from. */
export interface Origin {
  stack: string;
  logicalId: string;
  /** The construct path from the template's metadata; the logical id where there is none. */
  path: string;
}

export interface QueueResource extends Origin {
  name: string;
  url: string;
  arn: string;
  fifo: boolean;
  /** The queue that this one dead-letters to. */
  deadLetterArn?: string;
}

export interface TopicResource extends Origin {
  name: string;
  arn: string;
  fifo: boolean;
}

export interface TableResource extends Origin {
  name: string;
  arn: string;
}

export interface FunctionResource extends Origin {
  name: string;
  arn: string;
  /** The folder of the code asset. */
  codeDirectory: string;
  /** `file.export`, as Lambda has it. */
  handler: string;
  timeoutSeconds: number;
  memoryMb: number;
  environment: Record<string, string>;
  reservedConcurrency?: number;
}

/** An event source mapping: from a queue, or from the stream of a table. */
export type EventSourceResource = QueueSourceResource | StreamSourceResource;

interface EventSourceMapping extends Origin {
  uuid: string;
  functionName: string;
  /** 1 to 10 (standard queues with a window, and streams: to 10,000). */
  batchSize: number;
  windowSeconds: number;
  reportBatchItemFailures: boolean;
  /** Event filter patterns, as JSON texts; a record passes when one of them matches. */
  filters: string[];
  enabled: boolean;
}

export interface QueueSourceResource extends EventSourceMapping {
  kind: 'queue';
  queueArn: string;
  queueUrl: string;
  /** 2 to 1,000. */
  maximumConcurrency?: number;
  fifo: boolean;
}

export interface StreamSourceResource extends EventSourceMapping {
  kind: 'stream';
  /** As the engine gave it: only by this one the stream is found. */
  streamArn: string;
  /** Where reading begins when nothing was read before. */
  startingPosition: 'TRIM_HORIZON' | 'LATEST';
  /** Whether a failed batch is halved before it is tried again. */
  bisectOnError: boolean;
  /** How often a failed batch is tried again before it is given up; -1 for ever. */
  maximumRetryAttempts: number;
  /** Older records are given up; -1 none. */
  maximumRecordAgeSeconds: number;
}

/** A schedule of EventBridge Scheduler, or a rule of EventBridge with a schedule. */
export interface ScheduleResource extends Origin {
  kind: 'schedule' | 'rule';
  name: string;
  arn: string;
  /** `rate(...)`, `cron(...)` or `at(...)`. */
  expression: string;
  /** An IANA time zone, for `cron` and `at`. */
  timezone: string;
  /** Milliseconds since the epoch. */
  startAt?: number;
  /** Milliseconds since the epoch. */
  endAt?: number;
  enabled: boolean;
  targets: ScheduleTarget[];
}

export interface ScheduleTarget {
  to: { kind: 'function'; functionName: string } | { kind: 'queue'; queueUrl: string; messageGroupId?: string };
  /** What the target gets, JSON as a rule; undefined for the default event. */
  input?: string;
  maximumRetryAttempts: number;
  maximumEventAgeSeconds: number;
}

/** A metric of CloudWatch: what alarms ask for. */
export interface Metric {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
}

export interface MetricQuery {
  id: string;
  returnData: boolean;
  /** Exactly one of `metric` and `expression` is set. */
  metric?: { metric: Metric; statistic: string; periodSeconds: number };
  expression?: string;
}

export interface MetricAlarmResource extends Origin {
  kind: 'metric';
  name: string;
  arn: string;
  description: string;
  actionsEnabled: boolean;
  alarmActions: string[];
  okActions: string[];
  insufficientDataActions: string[];
  /** One query when the alarm names a metric directly. */
  queries: MetricQuery[];
  periodSeconds: number;
  evaluationPeriods: number;
  datapointsToAlarm: number;
  threshold: number;
  comparison:
    | 'GreaterThanOrEqualToThreshold'
    | 'GreaterThanThreshold'
    | 'LessThanThreshold'
    | 'LessThanOrEqualToThreshold';
  treatMissingData: 'breaching' | 'notBreaching' | 'ignore' | 'missing';
}

export interface CompositeAlarmResource extends Origin {
  kind: 'composite';
  name: string;
  arn: string;
  description: string;
  actionsEnabled: boolean;
  alarmActions: string[];
  okActions: string[];
  insufficientDataActions: string[];
  /** `ALARM("a") OR (ALARM("b") AND NOT OK("c"))`. */
  rule: string;
  suppressor?: ActionsSuppressor;
}

/** What holds back the actions of a composite alarm. */
export interface ActionsSuppressor {
  /** The name or ARN of the alarm that does so while it is in ALARM. */
  alarm: string;
  /** How long the composite alarm waits for the suppressor before it acts. */
  waitSeconds: number;
  /** How long it goes on to wait after the suppressor has left ALARM. */
  extensionSeconds: number;
}

export type AlarmResource = MetricAlarmResource | CompositeAlarmResource;

export interface NotEmulated extends Origin {
  type: string;
  /** Set when the resource is here and only this property of its type has no effect; the origin is the first that has it. */
  property?: string;
  reason: string;
}
