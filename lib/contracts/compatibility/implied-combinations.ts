import { alike } from './alike.ts';
import type { Engine } from './engine.ts';
import { inner, keywordsOf, nodesOf, type Premise, premiseOf, suppose } from './premise.ts';
import type { SchemaNode } from './schema-document.ts';
import { areDisjoint } from './unsatisfiable.ts';

/** Each of these says whether the premise implies one keyword of the goal. */

export function allOfIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  return nodesOf(goal, keywordsOf(goal).allOf).every((member) => engine.included(premise, member));
}

export function referenceIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  return typeof keywordsOf(goal).$ref !== 'string' || engine.included(premise, goal.document.target(goal));
}

export function anyOfIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const members = nodesOf(goal, keywordsOf(goal).anyOf);
  return members.length === 0 || members.some((member) => engine.included(premise, member));
}

export function oneOfIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const members = nodesOf(goal, keywordsOf(goal).oneOf);
  if (members.length === 0) return true;
  const fitting = members.findIndex((member) => engine.included(premise, member));
  if (fitting >= 0 && members.every((member, index) => index === fitting || areDisjoint(engine, premise, member)))
    return true;
  return premise.nodes.some((node) => {
    const known = nodesOf(node, keywordsOf(node).oneOf);
    return known.length > 0 && eachHasItsOwn(engine, premise, known, members);
  });
}

/**
 * A value fits exactly one member of the premise's oneOf. Whichever that is, it has to fit one of the goal, and none of the others:
 * because those have nothing in common with it, or because what fits them fits another member of the premise's.
 */
function eachHasItsOwn(
  engine: Engine,
  premise: Premise,
  known: readonly SchemaNode[],
  members: readonly SchemaNode[],
): boolean {
  // By index: the same schema may be there twice, and then what fits it fits two.
  return known.every((one, at) => {
    const given = premiseOf(engine, [...premise.nodes, one], premise.origin);
    const same = members.findIndex((member) => alike(engine, one, member));
    const fitting = same >= 0 ? same : members.findIndex((member) => engine.included(given, member));
    if (fitting < 0) return false;
    return members.every((member, index) => {
      if (index === fitting || areDisjoint(engine, given, member)) return true;
      return known.some((other, place) => place !== at && engine.included(suppose(engine, [member]), other));
    });
  });
}

export function notIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const excluded = inner(goal, 'not');
  if (excluded === undefined || excluded.schema === false || areDisjoint(engine, premise, excluded)) return true;
  const without = suppose(engine, [excluded]);
  return premise.nodes.some((node) => {
    const known = inner(node, 'not');
    return known !== undefined && engine.included(without, known);
  });
}

export function conditionIsImplied(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  const condition = inner(goal, 'if');
  if (condition === undefined) return true;
  const consequence = inner(goal, 'then');
  const otherwise = inner(goal, 'else');
  const sames = premise.nodes.filter((node) => {
    const known = inner(node, 'if');
    return known !== undefined && isEquivalent(engine, known, condition);
  });
  const given = (keyword: string) => sames.flatMap((node) => inner(node, keyword) ?? []);
  const holds = () => premiseOf(engine, [...premise.nodes, condition, ...given('then')], premise.origin);
  const fails = () => premiseOf(engine, [...premise.nodes, ...given('else')], premise.origin);
  return (
    (consequence === undefined || areDisjoint(engine, premise, condition) || engine.included(holds(), consequence)) &&
    (otherwise === undefined ||
      engine.included(suppose(engine, premise.nodes), condition) ||
      engine.included(fails(), otherwise))
  );
}

export function isEquivalent(engine: Engine, a: SchemaNode, b: SchemaNode): boolean {
  if (alike(engine, a, b)) return true;
  return engine.included(suppose(engine, [a]), b) && engine.included(suppose(engine, [b]), a);
}
