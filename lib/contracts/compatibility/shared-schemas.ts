import { dependentSchemas, isUnion } from './composition.ts';
import { type Engine, spend } from './engine.ts';
import { CONDITIONS, innerSchemas, type JsonSchema } from './keywords.ts';
import { schemasOfProperty } from './members.ts';
import { inner, isReference, keywordsOf, namedSchemas, nodesOf, suppose } from './premise.ts';
import { refAlone, type SchemaDocument, type SchemaNode } from './schema-document.ts';
import { isUnsatisfiable } from './unsatisfiable.ts';

/** Of how many schemas of one property it is looked into which of them go together; of more, all are taken to. */
const MEETING_LIMIT = 300;

/** A schema that describes the value at hand, and the choices by which it does: each is an alternative of a list. */
interface Described {
  readonly node: SchemaNode;
  readonly choices: ReadonlyMap<object, SchemaNode>;
}

/** A schema of a property or item, in the schema that describes the object or array. */
interface Spoken {
  readonly schema: SchemaNode;
  readonly of: Described;
}

/**
 * The schemas of properties and items of which another one speaks, too: by the same name, or in another schema for the same array.
 * To hold that a writer writes only what one of them declares would leave out what the other does. Schemas that say nothing of
 * further properties do not count, nor do mere conditions, nor alternatives that no value fits together. With them, what is used
 * in a condition as well.
 */
export function sharedSchemas(engine: Engine, document: SchemaDocument): ReadonlySet<JsonSchema> {
  const shared = usedInConditions(document);
  const says = speakers();
  const seen = new Set<SchemaNode>();
  const pending = [document.root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node) || typeof node.schema === 'boolean') continue;
    seen.add(node);
    for (const { schema } of innerSchemas(node.schema)) pending.push(document.node(schema));
    if (typeof node.schema.$ref === 'string') pending.push(document.target(node));
    // The alternatives of a union are each by themselves, and what a reference leads to is looked at there.
    if (isUnion(node) || isReference(node)) continue;
    for (const group of spokenOf(engine, describing(engine, node))) {
      const speaking = group.filter(({ schema }) => says(schema));
      const many = speaking.length > MEETING_LIMIT;
      for (const { schema, of } of speaking) {
        const meets = (other: Spoken) => other.schema !== schema && (many || meet(engine, of, other.of));
        if (!shared.has(schema.schema) && speaking.some(meets)) shared.add(schema.schema);
      }
    }
  }
  return shared;
}

/** The schemas inside of conditions, and what these refer to. */
function usedInConditions(document: SchemaDocument): Set<JsonSchema> {
  const used = new Set<JsonSchema>();
  for (const schema of document.schemas()) {
    if (typeof schema === 'boolean') continue;
    const pending = innerSchemas(schema).filter(({ steps }) => CONDITIONS.has(steps[0]));
    for (let inner = pending.pop()?.schema; inner !== undefined; inner = pending.pop()?.schema) {
      if (typeof inner === 'boolean' || used.has(inner)) continue;
      used.add(inner);
      pending.push(...innerSchemas(inner));
      if (typeof inner.$ref === 'string') {
        pending.push({ steps: ['$ref'], schema: document.target(document.node(inner)).schema });
      }
    }
  }
  return used;
}

/** The schemas that describe the same value as this one, through allOf, references and what they choose between. */
function describing(engine: Engine, start: SchemaNode): Described[] {
  const found = new Map<SchemaNode, Described>();
  const pending: Described[] = [{ node: start, choices: new Map() }];
  for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
    const { node, choices } = each;
    if (typeof node.schema === 'boolean') continue;
    spend(engine);
    const before = found.get(node);
    // Met in two ways, it is taken to go with everything.
    if (before !== undefined && (before.choices.size === 0 || before.choices === choices)) continue;
    const at = before === undefined ? choices : new Map<object, SchemaNode>();
    found.set(node, { node, choices: at });
    const { $ref, allOf } = node.schema;
    if (typeof $ref === 'string') pending.push({ node: node.document.target(node), choices: at });
    if (typeof $ref === 'string' && refAlone(node.document.dialect)) continue;
    for (const member of [...nodesOf(node, allOf), ...dependentSchemas(node).map(([, schema]) => schema)]) {
      pending.push({ node: member, choices: at });
    }
    for (const [list, members] of alternatives(node)) {
      for (const member of members) pending.push({ node: member, choices: new Map([...at, [list, member]]) });
    }
  }
  return [...found.values()];
}

function alternatives(node: SchemaNode): [list: object, members: readonly SchemaNode[]][] {
  const { anyOf, oneOf } = keywordsOf(node);
  const lists = [anyOf, oneOf].flatMap((list): [object, readonly SchemaNode[]][] =>
    list === undefined ? [] : [[list as object, nodesOf(node, list)]],
  );
  const sides = ['then', 'else'].flatMap((keyword) => inner(node, keyword) ?? []);
  return [...lists, [node, sides]];
}

/** Whether one value can be described by both. */
function meet(engine: Engine, one: Described, other: Described): boolean {
  spend(engine, 0.1);
  for (const [list, member] of one.choices) {
    const another = other.choices.get(list);
    if (another === undefined || another === member) continue;
    // Of then and else only one counts.
    if (!Array.isArray(list) || isUnsatisfiable(engine, suppose(engine, [member, another]))) return false;
  }
  return true;
}

/** What is said of each property, of properties by pattern or at large, and of items. */
function spokenOf(engine: Engine, described: readonly Described[]): Spoken[][] {
  const byName = new Map<string, Spoken[]>();
  for (const of of described) {
    for (const [name, schema] of namedSchemas(of.node, 'properties')) {
      const spoken = byName.get(name);
      if (spoken === undefined) byName.set(name, [{ schema, of }]);
      else spoken.push({ schema, of });
    }
  }
  // Those that speak of names that they do not have.
  const atLarge = described.filter(({ node }) =>
    ['patternProperties', 'additionalProperties'].some((keyword) => keyword in keywordsOf(node)),
  );
  const groups = [...byName].map(([name, spoken]) => [
    ...spoken,
    ...atLarge.flatMap((of) => schemasOfProperty(engine, of.node, name).map((schema) => ({ schema, of }))),
  ]);
  const below = (...keywords: string[]) =>
    described.flatMap((of) =>
      innerSchemas(keywordsOf(of.node))
        .filter(({ steps }) => keywords.includes(steps[0]))
        .map(({ schema }) => ({ schema: of.node.document.node(schema), of })),
    );
  groups.push(below('patternProperties', 'additionalProperties', 'unevaluatedProperties'));
  const items = below('items', 'prefixItems', 'additionalItems', 'unevaluatedItems', 'contains');
  // What one schema says of the first items and of the others is not of the same item.
  if (new Set(items.map(({ of }) => of)).size > 1 || described.some(({ node }) => 'contains' in keywordsOf(node))) {
    groups.push(items);
  }
  return groups.filter((group) => group.length > 1);
}

/** Whether a schema, or one inside it, says which properties an object may have. */
function speakers(): (node: SchemaNode) => boolean {
  const known = new Map<SchemaNode, boolean>();
  return (start) => {
    const before = known.get(start);
    if (before !== undefined) return before;
    const seen = new Set<SchemaNode>();
    const pending = [start];
    let says = false;
    for (let node = pending.pop(); node !== undefined && !says; node = pending.pop()) {
      if (seen.has(node) || typeof node.schema === 'boolean') continue;
      seen.add(node);
      const { properties, patternProperties, additionalProperties, unevaluatedProperties, $ref } = node.schema;
      says =
        properties !== undefined ||
        patternProperties !== undefined ||
        additionalProperties !== undefined ||
        unevaluatedProperties !== undefined;
      if (typeof $ref === 'string') pending.push(node.document.target(node));
      for (const { schema } of innerSchemas(node.schema)) pending.push(node.document.node(schema));
    }
    known.set(start, says);
    return says;
  };
}
