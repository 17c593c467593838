import type { InvokeResult } from '../functions/invocation.ts';
import type { EventSourceResource } from '../resources.ts';

/** What a mapping needs of a function. */
export interface Invocable {
  /** The most invocations that run at a time; more would only wait. */
  readonly concurrency?: number;
  invoke(payload: unknown): Promise<InvokeResult>;
}

/** What a mapping did since it started; `running` and `buffered` are now. */
export interface EventSourceStats {
  /** Records that the source gave, the repeated ones included. */
  received: number;
  /** Records that no filter let pass; they are dropped, as Lambda does. */
  filtered: number;
  /** Records handed to the function. */
  delivered: number;
  invocations: number;
  /** Invocations that failed as a whole, a malformed partial response included. */
  failures: number;
  throttles: number;
  /** Records that are done with: deleted from the queue, or passed in the stream. */
  deleted: number;
  /** Records left where they were: of failed invocations, and those that a partial response listed. */
  left: number;
  /** Records that are delivered twice on purpose. */
  duplicatesInjected: number;
  running: number;
  buffered: number;
}

/** Disabling: nothing more is received, and what was received before is still being dealt with. */
export type EventSourceState = 'Enabled' | 'Disabling' | 'Disabled';

/** What of a mapping can change while it runs. */
export interface EventSourceSettings {
  batchSize?: number;
  windowSeconds?: number;
  /** Of queues only; null for no limit. */
  maximumConcurrency?: number | null;
}

/** An event source mapping at work. */
export interface EventSource {
  /** As it is now: enabling, disabling and `configure` change it. */
  readonly resource: EventSourceResource;
  readonly state: EventSourceState;
  /** Receives no more; running invocations end, and what waited for one goes back. */
  pause(): void;
  resume(): void;
  /** Takes effect with the next batch. */
  configure(settings: EventSourceSettings): void;
  /** Whether nothing is left to deliver, whether or not the mapping is enabled. */
  isEmpty(): Promise<boolean>;
  /** As `pause`, for good; settles when the last invocation has ended and its records are dealt with. */
  stop(): Promise<void>;
  stats(): EventSourceStats;
}

/** Between two attempts on a source that does not answer, or a function that throttles: doubling, in milliseconds. */
const BACKOFF_MS = { base: 100, cap: 2_000 };

/** How long to wait after so many failures in a row (0 for the first), in milliseconds. */
export function backoff(failures: number): number {
  return Math.min(BACKOFF_MS.cap, BACKOFF_MS.base * 2 ** failures);
}

/** Changes a mapping's resource as the settings say. */
export function applySettings(resource: EventSourceResource, settings: EventSourceSettings): void {
  const { batchSize, windowSeconds, maximumConcurrency } = settings;
  if (batchSize !== undefined) resource.batchSize = batchSize;
  if (windowSeconds !== undefined) resource.windowSeconds = windowSeconds;
  if (resource.kind !== 'queue' || maximumConcurrency === undefined) return;
  if (maximumConcurrency === null) delete resource.maximumConcurrency;
  else resource.maximumConcurrency = maximumConcurrency;
}
