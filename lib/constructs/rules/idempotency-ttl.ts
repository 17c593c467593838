import { type AppFacts, safetyNetOf, secondsOf } from './app-facts.ts';
import type { Finding } from './finding.ts';
import { numberIn } from './template-values.ts';

/** A record that is gone before its message is back lets the message be handled again. */
export function* idempotencyTtl({ queueToFunction, byPath }: AppFacts): Generator<Finding> {
  for (const { queue, function: handler, variables } of queueToFunction) {
    const ttl = numberIn(variables.BATON_IDEMPOTENCY_TTL_SECONDS);
    const deadLetterQueue = safetyNetOf(queue, byPath)?.deadLetterQueue;
    const waiting = secondsOf(queue, 'MessageRetentionPeriod');
    const kept = deadLetterQueue && secondsOf(deadLetterQueue, 'MessageRetentionPeriod');
    if (ttl === undefined || waiting === undefined || kept === undefined || ttl > waiting + kept) continue;
    yield {
      rule: 'baton:idempotency-ttl',
      severity: 'error',
      construct: handler.construct,
      problem: `Its idempotency records live ${ttl} s, but a message can come back after ${waiting + kept} s (${waiting} s in the queue, ${kept} s as a dead letter), and would be handled again.`,
      remedy: `Raise the \`ttl\` of its idempotency table above ${waiting + kept} s.`,
    };
  }
}
