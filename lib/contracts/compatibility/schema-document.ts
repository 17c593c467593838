import { BadSchemaError } from './bad-schema-error.ts';
import { below, stepsOf } from './json-pointer.ts';
import { canonical } from './json-value.ts';
import { innerSchemas, type JsonSchema, type Keywords } from './keywords.ts';
import { checkDepth, checkKeywords, isObject, isSchema } from './well-formed.ts';

/** The drafts that differ in how they read what is compared. */
export type Dialect = 'draft-04' | 'draft-06' | 'draft-07' | '2019-09' | '2020-12';

/** One schema of a document: what is compared. */
export interface SchemaNode {
  /** Unique among the nodes of one comparison. */
  readonly id: number;
  readonly schema: JsonSchema;
  readonly document: SchemaDocument;
}

/** A schema file, with what its references lead to. */
export interface SchemaDocument {
  readonly name: string;
  readonly dialect: Dialect;
  readonly root: SchemaNode;
  /** The node of a schema that is in the document. */
  node(schema: JsonSchema): SchemaNode;
  /** The nodes of a list of schemas that is in the document. */
  nodes(list: readonly JsonSchema[]): readonly SchemaNode[];
  /** All schemas that are in it. */
  schemas(): Iterable<JsonSchema>;
  /** What `$ref` of the node leads to. @throws BadSchemaError when that is not in the document */
  target(node: SchemaNode): SchemaNode;
}

/** Where a schema is: the resource that it belongs to, and its pointer for messages. */
interface Place {
  readonly base: string;
  readonly pointer: string;
}

/** Where files without `$id` are, so that references in them resolve. */
const NOWHERE = 'schema:/';

/**
 * Reads a schema with everything inside it.
 * @throws BadSchemaError when a keyword has a value that it cannot have, or the schema is beyond a limit
 */
export function openDocument(schema: JsonSchema, name: string, nextId: () => number): SchemaDocument {
  if (!isSchema(schema)) throw new BadSchemaError(name, '#', 'a schema is an object, true or false.');
  checkDepth(name, schema);
  const dialect = dialectOf(schema, name);
  const nodes = new Map<JsonSchema, SchemaNode>();
  const lists = new Map<readonly JsonSchema[], readonly SchemaNode[]>();
  const places = new Map<JsonSchema, Place>();
  const resources = new Map<string, JsonSchema>([[NOWHERE, schema]]);
  const anchors = new Map<string, JsonSchema>();
  const targets = new Map<SchemaNode, SchemaNode>();

  const document: SchemaDocument = {
    name,
    dialect,
    get root() {
      return document.node(schema);
    },
    node(schema) {
      let node = nodes.get(schema);
      if (node === undefined) {
        node = { id: nextId(), schema, document };
        nodes.set(schema, node);
      }
      return node;
    },
    nodes(list) {
      let all = lists.get(list);
      if (all === undefined) {
        all = list.map((schema) => document.node(schema));
        lists.set(list, all);
      }
      return all;
    },
    schemas: () => [...places.keys()],
    target(node) {
      const known = targets.get(node);
      if (known !== undefined) return known;
      const target = document.node(resolve(node.schema as Keywords));
      targets.set(node, target);
      return target;
    },
  };

  function index(start: JsonSchema, at: Place): void {
    const pending: { schema: JsonSchema; at: Place }[] = [{ schema: start, at }];
    for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
      const { schema, at } = each;
      if (typeof schema === 'boolean' || places.has(schema)) continue;
      checkKeywords(name, at.pointer, schema);
      if (dialect === '2020-12' && Array.isArray(schema.items) && saysDialect(start)) {
        throw new BadSchemaError(name, below(at.pointer, 'items'), 'a list of schemas is prefixItems in 2020-12.');
      }
      const place = { ...at, base: identify(schema, at.base) };
      places.set(schema, place);
      for (const inner of innerSchemas(schema)) {
        pending.push({ schema: inner.schema, at: { base: place.base, pointer: below(at.pointer, ...inner.steps) } });
      }
    }
  }

  function identify(schema: Keywords, outer: string): string {
    let base = outer;
    const id = schema.$id;
    if (typeof id === 'string' && !(refAlone(dialect) && typeof schema.$ref === 'string')) {
      if (id.startsWith('#')) anchors.set(outer + id, schema);
      else {
        base = absolute(id, outer).split('#')[0]!;
        claim(resources, base, schema, '$id');
      }
    }
    for (const anchor of [schema.$anchor, schema.$dynamicAnchor]) {
      if (typeof anchor === 'string') claim(anchors, `${base}#${anchor}`, schema, '$anchor');
    }
    return base;
  }

  /** Gives a schema its address, which may be another's only when both say the same. */
  function claim(addresses: Map<string, JsonSchema>, address: string, schema: Keywords, keyword: string): void {
    const before = addresses.get(address);
    if (before !== undefined && canonical(before) !== canonical(schema)) {
      throw new BadSchemaError(
        name,
        undefined,
        `two schemas in it have the ${keyword} '${schema[keyword]}'. Rename one.`,
      );
    }
    addresses.set(address, schema);
  }

  function resolve(schema: Keywords): JsonSchema {
    const { base, pointer } = places.get(schema)!;
    const reference = schema.$ref as string;
    const problem = (text: string) => new BadSchemaError(name, below(pointer, '$ref'), `'${reference}' ${text}`);
    const [resource, fragment] = parted(reference, base);
    const found = resources.get(resource);
    if (found === undefined) {
      throw problem('leaves the file. Put what it refers to into $defs, and refer to it there.');
    }
    const steps = stepsOf(fragment);
    if (steps === undefined) {
      const anchored = anchors.get(`${resource}#${fragment}`);
      if (anchored === undefined) throw problem('leads to nothing: no schema has this anchor.');
      return anchored;
    }
    let value: unknown = found;
    for (const step of steps) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) {
        throw problem('leads to nothing in the file.');
      }
      value = (value as Record<string, unknown>)[step];
    }
    if (!isSchema(value)) throw problem('leads to something that is no schema.');
    index(value, { base: resource, pointer: below('#', ...steps) });
    return value;
  }

  index(schema, { base: NOWHERE, pointer: '#' });
  return document;
}

/** Whether what stands beside a `$ref` does not count (JSON Schema draft-07, section 8.3). */
export function refAlone(dialect: Dialect): boolean {
  return dialect === 'draft-04' || dialect === 'draft-06' || dialect === 'draft-07';
}

/** Whether a dialect has the keywords that came with 2019-09: `dependentRequired`, `unevaluatedProperties`, `minContains`, ... */
export function isRecent(dialect: Dialect): boolean {
  return dialect === '2019-09' || dialect === '2020-12';
}

/** The address of a resource, and the fragment in it. */
function parted(reference: string, base: string): [resource: string, fragment: string] {
  // Not by way of a URL, which drops blanks and takes `#` in names apart.
  if (reference.startsWith('#')) return [base, reference.slice(1)];
  const address = absolute(reference, base);
  const end = address.indexOf('#');
  return end < 0 ? [address, ''] : [address.slice(0, end), address.slice(end + 1)];
}

function absolute(reference: string, base: string): string {
  try {
    return new URL(reference, base).href;
  } catch {
    return reference;
  }
}

function saysDialect(schema: JsonSchema): boolean {
  return isObject(schema) && schema.$schema !== undefined;
}

function dialectOf(schema: JsonSchema, name: string): Dialect {
  if (typeof schema === 'boolean' || schema.$schema === undefined) return '2020-12';
  const { $schema } = schema;
  const found = /^https?:\/\/json-schema\.org\/(?:draft\/)?(draft-0[467]|2019-09|2020-12)\/schema#?$/.exec(
    typeof $schema === 'string' ? $schema : '',
  );
  if (found === null) {
    throw new BadSchemaError(
      name,
      '#/$schema',
      `${JSON.stringify($schema)} is not known. Use http://json-schema.org/draft-07/schema# or https://json-schema.org/draft/2020-12/schema.`,
    );
  }
  return found[1] as Dialect;
}
