import type { AppFacts } from './app-facts.ts';
import type { Finding } from './finding.ts';

/** Source: AWS CloudFormation user guide, "Understand CloudFormation quotas". */
export const MOST_RESOURCES = 500;
const MANY_RESOURCES = 450;

/** A stack that is too large is refused by CloudFormation, and one that nearly is leaves no room for the next release. */
export function* stackSize({ resources }: AppFacts): Generator<Finding> {
  for (const [stack, count] of resources) {
    if (count <= MANY_RESOURCES) continue;
    yield {
      rule: 'baton:stack-size',
      severity: count > MOST_RESOURCES ? 'error' : 'warning',
      construct: stack,
      problem: `The stack has ${count} resources, and CloudFormation takes ${MOST_RESOURCES}.`,
      remedy:
        'Declare its consumers in a SplittingStack, which opens further stacks for new ones and leaves the others where they are, or move something that has no messages to another stack.',
    };
  }
}
