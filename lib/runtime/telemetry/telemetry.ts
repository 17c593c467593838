import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context, SQSRecord } from 'aws-lambda';
import type { Envelope } from '../../contracts/envelope.ts';
import type { Outcome } from '../batch/outcome.ts';
import { attemptOf } from '../batch/record.ts';

/** The metrics of a consumer: namespace `Baton`, dimension `service`, unit Count. */
export interface BatchCounts {
  /** Records in the batch. */
  Delivered: number;
  /** Handled now. */
  Handled: number;
  /** Handled before. */
  Duplicates: number;
  /** Failed, and back in the queue. */
  Retried: number;
  /** Failed for good. */
  DeadLettered: number;
  /** Back in the queue, unharmed. */
  Returned: number;
  /** Retried and dead-lettered. */
  Failed: number;
}

/** Counts the outcomes of a batch. Every count is there, zeros included, so that an alarm never meets missing data. */
export function countOutcomes(outcomes: Iterable<Outcome>): BatchCounts {
  const counts = { Delivered: 0, Handled: 0, Duplicates: 0, Retried: 0, DeadLettered: 0, Returned: 0, Failed: 0 };
  for (const { kind } of outcomes) {
    counts.Delivered++;
    if (kind === 'handled') counts.Handled++;
    else if (kind === 'duplicate') counts.Duplicates++;
    else if (kind === 'retry') counts.Retried++;
    else if (kind === 'deadLettered') counts.DeadLettered++;
    else counts.Returned++;
  }
  counts.Failed = counts.Retried + counts.DeadLettered;
  return counts;
}

/** What a consumer says about itself. */
export interface Telemetry {
  readonly logger: Logger;
  /** Names the invocation on the log lines to come. */
  begin(context: Context): void;
  /** A logger whose every line names the event and its journey. */
  loggerFor(record: SQSRecord, event: Envelope): Logger;
  /** Logs what became of a record, when that is worth a line. */
  tell(record: SQSRecord, event: Envelope | undefined, outcome: Outcome): void;
  /** Writes the metrics of a batch: one line. */
  measure(outcomes: Iterable<Outcome>): void;
}

/** Powertools' Logger and Metrics, set up for a consumer. */
export function createTelemetry(consumer: string): Telemetry {
  const logger = new Logger({ serviceName: consumer });
  const metrics = new Metrics({ namespace: 'Baton', serviceName: consumer });
  return {
    logger,
    begin: (context) => logger.addContext(context),
    loggerFor: (record, event) => logger.createChild({ persistentKeys: identify(record, event) }),
    tell(record, event, outcome) {
      const ids = () => ({ ...identify(record, event), attempt: attemptOf(record) });
      switch (outcome.kind) {
        case 'handled':
        case 'duplicate':
          return;
        case 'retry':
          logger.warn('A record failed and will be retried.', {
            ...ids(),
            delay_seconds: outcome.delaySeconds,
            error: asError(outcome.error),
          });
          return;
        case 'deadLettered':
          logger.error('A record failed for good and is in the DLQ.', { ...ids(), error: asError(outcome.error) });
          return;
        case 'returned':
          logger.info('A record goes back unharmed.', {
            ...ids(),
            reason: outcome.reason,
            delay_seconds: outcome.delaySeconds,
          });
      }
    },
    measure(outcomes) {
      for (const [name, count] of Object.entries(countOutcomes(outcomes))) {
        metrics.addMetric(name, MetricUnit.Count, count);
      }
      metrics.publishStoredMetrics();
    },
  };
}

/** What a log line says about its record. */
function identify(record: SQSRecord, event: Envelope | undefined) {
  return {
    message_id: record.messageId,
    ...(event && {
      event_id: event.id,
      event_type: event.type,
      correlation_id: event.correlationid,
      ...(event.causationid !== undefined && { causation_id: event.causationid }),
    }),
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
