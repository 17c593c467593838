import type { EventSource } from './event-sources/event-source.ts';
import type { LambdaFunction } from './functions/lambda-function.ts';
import type { AlarmClock } from './metrics/alarm-clock.ts';
import type { MetricStore } from './metrics/metric-store.ts';
import { queueMetric } from './metrics/queue-gauges.ts';
import type { FunctionResource, QueueResource, Resources } from './resources.ts';
import type { ConsumerStatus } from './status.ts';

/** A function and the event source that feeds it. */
export interface LocalConsumer {
  name: string;
  fn: LambdaFunction;
  source: EventSource;
  queue: QueueResource | undefined;
}

/** The name of a consumer is its Powertools service; a function without one goes by its own. */
export function consumerOf(
  resource: FunctionResource,
  source: EventSource,
  resources: Resources,
  functions: ReadonlyMap<string, LambdaFunction>,
): LocalConsumer {
  return {
    name: resource.environment.POWERTOOLS_SERVICE_NAME ?? resource.name,
    fn: functions.get(resource.name)!,
    source,
    queue: resources.queues.find(({ arn }) => source.resource.kind === 'queue' && arn === source.resource.queueArn),
  };
}

/** The counts come from the runtime's own metrics, the gauges from the queue. */
export function statusOf(
  { name, source, queue }: LocalConsumer,
  store: MetricStore,
  clock: AlarmClock,
): ConsumerStatus {
  const total = (metric: string) => store.total('Baton', metric, { service: name });
  const gauge = (metric: Parameters<typeof queueMetric>[1]) => {
    if (queue === undefined) return 0;
    const { namespace, name: metricName, dimensions } = queueMetric(queue.name, metric);
    return store.latest(namespace, metricName, dimensions) ?? 0;
  };
  const waiting = gauge('ApproximateNumberOfMessagesVisible') + gauge('ApproximateNumberOfMessagesDelayed');
  const inFlight = gauge('ApproximateNumberOfMessagesNotVisible');
  return {
    name,
    enabled: source.resource.enabled,
    delivered: source.stats().delivered,
    handled: total('Handled'),
    duplicates: total('Duplicates'),
    retried: total('Retried'),
    deadLettered: total('DeadLettered'),
    inFlight,
    waiting,
    oldestSeconds: waiting + inFlight === 0 ? undefined : gauge('ApproximateAgeOfOldestMessage') / clock.speed,
  };
}

/** Throws when there is no consumer of that name. */
export function consumerNamed(consumers: readonly LocalConsumer[], name: string): LocalConsumer {
  const found = consumers.find((consumer) => consumer.name === name);
  if (found !== undefined) return found;
  throw new Error(`There is no consumer '${name}'; there are ${consumers.map((c) => c.name).join(', ')}.`);
}
