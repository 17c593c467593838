import type { Metric } from '../resources.ts';
import type { AlarmClock } from './alarm-clock.ts';
import type { MetricStore } from './metric-store.ts';

/** The metrics of AWS/Lambda that are recorded here; their dimension is FunctionName. */
export const FUNCTION_METRICS = ['Invocations', 'Errors', 'Throttles', 'Duration', 'ConcurrentExecutions'] as const;

/** Where the function workers report what they do. Moments are ms of the wall clock. */
export interface FunctionMetrics {
  /** An invocation has ended. `failed`: it threw, timed out or crashed. A partial batch response is no failure. */
  invoked(functionName: string, outcome: { durationMs: number; failed: boolean; at?: number }): void;
  /** An invocation was refused because no concurrency was left. Lambda does not count it as an invocation. */
  throttled(functionName: string, at?: number): void;
  /** How many invocations run at this moment. */
  running(functionName: string, count: number, at?: number): void;
}

/**
 * Records what Lambda publishes for a function. As there, a success is recorded as an Errors and a Throttles of 0, so that
 * these have datapoints wherever Invocations has. Lambda dates an invocation by its start; here it is dated by its end,
 * because under a fast alarm clock the minute of its start has long been evaluated by then.
 */
export function createFunctionMetrics(store: MetricStore, clock: AlarmClock): FunctionMetrics {
  const put = (functionName: string, name: (typeof FUNCTION_METRICS)[number], value: number, at: number) =>
    store.put(functionMetric(functionName, name), value, clock.toAlarmTime(at), {
      unit: name === 'Duration' ? 'Milliseconds' : 'Count',
    });
  return {
    invoked(functionName, { durationMs, failed, at = clock.realNow() }) {
      put(functionName, 'Invocations', 1, at);
      put(functionName, 'Errors', failed ? 1 : 0, at);
      put(functionName, 'Throttles', 0, at);
      put(functionName, 'Duration', durationMs, at);
    },
    throttled: (functionName, at = clock.realNow()) => put(functionName, 'Throttles', 1, at),
    running: (functionName, count, at = clock.realNow()) => put(functionName, 'ConcurrentExecutions', count, at),
  };
}

/** A metric of AWS/Lambda. */
export function functionMetric(functionName: string, name: (typeof FUNCTION_METRICS)[number]): Metric {
  return { namespace: 'AWS/Lambda', name, dimensions: { FunctionName: functionName } };
}
