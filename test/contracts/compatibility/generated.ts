// biome-ignore-all lint/suspicious/noThenProperty: then is a keyword of JSON Schema
import type { JsonSchema } from '../../../lib/contracts/compatibility/index.ts';

/** Made schemas and values: small pools, so that schemas meet each other's and values are often at the edge. */

type Schema = Record<string, unknown>;
export type Random = () => number;
export type Draft = 'draft-07' | '2020-12';

/** Numbers from 0 to 1 by a seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function pick<Value>(random: Random, values: readonly Value[]): Value {
  return values[Math.floor(random() * values.length)]!;
}

const NAMES = ['a', 'b', 'xa', 'c'];
const PATTERNS = ['^a', '^x', 'b$', '^[ab]+$'];
const SCALARS = [null, true, false, 'a', 'b', 'ab', 'abc', '', 0, 1, 2, -1, 1.5, 0.5, 6, 3];
const TYPES = ['null', 'boolean', 'object', 'array', 'string', 'integer', 'number'];

type Make = (random: Random, depth: number, draft: Draft) => Schema;

const map = (random: Random, keys: readonly string[], make: () => unknown): Schema => {
  const entries = keys.filter(() => random() < 0.5).map((key): [string, unknown] => [key, make()]);
  return Object.fromEntries(entries);
};
const several = (random: Random, make: () => unknown): unknown[] =>
  Array.from({ length: 1 + Math.floor(random() * 3) }, make);
const some = (random: Random, values: readonly unknown[]): unknown[] => [
  ...new Set(several(random, () => pick(random, values))),
];
const count = (random: Random) => Math.floor(random() * 4);

const MAKERS: readonly Make[] = [
  (random) => ({ type: random() < 0.7 ? pick(random, TYPES) : some(random, TYPES) }),
  (random) => ({ enum: some(random, SCALARS) }),
  (random) => ({ const: pick(random, SCALARS) }),
  (random) => ({ type: 'string', maxLength: count(random) }),
  (random) => ({ type: 'string', minLength: count(random), pattern: pick(random, PATTERNS) }),
  (random) => ({ type: pick(random, ['integer', 'number']), minimum: count(random) - 1, maximum: count(random) + 1 }),
  (random) => ({ type: 'number', exclusiveMinimum: count(random) - 1 }),
  (random) => ({ exclusiveMaximum: count(random), multipleOf: pick(random, [0.5, 1, 1.5, 2, 3]) }),
  object,
  object,
  object,
  array,
  array,
  (random, depth, draft) => ({
    [pick(random, ['allOf', 'anyOf', 'oneOf'])]: several(random, () => schema(random, depth - 1, draft)),
  }),
  (random, depth, draft) => ({ oneOf: several(random, () => schema(random, depth - 1, draft)) }),
  // What is said of one object or array in several places at once.
  (random, depth, draft) => ({
    ...(random() < 0.5 ? object : array)(random, depth - 1, draft),
    [pick(random, ['allOf', 'anyOf', 'oneOf'])]: several(random, () =>
      pick(random, [object, object, array])(random, depth - 1, draft),
    ),
    ...(draft === '2020-12' && random() < 0.4
      ? { [pick(random, ['unevaluatedProperties', 'unevaluatedItems'])]: pick(random, [false, { type: 'string' }]) }
      : {}),
  }),
  (random, depth, draft) => ({ not: schema(random, depth - 1, draft) }),
  (random, depth, draft) => ({
    if: schema(random, depth - 1, draft),
    ...(random() < 0.7 ? { then: schema(random, depth - 1, draft) } : {}),
    ...(random() < 0.7 ? { else: schema(random, depth - 1, draft) } : {}),
  }),
  (random, _depth, draft) => ({
    $ref: `#/${draft === 'draft-07' ? 'definitions' : '$defs'}/${pick(random, ['one', 'two'])}`,
  }),
];

function object(random: Random, depth: number, draft: Draft): Schema {
  const inner = () => schema(random, depth - 1, draft);
  const made: Schema = random() < 0.7 ? { type: 'object' } : {};
  if (random() < 0.8) made.properties = map(random, NAMES, inner);
  if (random() < 0.3) made.patternProperties = map(random, PATTERNS, inner);
  if (random() < 0.4) made.required = some(random, NAMES);
  if (random() < 0.4) made.additionalProperties = random() < 0.5 ? false : inner();
  if (random() < 0.15) made.propertyNames = inner();
  if (random() < 0.1) made.maxProperties = count(random);
  if (random() < 0.1) made.minProperties = count(random);
  const recent = draft === '2020-12';
  if (random() < 0.1)
    made[recent ? 'dependentRequired' : 'dependencies'] = map(random, NAMES, () => some(random, NAMES));
  else if (random() < 0.11) made[recent ? 'dependentSchemas' : 'dependencies'] = map(random, NAMES, inner);
  if (recent && random() < 0.1) made.unevaluatedProperties = random() < 0.5 ? false : inner();
  return made;
}

function array(random: Random, depth: number, draft: Draft): Schema {
  const inner = () => schema(random, depth - 1, draft);
  const made: Schema = random() < 0.7 ? { type: 'array' } : {};
  const recent = draft === '2020-12';
  if (random() < 0.4) {
    made[recent ? 'prefixItems' : 'items'] = several(random, inner);
    if (random() < 0.6) made[recent ? 'items' : 'additionalItems'] = random() < 0.4 ? false : inner();
  } else if (random() < 0.7) made.items = inner();
  if (random() < 0.2) made.maxItems = count(random);
  if (random() < 0.2) made.minItems = count(random);
  if (random() < 0.2) made.uniqueItems = true;
  // Ajv lets an empty array pass `contains` beside a list of items.
  if (random() < 0.2 && !('prefixItems' in made) && !Array.isArray(made.items)) {
    made.contains = inner();
    if (recent && random() < 0.4) made.minContains = count(random);
    if (recent && random() < 0.4) made.maxContains = count(random);
  }
  if (recent && random() < 0.1) made.unevaluatedItems = random() < 0.5 ? false : inner();
  return made;
}

/** A schema as it may stand inside another. */
export function schema(random: Random, depth: number, draft: Draft): JsonSchema {
  if (random() < 0.06) return random() < 0.6;
  const makers = depth <= 0 ? MAKERS.slice(0, 8) : MAKERS;
  const made = pick(random, makers)(random, depth, draft);
  if (random() >= 0.2) return made;
  const both = { ...made, ...pick(random, makers)(random, depth - 1, draft) };
  // Ajv reads what stands beside a $ref in draft-07, too.
  return draft === 'draft-07' && '$ref' in both ? made : both;
}

/** A whole schema, with definitions that refer to one another below a property, as recursion has to. */
export function wholeSchema(random: Random, draft: Draft): JsonSchema {
  const root = schema(random, 3, draft);
  const node = (name: string) => ({ type: 'object', properties: { a: { $ref: name }, b: schema(random, 0, draft) } });
  const [defs, dialect] =
    draft === 'draft-07'
      ? ['definitions', 'http://json-schema.org/draft-07/schema#']
      : ['$defs', 'https://json-schema.org/draft/2020-12/schema'];
  const definitions = {
    one: random() < 0.5 ? node(`#/${defs}/two`) : schema(random, 0, draft),
    two: node(`#/${defs}/one`),
  };
  const wrapped =
    typeof root === 'boolean' ? { allOf: [root] } : draft === 'draft-07' && '$ref' in root ? { allOf: [root] } : root;
  return { $schema: dialect, ...wrapped, [defs!]: definitions };
}

/** The schema with something in it changed, as a person changes schemas: a keyword loosened, tightened, added, left out. */
export function mutated(random: Random, given: JsonSchema, draft: Draft): JsonSchema {
  const copy = structuredClone(given) as Schema;
  for (let changes = 1 + Math.floor(random() * 2); changes > 0; changes--) mutate(random, copy, draft);
  return copy;
}

function mutate(random: Random, root: Schema, draft: Draft): void {
  const places = schemasIn(random() < 0.8 ? { ...root, $defs: {}, definitions: {} } : root);
  if (places[0] !== undefined && places[0] !== root) places[0] = root;
  const place = pick(random, places);
  if (draft === 'draft-07' && '$ref' in place) return;
  const keyword = pick(
    random,
    Object.keys(place).filter((each) => !isKept(each)),
  );
  const roll = random();
  const value = keyword === undefined ? undefined : place[keyword];
  if (roll < 0.2) {
    const added = schema(random, 1, draft);
    if (draft !== 'draft-07' || typeof added === 'boolean' || !('$ref' in added)) Object.assign(place, added);
  } else if (keyword === undefined) return;
  else if (roll < 0.4) delete place[keyword];
  else if (typeof value === 'number')
    place[keyword] = Math.max(keyword.startsWith('m') ? 0.5 : 0, value + (random() < 0.5 ? 1 : -1));
  else if (keyword === 'type') changeList(random, place, keyword, [value].flat(), draft);
  else if (Array.isArray(value) && !(keyword === 'items' && 'contains' in place))
    changeList(random, place, keyword, value, draft);
  else if (typeof value === 'boolean') place[keyword] = !value;
  else if (['properties', 'patternProperties'].includes(keyword)) {
    place[keyword] = {
      ...(value as Schema),
      [pick(random, keyword === 'properties' ? NAMES : PATTERNS)]: schema(random, 1, draft),
    };
  } else if (isSchemaKeyword(keyword) && !Array.isArray(value)) {
    place[keyword] = random() < 0.5 ? { anyOf: [value, schema(random, 1, draft)] } : schema(random, 1, draft);
  }
  if ('contains' in place && ('prefixItems' in place || Array.isArray(place.items))) delete place.contains;
  if (typeof place[keyword] === 'number' && /Length|Items|Properties|Contains/.test(keyword)) {
    place[keyword] = Math.floor(place[keyword] as number);
  }
}

function changeList(random: Random, place: Schema, keyword: string, list: unknown[], draft: Draft): void {
  const pools: Record<string, readonly unknown[]> = { enum: SCALARS, required: NAMES, type: TYPES };
  const pool = pools[keyword];
  const added = () => (pool === undefined ? schema(random, 1, draft) : pick(random, pool));
  const roll = random();
  const changed =
    roll < 0.4
      ? [...list, added()]
      : roll < 0.6
        ? [...list].reverse()
        : list.length > 1
          ? list.filter((_, index) => index !== 0)
          : list;
  place[keyword] = pool === undefined ? changed : [...new Set(changed)];
}

function isKept(keyword: string): boolean {
  return [
    '$schema',
    '$defs',
    'definitions',
    '$ref',
    'const',
    'pattern',
    'dependencies',
    'dependentRequired',
    'dependentSchemas',
  ].includes(keyword);
}

function isSchemaKeyword(keyword: string): boolean {
  return [
    'additionalProperties',
    'items',
    'additionalItems',
    'not',
    'if',
    'then',
    'else',
    'contains',
    'propertyNames',
    'unevaluatedProperties',
    'unevaluatedItems',
  ].includes(keyword);
}

function schemasIn(root: unknown): Schema[] {
  const found: Schema[] = [];
  const visit = (value: unknown, isSchema: boolean) => {
    if (Array.isArray(value)) for (const each of value) visit(each, isSchema);
    else if (typeof value === 'object' && value !== null) {
      if (isSchema) found.push(value as Schema);
      for (const [key, each] of Object.entries(value)) {
        if (isSchema && ['enum', 'const', 'required', 'type', 'dependencies', 'dependentRequired'].includes(key))
          continue;
        const holder = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'].includes(key);
        visit(each, isSchema ? !holder : true);
      }
    }
  };
  visit(root, true);
  return found;
}

/** A value, guided by a schema half of the time. */
export function value(random: Random, near: unknown, depth = 3): unknown {
  if (depth <= 0 || random() < 0.15 || typeof near !== 'object' || near === null) return anyValue(random, depth);
  const hint = near as Schema;
  if ('const' in hint && random() < 0.8) return hint.const;
  if (Array.isArray(hint.enum) && random() < 0.8) return pick(random, hint.enum);
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    if (Array.isArray(hint[keyword]) && random() < 0.7) return value(random, pick(random, hint[keyword]), depth);
  }
  if ('then' in hint && random() < 0.4) return value(random, hint[pick(random, ['then', 'else', 'if'])], depth);
  if ('properties' in hint || hint.type === 'object' || 'additionalProperties' in hint || 'patternProperties' in hint) {
    const required = (hint.required as string[] | undefined) ?? [];
    const properties = (hint.properties as Schema | undefined) ?? {};
    const names = NAMES.filter((name) => required.includes(name) || random() < 0.4);
    return Object.fromEntries(
      names.map((name) => [
        name,
        value(random, Object.hasOwn(properties, name) ? properties[name] : hint.additionalProperties, depth - 1),
      ]),
    );
  }
  if ('items' in hint || 'prefixItems' in hint || hint.type === 'array') {
    const prefix = (hint.prefixItems ?? (Array.isArray(hint.items) ? hint.items : [])) as unknown[];
    return Array.from({ length: count(random) }, (_, index) => value(random, prefix[index] ?? hint.items, depth - 1));
  }
  if (hint.type === 'string') return pick(random, ['', 'a', 'b', 'ab', 'xa', 'abc', 'abcd']);
  if (hint.type === 'integer' || hint.type === 'number') return pick(random, [-2, -1, 0, 1, 2, 3, 4, 6, 0.5, 1.5]);
  return anyValue(random, depth);
}

function anyValue(random: Random, depth: number): unknown {
  const roll = random();
  if (roll < 0.6 || depth <= 0) return pick(random, SCALARS);
  if (roll < 0.8) return Array.from({ length: count(random) }, () => anyValue(random, depth - 1));
  return Object.fromEntries(NAMES.filter(() => random() < 0.4).map((name) => [name, anyValue(random, depth - 1)]));
}
