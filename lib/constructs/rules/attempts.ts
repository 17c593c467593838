import { type AppFacts, safetyNetOf } from './app-facts.ts';
import type { Finding } from './finding.ts';
import { numberIn } from './template-values.ts';

/** The runtime dead-letters with the failure context; SQS, without. So the runtime must be first. */
export function* attempts({ queueToFunction, byPath }: AppFacts): Generator<Finding> {
  for (const { queue, variables } of queueToFunction) {
    const maxAttempts = numberIn(variables.BATON_MAX_ATTEMPTS);
    const maxReceiveCount = safetyNetOf(queue, byPath)?.maxReceiveCount;
    if (maxAttempts === undefined || maxReceiveCount === undefined || maxAttempts < maxReceiveCount) continue;
    yield {
      rule: 'baton:attempts',
      severity: 'error',
      construct: queue.construct,
      problem: `maxReceiveCount is ${maxReceiveCount}, and the runtime makes ${maxAttempts} attempts: SQS would dead-letter first, without the failure context.`,
      remedy: `Use a maxReceiveCount of ${maxAttempts + 1} or more, or fewer attempts.`,
    };
  }
}
