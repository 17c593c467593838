import { BadSchemaError } from './bad-schema-error.ts';
import { below } from './json-pointer.ts';
import { TYPE_NAMES } from './json-value.ts';
import { type Keywords, LIST_KEYWORDS, MAP_KEYWORDS, SCHEMA_KEYWORDS } from './keywords.ts';

/** How deep a schema may be nested, in levels of JSON. */
export const DEPTH_LIMIT = 500;

/** Returns what is wrong with a value of a keyword; undefined when nothing is. */
type Check = (value: unknown) => string | undefined;

const count: Check = (value) =>
  Number.isInteger(value) && (value as number) >= 0 ? undefined : 'has to be a whole number of 0 or more';
const number: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) ? undefined : 'has to be a number';
const bound: Check = (value) =>
  typeof value === 'boolean' ? 'has to be the number itself (true and false are of draft-04)' : number(value);
const text: Check = (value) => (typeof value === 'string' ? undefined : 'has to be a string');
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'has to be true or false');
const names: Check = (value) =>
  Array.isArray(value) && value.every((name) => typeof name === 'string') ? undefined : 'has to be a list of strings';
const schema: Check = (value) => (isSchema(value) ? undefined : 'has to be a schema: an object, true or false');
const schemas: Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every(isSchema)
    ? undefined
    : 'has to be a list of at least one schema';
const map: Check = (value) =>
  isObject(value) && Object.values(value).every(isSchema) ? undefined : 'has to be an object whose values are schemas';

const CHECKS = new Map<string, Check>([
  ...SCHEMA_KEYWORDS.map((keyword) => [keyword, schema] as const),
  ...LIST_KEYWORDS.map((keyword) => [keyword, schemas] as const),
  ...MAP_KEYWORDS.map((keyword) => [keyword, map] as const),
  ['items', (value) => (Array.isArray(value) ? (value.every(isSchema) ? undefined : schemas([])) : schema(value))],
  ['type', type],
  ['enum', (value) => (Array.isArray(value) ? undefined : 'has to be a list')],
  ['required', names],
  ['pattern', pattern],
  ['format', text],
  ['$ref', text],
  ['$id', text],
  ['$anchor', text],
  ['$schema', text],
  ['uniqueItems', flag],
  ['maximum', number],
  ['minimum', number],
  ['exclusiveMaximum', bound],
  ['exclusiveMinimum', bound],
  ['multipleOf', (value) => number(value) ?? ((value as number) > 0 ? undefined : 'has to be over 0')],
  ['dependencies', dependencies],
  ['dependentRequired', dependentRequired],
  ...[
    'maxLength',
    'minLength',
    'maxItems',
    'minItems',
    'maxContains',
    'minContains',
    'maxProperties',
    'minProperties',
  ].map((keyword) => [keyword, count] as const),
]);

/** @throws BadSchemaError when a keyword of this schema (not of those inside it) has a value that it cannot have. */
export function checkKeywords(document: string, pointer: string, keywords: Keywords): void {
  for (const [keyword, value] of Object.entries(keywords)) {
    const problem = CHECKS.get(keyword)?.(value);
    if (problem !== undefined) {
      throw new BadSchemaError(
        document,
        below(pointer, keyword),
        `${shorten(value)} cannot be ${keyword}, which ${problem}.`,
      );
    }
    if (keyword === '$dynamicRef' || keyword === '$recursiveRef') {
      throw new BadSchemaError(
        document,
        below(pointer, keyword),
        `${keyword} means another schema wherever it is used, and is not compared. Use $ref.`,
      );
    }
  }
  for (const name of Object.keys((keywords.patternProperties as object | undefined) ?? {})) {
    const problem = pattern(name);
    if (problem !== undefined) {
      throw new BadSchemaError(document, below(pointer, 'patternProperties', name), `the name ${problem}.`);
    }
  }
}

/** @throws BadSchemaError when the value is nested deeper than {@link DEPTH_LIMIT}, or holds what JSON cannot. */
export function checkDepth(document: string, value: unknown): void {
  const pending: { value: unknown; depth: number; pointer: () => string }[] = [{ value, depth: 0, pointer: () => '#' }];
  for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
    const { value, depth, pointer } = each;
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new BadSchemaError(
        document,
        pointer(),
        `${value} is no number of JSON, or is beyond the range of a double (1.8e308).`,
      );
    }
    if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') {
      throw new BadSchemaError(document, pointer(), `a ${typeof value} is not JSON.`);
    }
    if (typeof value !== 'object' || value === null) continue;
    if (depth === DEPTH_LIMIT) {
      throw new BadSchemaError(
        document,
        undefined,
        `it is nested deeper than ${DEPTH_LIMIT} levels. Give the inner schemas names in $defs, and refer to them.`,
      );
    }
    for (const key of Object.keys(value)) {
      pending.push({
        value: (value as Record<string, unknown>)[key],
        depth: depth + 1,
        pointer: () => below(pointer(), key),
      });
    }
  }
}

export function isObject(value: unknown): value is Keywords {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isSchema(value: unknown): value is boolean | Keywords {
  return typeof value === 'boolean' || isObject(value);
}

function type(value: unknown): string | undefined {
  const list = Array.isArray(value) ? value : [value];
  const known = list.length > 0 && list.every((name) => TYPE_NAMES.includes(name));
  return known ? undefined : `has to be one of ${TYPE_NAMES.join(', ')}, or a list of them`;
}

function pattern(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'has to be a string';
  try {
    new RegExp(value, 'u');
  } catch {
    try {
      new RegExp(value);
    } catch (error) {
      return `has to be a regular expression (${(error as Error).message})`;
    }
  }
  return undefined;
}

function dependencies(value: unknown): string | undefined {
  const sound = isObject(value) && Object.values(value).every((each) => isSchema(each) || names(each) === undefined);
  return sound ? undefined : 'has to be an object whose values are schemas or lists of strings';
}

function dependentRequired(value: unknown): string | undefined {
  const sound = isObject(value) && Object.values(value).every((each) => names(each) === undefined);
  return sound ? undefined : 'has to be an object whose values are lists of strings';
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
