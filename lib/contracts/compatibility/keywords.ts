/** A JSON Schema as it stands in a file: an object of keywords, or true or false. */
export type JsonSchema = boolean | Keywords;
export interface Keywords {
  readonly [keyword: string]: unknown;
}

/** Keywords whose value is a schema. */
export const SCHEMA_KEYWORDS = [
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
  'additionalItems',
  'unevaluatedItems',
  'contains',
  'not',
  'if',
  'then',
  'else',
] as const;

/** Keywords whose schemas only say when something holds: to change one would change when. */
export const CONDITIONS: ReadonlySet<string> = new Set(['if', 'not', 'contains', 'propertyNames']);

/** Keywords whose value is a list of schemas. */
export const LIST_KEYWORDS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'] as const;

/** Keywords whose value has schemas by name. */
export const MAP_KEYWORDS = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'] as const;

/** A schema inside another, with the way to it. */
export interface Inner {
  readonly steps: readonly [string] | readonly [string, string | number];
  readonly schema: JsonSchema;
}

/** The schemas directly inside of one. The value of a keyword has to be well-formed. */
export function innerSchemas(schema: Keywords): Inner[] {
  const found: Inner[] = [];
  for (const keyword of Object.keys(schema)) {
    const value = schema[keyword];
    if (isIn(SCHEMA_KEYWORDS, keyword)) found.push({ steps: [keyword], schema: value as JsonSchema });
    else if (isIn(LIST_KEYWORDS, keyword)) addList(found, keyword, value);
    else if (keyword === 'items') {
      if (Array.isArray(value)) addList(found, keyword, value);
      else found.push({ steps: [keyword], schema: value as JsonSchema });
    } else if (isIn(MAP_KEYWORDS, keyword)) addMap(found, keyword, value);
    else if (keyword === 'dependencies') addMap(found, keyword, value);
  }
  return found;
}

function addList(found: Inner[], keyword: string, value: unknown): void {
  for (const [index, schema] of (value as JsonSchema[]).entries()) found.push({ steps: [keyword, index], schema });
}

function addMap(found: Inner[], keyword: string, value: unknown): void {
  for (const [name, schema] of Object.entries(value as Record<string, JsonSchema | string[]>)) {
    if (!Array.isArray(schema)) found.push({ steps: [keyword, name], schema: schema as JsonSchema });
  }
}

function isIn(list: readonly string[], keyword: string): boolean {
  return list.includes(keyword);
}
