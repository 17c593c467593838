import type { State, Step } from './claim-world.ts';

/** A run, a line a step: what happened, when, and how things stood afterwards. */
export function describeTrace(trace: readonly (readonly [Step, State])[]): string {
  return trace
    .map(([step, { now, tables, owners }]) => {
      const who = 'owner' in step ? `owner ${step.owner}` : 'the world';
      const how = 'fate' in step ? ` (${step.fate})` : 'offset' in step ? ` (clock ${step.offset})` : '';
      const { record } = tables;
      const item = record ? `${record.status} of ${record.owner % 8} until ${record.lease}` : 'no record';
      return `${now}: ${who}: ${step.kind}${how} -> ${item}; ${owners.map(({ place }) => place).join(', ')}`;
    })
    .join('\n');
}
