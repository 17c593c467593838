import type { AppFacts, Fact } from './app-facts.ts';
import type { Finding } from './finding.ts';
import { referenceIn } from './template-values.ts';

/** An alarm that reaches nobody: it has no action, and no composite that has one, itself or through others, names it. */
export function* silentAlarm({ byType }: AppFacts): Generator<Finding> {
  const alarms = byType.get('AWS::CloudWatch::Alarm') ?? [];
  const composites = byType.get('AWS::CloudWatch::CompositeAlarm') ?? [];
  const named = new Map<Fact, Fact[]>();
  const find = finder([...alarms, ...composites]);
  for (const composite of composites) {
    const { AlarmRule, ActionsSuppressor } = composite.properties;
    named.set(composite, [...namesIn(AlarmRule), ActionsSuppressor].flatMap(find));
  }
  const heard = new Set<Fact>();
  const hear = (alarm: Fact) => {
    if (heard.has(alarm)) return;
    heard.add(alarm);
    for (const each of named.get(alarm) ?? []) hear(each);
  };
  for (const alarm of [...alarms, ...composites]) if (acts(alarm)) hear(alarm);
  const silent = [...composites, ...alarms].filter((each) => !heard.has(each) && !isWindow(each));
  // A composite whose alarms are all heard is a view of them; and of silent ones that name each other, the topmost is told.
  const hidden = new Set(silent.flatMap((each) => (named.get(each) ?? []).filter((other) => other !== each)));
  for (const alarm of silent) {
    const parts = named.get(alarm) ?? [];
    if (hidden.has(alarm) || (parts.length > 0 && parts.every((each) => heard.has(each)))) continue;
    yield {
      rule: 'baton:silent-alarm',
      severity: 'error',
      construct: alarm.construct,
      problem: 'It has no action, and no composite alarm that has one names it: nobody would hear it.',
      remedy: 'Give it to `onCall.notify(alarm, urgency)`, or acknowledge this rule on it with the reason.',
    };
  }
}

function acts({ properties }: Fact): boolean {
  const actions = [properties.AlarmActions, properties.InsufficientDataActions];
  return properties.ActionsEnabled !== false && actions.some((list) => Array.isArray(list) && list.length > 0);
}

/** A maintenance window is opened and closed by people, and there is one before anything is monitored. */
function isWindow({ properties }: Fact): boolean {
  return properties.MetricName === 'MaintenanceWindow';
}

/** The alarms in a rule: names, ARNs or references (source: PutCompositeAlarm in the CloudWatch API reference). */
function namesIn(rule: unknown): string[] {
  if (typeof rule !== 'string') return [];
  return [...rule.matchAll(/(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*"?([^")]+?)"?\s*\)/g)].map((match) => match[1]!);
}

function finder(alarms: readonly Fact[]): (name: unknown) => Fact[] {
  const byPath = new Map(alarms.map((each) => [each.construct.node.path, each]));
  const byName = Map.groupBy(alarms, (each) => each.properties.AlarmName);
  return (name) => {
    const referred = byPath.get(referenceIn(name) ?? '');
    if (referred) return [referred];
    return typeof name === 'string' ? (byName.get(name.replace(/^arn:.*:alarm:/, '')) ?? []) : [];
  };
}
