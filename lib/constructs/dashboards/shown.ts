import type { Health, Monitored } from '../alarms/health.ts';
import type { CircuitBreakers } from '../circuit-breakers.ts';
import type { QueueFunction } from '../delivery/queue-function.ts';
import type { EventTopic } from '../event-topic.ts';
import type { Flow } from '../flow.ts';
import type { IOnCall } from '../on-call/on-call.ts';
import type { Outbox } from '../outbox.ts';

/** What one set of dashboards is about. */
export interface Shown {
  readonly flows: readonly Flow[];
  readonly consumers: readonly QueueFunction[];
  readonly topics: readonly EventTopic[];
  readonly outboxes: readonly Outbox[];
  readonly circuitBreakers: readonly CircuitBreakers[];
  readonly onCall: IOnCall;
}

/** Everything that has alarms, each once: the parts of the flows first, then what is in none. */
export function healthsOf(shown: Shown): Health[] {
  const parts = shown.flows.flatMap((flow) => flow.parts);
  const others: readonly object[] = [...shown.consumers, ...shown.topics, ...shown.outboxes, ...shown.circuitBreakers];
  return [...new Set([...parts, ...others.filter(isMonitored)].map((each) => each.health))];
}

/** A topic that nobody is on call for has no alarms. */
function isMonitored(each: object): each is Monitored {
  return 'health' in each && each.health !== undefined;
}
