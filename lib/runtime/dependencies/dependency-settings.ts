import { ConfigurationError } from '../errors.ts';

/** When the circuit of a dependency opens and closes, and how its calls are bounded. */
export interface DependencySettings {
  /** Seconds over which calls are counted; they leave the count by halves of it. @default 60 */
  windowSeconds: number;
  /** Calls within the window before the failure rate means anything. @default 20 */
  minimumCalls: number;
  /** Failures among the calls of the window, in percent, at which the circuit opens. @default 50 */
  failureRate: number;
  /** Seconds that the circuit stays open at first; doubled with each round of probes that fails. @default 30 */
  openSeconds: number;
  /** The longest that it stays open, in seconds, before a jitter of up to a quarter. @default 600 */
  longestOpenSeconds: number;
  /** Calls that must succeed before the circuit closes, and the most per probe interval, over all workers. @default 5 */
  probes: number;
  /** Seconds. @default 10 */
  probeIntervalSeconds: number;
  /** Seconds between two steps of the ramp after it has closed. @default 10 */
  rampStepSeconds: number;
  /** Calls in flight at the same time, per execution environment. @default no bound */
  maximumConcurrency?: number;
  /** Seconds that a call may take. @default what is left of the invocation */
  timeoutSeconds?: number;
}

/** Dependencies by name. */
export type DependenciesSettings = Readonly<Record<string, DependencySettings>>;

export const DEFAULT_SETTINGS: DependencySettings = {
  windowSeconds: 60,
  minimumCalls: 20,
  failureRate: 50,
  openSeconds: 30,
  longestOpenSeconds: 600,
  probes: 5,
  probeIntervalSeconds: 10,
  rampStepSeconds: 10,
};

const KNOWN = new Set([...Object.keys(DEFAULT_SETTINGS), 'maximumConcurrency', 'timeoutSeconds']);
const WHOLE = new Set(['minimumCalls', 'probes', 'maximumConcurrency']);

/**
 * Reads `BATON_DEPENDENCIES`: a JSON object of settings by the dependency's name, defaults left out.
 * @param text undefined or empty when the consumer has no dependencies
 * @throws ConfigurationError that lists everything that is wrong
 */
export function readDependencies(text: string | undefined): DependenciesSettings {
  if (text === undefined || text === '') return {};
  const parsed = parse(text);
  const wrong: string[] = [];
  const settings: Record<string, DependencySettings> = {};
  for (const [name, given] of Object.entries(parsed)) {
    if (!isObject(given)) {
      wrong.push(`'${name}' is no object`);
      continue;
    }
    wrong.push(...Object.entries(given).flatMap(([key, value]) => objections(name, key, value)));
    settings[name] = { ...DEFAULT_SETTINGS, ...given };
  }
  if (wrong.length > 0) {
    throw new ConfigurationError(
      `BATON_DEPENDENCIES is not as the construct writes it: ${wrong.join('; ')}. Leave out what is to have its default.`,
    );
  }
  return settings;
}

function parse(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new ConfigurationError(`BATON_DEPENDENCIES is no JSON: ${text.slice(0, 100)}`, { cause });
  }
  if (isObject(parsed)) return parsed;
  throw new ConfigurationError(`BATON_DEPENDENCIES is no JSON object of dependencies by name: ${text.slice(0, 100)}`);
}

function objections(name: string, key: string, value: unknown): string[] {
  if (!KNOWN.has(key)) return [`'${name}' has a setting '${key}' that there is not`];
  const fits = typeof value === 'number' && value > 0 && (!WHOLE.has(key) || Number.isInteger(value));
  if (!fits) return [`${key} of '${name}' is ${JSON.stringify(value)}, not a positive number`];
  return key === 'failureRate' && value > 100 ? [`failureRate of '${name}' is ${value}, above 100 percent`] : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
