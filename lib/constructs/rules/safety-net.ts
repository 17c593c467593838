import { type AppFacts, safetyNetOf } from './app-facts.ts';
import type { Finding } from './finding.ts';

/** Fewer receives move messages of a throttled function, which never saw them, to the DLQ (source: as for the visibility timeout). */
const LEAST_RECEIVES = 5;

/** What no handler can handle must end somewhere else than at the head of the queue, and what one can must not. */
export function* safetyNet({ queueToFunction, byPath }: AppFacts): Generator<Finding> {
  for (const { queue, ours } of queueToFunction) {
    const finding = {
      rule: 'baton:safety-net',
      severity: ours ? 'error' : 'warning',
      construct: queue.construct,
    } as const;
    const net = safetyNetOf(queue, byPath);
    if (net === undefined) {
      yield {
        ...finding,
        problem:
          'It has no redrive policy: a message that crashes its function comes back until SQS deletes it, and nobody sees it.',
        remedy: `Give it a dead-letter queue with a maxReceiveCount of ${LEAST_RECEIVES} or more.`,
      };
    } else if (net.maxReceiveCount !== undefined && net.maxReceiveCount < LEAST_RECEIVES) {
      yield {
        ...finding,
        problem: `maxReceiveCount is ${net.maxReceiveCount}: messages that were never handled, because the function was throttled, would be dead-lettered.`,
        remedy: `Use ${LEAST_RECEIVES} or more.`,
      };
    }
  }
}
