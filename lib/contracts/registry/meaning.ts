import type { JsonSchema } from '../compatibility/index.ts';
import { BATON_KEYWORD } from './schema-document.ts';
import { isRecord, mapSubschemas, type SchemaObject } from './subschemas.ts';

/** A place where two documents do not say the same. */
export interface Difference {
  /** The place, as a JSON pointer: `#/properties/lines/items/required`. */
  readonly path: string;
  /** What stands there, as JSON, shortened; undefined where nothing does. */
  readonly registered: string | undefined;
  readonly declared: string | undefined;
}

/** Keywords that tell people something and judge nothing. */
const ANNOTATIONS = new Set(['title', 'description', 'examples', '$comment', 'deprecated', 'readOnly', 'writeOnly']);
/** Lists that are sets: their order says nothing. */
const SETS = new Set(['required', 'enum', 'type', 'allOf', 'anyOf', 'oneOf']);
/** What may be corrected in a published version: it changes nothing of what travels. */
const CORRECTABLE = new Set(['sensitive']);
/** References are followed; a document that is larger than this when they are is compared as it is written. */
const MOST_SCHEMAS = 100_000;

/**
 * Where two documents mean something else: annotations, the order of keywords and properties, and what is shared by `$ref`
 * do not count.
 * @returns at most `most` differences; none when they mean the same
 */
export function differences(registered: JsonSchema, declared: JsonSchema, most = 3): Difference[] {
  return compared(meaningOf(registered), meaningOf(declared), most);
}

/**
 * Where two documents that mean the same tell otherwise of rules in code, as their `$comment`s do.
 * @returns at most `most` differences
 */
export function ruleDifferences(registered: JsonSchema, declared: JsonSchema, most = 3): Difference[] {
  const told = new Set([...ANNOTATIONS].filter((keyword) => keyword !== '$comment'));
  return compared(meaningOf(registered, told), meaningOf(declared, told), most);
}

function compared(registered: unknown, declared: unknown, most: number): Difference[] {
  const found: Difference[] = [];
  const compare = (a: unknown, b: unknown, path: string): void => {
    if (found.length >= most || JSON.stringify(a) === JSON.stringify(b)) return;
    const bothLists = Array.isArray(a) && Array.isArray(b) && a.length === b.length && !a.some(isScalar);
    if ((isRecord(a) && isRecord(b)) || bothLists) {
      const [left, right] = [a as SchemaObject, b as SchemaObject];
      for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
        compare(ownValue(left, key), ownValue(right, key), `${path}/${pointerStep(key)}`);
      }
    } else if (Array.isArray(a) && Array.isArray(b) && path.endsWith('/required')) {
      found.push({ path, registered: shortened(without(a, b)), declared: shortened(without(b, a)) });
    } else found.push({ path, registered: shortened(a), declared: shortened(b) });
  };
  compare(registered, declared, '#');
  return found;
}

/**
 * A document without what means nothing, in one order.
 * @param annotations the keywords that mean nothing
 */
export function meaningOf(document: JsonSchema, annotations: ReadonlySet<string> = ANNOTATIONS): unknown {
  if (!isRecord(document)) return document;
  let schemas = 0;
  const follow = (schema: JsonSchema, refs: readonly string[]): unknown => {
    schemas++;
    if (schemas > MOST_SCHEMAS) throw new RangeError(`more than ${MOST_SCHEMAS} schemas`);
    if (!isRecord(schema)) return schema;
    const { $ref, $defs: _, definitions: __, ...rest } = schema;
    const entries = Object.entries(mapSubschemas(rest, (one) => follow(one, refs))).filter((entry) =>
      isMeant(entry, annotations),
    );
    const sorted = entries.map(([keyword, value]) => [keyword, sortedSet(keyword, value)] as [string, unknown]);
    if (typeof $ref === 'string') {
      const target = targetOf(document, $ref);
      const level = refs.indexOf($ref);
      if (target === undefined) sorted.push(['$ref', $ref]);
      // how far up it leads is the same whatever the definition is called
      else if (level >= 0) sorted.push(['$ref', refs.length - level]);
      else {
        const followed = follow(target, [...refs, $ref]);
        if (sorted.length === 0) return followed;
        sorted.push(['$ref', followed]);
      }
    }
    return Object.fromEntries(sorted.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  try {
    const facts = document[BATON_KEYWORD];
    const followed = follow(document, ['#']) as SchemaObject;
    if (!isRecord(facts)) return followed;
    const fixed = Object.entries(facts).filter(([name]) => !CORRECTABLE.has(name));
    const sorted = fixed.map(([name, value]) => [name, sortedSet('enum', value)] as const);
    return { ...followed, [BATON_KEYWORD]: Object.fromEntries(sorted.toSorted(([a], [b]) => (a < b ? -1 : 1))) };
  } catch (error) {
    if (error instanceof RangeError) return document;
    throw error;
  }
}

function isMeant([keyword, value]: [string, unknown], annotations: ReadonlySet<string>): boolean {
  // no properties are the same as no word about properties
  if (keyword === 'properties' && isRecord(value) && Object.keys(value).length === 0) return false;
  return !annotations.has(keyword) && (!keyword.startsWith('x-') || keyword === BATON_KEYWORD);
}

function sortedSet(keyword: string, value: unknown): unknown {
  if (isRecord(value) && keyword === 'properties') return sortedKeys(value);
  if (!SETS.has(keyword) || !Array.isArray(value)) return value;
  const texts = new Map(value.map((one) => [JSON.stringify(one), one]));
  return [...texts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

function sortedKeys(record: SchemaObject): SchemaObject {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The schema that a reference within the document leads to. */
function targetOf(document: SchemaObject, ref: string): JsonSchema | undefined {
  if (ref !== '#' && !ref.startsWith('#/')) return undefined;
  let target: unknown = document;
  for (const step of ref.split('/').slice(1)) {
    const key = decoded(step)?.replaceAll('~1', '/').replaceAll('~0', '~');
    target = key !== undefined && typeof target === 'object' && target !== null ? ownValue(target, key) : undefined;
  }
  return typeof target === 'boolean' || isRecord(target) ? (target as JsonSchema) : undefined;
}

function decoded(step: string): string | undefined {
  try {
    return decodeURIComponent(step);
  } catch {
    return undefined;
  }
}

function ownValue(holder: object, key: string): unknown {
  return Object.hasOwn(holder, key) ? Reflect.get(holder, key) : undefined;
}

/** A name as a step of a JSON pointer. */
export function pointerStep(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

/** What only one of two lists has; undefined when it has nothing more. */
function without(list: readonly unknown[], other: readonly unknown[]): unknown {
  const more = list.filter((item) => !other.includes(item));
  return more.length === 0 ? undefined : more;
}

function shortened(value: unknown): string | undefined {
  const text = JSON.stringify(value);
  return text !== undefined && text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
