import type { Engine } from './engine.ts';
import { ANY_TYPE, ARRAY, FRACTION, NUMBER, OBJECT, STRING, typeBits, valueBit } from './json-value.ts';
import type { JsonSchema, Keywords } from './keywords.ts';
import { refAlone, type SchemaNode } from './schema-document.ts';

/** What is known of a value: that it fits all of these schemas. */
export interface Premise {
  readonly key: string;
  /** With what they refer to and are composed of by allOf; without those that fit everything. */
  readonly nodes: readonly SchemaNode[];
  /** No value fits it. */
  readonly never: boolean;
  readonly origin: Origin;
  /** What was worked out about it before. */
  readonly facts: Map<string, unknown>;
}

/**
 * Where a value comes from:
 * - `written`: a writer wrote it, and these are all the schemas that say what it may have
 * - `shared`: a writer wrote it, and other schemas speak of it, too
 * - `supposed`: nobody wrote it; something is concluded of any value
 */
export type Origin = 'written' | 'shared' | 'supposed';

const PREFIX: Record<Origin, string> = { written: '', shared: '!', supposed: '?' };

const NO_KEYWORDS: Keywords = {};

/** The keywords of a node that count. */
export function keywordsOf(node: SchemaNode): Keywords {
  return typeof node.schema === 'boolean' ? NO_KEYWORDS : node.schema;
}

/** The node itself, or what it refers to when it is nothing but a reference. */
export function referred(node: SchemaNode): SchemaNode {
  const seen = new Set<SchemaNode>();
  let at = node;
  while (isReference(at) && !seen.has(at)) {
    seen.add(at);
    at = at.document.target(at);
  }
  return at;
}

export function isReference(node: SchemaNode): boolean {
  const keywords = keywordsOf(node);
  if (typeof keywords.$ref !== 'string') return false;
  return refAlone(node.document.dialect) || Object.keys(keywords).every((keyword) => BESIDE_REFERENCE.has(keyword));
}

const BESIDE_REFERENCE = new Set([
  ...['$ref', '$schema', '$defs', 'definitions', '$id', '$anchor', '$comment', 'title', 'description', 'default'],
  ...['examples', 'deprecated', 'readOnly', 'writeOnly'],
]);

/** The premise that a value that was written fits all of these, and was written as they say. */
export function assume(engine: Engine, nodes: readonly SchemaNode[]): Premise {
  return premiseOf(engine, nodes, 'written');
}

/** The premise that a value fits all of these, whatever else it has. */
export function suppose(engine: Engine, nodes: readonly SchemaNode[]): Premise {
  return premiseOf(engine, nodes, 'supposed');
}

export function premiseOf(engine: Engine, nodes: readonly SchemaNode[], origin: Origin): Premise {
  const found: SchemaNode[] = [];
  const seen = new Set<SchemaNode>();
  let never = false;
  const pending = [...nodes].reverse();
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.schema === true || seen.has(node)) continue;
    seen.add(node);
    if (node.schema === false) {
      never = true;
      continue;
    }
    const { $ref } = node.schema;
    const referring = typeof $ref === 'string';
    if (!isReference(node)) {
      found.push(node);
      for (const list of [node.schema.allOf, single(node.schema.anyOf), single(node.schema.oneOf)]) {
        pending.push(...nodesOf(node, list).toReversed());
      }
    }
    if (referring) pending.push(node.document.target(node));
  }
  const ids = found.map((node) => node.id).sort((a, b) => a - b);
  const key = never ? 'never' : `${PREFIX[origin]}${ids.join(',')}`;
  let premise = engine.premises.get(key);
  if (premise === undefined) {
    premise = { key, nodes: never ? [] : found, never, origin, facts: new Map() };
    engine.premises.set(key, premise);
  }
  return premise;
}

function single(list: unknown): unknown {
  return Array.isArray(list) && list.length === 1 ? list : undefined;
}

/** The nodes of a list of schemas in a node's document; none when there is no list. */
export function nodesOf(node: SchemaNode, list: unknown): readonly SchemaNode[] {
  return Array.isArray(list) ? node.document.nodes(list as JsonSchema[]) : [];
}

/** The node of a keyword's schema; undefined when the keyword is absent. */
export function inner(node: SchemaNode, keyword: string): SchemaNode | undefined {
  const schema = keywordsOf(node)[keyword];
  return schema === undefined ? undefined : node.document.node(schema as JsonSchema);
}

/** The schemas that a keyword has by name. */
export function namedSchemas(node: SchemaNode, keyword: string): [string, SchemaNode][] {
  const map = keywordsOf(node)[keyword] as Record<string, JsonSchema> | undefined;
  return map === undefined ? [] : Object.keys(map).map((name) => [name, node.document.node(map[name]!)]);
}

/** Works something out about a premise once. */
export function fact<Value>(premise: Premise, name: string, work: () => Value): Value {
  if (!premise.facts.has(name)) premise.facts.set(name, work());
  return premise.facts.get(name) as Value;
}

/** How deep in combinations types are looked for. */
const TYPE_NESTING_LIMIT = 100;

/** The types that a value of this premise may have; more than it really may when that is not easily seen. */
export function typesOf(engine: Engine, premise: Premise, depth = 0): number {
  if (premise.never) return 0;
  if (depth > TYPE_NESTING_LIMIT) return ANY_TYPE;
  const open = premise.facts.get('types') as number | undefined;
  if (open !== undefined) return open;
  // A schema that leads to itself says nothing by that about its type.
  premise.facts.set('types', ANY_TYPE);
  let bits = ANY_TYPE;
  for (const node of premise.nodes) bits &= ownTypes(engine, node, depth);
  bits = withoutContradictions(premise, bits);
  premise.facts.set('types', bits);
  return bits;
}

function ownTypes(engine: Engine, node: SchemaNode, depth: number): number {
  const keywords = keywordsOf(node);
  let bits = typeBits(keywords.type);
  const values = valuesOf(node);
  if (values !== undefined) bits &= values.reduce<number>((all, value) => all | valueBit(value), 0);
  if (typeof keywords.multipleOf === 'number' && Number.isInteger(keywords.multipleOf)) bits &= ~FRACTION;
  if (keywords.not === true) bits = 0;
  else if (isOnlyType(keywords.not)) bits &= ~typeBits(keywords.not.type);
  for (const list of [keywords.anyOf, keywords.oneOf]) {
    if (!Array.isArray(list)) continue;
    bits &= nodesOf(node, list).reduce((all, member) => all | typesOf(engine, suppose(engine, [member]), depth + 1), 0);
  }
  return bits;
}

function isOnlyType(schema: unknown): schema is Keywords {
  return typeof schema === 'object' && schema !== null && Object.keys(schema).length === 1 && 'type' in schema;
}

/** The values that a node lists; undefined when it does not. */
export function valuesOf(node: SchemaNode): readonly unknown[] | undefined {
  const keywords = keywordsOf(node);
  if (Object.hasOwn(keywords, 'const')) return [keywords.const];
  return keywords.enum as readonly unknown[] | undefined;
}

function withoutContradictions(premise: Premise, bits: number): number {
  let left = bits;
  if (largest(premise, 'minLength') > smallest(premise, 'maxLength')) left &= ~STRING;
  if (largest(premise, 'minItems') > smallest(premise, 'maxItems')) left &= ~ARRAY;
  if (largest(premise, 'minProperties') > smallest(premise, 'maxProperties')) left &= ~OBJECT;
  const range = rangeOf(premise, left);
  if (
    range.minimum > range.maximum ||
    (range.minimum === range.maximum && (range.aboveMinimum || range.belowMaximum))
  ) {
    left &= ~NUMBER;
  }
  return left;
}

/** The tightest upper limit of that name; Infinity when there is none. */
export function smallest(premise: Premise, keyword: string): number {
  return premise.nodes.reduce(
    (least, node) => Math.min(least, numberOf(node, keyword) ?? Number.POSITIVE_INFINITY),
    Number.POSITIVE_INFINITY,
  );
}

/** The tightest lower limit of that name; 0 when there is none. */
export function largest(premise: Premise, keyword: string): number {
  return premise.nodes.reduce((most, node) => Math.max(most, numberOf(node, keyword) ?? 0), 0);
}

export function numberOf(node: SchemaNode, keyword: string): number | undefined {
  return keywordsOf(node)[keyword] as number | undefined;
}

/** Between what a number is. */
export interface Range {
  minimum: number;
  /** Whether it is over the minimum, not just at it. */
  aboveMinimum: boolean;
  maximum: number;
  belowMaximum: boolean;
}

/** Between what a number of this premise is; of integers alone, both ends are integers that it may be. */
export function rangeOf(premise: Premise, types: number): Range {
  const range = {
    minimum: Number.NEGATIVE_INFINITY,
    aboveMinimum: false,
    maximum: Number.POSITIVE_INFINITY,
    belowMaximum: false,
  };
  for (const node of premise.nodes) {
    const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = keywordsOf(node) as Record<string, number>;
    if (minimum !== undefined && minimum > range.minimum) Object.assign(range, { minimum, aboveMinimum: false });
    if (maximum !== undefined && maximum < range.maximum) Object.assign(range, { maximum, belowMaximum: false });
    if (exclusiveMinimum !== undefined && exclusiveMinimum >= range.minimum) {
      Object.assign(range, { minimum: exclusiveMinimum, aboveMinimum: true });
    }
    if (exclusiveMaximum !== undefined && exclusiveMaximum <= range.maximum) {
      Object.assign(range, { maximum: exclusiveMaximum, belowMaximum: true });
    }
  }
  if ((types & FRACTION) !== 0) return range;
  const { minimum, aboveMinimum, maximum, belowMaximum } = range;
  // Beyond 2^53 the next integer is not the next double.
  const up = Number.isSafeInteger(minimum) && aboveMinimum;
  const down = Number.isSafeInteger(maximum) && belowMaximum;
  return {
    minimum: up ? minimum + 1 : Math.ceil(minimum),
    aboveMinimum: aboveMinimum && !up && Number.isInteger(minimum),
    maximum: down ? maximum - 1 : Math.floor(maximum),
    belowMaximum: belowMaximum && !down && Number.isInteger(maximum),
  };
}
