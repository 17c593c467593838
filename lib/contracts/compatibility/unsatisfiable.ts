import { type Engine, spend } from './engine.ts';
import { fits } from './evaluate.ts';
import { ARRAY, BOOLEAN, NULL, OBJECT } from './json-value.ts';
import { finiteNames, itemOf, propertyOf, requiredOf } from './members.ts';
import { keywordsOf, largest, nodesOf, type Premise, premiseOf, referred, typesOf, valuesOf } from './premise.ts';
import type { SchemaNode } from './schema-document.ts';

const NESTING_LIMIT = 30;

/** Whether it is known that no value fits the premise. */
export function isUnsatisfiable(engine: Engine, premise: Premise, depth = 0): boolean {
  if (premise.never) return true;
  const known = premise.facts.get('unsatisfiable') as boolean | undefined;
  if (known !== undefined) return known;
  if (depth > NESTING_LIMIT) return false;
  spend(engine);
  // A schema that leads to itself is not known to be without values by that.
  premise.facts.set('unsatisfiable', false);
  const result = work(engine, premise, depth);
  premise.facts.set('unsatisfiable', result);
  return result;
}

/** Whether it is known that no value fits both. */
export function areDisjoint(engine: Engine, premise: Premise, node: SchemaNode): boolean {
  return isUnsatisfiable(engine, premiseOf(engine, [...premise.nodes, node], premise.origin));
}

function work(engine: Engine, premise: Premise, depth: number): boolean {
  let types = typesOf(engine, premise);
  if (types === 0) return true;
  const values = finiteValues(engine, premise);
  if (values?.length === 0) return true;
  if ((types & OBJECT) !== 0 && hasNoObject(engine, premise, depth)) types &= ~OBJECT;
  if ((types & ARRAY) !== 0 && hasNoArray(engine, premise, depth)) types &= ~ARRAY;
  if (types === 0) return true;
  return premise.nodes.some((node) => hasNoAlternative(engine, premise, node, depth));
}

function hasNoObject(engine: Engine, premise: Premise, depth: number): boolean {
  const missing = [...requiredOf(premise)].some((name) =>
    isUnsatisfiable(engine, propertyOf(engine, premise, name), depth + 1),
  );
  const names = finiteNames(engine, premise);
  return missing || (names !== undefined && names.size < largest(premise, 'minProperties'));
}

function hasNoArray(engine: Engine, premise: Premise, depth: number): boolean {
  const least = Math.min(largest(premise, 'minItems'), 20);
  for (let index = 0; index < least; index++) {
    if (isUnsatisfiable(engine, itemOf(engine, premise, index), depth + 1)) return true;
  }
  return false;
}

function hasNoAlternative(engine: Engine, premise: Premise, node: SchemaNode, depth: number): boolean {
  const { anyOf, oneOf } = keywordsOf(node);
  return [anyOf, oneOf].some((list) => {
    const members = nodesOf(node, list);
    if (
      members.length === 0 ||
      members.length > 20 ||
      members.some((member) => premise.nodes.includes(referred(member)))
    )
      return false;
    return members.every((member) =>
      isUnsatisfiable(engine, premiseOf(engine, [...premise.nodes, member], premise.origin), depth + 8),
    );
  });
}

/** The only values that may fit the premise; undefined when those are not listed. */
export function finiteValues(engine: Engine, premise: Premise): readonly unknown[] | undefined {
  if (premise.facts.has('values')) return premise.facts.get('values') as readonly unknown[] | undefined;
  let values: readonly unknown[] | undefined;
  for (const node of premise.nodes) {
    const listed = valuesOf(node);
    if (listed !== undefined && (values === undefined || listed.length < values.length)) values = listed;
  }
  const types = typesOf(engine, premise);
  if (values === undefined && (types & ~(NULL | BOOLEAN)) === 0) {
    values = [...(types & NULL ? [null] : []), ...(types & BOOLEAN ? [true, false] : [])];
  }
  const fitting = values?.filter((value) => premise.nodes.every((node) => fits(engine, value, node) !== false));
  premise.facts.set('values', fitting);
  return fitting;
}
