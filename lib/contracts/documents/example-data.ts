import type { JsonSchema } from '../compatibility/index.ts';
import { both, type Demand, demandOf, isSchema, schemasIn, textsIn, typesIn } from './demand.ts';
import { exampleText } from './example-text.ts';

/** Data that fits, or a sentence that says why there is none. */
export type Example = { readonly data: unknown; readonly problem?: undefined } | { readonly problem: string };

/** Nothing could be made at a place; another choice elsewhere may help. */
class NoExampleError extends Error {
  override name = 'NoExampleError';
}

/** How an example is tried. */
interface Attempt {
  /** Whether what the schema itself gives as example or default is used. */
  readonly declared: boolean;
  /** Whether what may be left out is there. */
  readonly optionals: boolean;
  /** Which choice of `anyOf` and `oneOf` comes first. */
  readonly choice: number;
  /** How many places may still be made. */
  budget: number;
}

/** Where something is made. */
interface Place {
  /** The nearest property. */
  readonly name: string;
  /** Which one of its kind: two items of a list need not be the same. */
  readonly nth: number;
  readonly depth: number;
  /** The references that led here: who meets one again keeps it short. */
  readonly references: readonly string[];
  readonly short: boolean;
}

const BUDGET = 3_000;
const DEEPEST = 60;
const MOST_ITEMS = 500;
/** Numbers that people like to read, in this order. */
const NUMBERS = [1, 2, 10, 0.5, 0.1, 0, 5, 100, -1];

/**
 * Makes data that fits a schema: the same each time, from declared `examples` and defaults where there are any. What is found is judged
 * by `accepts`, since code may check more than a schema says.
 * @param accepts throws when data does not fit
 */
export function exampleData(schema: JsonSchema, accepts: (data: unknown) => void): Example {
  let problem = 'nothing fits its schema';
  for (const attempt of attempts()) {
    try {
      const data = make(demandOf(schema, schema), { schema, attempt: { ...attempt, budget: BUDGET } }, START);
      accepts(data);
      return { data };
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
  }
  return { problem };
}

const START: Place = { name: 'value', nth: 0, depth: 0, references: ['#'], short: false };

function* attempts(): Generator<Omit<Attempt, 'budget'>> {
  for (const declared of [true, false]) {
    for (const choice of [0, 1, 2]) {
      for (const optionals of [true, false]) yield { declared, optionals, choice };
    }
  }
}

interface Work {
  readonly schema: JsonSchema;
  readonly attempt: Attempt;
}

function inside(work: Work, schema: JsonSchema, place: Place): unknown {
  return make(demandOf(schema, work.schema), work, { ...place, depth: place.depth + 1 });
}

function make(demand: Demand, work: Work, place: Place): unknown {
  const { attempt } = work;
  if (attempt.budget-- <= 0) throw new RangeError('its schema is too large for an example');
  if (demand.impossible) throw new NoExampleError(`nothing fits '${place.name}'`);
  if (place.depth > DEEPEST) throw new NoExampleError(`'${place.name}' is nested without an end`);
  const again = demand.references.some((one) => place.references.includes(one));
  const here = { ...place, references: [...place.references, ...demand.references], short: place.short || again };
  const { examples, default: preset } = demand.keywords;
  if (attempt.declared && Array.isArray(examples) && examples.length > 0) return examples[place.nth % examples.length];
  if (attempt.declared && preset !== undefined) return preset;
  const [choice, ...others] = demand.choices;
  if (choice === undefined) return plain(demand, work, here);
  let failure: unknown = new NoExampleError(`nothing fits '${place.name}'`);
  for (const branch of inOrder(choice, attempt.choice, here.short)) {
    try {
      return make(both({ ...demand, references: [], choices: others }, demandOf(branch, work.schema)), work, here);
    } catch (error) {
      if (!(error instanceof NoExampleError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** Null comes last where there is something to show, first where a recursion has to end. */
function inOrder(branches: readonly JsonSchema[], first: number, short: boolean): JsonSchema[] {
  const isNull = (branch: JsonSchema) => typeof branch === 'object' && branch.type === 'null';
  const rest = branches.filter((branch) => !isNull(branch));
  const turned = rest.map((_, index) => rest[(index + first) % rest.length]!);
  const nulls = branches.filter(isNull);
  return short ? [...nulls, ...turned] : [...turned, ...nulls];
}

function plain(demand: Demand, work: Work, place: Place): unknown {
  const { keywords } = demand;
  if ('const' in keywords) return keywords.const;
  if (Array.isArray(keywords.enum)) return keywords.enum[(place.nth + work.attempt.choice) % keywords.enum.length];
  switch (typeOf(demand, place.short)) {
    case 'object':
      return makeObject(keywords, work, place);
    case 'array':
      return makeArray(keywords, work, place);
    case 'string':
      return makeText(demand, place);
    case 'integer':
      return makeNumber(keywords, place, true);
    case 'number':
      return makeNumber(keywords, place, false);
    case 'boolean':
      return place.nth % 2 === 0;
    default:
      return null;
  }
}

function typeOf({ keywords, patterns, formats }: Demand, short: boolean): string {
  const types = typesIn(keywords.type);
  if (short && types.includes('null')) return 'null';
  if (types.length > 0) return types.find((type) => type !== 'null') ?? 'null';
  const has = (...names: string[]) => names.some((name) => name in keywords);
  if (has('properties', 'required', 'additionalProperties', 'patternProperties', 'minProperties')) return 'object';
  if (has('items', 'prefixItems', 'minItems', 'contains')) return 'array';
  if (patterns.length > 0 || formats.length > 0 || has('minLength', 'maxLength')) return 'string';
  return has('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf') ? 'number' : 'string';
}

function makeText({ keywords, patterns, formats, expressions }: Demand, place: Place): string {
  const minLength = typeof keywords.minLength === 'number' ? keywords.minLength : 0;
  const maxLength = typeof keywords.maxLength === 'number' ? keywords.maxLength : Number.POSITIVE_INFINITY;
  const text = exampleText({ formats, patterns, expressions, minLength, maxLength }, place.name, place.nth);
  if (text === undefined) throw new NoExampleError(`no text was found that fits '${place.name}'`);
  return text;
}

function makeNumber(keywords: Demand['keywords'], { name, nth }: Place, whole: boolean): number {
  const bound = (keyword: string) => (typeof keywords[keyword] === 'number' ? keywords[keyword] : undefined);
  const least = Math.max(bound('minimum') ?? -Infinity, bound('exclusiveMinimum') ?? -Infinity);
  const most = Math.min(bound('maximum') ?? Infinity, bound('exclusiveMaximum') ?? Infinity);
  const step = bound('multipleOf') ?? (whole ? 1 : undefined);
  const fits = (number: number) =>
    number >= (bound('minimum') ?? -Infinity) &&
    number <= (bound('maximum') ?? Infinity) &&
    number > (bound('exclusiveMinimum') ?? -Infinity) &&
    number < (bound('exclusiveMaximum') ?? Infinity) &&
    (!whole || Number.isInteger(number)) &&
    (step === undefined || Math.abs(number / step - Math.round(number / step)) < 1e-9);
  const from = Number.isFinite(least) ? least : Number.isFinite(most) ? most - 20 * (step ?? 1) : 0;
  const stepped =
    step === undefined ? [] : Array.from({ length: 30 }, (_, index) => tidy((Math.ceil(from / step) + index) * step));
  const middle = Number.isFinite(least) && Number.isFinite(most) ? [tidy((least + most) / 2), (least + most) / 2] : [];
  const near = [least, most, least + 1, most - 1].filter(Number.isFinite);
  // of a share, neither nothing nor everything is a good example
  const first = !whole && least === 0 && most === 1 ? [0.5, 0.1] : [];
  const found = [...new Set([...first, ...NUMBERS, ...stepped, ...near, ...middle].filter(fits))];
  if (found.length === 0) throw new NoExampleError(`no number was found that fits '${name}'`);
  return found[nth % found.length]!;
}

function tidy(number: number): number {
  return Number(number.toPrecision(12));
}

function makeArray(keywords: Demand['keywords'], work: Work, place: Place): unknown[] {
  const least = typeof keywords.minItems === 'number' ? keywords.minItems : 0;
  const most = typeof keywords.maxItems === 'number' ? keywords.maxItems : Number.POSITIVE_INFINITY;
  if (least > MOST_ITEMS) throw new NoExampleError(`'${place.name}' has at least ${least} items`);
  const first = Array.isArray(keywords.prefixItems) ? keywords.prefixItems.filter(isSchema) : [];
  const rest = isSchema(keywords.items) ? keywords.items : true;
  const wished = work.attempt.optionals && !place.short && first.length === 0 ? 1 : 0;
  const length = Math.min(Math.max(least, first.length, rest === false ? 0 : wished), most);
  const name = singular(place.name);
  return Array.from({ length }, (_, nth) => inside(work, first[nth] ?? rest, { ...place, name, nth }));
}

/** `lines` hold a `line` each. */
function singular(name: string): string {
  return /[^s]s$/.test(name) && name.length > 3 ? name.slice(0, -1) : name;
}

function makeObject(keywords: Demand['keywords'], work: Work, place: Place): unknown {
  const required = textsIn(keywords.required);
  const properties = new Map(schemasIn(keywords.properties));
  const patterned = schemasIn(keywords.patternProperties);
  const others = isSchema(keywords.additionalProperties) ? keywords.additionalProperties : true;
  const made = new Map<string, unknown>();
  for (const [name, schema] of properties) {
    const at = { ...place, name };
    if (required.includes(name)) made.set(name, inside(work, schema, at));
    else if (work.attempt.optionals && !place.short) attemptTo(() => made.set(name, inside(work, schema, at)));
  }
  for (const name of required) {
    if (properties.has(name)) continue;
    const schema = patterned.find(([pattern]) => matches(pattern, name))?.[1] ?? others;
    made.set(name, inside(work, schema, { ...place, name }));
  }
  const least = typeof keywords.minProperties === 'number' ? keywords.minProperties : 0;
  if (least > MOST_ITEMS) throw new NoExampleError(`'${place.name}' has at least ${least} properties`);
  const isRecord = patterned.length > 0 || (typeof others === 'object' && Object.keys(others).length > 0);
  const wished = isRecord && properties.size === 0 && required.length === 0 && work.attempt.optionals && !place.short;
  for (let nth = 0; made.size < Math.max(least, wished ? 1 : 0) && nth <= MOST_ITEMS; nth++) {
    const name = nameOf(keywords, patterned[0]?.[0], work, { ...place, name: 'key', nth });
    if (!made.has(name)) made.set(name, inside(work, patterned[0]?.[1] ?? others, { ...place, name, nth }));
  }
  return Object.fromEntries(made);
}

/** A name for an entry of a record. */
function nameOf({ propertyNames }: Demand['keywords'], pattern: string | undefined, work: Work, place: Place): string {
  const schema = isSchema(propertyNames) && typeof propertyNames === 'object' ? propertyNames : {};
  const name = inside(work, { ...schema, type: 'string', ...(pattern !== undefined && { pattern }) }, place);
  if (typeof name !== 'string') throw new NoExampleError(`no name was found for an entry of '${place.name}'`);
  return name;
}

function attemptTo(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    // what may be left out is left out when it cannot be made
    if (!(error instanceof NoExampleError)) throw error;
  }
}

function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(name);
  } catch {
    return false;
  }
}
