import type { Metric } from '../resources.ts';
import type { AlarmClock } from './alarm-clock.ts';
import type { MetricStore } from './metric-store.ts';

/** One metric value, or several, of an EMF line. */
export interface EmfPut {
  metric: Metric;
  values: number[];
  unit: string;
  resolutionSeconds: 1 | 60;
}

/** What a line of stdout turned out to be. */
export type EmfLine =
  | { kind: 'log' }
  /** `timestampMs` is on the clock of the function that wrote it; undefined when the line has none. */
  | { kind: 'metrics'; timestampMs: number | undefined; puts: EmfPut[] }
  | { kind: 'invalid'; reason: string };

const LOG: EmfLine = { kind: 'log' };
/** Limits of the Embedded Metric Format specification. */
const MAXIMUM_DIMENSIONS = 30;
const MAXIMUM_VALUES = 100;
const MAXIMUM_METRICS = 100;

/**
 * Reads a line as CloudWatch Embedded Metric Format ("Specification: Embedded metric format" in the CloudWatch guide):
 * each directive's metrics are put once per dimension set. Any other line is told apart without parsing it.
 */
export function readEmfLine(line: string): EmfLine {
  if (!line.trimStart().startsWith('{') || !line.includes('"_aws"')) return LOG;
  let root: unknown;
  try {
    root = JSON.parse(line);
  } catch {
    return LOG;
  }
  if (!isRecord(root) || !isRecord(root._aws)) return LOG;
  const directives = root._aws.CloudWatchMetrics;
  if (!Array.isArray(directives)) return invalid('_aws.CloudWatchMetrics is not an array');
  const puts: EmfPut[] = [];
  for (const directive of directives) {
    const reason = readDirective(directive, root, puts);
    if (reason !== undefined) return invalid(reason);
  }
  const { Timestamp } = root._aws;
  return { kind: 'metrics', timestampMs: typeof Timestamp === 'number' ? Timestamp : undefined, puts };
}

export interface EmfReaderProps {
  store: MetricStore;
  clock: AlarmClock;
  /** Called with what is wrong with a line that means to be EMF; CloudWatch drops such a line silently. */
  onInvalid?: (reason: string, line: string) => void;
}

/** Returns a function that takes a line of stdout, puts its metrics, and says whether it was EMF. */
export function createEmfReader({ store, clock, onInvalid }: EmfReaderProps): (line: string) => boolean {
  return (line) => {
    const read = readEmfLine(line);
    if (read.kind === 'log') return false;
    if (read.kind === 'invalid') {
      onInvalid?.(read.reason, line);
      return true;
    }
    const at = clock.toAlarmTime(read.timestampMs ?? clock.realNow());
    for (const { metric, values, unit, resolutionSeconds } of read.puts) {
      store.put(metric, values, at, { unit, resolutionSeconds });
    }
    return true;
  };
}

/** Adds the puts of a directive; returns what is wrong with it. */
function readDirective(directive: unknown, root: Record<string, unknown>, puts: EmfPut[]): string | undefined {
  if (!isRecord(directive)) return 'a metric directive is not an object';
  const { Namespace: namespace, Dimensions: sets, Metrics: metrics } = directive;
  if (typeof namespace !== 'string' || namespace === '') return 'Namespace is not a text';
  if (!Array.isArray(sets) || !sets.every((set) => Array.isArray(set))) return 'Dimensions is not an array of arrays';
  if (!Array.isArray(metrics)) return 'Metrics is not an array';
  if (metrics.length > MAXIMUM_METRICS) return `there are ${metrics.length} metrics, more than ${MAXIMUM_METRICS}`;
  const dimensionSets: Record<string, string>[] = [];
  for (const set of sets) {
    if (set.length > MAXIMUM_DIMENSIONS) return `there are ${set.length} dimensions, more than ${MAXIMUM_DIMENSIONS}`;
    const dimensions: Record<string, string> = {};
    for (const name of set) {
      const value = root[name];
      if (typeof value !== 'string') return `the dimension '${name}' has no text at the top level`;
      dimensions[name] = value;
    }
    dimensionSets.push(dimensions);
  }
  for (const each of metrics) {
    if (!isRecord(each) || typeof each.Name !== 'string') return 'a metric has no Name';
    const found = root[each.Name];
    const values = Array.isArray(found) ? found : [found];
    if (values.length > MAXIMUM_VALUES)
      return `'${each.Name}' has ${values.length} values, more than ${MAXIMUM_VALUES}`;
    if (!values.every((value) => typeof value === 'number')) return `'${each.Name}' has no number at the top level`;
    for (const dimensions of dimensionSets) {
      puts.push({
        metric: { namespace, name: each.Name, dimensions },
        values,
        unit: typeof each.Unit === 'string' ? each.Unit : 'None',
        resolutionSeconds: each.StorageResolution === 1 ? 1 : 60,
      });
    }
  }
  return undefined;
}

function invalid(reason: string): EmfLine {
  return { kind: 'invalid', reason };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
