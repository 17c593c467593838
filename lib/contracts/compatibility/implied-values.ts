import type { Engine } from './engine.ts';
import { fits } from './evaluate.ts';
import { FRACTION, isMultiple, NUMBER, STRING, typeBits } from './json-value.ts';
import type { Keywords } from './keywords.ts';
import {
  inner,
  keywordsOf,
  largest,
  nodesOf,
  numberOf,
  type Premise,
  rangeOf,
  referred,
  smallest,
  typesOf,
  valuesOf,
} from './premise.ts';
import type { SchemaNode } from './schema-document.ts';
import { finiteValues } from './unsatisfiable.ts';

/** Each of these says whether the premise implies one keyword of the goal. */

export function typeIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  return (typesOf(engine, premise) & ~typeBits(keywordsOf(goal).type)) === 0;
}

export function valuesAreImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  if (valuesOf(goal) === undefined) return true;
  // The values alone are judged, so that other keywords of the goal do not count against the list.
  const list = goal.document.node(listSchema(goal));
  return finiteValues(engine, premise)?.every((value) => fits(engine, value, list) === true) ?? false;
}

const listSchemas = new WeakMap<object, Keywords>();

function listSchema(goal: SchemaNode): Keywords {
  const keywords = keywordsOf(goal);
  let list = listSchemas.get(keywords);
  if (list === undefined) {
    const listed = ['const', 'enum'].filter((keyword) => Object.hasOwn(keywords, keyword));
    list = Object.fromEntries(listed.map((keyword) => [keyword, keywords[keyword]]));
    listSchemas.set(keywords, list);
  }
  return list;
}

export function stringIsImplied(engine: Engine, premise: Premise, goal: SchemaNode, keyword: string): boolean {
  const limit = keywordsOf(goal)[keyword];
  if (limit === undefined || (typesOf(engine, premise) & STRING) === 0) return true;
  if (keyword === 'maxLength') return smallest(premise, 'maxLength') <= (limit as number);
  if (keyword === 'minLength') return largest(premise, 'minLength') >= (limit as number);
  return premise.nodes.some((node) => keywordsOf(node)[keyword] === limit);
}

export function formatIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const { format } = keywordsOf(goal);
  if (format === undefined || (typesOf(engine, premise) & (STRING | NUMBER)) === 0) return true;
  return premise.nodes.some((node) => keywordsOf(node).format === format);
}

export function boundIsImplied(engine: Engine, premise: Premise, goal: SchemaNode, keyword: string): boolean {
  const limit = numberOf(goal, keyword);
  const types = typesOf(engine, premise);
  if (limit === undefined || (types & NUMBER) === 0) return true;
  const { minimum, aboveMinimum, maximum, belowMaximum } = rangeOf(premise, types);
  if (keyword === 'maximum') return maximum <= limit;
  if (keyword === 'minimum') return minimum >= limit;
  if (keyword === 'exclusiveMaximum') return maximum < limit || (maximum === limit && belowMaximum);
  return minimum > limit || (minimum === limit && aboveMinimum);
}

export function multipleIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const of = numberOf(goal, 'multipleOf');
  const types = typesOf(engine, premise);
  if (of === undefined || (types & NUMBER) === 0) return true;
  if ((types & FRACTION) === 0 && isMultiple(1, of)) return true;
  return premise.nodes.some((node) => {
    const multiple = numberOf(node, 'multipleOf');
    return multiple !== undefined && isMultiple(multiple, of);
  });
}

/** Whether the goal's own list, or those inside it, might be fitted by a premise that lists its values. */
export function listedValuesFit(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const values = finiteValues(engine, premise);
  return values?.every((value) => fits(engine, value, goal) === true) ?? false;
}

/** The members of anyOf or oneOf of a premise that are not part of it yet, one list for each. */
export function alternativesOf(premise: Premise): (readonly SchemaNode[])[] {
  return premise.nodes.flatMap((node) => {
    const { anyOf, oneOf } = keywordsOf(node);
    const lists = [nodesOf(node, anyOf), nodesOf(node, oneOf)].filter((list) => list.length > 1);
    const condition = inner(node, 'if');
    const consequence = inner(node, 'then');
    const otherwise = inner(node, 'else');
    // With neither side said, the condition says nothing; with both, one of them holds.
    if (condition !== undefined && consequence !== undefined && otherwise !== undefined)
      lists.push([consequence, otherwise]);
    return lists.filter(
      (list) => !list.some((member) => member.schema === true || premise.nodes.includes(referred(member))),
    );
  });
}
