import type { JsonSchema } from '../compatibility/index.ts';
import { isRecord, mapSubschemas, type SchemaObject } from '../registry/subschemas.ts';

/** Where the schemas of a document's own are; the second name is that of drafts before 2019-09. */
const DEFINITIONS = ['$defs', 'definitions'] as const;

/**
 * The schemas of a version as components of an AsyncAPI document: the version itself under `name`, what it defines beside it
 * under names of its own. AsyncAPI's Schema Object is a superset of draft-07 (source: AsyncAPI Specification 3.0.0, "Schema
 * Object"), so what 2020-12 says in other words is said in those; references lead to the components.
 */
export function schemaComponents(name: string, document: JsonSchema): Map<string, JsonSchema> {
  const names = new Map<string, string>([['#', name]]);
  const defined: [pointer: string, schema: JsonSchema][] = [];
  for (const keyword of DEFINITIONS) {
    const group = isRecord(document) ? document[keyword] : undefined;
    for (const [own, schema] of isRecord(group) ? Object.entries(group) : []) {
      const pointer = `#/${keyword}/${own.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const wished = `${name}.${own.replace(/[^A-Za-z0-9_-]/g, '_') || '_'}`;
      const taken = new Set(names.values());
      let free = wished;
      for (let count = 2; taken.has(free); count++) free = `${wished}${count}`;
      names.set(pointer, free);
      defined.push([pointer, schema as JsonSchema]);
    }
  }
  const components = new Map([[name, translated(document, names)]]);
  for (const [pointer, schema] of defined) components.set(names.get(pointer)!, translated(schema, names));
  return components;
}

/** Names that resolvers of references stumble over wherever they stand: as a reference, as a method, as a prototype. */
const RESERVED = ['$ref', 'hasOwnProperty', '__proto__'];

/** Whether a value can stand in a document as an example: nothing in it has a name that a resolver of references stumbles over. */
export function canBeShown(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(canBeShown);
  if (!isRecord(value)) return true;
  return Object.entries(value).every(([name, one]) => !RESERVED.includes(name) && canBeShown(one));
}

function translated(schema: JsonSchema, names: ReadonlyMap<string, string>): JsonSchema {
  if (!isRecord(schema)) return schema;
  const { $schema, $id, $anchor, $defs, definitions, $ref, ...kept } = schema;
  const inner = mapSubschemas(kept, (one) => translated(one, names));
  const said = inDraft07(inner);
  for (const keyword of ['default', 'examples'] as const) if (!canBeShown(said[keyword])) delete said[keyword];
  if (typeof $ref !== 'string') return said;
  const component = names.get(decoded($ref));
  // a reference into the middle of a schema, or out of it, has no component: everything may be there
  if (component === undefined) return said;
  const reference = { $ref: `#/components/schemas/${component}` };
  if (Object.keys(said).length === 0) return reference;
  // what stands beside a reference does not count in draft-07
  return { ...said, allOf: [...(Array.isArray(said.allOf) ? said.allOf : []), reference] };
}

/** Keywords of 2020-12 in the words of draft-07. */
function inDraft07(schema: SchemaObject): Record<string, unknown> {
  const { prefixItems, dependentRequired, dependentSchemas, properties, ...rest } = schema;
  const said: Record<string, unknown> = { ...rest };
  if (isRecord(properties)) {
    const [reserved, others] = [true, false].map((wanted) =>
      Object.entries(properties).filter(([name]) => RESERVED.includes(name) === wanted),
    );
    said.properties = Object.fromEntries(others!);
    // the same said by a pattern is no such name
    const patterns = reserved!.map(([name, one]) => [`^${name.replace('$', '\\$')}$`, one]);
    if (patterns.length > 0)
      said.patternProperties = { ...(rest.patternProperties as object), ...Object.fromEntries(patterns) };
  }
  if (Array.isArray(prefixItems)) {
    said.items = prefixItems;
    if (rest.items !== undefined) said.additionalItems = rest.items;
  }
  const dependencies = { ...(isRecord(dependentRequired) && dependentRequired) };
  for (const [name, one] of isRecord(dependentSchemas) ? Object.entries(dependentSchemas) : []) {
    const also = dependencies[name];
    dependencies[name] = Array.isArray(also) ? { allOf: [one, { required: also }] } : one;
  }
  if (Object.keys(dependencies).length > 0) said.dependencies = dependencies;
  return said;
}

function decoded(reference: string): string {
  try {
    return decodeURIComponent(reference);
  } catch {
    return reference;
  }
}
