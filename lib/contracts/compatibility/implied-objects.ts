import { declared, dependentNames, dependentSchemas } from './composition.ts';
import { type Engine, includedBelow, spend } from './engine.ts';
import { fits } from './evaluate.ts';
import { OBJECT } from './json-value.ts';
import {
  closedTo,
  finiteNames,
  namesOf,
  originBelow,
  propertyOf,
  requiredOf,
  schemasOfProperty,
  unevaluated,
} from './members.ts';
import { matches } from './pattern.ts';
import {
  fact,
  inner,
  keywordsOf,
  largest,
  namedSchemas,
  numberOf,
  type Premise,
  premiseOf,
  referred,
  smallest,
  suppose,
  typesOf,
} from './premise.ts';
import type { SchemaNode } from './schema-document.ts';
import { isUnsatisfiable } from './unsatisfiable.ts';

/** Each of these says whether the premise implies one keyword of the goal. */

function hasObjects(engine: Engine, premise: Premise): boolean {
  return (typesOf(engine, premise) & OBJECT) !== 0;
}

export function requiredIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  if (!hasObjects(engine, premise)) return true;
  const names = (keywordsOf(goal).required as string[] | undefined) ?? [];
  return names.every((name) => isRequired(premise, goal, name));
}

/**
 * A reader fills a missing property in with its default, if it declares one: so Confluent's registry holds it, and so do we. Only in
 * what was written: a condition, or what is excluded, is judged by what is there.
 */
export function isRequired(premise: Premise, goal: SchemaNode, name: string): boolean {
  return requiredOf(premise).has(name) || (premise.origin !== 'supposed' && hasDefault(goal, name));
}

export function hasDefault(goal: SchemaNode, name: string): boolean {
  const properties = keywordsOf(goal).properties as Record<string, boolean> | undefined;
  if (properties === undefined || !Object.hasOwn(properties, name)) return false;
  const property = goal.document.node(properties[name]!);
  return [property, referred(property)].some((node) => Object.hasOwn(keywordsOf(node), 'default'));
}

export function propertyCountIsImplied(engine: Engine, premise: Premise, goal: SchemaNode, keyword: string): boolean {
  const limit = numberOf(goal, keyword);
  if (limit === undefined || !hasObjects(engine, premise)) return true;
  if (keyword === 'minProperties') return Math.max(largest(premise, keyword), requiredOf(premise).size) >= limit;
  return Math.min(smallest(premise, keyword), finiteNames(engine, premise)?.size ?? Number.POSITIVE_INFINITY) <= limit;
}

/** The properties that either side names, each against all that the goal says of it. */
export function propertiesAreImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const { properties, patternProperties, additionalProperties } = keywordsOf(goal);
  if (properties === undefined && patternProperties === undefined && additionalProperties === undefined) return true;
  if (!hasObjects(engine, premise)) return true;
  const names = new Set([...Object.keys((properties as object | undefined) ?? {}), ...namesOf(engine, premise)]);
  return [...names].every((name) => propertyIsImplied(engine, premise, goal, name));
}

export function propertyIsImplied(engine: Engine, premise: Premise, goal: SchemaNode, name: string): boolean {
  const known = propertyOf(engine, premise, name);
  if (known.never) return true;
  const patterns = Object.keys((keywordsOf(goal).patternProperties as object | undefined) ?? {});
  if (patterns.some((pattern) => matches(engine, pattern, name) === undefined)) return false;
  return schemasOfProperty(engine, goal, name).every((schema) => includedBelow(engine, known, schema));
}

/** The properties that only a pattern of the goal speaks of. */
export function patternPropertyIsImplied(
  engine: Engine,
  premise: Premise,
  pattern: string,
  schema: SchemaNode,
): boolean {
  if (!hasObjects(engine, premise) || finiteNames(engine, premise) !== undefined) return true;
  return othersFit(
    engine,
    premise,
    schema,
    (other) => other === pattern,
    () => true,
  );
}

export function patternPropertiesAreImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  return namedSchemas(goal, 'patternProperties').every(([pattern, schema]) =>
    patternPropertyIsImplied(engine, premise, pattern, schema),
  );
}

/** The properties that the goal neither names nor has a pattern for. */
export function additionalPropertiesAreImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const schema = inner(goal, 'additionalProperties');
  if (schema === undefined || !hasObjects(engine, premise) || finiteNames(engine, premise) !== undefined) return true;
  const patterns = Object.keys((keywordsOf(goal).patternProperties as object | undefined) ?? {});
  return othersFit(
    engine,
    premise,
    schema,
    () => false,
    (pattern) => !patterns.includes(pattern),
  );
}

export function unevaluatedPropertiesAreImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const schema = unevaluated(goal, 'unevaluatedProperties');
  if (schema === undefined || !hasObjects(engine, premise)) return true;
  // What is evaluated only under a condition may be unevaluated when the condition fails.
  const sure = declared(engine, [goal], { certain: true, except: goal });
  if (sure.opened || sure.restricted) return true;
  const named = [...namesOf(engine, premise)].every((name) => {
    if (sure.names.has(name) || sure.patterns.some((pattern) => matches(engine, pattern, name) === true)) return true;
    return includedBelow(engine, propertyOf(engine, premise, name), schema);
  });
  if (!named || finiteNames(engine, premise) !== undefined) return named;
  return othersFit(
    engine,
    premise,
    schema,
    () => false,
    (pattern) => !sure.patterns.includes(pattern),
  );
}

/**
 * Whether the properties that nobody names fit a schema. Of each schema of the premise one knows only that such a property fits one
 * of its patterns' schemas or, matching none, its additionalProperties.
 */
function othersFit(
  engine: Engine,
  premise: Premise,
  goal: SchemaNode,
  surely: (pattern: string) => boolean,
  possible: (pattern: string) => boolean,
): boolean {
  const closed = closedTo(engine, premise);
  const sure: SchemaNode[] = [];
  const unsure: SchemaNode[][] = [];
  for (const node of premise.nodes) {
    const patterns = namedSchemas(node, 'patternProperties');
    const certain = patterns.filter(([pattern]) => surely(pattern)).map(([, schema]) => schema);
    const alone = closed?.patterns.every((pattern) => patterns.some(([own]) => own === pattern)) ?? false;
    const rest = inner(node, 'additionalProperties') ?? node.document.node(!alone);
    const others = patterns.filter(([pattern]) => possible(pattern)).map(([, schema]) => schema);
    const unevaluatedOthers = unevaluated(node, 'unevaluatedProperties');
    if (unevaluatedOthers !== undefined) {
      const seen = declared(engine, [node], { except: node });
      if (!seen.opened && !seen.restricted && seen.patterns.length === 0) sure.push(unevaluatedOthers);
    }
    if (certain.length > 0) sure.push(...certain);
    else if (others.length === 0) sure.push(rest);
    else unsure.push([...others, rest]);
  }
  if (includedBelow(engine, premiseOf(engine, sure, originBelow(engine, premise, sure)), goal)) return true;
  return unsure.some((cases) =>
    cases.every((each) =>
      includedBelow(engine, premiseOf(engine, [...sure, each], originBelow(engine, premise, [...sure, each])), goal),
    ),
  );
}

export function propertyNamesAreImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const schema = inner(goal, 'propertyNames');
  if (schema === undefined || !hasObjects(engine, premise)) return true;
  const names = finiteNames(engine, premise);
  if (names !== undefined) {
    const present = [...names].filter((name) => !isUnsatisfiable(engine, propertyOf(engine, premise, name)));
    if (present.every((name) => fits(engine, name, schema) === true)) return true;
  }
  const known = premise.nodes.flatMap((node) => inner(node, 'propertyNames') ?? []);
  return includedBelow(engine, suppose(engine, [engine.typeNode(16), ...known]), schema);
}

export function dependentNamesAreImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  return dependentNames(goal).every(([name, needed]) => dependencyIsImplied(engine, premise, name, needed));
}

export function dependencyIsImplied(
  engine: Engine,
  premise: Premise,
  name: string,
  needed: readonly string[],
): boolean {
  if (!hasObjects(engine, premise) || isUnsatisfiable(engine, propertyOf(engine, premise, name))) return true;
  const rules = fact(premise, 'dependent names', () =>
    Map.groupBy(premise.nodes.flatMap(dependentNames), ([trigger]) => trigger),
  );
  const there = new Set([name, ...requiredOf(premise)]);
  // A set is gone through with what is added to it meanwhile.
  for (const each of there) {
    spend(engine, 0.1);
    for (const [, names] of rules.get(each) ?? []) for (const other of names) there.add(other);
  }
  return needed.every((each) => there.has(each));
}

export function dependentSchemasAreImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  return dependentSchemas(goal).every(([name, schema]) => dependentSchemaIsImplied(engine, premise, name, schema));
}

export function dependentSchemaIsImplied(engine: Engine, premise: Premise, name: string, schema: SchemaNode): boolean {
  if (!hasObjects(engine, premise) || isUnsatisfiable(engine, propertyOf(engine, premise, name))) return true;
  const known = premise.nodes.flatMap((node) => dependentSchemas(node).filter(([trigger]) => trigger === name));
  return engine.included(
    premiseOf(engine, [...premise.nodes, ...known.map(([, each]) => each)], premise.origin),
    schema,
  );
}
