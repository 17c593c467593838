import { type AppFacts, secondsOf } from './app-facts.ts';
import type { Finding } from './finding.ts';
import { numberIn } from './template-values.ts';

/** What Lambda takes when nothing is said, in seconds. */
const DEFAULT_TIMEOUT = 3;

/**
 * A message must stay hidden for as long as it may be handled, retries of the invocation included: else it is handled twice.
 * Source: AWS Lambda developer guide, "Creating and configuring an Amazon SQS event source mapping": six times the timeout, plus
 * the batching window.
 */
export function* visibilityTimeout({ queueToFunction }: AppFacts): Generator<Finding> {
  for (const { mapping, queue, function: handler, ours } of queueToFunction) {
    const visibility = secondsOf(queue, 'VisibilityTimeout');
    const timeout = numberIn(handler.properties.Timeout ?? DEFAULT_TIMEOUT);
    const window = numberIn(mapping.properties.MaximumBatchingWindowInSeconds ?? 0);
    if (visibility === undefined || timeout === undefined || window === undefined) continue;
    const least = 6 * timeout + window;
    if (visibility >= least) continue;
    yield {
      rule: 'baton:visibility-timeout',
      severity: ours ? 'error' : 'warning',
      construct: queue.construct,
      problem: `The visibility timeout is ${visibility} s, but the function that takes its messages may run ${timeout} s with a window of ${window} s: a message could be delivered again while it is being handled.`,
      remedy: `Use at least ${least} s (6 x timeout + window).`,
    };
  }
}
