import { type Engine, spend } from './engine.ts';
import { inner, keywordsOf, namedSchemas, nodesOf } from './premise.ts';
import { isRecent, refAlone, type SchemaNode } from './schema-document.ts';

/** What all the schemas that judge the same value declare together, whether they apply or not. */
export interface Declared {
  readonly names: ReadonlySet<string>;
  readonly patterns: readonly string[];
  /** Some of them say what undeclared properties have to fit, or that there are none. */
  readonly restricted: boolean;
  /** Some of them allow undeclared properties with `true`. */
  readonly opened: boolean;
  /** How many items have schemas of their own, and whether some schema is for all of the others. */
  readonly items: number;
  readonly allItems: boolean;
  /** Whether some of them apply only under a condition: anyOf, oneOf, if, dependent schemas. */
  readonly conditional: boolean;
}

export interface Scope {
  /** Leave out what applies only under a condition. */
  readonly certain?: boolean;
  /** The nodes whose unevaluatedProperties and unevaluatedItems do not count: those that are being worked out. */
  readonly except?: SchemaNode;
}

/** The schemas that judge the same value as these: through allOf, anyOf, oneOf, if, dependent schemas and references. */
export function composed(engine: Engine, nodes: readonly SchemaNode[], certain = false): SchemaNode[] {
  const found = new Set<SchemaNode>();
  const pending = [...nodes];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (typeof node.schema === 'boolean' || found.has(node)) continue;
    found.add(node);
    spend(engine);
    const { $ref, allOf, anyOf, oneOf } = node.schema;
    if (typeof $ref === 'string') pending.push(node.document.target(node));
    if (typeof $ref === 'string' && refAlone(node.document.dialect)) continue;
    pending.push(...nodesOf(node, allOf));
    if (certain) continue;
    pending.push(
      ...nodesOf(node, anyOf),
      ...nodesOf(node, oneOf),
      ...dependentSchemas(node).map(([, schema]) => schema),
    );
    for (const keyword of ['if', 'then', 'else']) {
      const schema = inner(node, keyword);
      if (schema !== undefined) pending.push(schema);
    }
  }
  return [...found];
}

/** Whether any of the schemas that judge the same value as these declares properties; a mere condition does not. */
export function declaresProperties(engine: Engine, nodes: readonly SchemaNode[]): boolean {
  const conditions = new Set(composed(engine, nodes).map((node) => inner(node, 'if')));
  return composed(engine, nodes).some((node) => {
    const { properties, patternProperties } = keywordsOf(node);
    return !conditions.has(node) && (properties !== undefined || patternProperties !== undefined);
  });
}

/** Keywords by which a schema describes objects or arrays itself, beside what it chooses between. */
const DESCRIBING = [
  ...['properties', 'patternProperties', 'additionalProperties', 'unevaluatedProperties'],
  ...['items', 'prefixItems', 'additionalItems', 'unevaluatedItems', 'contains'],
  ...['allOf', '$ref', 'if', 'dependentSchemas', 'dependencies'],
];

/** Whether a schema only chooses between others: each of these is the whole of what it describes. */
export function isUnion(node: SchemaNode): boolean {
  const keywords = keywordsOf(node);
  if (keywords.anyOf === undefined && keywords.oneOf === undefined) return false;
  return !DESCRIBING.some((keyword) => keyword in keywords);
}

export function declared(
  engine: Engine,
  nodes: readonly SchemaNode[],
  { certain = false, except }: Scope = {},
): Declared {
  const names = new Set<string>();
  const patterns = new Set<string>();
  const all = { restricted: false, opened: false, items: 0, allItems: false, conditional: false };
  for (const node of composed(engine, nodes, certain)) {
    const keywords = keywordsOf(node);
    for (const name of Object.keys((keywords.properties as object | undefined) ?? {})) names.add(name);
    for (const pattern of Object.keys((keywords.patternProperties as object | undefined) ?? {})) patterns.add(pattern);
    const rest = [
      keywords.additionalProperties,
      node === except ? undefined : unevaluated(node, 'unevaluatedProperties'),
    ];
    all.opened ||= rest.some((schema) => isEmpty(schema));
    all.restricted ||= rest.some((schema) => schema !== undefined && !isEmpty(schema));
    const { prefix, rest: others } = tuple(node);
    all.items = Math.max(all.items, prefix.length);
    all.allItems ||= others !== undefined || (node !== except && unevaluated(node, 'unevaluatedItems') !== undefined);
    all.allItems ||= !certain && keywords.contains !== undefined;
    all.conditional ||= ['anyOf', 'oneOf', 'if', 'dependentSchemas', 'dependencies'].some(
      (keyword) => keyword in keywords,
    );
  }
  return { names, patterns: [...patterns], ...all };
}

function isEmpty(schema: unknown): boolean {
  return schema === true || (typeof schema === 'object' && schema !== null && Object.keys(schema).length === 0);
}

function unevaluated(node: SchemaNode, keyword: string): unknown {
  return isRecent(node.document.dialect) ? keywordsOf(node)[keyword] : undefined;
}

/** The schemas of the first items, and that of all others; undefined when those may be anything. */
export function tuple(node: SchemaNode): {
  prefix: readonly SchemaNode[];
  rest: SchemaNode | undefined;
  listKeyword: string;
  restKeyword: string;
} {
  const { items, prefixItems } = keywordsOf(node);
  if (Array.isArray(items)) {
    return {
      prefix: nodesOf(node, items),
      rest: inner(node, 'additionalItems'),
      listKeyword: 'items',
      restKeyword: 'additionalItems',
    };
  }
  const prefix = node.document.dialect === '2020-12' ? nodesOf(node, prefixItems) : [];
  return { prefix, rest: inner(node, 'items'), listKeyword: 'prefixItems', restKeyword: 'items' };
}

/** The schemas that apply when a property is there, of either spelling. */
export function dependentSchemas(node: SchemaNode): [string, SchemaNode][] {
  const old = keywordsOf(node).dependencies as Record<string, unknown> | undefined;
  const given = Object.keys(old ?? {}).filter((name) => !Array.isArray(old![name]));
  return [
    ...given.map((name): [string, SchemaNode] => [name, node.document.node(old![name] as boolean)]),
    ...(isRecent(node.document.dialect) ? namedSchemas(node, 'dependentSchemas') : []),
  ];
}

/** The names that have to be there when a property is, of either spelling. */
export function dependentNames(node: SchemaNode): [string, readonly string[]][] {
  const { dependencies, dependentRequired } = keywordsOf(node) as Record<string, Record<string, unknown> | undefined>;
  const old = Object.entries(dependencies ?? {}).filter(([, names]) => Array.isArray(names));
  const recent = isRecent(node.document.dialect) ? Object.entries(dependentRequired ?? {}) : [];
  return [...old, ...recent] as [string, readonly string[]][];
}
