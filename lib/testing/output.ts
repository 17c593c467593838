/** A line that the function logged, as the object that it is. */
export type LogLine = Readonly<Record<string, unknown>>;

/** Metrics that the function wrote together. */
export interface MetricLine {
  /** Dimensions by name: `service`, `type`. */
  dimensions: Readonly<Record<string, string>>;
  /** A number or several observations by metric name. */
  values: Readonly<Record<string, number | readonly number[]>>;
}

/** What the function wrote to its standard output. */
export interface Output {
  logs: LogLine[];
  metrics: MetricLine[];
}

const METHODS = ['debug', 'error', 'info', 'log', 'warn'] as const;

/**
 * Runs some work and keeps the lines of JSON that it writes, be it through the console or directly. Other lines go where they
 * went before.
 */
export async function capture<Value>(work: () => Promise<Value>): Promise<Output & { value: Value }> {
  const output: Output = { logs: [], metrics: [] };
  const restore: (() => void)[] = [];
  for (const method of METHODS) {
    const original = console[method];
    console[method] = (...said: unknown[]) => {
      if (said.length !== 1 || typeof said[0] !== 'string' || !keep(said[0], output)) original.apply(console, said);
    };
    restore.push(() => {
      console[method] = original;
    });
  }
  for (const stream of [process.stdout, process.stderr]) {
    const original = stream.write;
    stream.write = ((chunk: unknown, ...rest: unknown[]) => {
      const text = typeof chunk === 'string' ? chunk : '';
      const others = text.split('\n').filter((line) => line !== '' && !keep(line, output));
      if (text !== '' && others.length === 0) {
        const told = rest.at(-1);
        if (typeof told === 'function') told();
        return true;
      }
      return (original as (...all: unknown[]) => boolean).call(stream, chunk, ...rest);
    }) as typeof stream.write;
    restore.push(() => {
      stream.write = original;
    });
  }
  try {
    const value = await work();
    return { ...output, value };
  } finally {
    for (const undo of restore.reverse()) undo();
  }
}

/** Takes a line that is a JSON object. */
function keep(line: string, output: Output): boolean {
  if (!line.startsWith('{')) return false;
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return false;
  }
  if (value._aws === undefined) output.logs.push(value);
  else output.metrics.push(readMetrics(value));
  return true;
}

/** Source: Embedded metric format specification, Amazon CloudWatch user guide. */
function readMetrics(line: Record<string, unknown>): MetricLine {
  const { CloudWatchMetrics = [] } = line._aws as {
    CloudWatchMetrics?: { Dimensions: string[][]; Metrics: { Name: string }[] }[];
  };
  const dimensions: Record<string, string> = {};
  const values: Record<string, number | readonly number[]> = {};
  for (const { Dimensions, Metrics } of CloudWatchMetrics) {
    for (const name of Dimensions.flat()) dimensions[name] = String(line[name]);
    for (const { Name } of Metrics) values[Name] = line[Name] as number | readonly number[];
  }
  return { dimensions, values };
}
