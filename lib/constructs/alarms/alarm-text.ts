import type { Construct } from 'constructs';
import { ConstructError } from '../errors.ts';
import type { IOnCall } from '../on-call/on-call.ts';

/** The description of an alarm, in characters (source: PutMetricAlarm in the CloudWatch API reference). */
const LONGEST = 1_024;

/** What whoever hears an alarm is told. */
export interface AlarmText {
  readonly owner: string;
  /** The business flow that it is part of. @default none */
  readonly flow?: string | undefined;
  /** What it means: sentences. */
  readonly meaning: string;
  /** The first thing to do: a sentence. */
  readonly first: string;
  /** The page in `docs/runbooks`, without `.md`. */
  readonly runbook: string;
}

/**
 * The description of an alarm.
 *
 * @throws ConstructError when it is longer than CloudWatch takes
 */
export function alarmText(scope: Construct, onCall: IOnCall, { owner, flow, ...text }: AlarmText): string {
  const whole = `Owner: ${owner}. ${flow === undefined ? '' : `Flow: ${flow}. `}${text.meaning} First: ${text.first} Runbook: ${onCall.runbook(text.runbook)}`;
  if (whole.length <= LONGEST) return whole;
  throw new ConstructError(
    `${scope.node.path}: the description of the alarm '${text.runbook}' has ${whole.length} characters, and CloudWatch takes ${LONGEST}. Shorten the owner, the flow or the base of the runbooks' addresses.`,
  );
}
