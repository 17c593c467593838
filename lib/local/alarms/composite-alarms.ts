import type { AlarmResource, CompositeAlarmResource } from '../resources.ts';
import { type AlarmState, alarmsIn, CompositeRuleError, holds, parseCompositeRule } from './composite-rule.ts';

export interface PreparedCompositeAlarm {
  readonly alarm: CompositeAlarmResource;
  /** The names of the alarms that its rule is about. */
  readonly children: ReadonlySet<string>;
  /** The name of the alarm that suppresses its actions. */
  readonly suppressor: string | undefined;
  /** The state that the rule gives. */
  evaluate(stateOf: (name: string) => AlarmState): 'ALARM' | 'OK';
}

/**
 * Prepares the composite alarms, children before parents, so that one pass in this order settles all of them. Alarms that
 * depend on each other in a circle come in the order of declaration; their circle advances by one step per pass.
 * @param others alarms that rules may name besides
 * @param absent names or ARNs of alarms that nothing here knows; they count as INSUFFICIENT_DATA
 * @throws CompositeRuleError when a rule cannot be read, or names an alarm that is nowhere among them.
 */
export function prepareCompositeAlarms(
  alarms: readonly AlarmResource[],
  others: readonly AlarmResource[] = [],
  absent: ReadonlySet<string> = new Set(),
): PreparedCompositeAlarm[] {
  const names = new Map<string, string>();
  for (const { name, arn } of [...alarms, ...others]) names.set(name, name).set(arn, name);
  const prepared = new Map<string, PreparedCompositeAlarm>();
  for (const alarm of alarms) {
    if (alarm.kind !== 'composite') continue;
    const rule = parseCompositeRule(alarm.rule);
    for (const each of alarmsIn(rule)) {
      if (names.has(each) || absent.has(each)) continue;
      throw new CompositeRuleError(`names the alarm '${each}', which does not exist`, alarm.rule);
    }
    const nameOf = (each: string) => names.get(each);
    prepared.set(alarm.name, {
      alarm,
      children: new Set(alarmsIn(rule).flatMap((each) => nameOf(each) ?? [])),
      suppressor: alarm.suppressor && nameOf(alarm.suppressor.alarm),
      evaluate(stateOf) {
        const state = (each: string): AlarmState => {
          const name = nameOf(each);
          return name === undefined ? 'INSUFFICIENT_DATA' : stateOf(name);
        };
        return holds(rule, state) ? 'ALARM' : 'OK';
      },
    });
  }
  return childrenFirst(prepared);
}

function childrenFirst(composites: ReadonlyMap<string, PreparedCompositeAlarm>): PreparedCompositeAlarm[] {
  const ordered: PreparedCompositeAlarm[] = [];
  const visited = new Set<string>();
  const visit = (name: string): void => {
    const composite = composites.get(name);
    if (composite === undefined || visited.has(name)) return;
    visited.add(name);
    for (const child of composite.children) visit(child);
    ordered.push(composite);
  };
  for (const name of composites.keys()) visit(name);
  return ordered;
}
