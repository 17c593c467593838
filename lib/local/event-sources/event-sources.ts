import { join } from 'node:path';
import type { Engines } from '../engines.ts';
import type { QueueSourceResource, Resources, StreamSourceResource } from '../resources.ts';
import { directCalls } from './direct-calls.ts';
import type { EventSource, Invocable } from './event-source.ts';
import { startQueueSource } from './queue-source.ts';
import { networkCalls, type QueueCalls } from './source-queue.ts';
import { streamPositions } from './stream-positions.ts';

export interface EventSourcesProps {
  engines: Engines;
  /** What a mapping invokes; `fifo` when it feeds from a FIFO queue. */
  functionNamed(name: string, fifo: boolean): Invocable | undefined;
  /** Concurrent invocations of a mapping, at most. */
  concurrency: number;
  duplicateRate: number | undefined;
  random: (() => number) | undefined;
  onError(functionName: string, error: Error): void;
}

/**
 * Starts every event source mapping of the templates.
 * @throws FilterPatternError
 */
export async function startEventSources(resources: Resources, props: EventSourcesProps): Promise<EventSource[]> {
  const startStream = await streamStarter(resources, props);
  return resources.eventSources.map((resource) => {
    const fn = props.functionNamed(resource.functionName, resource.kind === 'queue' && resource.fifo);
    if (fn === undefined) {
      throw new Error(`${resource.path} delivers to ${resource.functionName}, which is not in the templates.`);
    }
    return resource.kind === 'queue' ? startQueue(resource, fn, props) : startStream(resource, fn);
  });
}

/** The shortest way to a queue. */
export function queueCalls({ direct, clients }: Engines, queueUrl: string): QueueCalls {
  return direct === undefined ? networkCalls(clients.sqs, queueUrl) : directCalls(direct, queueUrl);
}

function startQueue(resource: QueueSourceResource, fn: Invocable, props: EventSourcesProps): EventSource {
  const { engines, concurrency, duplicateRate, random, onError } = props;
  return startQueueSource(resource, {
    queue: queueCalls(engines, resource.queueUrl),
    fn,
    concurrency,
    ...(duplicateRate !== undefined && { duplicateRate }),
    ...(random !== undefined && { random }),
    onError: (error) => onError(resource.functionName, error),
  });
}

/** The client of streams takes its time to load, and most templates have none. */
async function streamStarter(resources: Resources, { engines, onError }: EventSourcesProps) {
  if (resources.eventSources.every(({ kind }) => kind === 'queue')) return neverCalled;
  const [{ startStreamSource }, streams] = await Promise.all([import('./stream-source.ts'), engines.streams()]);
  const positions = streamPositions(engines.dataDir && join(engines.dataDir, 'stream-positions.json'));
  return (resource: StreamSourceResource, fn: Invocable): EventSource =>
    startStreamSource(resource, {
      streams,
      fn,
      region: engines.region,
      positions,
      onError: (error) => onError(resource.functionName, error),
    });
}

function neverCalled(resource: StreamSourceResource): never {
  throw new Error(`${resource.path} was not there when the streams were started.`);
}
