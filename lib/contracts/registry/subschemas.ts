import type { JsonSchema } from '../compatibility/index.ts';
import { LIST_KEYWORDS, MAP_KEYWORDS, SCHEMA_KEYWORDS } from '../compatibility/keywords.ts';

/** A JSON Schema that is an object. */
export type SchemaObject = { readonly [keyword: string]: unknown };

/** Keywords whose value is a schema (or, for `items` before 2020-12, a list of them). */
const ONE: ReadonlySet<string> = new Set([...SCHEMA_KEYWORDS, 'items', 'contentSchema']);
const LISTS: ReadonlySet<string> = new Set(LIST_KEYWORDS);
/** Keywords whose value has schemas under names of its own: a property may be called `title`. */
const MAPS: ReadonlySet<string> = new Set([...MAP_KEYWORDS, 'dependencies']);

/** Whether a value is an object of JSON. */
export function isRecord(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The schema with every schema right below it replaced; everything else stays as it is. */
export function mapSubschemas(schema: SchemaObject, replace: (subschema: JsonSchema) => unknown): SchemaObject {
  const inner = (value: unknown): unknown =>
    typeof value === 'boolean' || isRecord(value) ? replace(value as JsonSchema) : value;
  const list = (value: unknown) => (Array.isArray(value) ? value.map(inner) : inner(value));
  // fromEntries defines properties: `__proto__` is a name like any other
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (ONE.has(keyword) || LISTS.has(keyword)) return [keyword, list(value)];
      if (!MAPS.has(keyword) || !isRecord(value)) return [keyword, value];
      return [keyword, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inner(one)]))];
    }),
  );
}
