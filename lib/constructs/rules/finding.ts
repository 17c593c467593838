import type { CfnResource, Stack } from 'aws-cdk-lib';

/** Something that a rule has found in an app. */
export interface Finding {
  /** The rule, as `Validations.of(construct).acknowledge({ id, reason })` takes it: `baton:visibility-timeout`. */
  readonly rule: string;
  /** `error` ends the synthesis; `warning` is said by the CDK CLI, which fails on it under `--strict`. */
  readonly severity: 'error' | 'warning';
  /** Where it is. */
  readonly construct: CfnResource | Stack;
  /** What is wrong, with the values found: a sentence. */
  readonly problem: string;
  /** What to change: a sentence. */
  readonly remedy: string;
}
