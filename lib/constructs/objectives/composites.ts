import { Lazy } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct, type IDependable } from 'constructs';
import { anyOf, nameOf, SUPPRESSION } from '../alarms/health.ts';
import { physicalName } from '../names.ts';
import type { IOnCall } from '../on-call/on-call.ts';

/** An alarm that a composite speaks for. */
export interface Member {
  /** Its name, at synthesis; undefined when there is none by then. */
  readonly name: () => string | undefined;
  /** What has to be there before the composite: CloudWatch refuses a rule that names an alarm it does not know. */
  readonly from: IDependable;
}

/** What {@link composite} takes. */
export interface CompositeProps {
  /** Ends its name. */
  readonly name: string;
  readonly description: string;
  /** Holds its actions back in a maintenance window. @default it has no actions: another composite speaks for it */
  readonly onCall?: IOnCall;
}

/** With names of 255 characters, the longest there are, 38 make 10,180 characters; CloudWatch takes 10,240 and 100 alarms. */
export const MOST_MEMBERS = 38;

/** A composite that is in ALARM when one of its members is: above {@link MOST_MEMBERS}, a composite over composites of them. */
export function composite(
  scope: Construct,
  id: string,
  members: readonly Member[],
  props: CompositeProps,
): cloudwatch.CompositeAlarm {
  const direct = gathered(scope, id, members, props);
  const alarm = ruled(scope, id, () => rule(scope, direct), props);
  for (const { from } of direct) alarm.node.addDependency(from);
  return alarm;
}

/** A composite that is in ALARM when all of some alarms are. */
export function compositeOfAll(
  scope: Construct,
  id: string,
  alarms: readonly cloudwatch.Alarm[],
  props: CompositeProps,
): cloudwatch.CompositeAlarm {
  const all = alarms.map((alarm) => `ALARM("${nameOf({ alarm })}")`).join(' AND ');
  const alarm = ruled(scope, id, () => all, props);
  alarm.node.addDependency(...alarms);
  return alarm;
}

function gathered(scope: Construct, id: string, members: readonly Member[], props: CompositeProps): readonly Member[] {
  if (members.length <= MOST_MEMBERS) return members;
  const groups = new Construct(scope, `${id}Groups`);
  const of = Array.from({ length: Math.ceil(members.length / MOST_MEMBERS) }, (_, n) => {
    const group = `${props.name}-${n + 1}`;
    const some = members.slice(n * MOST_MEMBERS, (n + 1) * MOST_MEMBERS);
    const from = composite(groups, String(n + 1), some, { name: group, description: props.description });
    return { name: () => nameOf({ alarm: from }), from };
  });
  return gathered(groups, id, of, props);
}

function ruled(scope: Construct, id: string, rule: () => string, props: CompositeProps): cloudwatch.CompositeAlarm {
  return new cloudwatch.CompositeAlarm(scope, id, {
    compositeAlarmName: physicalName(scope, props.name, 255),
    alarmDescription: props.description,
    alarmRule: { renderAlarmRule: () => Lazy.string({ produce: rule }) },
    ...(props.onCall?.maintenance && { actionsSuppressor: props.onCall.maintenance, ...SUPPRESSION }),
  });
}

function rule(scope: Construct, members: readonly Member[]): string {
  const names = members.map(({ name }) => name()).filter((name) => name !== undefined);
  return names.length === 0 ? 'FALSE' : anyOf(scope, names);
}
