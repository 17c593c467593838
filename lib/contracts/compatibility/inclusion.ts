import { alike } from './alike.ts';
import { createEngine, deeper, type Engine, spend, type Undeclared } from './engine.ts';
import * as arrays from './implied-arrays.ts';
import * as combinations from './implied-combinations.ts';
import * as objects from './implied-objects.ts';
import * as values from './implied-values.ts';
import { keywordsOf, type Premise, premiseOf, referred, typesOf } from './premise.ts';
import type { SchemaNode } from './schema-document.ts';
import { sharedSchemas } from './shared-schemas.ts';
import { isUnsatisfiable } from './unsatisfiable.ts';

/** Says whether the premise implies one keyword of the goal. */
type Rule = (engine: Engine, premise: Premise, goal: SchemaNode) => boolean;

/** Says for each keyword whether the premise implies it: a goal is implied when each of its keywords is. Cheap ones first. */
export const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['type', values.typeIsImplied],
  ...['maxLength', 'minLength', 'pattern'].map((keyword): [string, Rule] => [
    keyword,
    (engine, premise, goal) => values.stringIsImplied(engine, premise, goal, keyword),
  ]),
  ['format', values.formatIsImplied],
  ...['maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum'].map((keyword): [string, Rule] => [
    keyword,
    (engine, premise, goal) => values.boundIsImplied(engine, premise, goal, keyword),
  ]),
  ['multipleOf', values.multipleIsImplied],
  ...['maxItems', 'minItems'].map((keyword): [string, Rule] => [
    keyword,
    (engine, premise, goal) => arrays.itemCountIsImplied(engine, premise, goal, keyword),
  ]),
  ['uniqueItems', arrays.uniqueIsImplied],
  ...['maxProperties', 'minProperties'].map((keyword): [string, Rule] => [
    keyword,
    (engine, premise, goal) => objects.propertyCountIsImplied(engine, premise, goal, keyword),
  ]),
  ['required', objects.requiredIsImplied],
  ['enum', values.valuesAreImplied],
  ['properties', objects.propertiesAreImplied],
  ['patternProperties', objects.patternPropertiesAreImplied],
  ['additionalProperties', objects.additionalPropertiesAreImplied],
  ['unevaluatedProperties', objects.unevaluatedPropertiesAreImplied],
  ['propertyNames', objects.propertyNamesAreImplied],
  ['dependentRequired', objects.dependentNamesAreImplied],
  ['items', arrays.itemsAreImplied],
  ['unevaluatedItems', arrays.unevaluatedItemsAreImplied],
  ['contains', arrays.containsIsImplied],
  ['dependentSchemas', objects.dependentSchemasAreImplied],
  ['$ref', combinations.referenceIsImplied],
  ['allOf', combinations.allOfIsImplied],
  ['not', combinations.notIsImplied],
  ['if', combinations.conditionIsImplied],
  ['anyOf', combinations.anyOfIsImplied],
  ['oneOf', combinations.oneOfIsImplied],
]);

/** How many times in a row a premise is split into cases before giving up. */
const SPLIT_LIMIT = 3;

/** How many times a premise is split in all: from there on what would need it counts as not shown. */
const CASE_LIMIT = 3_000;

export function openEngine(undeclared: Undeclared): Engine {
  return createEngine(undeclared, isIncluded, sharedSchemas);
}

/**
 * Whether whatever fits the premise fits the goal, as far as can be shown.
 *
 * Pairs may lead back to themselves. While a pair is being compared it is taken to hold for what is inside of the value, by
 * induction over the size of values; never for the value itself, or a schema could prove itself.
 */
function isIncluded(engine: Engine, premise: Premise, given: SchemaNode): boolean {
  spend(engine);
  if (premise.never || given.schema === true) return true;
  const goal = referred(given);
  if (typeof goal.schema === 'boolean') return goal.schema || isUnsatisfiable(engine, premise);
  const key = `${premise.key}>${goal.id}`;
  const known = engine.known.get(key);
  if (known !== undefined && (known.lowest === Number.POSITIVE_INFINITY || engine.level >= known.level)) {
    engine.lowest = Math.min(engine.lowest, known.lowest);
    return known.result;
  }
  spend(engine, premise.nodes.length / 10);
  if (premise.nodes.some((node) => node === goal || node === given || alike(engine, node, goal))) return true;
  const open = engine.open.get(key);
  if (open !== undefined) {
    if (engine.level <= open.level) return false;
    engine.lowest = Math.min(engine.lowest, open.depth);
    return true;
  }
  return deeper(engine, () => remember(engine, key, () => decide(engine, premise, goal)));
}

/** Decides an open pair, and keeps what was found out as long as what it rests on holds. */
function remember(engine: Engine, key: string, work: () => boolean): boolean {
  const { depth, level, lowest: outer } = engine;
  const mark = engine.provisional.length;
  engine.lowest = Number.POSITIVE_INFINITY;
  engine.open.set(key, { depth, level });
  const result = work();
  engine.open.delete(key);
  const lowest = engine.lowest;
  if (!result) {
    for (const each of engine.provisional.splice(mark)) engine.known.delete(each);
    engine.known.set(key, { result, lowest: Number.POSITIVE_INFINITY, level });
    engine.lowest = outer;
  } else if (lowest >= depth) {
    for (const each of engine.provisional.splice(mark)) {
      const entry = engine.known.get(each);
      if (entry !== undefined) entry.lowest = Number.POSITIVE_INFINITY;
    }
    engine.known.set(key, { result, lowest: Number.POSITIVE_INFINITY, level });
    engine.lowest = outer;
  } else {
    // What rests on this pair rests on what this one rests on, now that it is no longer open.
    for (const each of engine.provisional.slice(mark)) {
      const entry = engine.known.get(each)!;
      entry.lowest = Math.min(entry.lowest, lowest);
    }
    engine.provisional.push(key);
    engine.known.set(key, { result, lowest, level });
    engine.lowest = Math.min(outer, lowest);
  }
  return result;
}

function decide(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  if (isUnsatisfiable(engine, premise) || values.listedValuesFit(engine, premise, goal)) return true;
  for (const [, isImplied] of RULES) if (!isImplied(engine, premise, goal)) return byCases(engine, premise, goal);
  return true;
}

/** Whether the goal follows in each of the cases that the premise consists of. */
function byCases(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  if (engine.splits >= SPLIT_LIMIT || engine.cases >= CASE_LIMIT) return false;
  engine.splits++;
  engine.cases++;
  try {
    for (const members of values.alternativesOf(premise)) {
      const holds = (member: SchemaNode) =>
        engine.included(premiseOf(engine, [...premise.nodes, member], premise.origin), goal);
      if (members.every(holds)) return true;
    }
    const { anyOf, oneOf } = keywordsOf(goal);
    const types = [1, 2, 4, 8, 16, 32, 64].filter((bit) => (typesOf(engine, premise) & bit) !== 0);
    if ((anyOf === undefined && oneOf === undefined) || types.length < 2) return false;
    return types.every((bit) =>
      engine.included(premiseOf(engine, [...premise.nodes, engine.typeNode(bit)], premise.origin), goal),
    );
  } finally {
    engine.splits--;
  }
}
