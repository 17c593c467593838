import type { AppFacts } from './app-facts.ts';
import type { Finding } from './finding.ts';
import { objectIn } from './template-values.ts';

/** A list without values matches nothing: the subscription would wait forever. */
export function* emptyFilter({ byType }: AppFacts): Generator<Finding> {
  for (const { construct, properties } of byType.get('AWS::SNS::Subscription') ?? []) {
    const empty = emptyList(objectIn(properties.FilterPolicy), []);
    if (empty === undefined) continue;
    yield {
      rule: 'baton:empty-filter',
      severity: 'error',
      construct,
      problem: `The filter policy has no value for '${empty.join('.')}': no message could match it.`,
      remedy: 'List the values that it wants, or take the attribute out of the filter.',
    };
  }
}

function emptyList(value: unknown, path: readonly string[]): readonly string[] | undefined {
  if (Array.isArray(value) && value.length === 0) return path;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, each] of Object.entries(value)) {
    const found = emptyList(each, Array.isArray(value) ? path : [...path, key]);
    if (found) return found;
  }
  return undefined;
}
