import { declared, tuple } from './composition.ts';
import { type Engine, includedBelow } from './engine.ts';
import { ARRAY } from './json-value.ts';
import { itemOf, prefixLength, unevaluated } from './members.ts';
import { inner, keywordsOf, largest, numberOf, type Premise, smallest, suppose, typesOf } from './premise.ts';
import { isRecent, type SchemaNode } from './schema-document.ts';

/** Each of these says whether the premise implies one keyword of the goal. */

function hasArrays(engine: Engine, premise: Premise): boolean {
  return (typesOf(engine, premise) & ARRAY) !== 0;
}

export function itemCountIsImplied(engine: Engine, premise: Premise, goal: SchemaNode, keyword: string): boolean {
  const limit = numberOf(goal, keyword);
  if (limit === undefined || !hasArrays(engine, premise)) return true;
  return keyword === 'minItems' ? largest(premise, keyword) >= limit : mostItems(engine, premise) <= limit;
}

/** How many items there are at most. */
function mostItems(engine: Engine, premise: Premise): number {
  const limit = smallest(premise, 'maxItems');
  const length = prefixLength(premise);
  return length < limit && itemOf(engine, premise, length).never ? length : limit;
}

export function uniqueIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  if (keywordsOf(goal).uniqueItems !== true || !hasArrays(engine, premise)) return true;
  return premise.nodes.some((node) => keywordsOf(node).uniqueItems === true) || mostItems(engine, premise) <= 1;
}

export function itemsAreImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const { prefix, rest } = tuple(goal);
  if ((prefix.length === 0 && rest === undefined) || !hasArrays(engine, premise)) return true;
  const length = Math.max(prefix.length, prefixLength(premise));
  const any = goal.document.node(true);
  for (let index = 0; index <= length; index++) {
    if (!includedBelow(engine, itemOf(engine, premise, index), prefix[index] ?? rest ?? any)) return false;
  }
  return true;
}

export function unevaluatedItemsAreImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const schema = unevaluated(goal, 'unevaluatedItems');
  if (schema === undefined || !hasArrays(engine, premise)) return true;
  const sure = declared(engine, [goal], { certain: true, except: goal });
  if (sure.allItems) return true;
  const length = Math.max(sure.items, prefixLength(premise));
  for (let index = sure.items; index <= length; index++) {
    if (!includedBelow(engine, itemOf(engine, premise, index), schema)) return false;
  }
  return true;
}

export function containsIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const schema = inner(goal, 'contains');
  if (schema === undefined || !hasArrays(engine, premise)) return true;
  return enoughContained(engine, premise, goal, schema) && notTooManyContained(engine, premise, goal, schema);
}

export function enoughContained(engine: Engine, premise: Premise, goal: SchemaNode, schema: SchemaNode): boolean {
  const least = leastContained(goal);
  if (least === 0) return true;
  const same = premise.nodes.some((node) => {
    const known = inner(node, 'contains');
    return (
      known !== undefined && leastContained(node) >= least && includedBelow(engine, suppose(engine, [known]), schema)
    );
  });
  if (same) return true;
  if (largest(premise, 'minItems') < least) return false;
  for (let index = 0; index <= prefixLength(premise); index++) {
    if (!includedBelow(engine, itemOf(engine, premise, index), schema)) return false;
  }
  return true;
}

export function notTooManyContained(engine: Engine, premise: Premise, goal: SchemaNode, schema: SchemaNode): boolean {
  const most = isRecent(goal.document.dialect) ? numberOf(goal, 'maxContains') : undefined;
  if (most === undefined || mostItems(engine, premise) <= most) return true;
  return premise.nodes.some((node) => {
    const known = inner(node, 'contains');
    const limit = isRecent(node.document.dialect) ? numberOf(node, 'maxContains') : undefined;
    if (known === undefined || limit === undefined || limit > most) return false;
    return includedBelow(engine, suppose(engine, [schema]), known);
  });
}

function leastContained(node: SchemaNode): number {
  return (isRecent(node.document.dialect) ? numberOf(node, 'minContains') : undefined) ?? 1;
}
