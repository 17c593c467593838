import { LONGEST_DELAY_SECONDS, type Retention } from './batch/retry.ts';
import { type DependenciesSettings, readDependencies } from './dependencies/dependency-settings.ts';
import { ConfigurationError } from './errors.ts';
import type { Promises } from './telemetry/batch-metrics.ts';

/** What the `Consumer` construct tells the function through its environment. */
export interface Settings {
  /** The consumer's name: its metrics dimension, its part of every idempotency record, the source of what it publishes. */
  consumer: string;
  queueUrl: string;
  deadLetterQueueUrl: string;
  idempotencyTable: string;
  /** How long a completed event stays known, in seconds. */
  idempotencyTtlSeconds: number;
  /** Attempts after which a failing record is dead-lettered. @default 5 */
  maxAttempts: number;
  /** Longest delay before the second attempt; doubled for each one after it. @default 2 */
  backoffBaseSeconds: number;
  /** @default what SQS allows, just under 12 hours */
  backoffCapSeconds: number;
  /** Whether later events of a key follow its dead letters into the DLQ. @default false */
  strict: boolean;
  /** How long the queue keeps a message, and hides one that was received. @default unknown: delays are as long as SQS allows */
  retention?: Retention;
  /** Receives after which SQS itself moves a message to the DLQ. @default unknown */
  maxReceives?: number;
  /** How long a claim holds without being renewed; a crash blocks its event that long. @default 60 */
  leaseSeconds: number;
  /** Where the events of `context.commit` go. @default none: publishing with a commit is an error */
  outbox?: { table: string; shards: number; fenced: boolean };
  /** What the handler calls behind circuit breakers. @default none */
  dependencies: DependenciesSettings;
  /** Whose keeper pauses and resumes the event source. @default none */
  keeperQueueUrl?: string;
  /** Where the data of events is that are too large to travel. @default none: they are neither published nor read */
  claimCheckBucket?: string;
  /** Where `context.publish` publishes. @default none: publishing is an error */
  topicArn?: string;
  /** What it counts for the objectives of its flow. @default neither a flow nor a limit: nothing is late */
  promises: Promises;
}

/**
 * Reads the settings of a consumer.
 * @throws ConfigurationError that lists every variable that is missing or no positive number.
 */
export function readSettings(environment: Record<string, string | undefined> = process.env): Settings {
  const wrong: string[] = [];
  const text = (name: string): string => {
    const value = environment[name];
    if (value === undefined || value === '') wrong.push(`${name} is not set`);
    return value ?? '';
  };
  const positive = (name: string, fallback?: number): number => {
    const value = environment[name];
    if ((value === undefined || value === '') && fallback !== undefined) return fallback;
    const number = Number(text(name));
    if (value !== undefined && value !== '' && !(number > 0))
      wrong.push(`${name} is '${value}', not a positive number`);
    return number;
  };
  const settings: Settings = {
    consumer: text('BATON_CONSUMER'),
    queueUrl: text('BATON_QUEUE_URL'),
    deadLetterQueueUrl: text('BATON_DLQ_URL'),
    idempotencyTable: text('BATON_IDEMPOTENCY_TABLE'),
    idempotencyTtlSeconds: positive('BATON_IDEMPOTENCY_TTL_SECONDS'),
    maxAttempts: positive('BATON_MAX_ATTEMPTS', 5),
    backoffBaseSeconds: positive('BATON_BACKOFF_BASE_SECONDS', 2),
    backoffCapSeconds: Math.min(positive('BATON_BACKOFF_CAP_SECONDS', LONGEST_DELAY_SECONDS), LONGEST_DELAY_SECONDS),
    strict: environment.BATON_ORDERING === 'strict',
    ...(environment.BATON_RETENTION_SECONDS
      ? {
          retention: {
            seconds: positive('BATON_RETENTION_SECONDS'),
            visibilitySeconds: positive('BATON_VISIBILITY_SECONDS', 30),
          },
        }
      : {}),
    ...(environment.BATON_MAX_RECEIVES ? { maxReceives: positive('BATON_MAX_RECEIVES') } : {}),
    leaseSeconds: positive('BATON_LEASE_SECONDS', 60),
    dependencies: readDependencies(environment.BATON_DEPENDENCIES),
    ...(environment.BATON_KEEPER_QUEUE_URL ? { keeperQueueUrl: environment.BATON_KEEPER_QUEUE_URL } : {}),
    ...(environment.BATON_OUTBOX_TABLE
      ? {
          outbox: {
            table: environment.BATON_OUTBOX_TABLE,
            shards: positive('BATON_OUTBOX_SHARDS'),
            fenced: environment.BATON_OUTBOX_FENCED !== 'false',
          },
        }
      : {}),
    ...(environment.BATON_CLAIM_CHECK_BUCKET ? { claimCheckBucket: environment.BATON_CLAIM_CHECK_BUCKET } : {}),
    ...(environment.BATON_TOPIC_ARN ? { topicArn: environment.BATON_TOPIC_ARN } : {}),
    promises: {
      ...(environment.BATON_FLOW ? { flow: environment.BATON_FLOW } : {}),
      ...(environment.BATON_LATE_AFTER_SECONDS ? { lateAfterMs: positive('BATON_LATE_AFTER_SECONDS') * 1_000 } : {}),
    },
  };
  if (wrong.length > 0) {
    throw new ConfigurationError(
      `This function is not set up as a consumer: ${wrong.join('; ')}. The Consumer construct sets these; elsewhere, set them yourself.`,
    );
  }
  return settings;
}
