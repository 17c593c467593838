import type { Outcome } from '../batch/outcome.ts';
import type { EmfLine } from './emf.ts';

/** The counts of a consumer: namespace `Baton`, dimensions `service`; `service`, `type`; and `flow`; unit Count. */
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
  /** Returned because another invocation is handling the same event. */
  InProgress: number;
  /** Put into the DLQ behind a message of the same key, to keep the order. */
  Parked: number;
  /** Dead-lettered while later messages of the same key went on. */
  OutOfOrder: number;
  /**
   * Handled now, and later after the event's `time` than promised. Counts add up over consumers and over time, which
   * percentiles of `Latency` do not. Only of a consumer that has such a promise.
   */
  Late?: number;
}

/** What a consumer promises, and as part of what. */
export interface Promises {
  /** The business flow it is part of: all of its consumers also count into one series. @default none */
  flow?: string;
  /** Milliseconds from the event's `time` to its settlement, above which it counts as late. @default nothing is late */
  lateAfterMs?: number;
}

/** What became of a record, as far as metrics go. */
export interface Settlement {
  outcome: Outcome;
  /** Of the event; undefined when the record has no envelope. */
  type: string | undefined;
  /** Milliseconds from the event's `time` until now. @default not known, and not measured */
  latencyMs?: number;
  /** Milliseconds that the handler took. @default it did not run */
  durationMs?: number;
  /** It was dead-lettered, and later records of its key were not. @default false */
  outOfOrder?: boolean;
}

/** Values of one metric in one line. Source: Embedded metric format specification, Amazon CloudWatch user guide. */
const MOST_VALUES = 100;

/** What is known of the records of one type. */
interface Share {
  counts: BatchCounts;
  latencies: number[];
  durations: number[];
}

/**
 * The metrics of a batch: a line for each event type, with that type's share, so that the series by `service` alone add up.
 * Every count is there, zeros included, so that an alarm never meets missing data. No records: no line.
 * @param types those that the consumer accepts: any other is not worth a series of its own @default all
 * @param promises what is counted for objectives @default nothing
 */
export function batchMetrics(
  service: string,
  settlements: Iterable<Settlement>,
  types?: ReadonlySet<string>,
  { flow, lateAfterMs }: Promises = {},
): EmfLine[] {
  const shares = new Map<string | undefined, Share>();
  for (const settlement of settlements) {
    if (settlement.outcome.kind === 'control') continue;
    const type = settlement.type !== undefined && (types?.has(settlement.type) ?? true) ? settlement.type : undefined;
    const share = shares.get(type) ?? { counts: noCounts(lateAfterMs), latencies: [], durations: [] };
    shares.set(type, share);
    add(share, settlement, lateAfterMs);
  }
  return Array.from(shares, ([type, { counts, latencies, durations }]) => ({
    dimensions: { service, ...(type !== undefined && { type }), ...(flow !== undefined && { flow }) },
    dimensionSets: [
      ['service'],
      ...(type === undefined ? [] : [['service', 'type']]),
      ...(flow === undefined ? [] : [['flow']]),
    ],
    metrics: {
      ...Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, { unit: 'Count', value }])),
      ...(latencies.length > 0 && { Latency: { unit: 'Milliseconds', value: sample(latencies) } }),
      ...(durations.length > 0 && { Duration: { unit: 'Milliseconds', value: sample(durations) } }),
    },
  }));
}

/**
 * At most 100 of some values, which stand for all of them: the quantiles at even distances, so that a percentile of them is one
 * of all. Up to 100 values stay as they are.
 */
export function sample(values: readonly number[], most = MOST_VALUES): number[] {
  if (values.length <= most) return [...values];
  const sorted = values.toSorted((a, b) => a - b);
  return Array.from({ length: most }, (_, rank) => sorted[Math.round((rank * (sorted.length - 1)) / (most - 1))]!);
}

function add(
  { counts, latencies, durations }: Share,
  settlement: Settlement,
  lateAfterMs = Number.POSITIVE_INFINITY,
): void {
  const { outcome, latencyMs, durationMs, outOfOrder } = settlement;
  count(counts, outcome);
  if (outOfOrder) counts.OutOfOrder++;
  if (outcome.kind === 'handled' && latencyMs !== undefined && latencyMs > lateAfterMs)
    counts.Late = (counts.Late ?? 0) + 1;
  observe(latencies, latencyMs);
  observe(durations, durationMs);
}

function count(counts: BatchCounts, outcome: Outcome): void {
  if (outcome.kind !== 'control') counts.Delivered++;
  switch (outcome.kind) {
    case 'handled':
      counts.Handled++;
      break;
    case 'duplicate':
      counts.Duplicates++;
      break;
    case 'retry':
      counts.Retried++;
      counts.Failed++;
      break;
    case 'deadLettered':
      counts.DeadLettered++;
      counts.Failed++;
      break;
    case 'parked':
      counts.Parked++;
      break;
    case 'returned':
      counts.Returned++;
      if (outcome.reason === 'claimed-elsewhere') counts.InProgress++;
  }
}

/** Clocks differ: what seems to have been settled before it happened took no time. */
function observe(values: number[], ms: number | undefined): void {
  if (ms !== undefined && Number.isFinite(ms)) values.push(Math.max(Math.round(ms * 100) / 100, 0));
}

function noCounts(lateAfterMs: number | undefined): BatchCounts {
  return {
    Delivered: 0,
    Handled: 0,
    Duplicates: 0,
    Retried: 0,
    DeadLettered: 0,
    Returned: 0,
    Failed: 0,
    InProgress: 0,
    Parked: 0,
    OutOfOrder: 0,
    ...(lateAfterMs !== undefined && { Late: 0 }),
  };
}
