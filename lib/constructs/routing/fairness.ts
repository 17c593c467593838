import type { Construct } from 'constructs';
import type { AnyContract } from '../../contracts/index.ts';
import { UnsafePropsError } from '../errors.ts';

/**
 * Refuses what could not be shared out between tenants.
 * Source: Amazon SQS developer guide, "Amazon SQS fair queues": by message group, on standard queues.
 *
 * @throws UnsafePropsError when order is kept, or somebody's tenant is not known
 */
export function refuseUnfair(
  scope: Construct,
  { ordered, contracts }: { readonly ordered: boolean; readonly contracts: readonly AnyContract[] },
): void {
  if (ordered) {
    throw new UnsafePropsError(
      scope,
      'It is `fair` and `ordered`, and a message has one group: the tenant of the one, the key of the other.',
      'Leave one of them out; keys of an ordered queue do not wait for each other either.',
    );
  }
  const unknown = contracts.filter(({ tenant }) => tenant === undefined).map(({ type }) => `'${type}'`);
  if (unknown.length > 0) {
    throw new UnsafePropsError(
      scope,
      `It is \`fair\`, but nobody knows whose work ${unknown.join(', ')} is.`,
      'Declare `tenant` in the contract.',
    );
  }
}
