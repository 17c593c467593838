import type { Logger } from '@aws-lambda-powertools/logger';
import type { Context, SQSRecord } from 'aws-lambda';
import { type AnyContract, versionOf } from '../../contracts/contract.ts';
import type { Envelope } from '../../contracts/envelope.ts';
import { MASK, type Mask, maskOf } from '../../contracts/sensitive.ts';
import { accepted } from '../../contracts/versions.ts';
import type { Outcome } from '../batch/outcome.ts';
import { attemptOf } from '../batch/record.ts';
import { batchMetrics, type Promises, type Settlement } from './batch-metrics.ts';
import { writeEmf } from './emf.ts';
import { EventLogger, type LogSubject, logAbout } from './event-logger.ts';
import { readTraceparent } from './trace-context.ts';
import { startTracing, type Tracing } from './tracing.ts';

export type { BatchCounts, Settlement } from './batch-metrics.ts';

/** What a consumer says about itself. */
export interface Telemetry {
  readonly logger: Logger;
  readonly tracing: Tracing;
  /** Names the invocation on the log lines to come. */
  begin(context: Context): void;
  /** A logger whose every line names the event and its journey, and shows none of the event's sensitive fields. */
  loggerFor(record: SQSRecord, event: Envelope): Logger;
  /** Runs what handles a record: the lines of every `EventLogger` in it are about that record. */
  within<Result>(record: SQSRecord, event: Envelope | undefined, work: () => Result): Result;
  /** Masks the sensitive fields of a record's event, wherever texts of it end up. The identity when there are none. */
  maskFor(record: SQSRecord, event: Envelope | undefined): (text: string) => string;
  /** Hears of data that a record only refers to, before anybody changes it: it is masked as if it had come along. */
  fetched(record: SQSRecord, type: string, data: unknown): void;
  /** Logs what became of a record, when that is worth a line. */
  tell(record: SQSRecord, event: Envelope | undefined, outcome: Outcome): void;
  /** Writes the metrics of a batch: a line for each event type in it. */
  measure(settlements: Iterable<Settlement>): void;
}

/** How a consumer's telemetry differs from the defaults. */
export interface TelemetryProps {
  /** What the consumer accepts: whose fields are sensitive, and which types have metrics of their own. @default not known */
  contracts?: readonly AnyContract[];
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default started when the environment says so */
  tracing?: Tracing;
  /** What is counted for objectives. @default nothing */
  promises?: Promises;
}

/** Powertools' Logger, metrics and tracing, set up for a consumer. */
export function createTelemetry(consumer: string, props: TelemetryProps = {}): Telemetry {
  const { contracts, clock = Date.now } = props;
  const logger = new EventLogger({ serviceName: consumer });
  const tracing =
    props.tracing ??
    startTracing({
      service: consumer,
      onProblem: (error) => logger.warn('Spans are not exported.', { error: asError(error) }),
    });
  const masks = createMasks(contracts ?? []);
  const types = contracts && new Set(contracts.map(({ type }) => type));
  const subjectOf = (record: SQSRecord, event: Envelope | undefined): LogSubject => ({
    ids: identify(record, event, tracing),
    mask: masks.of(record, event),
  });
  return {
    logger,
    tracing,
    begin: (context) => logger.addContext(context),
    loggerFor: (record, event) => EventLogger.about(subjectOf(record, event), logger),
    within(record, event, work) {
      let subject: LogSubject | undefined;
      return logAbout(() => (subject ??= subjectOf(record, event)), work);
    },
    fetched: masks.fetched,
    maskFor: (record, event) => masks.of(record, event)?.text ?? ((text) => text),
    tell(record, event, outcome) {
      if (outcome.kind === 'handled' || outcome.kind === 'duplicate' || outcome.kind === 'control') return;
      logAbout(
        () => subjectOf(record, event),
        () => tellOutcome(logger, attemptOf(record), outcome),
      );
    },
    measure(settlements) {
      for (const line of batchMetrics(consumer, settlements, types, props.promises)) writeEmf(line, clock());
    },
  };
}

function tellOutcome(logger: Logger, attempt: number, outcome: Outcome): void {
  switch (outcome.kind) {
    case 'retry':
      logger.warn('A record failed and will be retried.', {
        attempt,
        delay_seconds: outcome.delaySeconds,
        error: asError(outcome.error),
      });
      return;
    case 'deadLettered':
      logger.error('A record failed for good and is in the DLQ.', { attempt, error: asError(outcome.error) });
      return;
    case 'parked':
      logger.warn('A record is in the DLQ behind an earlier one of its key.', { attempt, behind: outcome.behind });
      return;
    case 'returned':
      logger.info('A record goes back unharmed.', {
        attempt,
        reason: outcome.reason,
        delay_seconds: outcome.delaySeconds,
      });
  }
}

/** The masks of a batch. */
interface Masks {
  /** The mask of an event, each made once; undefined when the contracts of its type have no sensitive fields. */
  of(record: SQSRecord, event?: Envelope): Mask | undefined;
  fetched: Telemetry['fetched'];
}

function createMasks(contracts: readonly AnyContract[]): Masks {
  const sensitive = new Map<string, Set<string>>();
  for (const contract of contracts.flatMap(accepted)) {
    if (contract.sensitive.length === 0) continue;
    // of all versions: an event may have been brought from one to another
    sensitive.set(contract.type, new Set([...(sensitive.get(contract.type) ?? []), ...contract.sensitive]));
  }
  const masks = new WeakMap<SQSRecord, Mask>();
  const ofFetched = new WeakMap<SQSRecord, Mask>();
  return {
    of(record, event) {
      const paths = event && sensitive.get(event.type);
      if (paths === undefined) return undefined;
      let mask = masks.get(record);
      if (mask === undefined) {
        // as it was sent too: a schema may have changed it, and so may the handler
        const known = ofFetched.get(record);
        mask = known
          ? both(known, maskOrHide([...paths], event!.data))
          : maskOrHide([...paths], event!.data, dataSentIn(record));
        masks.set(record, mask);
      }
      return mask;
    },
    fetched(record, type, data) {
      const paths = sensitive.get(type);
      // the mask and not the data: that may be large, and the record lives as long as its batch
      if (paths !== undefined) ofFetched.set(record, maskOrHide([...paths], data));
    },
  };
}

function both(first: Mask, second: Mask): Mask {
  return {
    text: (text) => second.text(first.text(text)),
    value: (value) => second.value(first.value(value)),
  };
}

/** Data that is nested too deep to be searched shows nothing at all. */
function maskOrHide(sensitive: readonly string[], ...data: readonly unknown[]): Mask {
  try {
    return maskOf({ sensitive }, ...data);
  } catch {
    return { text: () => MASK, value: () => ({ hidden: MASK }) };
  }
}

function dataSentIn({ body }: SQSRecord): unknown {
  try {
    return (JSON.parse(body) as Envelope).data;
  } catch {
    return undefined;
  }
}

/** What a log line says about its record. */
function identify(record: SQSRecord, event: Envelope | undefined, tracing: Tracing): Record<string, string> {
  const traceId = readTraceparent(tracing.traceparentFor(event))?.traceId;
  return {
    message_id: record.messageId,
    ...(event && {
      event_id: event.id,
      event_type: event.type,
      event_version: String(versionOf(event.dataschema) ?? 'unknown'),
      correlation_id: event.correlationid,
      ...(event.causationid !== undefined && { causation_id: event.causationid }),
    }),
    ...(traceId !== undefined && { trace_id: traceId }),
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
