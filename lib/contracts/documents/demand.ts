import type { JsonSchema } from '../compatibility/index.ts';
import { checkedByCode, nameOfPattern } from './named-texts.ts';

/** Everything that a place of a schema asks for at once: references followed, `allOf` merged, choices still open. */
export interface Demand {
  /** Keywords by name, apart from those below. */
  readonly keywords: Readonly<Record<string, unknown>>;
  readonly patterns: readonly string[];
  /** By `format`, by an expression that stands for one, or because code checks it. */
  readonly formats: readonly string[];
  /** What code checks beyond `patterns`. */
  readonly expressions: readonly RegExp[];
  /** Of each list, one has to be fulfilled: `anyOf` and `oneOf`. */
  readonly choices: readonly (readonly JsonSchema[])[];
  /** The references that led here. */
  readonly references: readonly string[];
  /** Whether nothing can fit. */
  readonly impossible: boolean;
}

const NOTHING: Demand = {
  keywords: {},
  patterns: [],
  formats: [],
  expressions: [],
  choices: [],
  references: [],
  impossible: false,
};
const LONGEST_CHAIN = 100;

/** Reads a place of a schema. References that lead out of the document, or nowhere, count as impossible. */
export function demandOf(schema: JsonSchema, root: JsonSchema, chain = 0): Demand {
  if (typeof schema === 'boolean') return { ...NOTHING, impossible: !schema };
  if (chain > LONGEST_CHAIN) return { ...NOTHING, impossible: true };
  const { $ref, allOf, anyOf, oneOf, pattern, format, $comment, ...rest } = schema;
  const patterns = typeof pattern === 'string' ? [pattern] : [];
  const checked = checkedByCode($comment);
  const known = [format, checked.format, ...patterns.map(nameOfPattern)].filter((one) => typeof one === 'string');
  let demand: Demand = {
    keywords: { ...rest, ...(checked.rest !== '' && { $comment: checked.rest }) },
    patterns,
    formats: [...new Set(known)],
    expressions: checked.expression === undefined ? [] : [checked.expression],
    choices: [anyOf, oneOf].filter((list): list is JsonSchema[] => Array.isArray(list)),
    references: [],
    impossible: isNever(schema),
  };
  if (typeof $ref === 'string') {
    const target = resolve($ref, root);
    const found = target === undefined ? { ...NOTHING, impossible: true } : demandOf(target, root, chain + 1);
    demand = both(demand, { ...found, references: [$ref, ...found.references] });
  }
  for (const part of Array.isArray(allOf) ? (allOf as JsonSchema[]) : []) {
    demand = both(demand, demandOf(part, root, chain + 1));
  }
  return demand;
}

/** What both ask for. */
export function both(a: Demand, b: Demand): Demand {
  const keywords: Record<string, unknown> = { ...b.keywords };
  for (const [keyword, value] of Object.entries(a.keywords)) {
    keywords[keyword] = keyword in keywords ? joined(keyword, value, keywords[keyword]) : value;
  }
  return {
    keywords,
    patterns: [...a.patterns, ...b.patterns],
    formats: [...new Set([...a.formats, ...b.formats])],
    expressions: [...a.expressions, ...b.expressions],
    choices: [...a.choices, ...b.choices],
    references: [...a.references, ...b.references],
    impossible: a.impossible || b.impossible || isEmptyList(keywords.type) || isEmptyList(keywords.enum),
  };
}

/** What a local reference (`#`, `#/$defs/Name`) names; undefined when it is another one, or names nothing. */
export function resolve(reference: string, root: JsonSchema): JsonSchema | undefined {
  if (reference === '#') return root;
  if (!reference.startsWith('#/')) return undefined;
  let found: unknown = root;
  for (const step of reference.slice(2).split('/')) {
    const name = decoded(step);
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return isSchema(found) ? found : undefined;
}

/** Whether a value can stand where a schema is expected. */
export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'boolean' || (typeof value === 'object' && value !== null && !Array.isArray(value));
}

/** A map of schemas, as `properties` is; empty when there is none. */
export function schemasIn(value: unknown): [name: string, schema: JsonSchema][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).filter((entry): entry is [string, JsonSchema] => isSchema(entry[1]));
}

/** A list of texts, as `required` is; empty when there is none. */
export function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

/** The types that a schema names. */
export function typesIn(value: unknown): string[] {
  return typeof value === 'string' ? [value] : textsIn(value);
}

function joined(keyword: string, a: unknown, b: unknown): unknown {
  switch (keyword) {
    case 'required':
      return [...new Set([...textsIn(a), ...textsIn(b)])];
    case 'properties': {
      const merged = new Map(schemasIn(a));
      for (const [name, schema] of schemasIn(b)) {
        const there = merged.get(name);
        merged.set(name, there === undefined ? schema : { allOf: [there, schema] });
      }
      return Object.fromEntries(merged);
    }
    case 'type':
      return typesIn(a).flatMap((one) => {
        const others = typesIn(b);
        if (others.includes(one)) return [one];
        if (one === 'number' && others.includes('integer')) return ['integer'];
        return one === 'integer' && others.includes('number') ? ['integer'] : [];
      });
    case 'enum': {
      const known = new Set(Array.isArray(b) ? b.map((one) => JSON.stringify(one)) : []);
      return Array.isArray(a) ? a.filter((one) => known.has(JSON.stringify(one))) : b;
    }
    case 'minimum':
    case 'exclusiveMinimum':
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return Math.max(Number(a), Number(b));
    case 'maximum':
    case 'exclusiveMaximum':
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return Math.min(Number(a), Number(b));
    case '$comment':
      return a === b ? a : `${String(a)} ${String(b)}`;
    case 'items':
    case 'additionalProperties':
    case 'propertyNames':
      return isSchema(a) && isSchema(b) ? { allOf: [a, b] } : (a ?? b);
    default:
      return a;
  }
}

function isNever({ not }: { readonly [keyword: string]: unknown }): boolean {
  return not === true || (typeof not === 'object' && not !== null && Object.keys(not).length === 0);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return step;
  }
}
