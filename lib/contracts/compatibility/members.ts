import { type Declared, declared, declaresProperties, isUnion, tuple } from './composition.ts';
import type { Engine } from './engine.ts';
import { matches } from './pattern.ts';
import {
  fact,
  inner,
  keywordsOf,
  namedSchemas,
  nodesOf,
  type Origin,
  type Premise,
  premiseOf,
  referred,
  smallest,
} from './premise.ts';
import { isRecent, type SchemaNode } from './schema-document.ts';

/** The premise of something that cannot be there. */
export function impossible(engine: Engine, node: SchemaNode): Premise {
  return premiseOf(engine, [node.document.node(false)], 'supposed');
}

/** The schemas of a node that a property of this name has to fit; undefined where a pattern took too long to say. */
export function schemasOfProperty(engine: Engine, node: SchemaNode, name: string): SchemaNode[] {
  const { properties } = keywordsOf(node) as { properties?: Record<string, boolean> };
  const found: SchemaNode[] = [];
  let covered = false;
  if (properties !== undefined && Object.hasOwn(properties, name)) {
    found.push(node.document.node(properties[name]!));
    covered = true;
  }
  for (const [pattern, schema] of namedSchemas(node, 'patternProperties')) {
    const match = matches(engine, pattern, name);
    // Not known to match: nothing may be concluded from its schema, nor from that for what matches nothing.
    if (match !== false) covered = true;
    if (match === true) found.push(schema);
  }
  const others = inner(node, 'additionalProperties');
  if (!covered && others !== undefined) found.push(others);
  return found;
}

/** What is known of the property of this name, if it is there. */
export function propertyOf(engine: Engine, premise: Premise, name: string): Premise {
  return fact(premise, `property ${name}`, () => {
    const [first] = premise.nodes;
    if (first === undefined) return premise;
    const closed = closedTo(engine, premise);
    if (closed !== undefined && !isDeclared(engine, closed, name)) return impossible(engine, first);
    const found = premise.nodes.flatMap((node) => schemasOfProperty(engine, node, name));
    for (const node of premise.nodes) {
      const rest = unevaluated(node, 'unevaluatedProperties');
      if (rest === undefined) continue;
      const seen = declared(engine, [node], { except: node });
      if (!seen.opened && !seen.restricted && !isDeclared(engine, seen, name)) found.push(rest);
    }
    return premiseOf(engine, found, originBelow(engine, premise, found));
  });
}

/** Where something inside the value comes from, of which these schemas speak. */
export function originBelow(engine: Engine, premise: Premise, found: readonly SchemaNode[]): Origin {
  if (engine.undeclared === 'nothing' || premise.origin !== 'written') return premise.origin;
  const shared = found.some((node) => node.document === engine.writer && engine.shared(node));
  return shared ? 'shared' : 'written';
}

function isDeclared(engine: Engine, { names, patterns }: Declared, name: string): boolean {
  return names.has(name) || patterns.some((pattern) => matches(engine, pattern, name) !== false);
}

/** What the schemas of a premise declare, where nothing else is taken to have been written; undefined where it may have been. */
export function closedTo(engine: Engine, premise: Premise): Declared | undefined {
  if (engine.undeclared === 'nothing' || premise.origin !== 'written') return undefined;
  return fact(premise, 'closed to', () => {
    // A reader's schema says nothing of what was written.
    const written = premise.nodes.filter((node) => node.document === engine.writer && !isUnion(node));
    const undecided = premise.nodes.some(
      (node) => node.document === engine.writer && isUnion(node) && !isDecided(premise, node),
    );
    if (undecided) return undefined;
    const all = declared(engine, written);
    if (all.restricted || (all.opened && engine.undeclared === 'silent')) return undefined;
    return declaresProperties(engine, written) ? all : undefined;
  });
}

/** Whether it is known which of its members a value fits. */
function isDecided(premise: Premise, union: SchemaNode): boolean {
  return ['anyOf', 'oneOf'].every((keyword) => {
    const members = nodesOf(union, keywordsOf(union)[keyword]);
    return members.length === 0 || members.some((member) => premise.nodes.includes(referred(member)));
  });
}

export function unevaluated(
  node: SchemaNode,
  keyword: 'unevaluatedProperties' | 'unevaluatedItems',
): SchemaNode | undefined {
  return isRecent(node.document.dialect) ? inner(node, keyword) : undefined;
}

/** The names of properties that have to be there. */
export function requiredOf(premise: Premise): ReadonlySet<string> {
  return fact(premise, 'required', () => {
    const names = premise.nodes.flatMap((node) => (keywordsOf(node).required as string[] | undefined) ?? []);
    return new Set(names);
  });
}

/** The names that the schemas of a premise have properties by. */
export function namesOf(engine: Engine, premise: Premise): ReadonlySet<string> {
  return fact(premise, 'names', () => {
    const names = new Set(
      premise.nodes.flatMap((node) => Object.keys((keywordsOf(node).properties as object | undefined) ?? {})),
    );
    for (const name of closedTo(engine, premise)?.names ?? []) names.add(name);
    // What any schema beside unevaluatedProperties names may be evaluated: it is not one of the others.
    for (const node of premise.nodes) {
      if (unevaluated(node, 'unevaluatedProperties') === undefined) continue;
      for (const name of declared(engine, [node], { except: node }).names) names.add(name);
    }
    for (const name of requiredOf(premise)) names.add(name);
    return names;
  });
}

/**
 * Every name that a property can have, when those are finitely many; undefined when they are not.
 */
export function finiteNames(engine: Engine, premise: Premise): ReadonlySet<string> | undefined {
  return fact(premise, 'finite names', () => {
    const closed = closedTo(engine, premise);
    if (closed !== undefined && closed.patterns.length === 0) return closed.names;
    for (const node of premise.nodes) {
      const keywords = keywordsOf(node);
      if (keywords.additionalProperties !== false) continue;
      if (Object.keys((keywords.patternProperties as object | undefined) ?? {}).length > 0) continue;
      return new Set(Object.keys((keywords.properties as object | undefined) ?? {}));
    }
    return undefined;
  });
}

/** What is known of the item at an index, if there is one. */
export function itemOf(engine: Engine, premise: Premise, index: number): Premise {
  return fact(premise, `item ${index}`, () => {
    const [first] = premise.nodes;
    if (first === undefined) return premise;
    if (smallest(premise, 'maxItems') <= index) return impossible(engine, first);
    const found = premise.nodes.flatMap((node) => {
      const { prefix, rest } = tuple(node);
      const schema = prefix[index] ?? rest;
      return schema === undefined ? [] : [schema];
    });
    for (const node of premise.nodes) {
      const rest = unevaluated(node, 'unevaluatedItems');
      if (rest === undefined) continue;
      const seen = declared(engine, [node], { except: node });
      if (!seen.allItems && index >= seen.items) found.push(rest);
    }
    return premiseOf(engine, found, originBelow(engine, premise, found));
  });
}

/** How many items have schemas of their own. */
export function prefixLength(premise: Premise): number {
  return premise.nodes.reduce((most, node) => Math.max(most, tuple(node).prefix.length), 0);
}
