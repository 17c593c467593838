import * as sns from 'aws-cdk-lib/aws-sns';
import { type AnyContract, accepted, readableFrom, readerOf } from '../../contracts/index.ts';

/** Rules by attribute, all of which have to hold. */
export type AttributeRules = Readonly<Record<string, sns.SubscriptionFilter>>;

/** Whether who reads with these contracts reads an event: its own version, an earlier one that leads there, or a later one that promises it. */
export function canRead(contracts: readonly AnyContract[], event: AnyContract): boolean {
  const ofType = contracts.filter(({ type }) => type === event.type);
  return readerOf(ofType, event.version, readableFrom(event)) !== undefined;
}

/** Whether an event is of a version that one of these contracts accepts: its own, or one that leads there. */
export function isAccepted(contracts: readonly AnyContract[], { type, version }: AnyContract): boolean {
  return contracts.some((each) => each.type === type && accepted(each).some((one) => one.version === version));
}

/**
 * The rules that let exactly the versions pass that these contracts accept: alternatives, one for each set of versions.
 * Types that accept the same versions share one, because each value counts against what SNS takes.
 */
export function versionRules(contracts: readonly AnyContract[]): readonly AttributeRules[] {
  const versions = new Map<string, Set<number>>();
  for (const one of contracts.flatMap(accepted)) {
    const ofType = versions.get(one.type) ?? new Set();
    versions.set(one.type, ofType.add(one.version));
  }
  const alike = new Map<string, string[]>();
  for (const [type, accepts] of versions) {
    const key = [...accepts].toSorted((a, b) => a - b).join();
    alike.set(key, [...(alike.get(key) ?? []), type]);
  }
  // The attribute is a text: see `routingAttributes`.
  return [...alike].map(([key, types]) => ({
    type: new sns.SubscriptionFilter(types),
    version: new sns.SubscriptionFilter(key.split(',')),
  }));
}
