import { declared, declaresProperties, isUnion } from './composition.ts';
import type { Engine } from './engine.ts';
import { openEngine } from './inclusion.ts';
import { CONDITIONS, innerSchemas, type JsonSchema, type Keywords } from './keywords.ts';
import { openDocument, refAlone, type SchemaDocument, type SchemaNode } from './schema-document.ts';
import { sharedSchemas } from './shared-schemas.ts';

/** Keywords whose schemas judge the same value as the schema that they are in: they are closed as a whole. */
const SAME_VALUE = new Set(['allOf', 'anyOf', 'oneOf', 'then', 'else', 'dependentSchemas', 'dependencies']);

const DEFINITIONS = new Set(['$defs', 'definitions']);

/**
 * The view of those who write by a schema, and write nothing that it does not declare: every schema of objects that says nothing
 * about further properties is given `additionalProperties: false`. What several schemas say of the same object, through allOf,
 * anyOf, oneOf, if or a reference, is closed as one, to the properties that any of them declares. Left open are schemas that
 * say `additionalProperties: true`, and those that declare no properties at all: these are maps.
 * @throws BadSchemaError when the schema is malformed or refers to another file
 */
export function closed(schema: JsonSchema): JsonSchema {
  let ids = 0;
  const document = openDocument(schema, 'The schema', () => ids++);
  const engine = openEngine('nothing');
  return close({ engine, document, shared: sharedSchemas(engine, document) }, schema, true);
}

interface Closing {
  readonly engine: Engine;
  readonly document: SchemaDocument;
  /** Schemas of a property that another schema speaks of, too: to close them alone would refuse what the other declares. */
  readonly shared: ReadonlySet<JsonSchema>;
}

/** Closes a schema and all inside it; `whole`: it is all that is said of its value. */
function close(closing: Closing, schema: JsonSchema, whole: boolean): JsonSchema {
  if (typeof schema === 'boolean') return schema;
  const replaced = new Map<string, unknown>();
  const union = whole && isUnion(closing.document.node(schema));
  for (const { steps, schema: inner } of innerSchemas(schema)) {
    const [keyword, name] = steps;
    if (CONDITIONS.has(keyword)) continue;
    const own = union ? keyword === 'anyOf' || keyword === 'oneOf' : !SAME_VALUE.has(keyword);
    const next = close(closing, inner, own && !DEFINITIONS.has(keyword) && !closing.shared.has(inner));
    if (next === inner) continue;
    if (name === undefined) replaced.set(keyword, next);
    else {
      const copy = replaced.get(keyword) ?? copyOf(schema[keyword] as object);
      // Defined, not assigned: a property may be called __proto__.
      Object.defineProperty(copy, name, { value: next, enumerable: true, configurable: true, writable: true });
      replaced.set(keyword, copy);
    }
  }
  const result = replaced.size === 0 ? schema : { ...schema, ...Object.fromEntries(replaced) };
  return whole && !union ? shut(closing, closing.document.node(schema), result) : result;
}

function copyOf(value: object): object {
  return Array.isArray(value) ? [...value] : { ...value };
}

/** Adds what refuses further properties. */
function shut({ engine, document }: Closing, node: SchemaNode, schema: Keywords): Keywords {
  const all = declared(engine, [node]);
  if (!declaresProperties(engine, [node]) || all.restricted || all.opened) return schema;
  if (typeof schema.$ref === 'string' && refAlone(document.dialect)) {
    const { definitions, $defs, $schema, ...rest } = schema;
    const kept = Object.entries({ $schema, definitions, $defs }).filter(([, value]) => value !== undefined);
    return { ...Object.fromEntries(kept), allOf: [rest], ...refusal(all) };
  }
  const { properties, patternProperties } = refusal(all, schema);
  return {
    ...schema,
    ...(Object.keys(properties).length > 0 || schema.properties !== undefined ? { properties } : {}),
    ...(Object.keys(patternProperties).length > 0 || schema.patternProperties !== undefined
      ? { patternProperties }
      : {}),
    additionalProperties: false,
  };
}

function refusal({ names, patterns }: { names: ReadonlySet<string>; patterns: readonly string[] }, own: Keywords = {}) {
  const allowed = (keys: Iterable<string>) => Object.fromEntries([...keys].map((key) => [key, true]));
  return {
    properties: { ...allowed(names), ...(own.properties as object | undefined) } as Record<string, unknown>,
    patternProperties: { ...allowed(patterns), ...(own.patternProperties as object | undefined) } as Record<
      string,
      unknown
    >,
    additionalProperties: false,
  };
}
