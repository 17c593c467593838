import { Stage, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { type AppFacts, readApp } from './app-facts.ts';
import { attempts } from './attempts.ts';
import { deadLetterRetention } from './dead-letter-retention.ts';
import { emptyFilter } from './empty-filter.ts';
import { fifoSubscription } from './fifo-subscription.ts';
import type { Finding } from './finding.ts';
import { idempotencyTtl } from './idempotency-ttl.ts';
import { messageSize } from './message-size.ts';
import { pollers } from './pollers.ts';
import { safetyNet } from './safety-net.ts';
import { sameName } from './same-name.ts';
import { silentAlarm } from './silent-alarm.ts';
import { stackSize } from './stack-size.ts';
import { UnsafeAppError } from './unsafe-app-error.ts';
import { visibilityTimeout } from './visibility-timeout.ts';

/** What a rule is: facts in, findings out. */
export type Rule = (app: AppFacts) => Iterable<Finding>;

const RULES: readonly Rule[] = [
  visibilityTimeout,
  safetyNet,
  deadLetterRetention,
  attempts,
  idempotencyTtl,
  pollers,
  fifoSubscription,
  emptyFilter,
  messageSize,
  silentAlarm,
  sameName,
  stackSize,
];

const installed = new WeakSet<IConstruct>();

/**
 * Has the whole app (in a pipeline: the stage) checked when it is synthesized, by `app.synth()` and `Template.fromStack` alike:
 * what plain CDK and escape hatches did as well as what Baton's constructs did. Every construct of Baton calls it; more
 * than once does no harm.
 *
 * @throws UnsafeAppError (at synthesis) with every error found
 */
export function installRules(scope: IConstruct): void {
  const stage = Stage.of(scope) ?? scope.node.root;
  if (installed.has(stage)) return;
  installed.add(stage);
  stage.node.addValidation({
    validate: () => {
      refuse(findingsIn(stage));
      return [];
    },
  });
}

/** What the rules find in a stage, except what was acknowledged on the construct or above it. */
export function findingsIn(stage: IConstruct): Finding[] {
  const app = readApp(stage);
  return RULES.flatMap((rule) => [...rule(app)]).filter((finding) => !isAcknowledged(finding));
}

// Thrown, not returned: CDK would report the root of the app as the place, with a stack trace.
function refuse(findings: readonly Finding[]): void {
  for (const { severity, construct, rule, problem, remedy } of findings) {
    if (severity === 'warning') Validations.of(construct).addWarning(rule, `${problem} ${remedy}`);
  }
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new UnsafeAppError(errors);
}

function isAcknowledged({ construct, rule }: Finding): boolean {
  return construct.node.scopes.some(({ node }) =>
    node.metadata.some(
      ({ type, data }) =>
        type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY &&
        Object.keys(data as object).some((id) => id.replace(/^\w+::/, '') === rule),
    ),
  );
}
