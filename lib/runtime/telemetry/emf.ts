/** A metric's unit, as CloudWatch names it. */
export type MetricUnit = 'Count' | 'Milliseconds' | 'Seconds' | 'Percent' | 'None';

/** What one EMF line says. */
export interface EmfLine {
  /** Sets of dimensions by name and value: each set is a series of its own. No ids: every value costs a metric. */
  dimensions: Readonly<Record<string, string>>;
  /** Which dimensions go together. @default all of them, as one set */
  dimensionSets?: readonly (readonly string[])[];
  /** A number, or up to 100 observations. */
  metrics: Readonly<Record<string, { unit: MetricUnit; value: number | readonly number[] }>>;
  /** For whoever reads the log; no metric. */
  properties?: Readonly<Record<string, unknown>>;
}

/** The namespace of every metric of Baton. */
export const NAMESPACE = 'Baton';

/**
 * Writes metrics as a log line that CloudWatch takes apart.
 * Source: Embedded metric format specification, Amazon CloudWatch user guide.
 * @param timestamp milliseconds since the epoch
 * @param write @default to stdout as it is: Lambda's `console.log` puts a prefix before the text, or JSON around it
 */
export function writeEmf(line: EmfLine, timestamp: number, write: (text: string) => void = writeLine): void {
  const { dimensions, dimensionSets = [Object.keys(dimensions)], metrics, properties } = line;
  const values: Record<string, unknown> = {};
  for (const [name, { value }] of Object.entries(metrics)) values[name] = value;
  write(
    JSON.stringify({
      _aws: {
        Timestamp: timestamp,
        CloudWatchMetrics: [
          {
            Namespace: NAMESPACE,
            Dimensions: dimensionSets,
            Metrics: Object.entries(metrics).map(([Name, { unit }]) => ({ Name, Unit: unit })),
          },
        ],
      },
      ...properties,
      ...dimensions,
      ...values,
    }),
  );
}

function writeLine(text: string): void {
  process.stdout.write(`${text}\n`);
}
