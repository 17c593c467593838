import { Aspects, type IAspect } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** What is applied to a stack (tags, rules) is applied to those that it opened as well. They must come after it among their siblings. */
export function shareAspects(from: IConstruct, to: readonly IConstruct[]): void {
  const sharing: IAspect = {
    visit(node) {
      if (node !== from) return;
      for (const { aspect, priority } of Aspects.of(from).applied) {
        if (aspect === sharing) continue;
        for (const each of to) {
          if (!Aspects.of(each).all.includes(aspect)) Aspects.of(each).add(aspect, { priority });
        }
      }
    },
  };
  // Before all others, which may have any priority from 0 on.
  Aspects.of(from).add(sharing, { priority: 0 });
}
