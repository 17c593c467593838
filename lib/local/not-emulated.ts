import type { NotEmulated } from './resources.ts';

/** How many resources a line names; the others are counted. */
const NAMED = 3;

/** The list of what is not emulated as lines to print: one for each type and reason, and one for each property. */
export function notEmulatedLines(list: readonly NotEmulated[]): string[] {
  const groups = new Map<string, NotEmulated[]>();
  for (const entry of list) {
    const key = `${entry.type} ${entry.property ?? ''} ${entry.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()].map((group) => {
    const { type, property, reason } = group[0]!;
    if (property !== undefined) return `${type}.${property}: ${reason}`;
    const named = group.slice(0, NAMED).map(({ path }) => path);
    const others = group.length - named.length;
    const who = [...named, ...(others > 0 ? [`${others} more`] : [])].join(', ');
    return `${type} (${who}): ${reason}`;
  });
}
