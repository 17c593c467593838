import { type AppFacts, safetyNetOf, secondsOf } from './app-facts.ts';
import type { Finding } from './finding.ts';
import { pathOf } from './unsafe-app-error.ts';

/**
 * On a standard queue the clock of a dead letter runs on from when it was first sent.
 * Source: Amazon SQS developer guide, "Using dead-letter queues": always longer than that of the original queue.
 */
export function* deadLetterRetention({ queueToFunction, byPath }: AppFacts): Generator<Finding> {
  for (const { queue, ours } of queueToFunction) {
    const deadLetterQueue = safetyNetOf(queue, byPath)?.deadLetterQueue;
    if (deadLetterQueue === undefined) continue;
    const [kept, waiting] = [deadLetterQueue, queue].map((each) => secondsOf(each, 'MessageRetentionPeriod'));
    if (kept === undefined || waiting === undefined || kept > waiting) continue;
    yield {
      rule: 'baton:dead-letter-retention',
      severity: ours ? 'error' : 'warning',
      construct: deadLetterQueue.construct,
      problem: `It keeps dead letters ${kept} s, counted from when they were first sent, and ${pathOf(queue.construct)} keeps messages ${waiting} s: a late dead letter would be deleted at once.`,
      remedy: 'Keep dead letters 1209600 s (14 days), and messages in the queue for less.',
    };
  }
}
