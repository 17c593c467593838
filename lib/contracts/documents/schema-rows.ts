import type { JsonSchema } from '../compatibility/index.ts';
import { both, type Demand, demandOf, isSchema, schemasIn, textsIn, typesIn } from './demand.ts';
import { code, list } from './markdown.ts';
import { constraintWords, MOST_VALUES, typeWord, valueWord, valueWords } from './schema-words.ts';

/** One place of the data, in words. Everything but `path` and `description` is Markdown. */
export interface SchemaRow {
  /** `lines[].quantity`; empty for the data itself. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly constraints: readonly string[];
  readonly description: string;
}

/** More rows help nobody; the registered schema has everything. */
const MOST_ROWS = 1_000;
const DEEPEST = 30;

interface Walk {
  readonly root: JsonSchema;
  readonly rows: SchemaRow[];
  /** Whether the rows say everything: none was left out, no list of values was cut. */
  complete: boolean;
}

interface Place {
  readonly path: string;
  readonly required: boolean;
  /** The references that led here, with the path where each was followed. */
  readonly references: readonly (readonly [reference: string, path: string])[];
  readonly depth: number;
}

/** A schema as rows, one for each place where data can be, in the order of the schema. */
export function schemaRows(schema: JsonSchema): { rows: readonly SchemaRow[]; complete: boolean } {
  const walk: Walk = { root: schema, rows: [], complete: true };
  const demand = demandOf(withoutTitle(schema), schema);
  const start: Place = { path: '', required: true, references: [['#', '']], depth: 0 };
  const isPlain = isObject(demand) && demand.choices.length === 0 && constraintsOf(demand, walk).length === 0;
  if (isPlain) visitInside(demand, walk, start);
  else visit(demand, walk, start);
  return { rows: walk.rows, complete: walk.complete };
}

/** The description of the whole is that of the event, which stands elsewhere. */
function withoutTitle(schema: JsonSchema): JsonSchema {
  if (typeof schema === 'boolean') return schema;
  const { title: _, description: __, ...rest } = schema;
  return rest;
}

function visit(demand: Demand, walk: Walk, place: Place): void {
  if (walk.rows.length >= MOST_ROWS || place.depth > DEEPEST) {
    walk.complete = false;
    return;
  }
  const { plain, nullable } = withoutNull(demand, walk.root);
  const again = place.references.find(([reference]) => plain.references.includes(reference));
  const description = typeof plain.keywords.description === 'string' ? plain.keywords.description : '';
  const { path, required } = place;
  if (again !== undefined) {
    const like = again[1] === '' ? 'like the data itself' : `like ${code(again[1])}`;
    walk.rows.push({ path, required, type: nullable ? `${like} or null` : like, constraints: [], description });
    return;
  }
  walk.rows.push({
    path,
    required,
    type: typeWords(demand, walk),
    constraints: constraintsOf(plain, walk),
    description,
  });
  const references = plain.references.map((reference) => [reference, path] as const);
  visitInside(plain, walk, { ...place, references: [...place.references, ...references] });
}

/** What may be null, as what it is otherwise: then it needs no row for each of two forms. */
function withoutNull(demand: Demand, root: JsonSchema): { plain: Demand; nullable: boolean } {
  const [choice = [], ...more] = demand.choices;
  const others = choice.filter((branch) => !isNull(branch));
  const isOptionOfNull = more.length === 0 && others.length === 1 && choice.length > 1;
  if (!isOptionOfNull) return { plain: demand, nullable: false };
  return { plain: both({ ...demand, choices: [] }, demandOf(others[0]!, root)), nullable: true };
}

function isNull(schema: JsonSchema): boolean {
  return typeof schema === 'object' && schema.type === 'null';
}

function visitInside(demand: Demand, walk: Walk, place: Place): void {
  const { keywords } = demand;
  const required = textsIn(keywords.required);
  const inner = (schema: JsonSchema, path: string, needed: boolean) =>
    visit(demandOf(schema, walk.root), walk, { ...place, path, required: needed, depth: place.depth + 1 });
  const below = (name: string) => (place.path === '' ? name : `${place.path}.${name}`);
  const properties = schemasIn(keywords.properties);
  for (const [name, schema] of properties) inner(schema, below(shownName(name)), required.includes(name));
  const allowed = allowedNames(demand, walk.root);
  for (const name of new Set([...required, ...(allowed ?? [])])) {
    if (properties.some(([known]) => known === name)) continue;
    inner(othersOf(keywords), below(shownName(name)), required.includes(name));
  }
  for (const [pattern, schema] of schemasIn(keywords.patternProperties)) inner(schema, below(`<${pattern}>`), false);
  const others = keywords.additionalProperties;
  if (allowed === undefined && typeof others === 'object' && isSchema(others) && Object.keys(others).length > 0)
    inner(others, below('*'), false);
  const first = Array.isArray(keywords.prefixItems) ? keywords.prefixItems.filter(isSchema) : [];
  for (const [index, schema] of first.entries()) inner(schema, `${place.path}[${index}]`, true);
  if (typeof keywords.items === 'object' && isSchema(keywords.items)) visitItems(keywords.items, walk, place);
  for (const branches of demand.choices) {
    for (const [index, branch] of branches.entries()) {
      visitBranch(demandOf(branch, walk.root), walk, place, index);
    }
  }
}

/** The names that properties can have at all, where each of them gets a row; undefined when there may be others. */
function allowedNames({ keywords }: Demand, root: JsonSchema): string[] | undefined {
  const { propertyNames, additionalProperties } = keywords;
  if (!isSchema(propertyNames) || additionalProperties === false) return undefined;
  const names = demandOf(propertyNames, root).keywords;
  if (typeof names.const === 'string') return [names.const];
  if (!Array.isArray(names.enum)) return undefined;
  const known = [...textsIn(keywords.required), ...schemasIn(keywords.properties).map(([name]) => name)];
  const allowed = textsIn(names.enum);
  return allowed.length <= MOST_VALUES || allowed.every((name) => known.includes(name)) ? allowed : undefined;
}

/** Items that their list's type has said everything of need no row. */
function visitItems(schema: JsonSchema, walk: Walk, place: Place): void {
  const demand = demandOf(schema, walk.root);
  const { plain } = withoutNull(demand, walk.root);
  const at = { ...place, path: `${place.path}[]`, required: true, depth: place.depth + 1 };
  const again = plain.references.some((one) => place.references.some(([reference]) => reference === one));
  const said = constraintsOf(plain, walk).length === 0 && typeof plain.keywords.description !== 'string';
  if (!again && said && plain.choices.length === 0 && at.depth <= DEEPEST) {
    const references = plain.references.map((reference) => [reference, at.path] as const);
    visitInside(plain, walk, { ...at, references: [...place.references, ...references] });
  } else visit(demand, walk, at);
}

/** What an alternative asks for and has inside; it is called after the property that tells it from the others. */
function visitBranch(demand: Demand, walk: Walk, place: Place, index: number): void {
  const inner = demand.choices.length > 0 || isObject(demand) || typesIn(demand.keywords.type).includes('array');
  const constraints = constraintsOf(demand, walk);
  const description = typeof demand.keywords.description === 'string' ? demand.keywords.description : '';
  const isToldOf = constraints.length > 0 || description !== '';
  if (!inner && !isToldOf) return;
  if (walk.rows.length >= MOST_ROWS) {
    walk.complete = false;
    return;
  }
  const constants = schemasIn(demand.keywords.properties).flatMap(([, schema]) =>
    typeof schema === 'object' && 'const' in schema ? [String(schema.const)] : [],
  );
  const label = constants[0] ?? `${index + 1}`;
  const path = `${place.path}(${shownName(label)})`;
  const again = place.references.find(([reference]) => demand.references.includes(reference));
  if (again !== undefined || place.depth >= DEEPEST) {
    visit(demand, walk, { ...place, path, required: false, depth: place.depth + 1 });
    return;
  }
  if (isToldOf) walk.rows.push({ path, required: false, type: typeWords(demand, walk), constraints, description });
  const references = demand.references.map((reference) => [reference, path] as const);
  visitInside(demand, walk, {
    ...place,
    path,
    references: [...place.references, ...references],
    depth: place.depth + 1,
  });
}

function isObject({ keywords }: Demand): boolean {
  return typesIn(keywords.type).includes('object') || 'properties' in keywords;
}

function othersOf(keywords: Demand['keywords']): JsonSchema {
  return isSchema(keywords.additionalProperties) ? keywords.additionalProperties : true;
}

function constraintsOf(demand: Demand, walk: Walk): string[] {
  return [...constraintWords(demand.keywords, demand.patterns), ...nameWords(demand, walk)];
}

/** What the names of properties have to be, where rows do not show them all. */
function nameWords(demand: Demand, walk: Walk): string[] {
  const { propertyNames } = demand.keywords;
  if (!isSchema(propertyNames) || allowedNames(demand, walk.root) !== undefined) return [];
  const names = demandOf(propertyNames, walk.root);
  const type = typeWords(names, walk);
  const words = [...(type === 'text' || type === 'anything' ? [] : [type]), ...constraintsOf(names, walk)];
  return words.length === 0 ? [] : [`each name: ${words.join(', ')}`];
}

/** The type of a place in words: `list of whole numbers`, `text (date) or null`. */
function typeWords(demand: Demand, walk: Walk, depth = 0): string {
  const { keywords, formats, choices } = demand;
  if (demand.impossible) return 'never there';
  if ('const' in keywords) return `always ${valueWord(keywords.const)}`;
  if (Array.isArray(keywords.enum)) {
    if (keywords.enum.length > MOST_VALUES) walk.complete = false;
    return `one of ${valueWords(keywords.enum)}`;
  }
  if (choices.length > 0 && typesIn(keywords.type).length === 0) {
    if (depth > 3) return 'one of several forms';
    const words = choices[0]!.map((branch) => typeWords(demandOf(branch, walk.root), walk, depth + 1));
    const distinct = [...new Set(words)];
    const objects = words.filter((word) => word === 'object').length;
    return list(
      objects > 1 ? distinct.map((word) => (word === 'object' ? `one of ${objects} objects` : word)) : distinct,
      'or',
    );
  }
  const types = typesIn(keywords.type);
  if (types.length === 0) return keywords.properties === undefined ? 'anything' : 'object';
  const words = types.map((type) => {
    if (type === 'array') return listWords(keywords, walk, depth);
    return type === 'string' && formats.some(isNamed)
      ? `text (${formats.filter(isNamed).map(plainFormat).join(', ')})`
      : typeWord(type);
  });
  return list(words, 'or');
}

function listWords(keywords: Demand['keywords'], walk: Walk, depth: number): string {
  if (Array.isArray(keywords.prefixItems)) return `list of these ${keywords.prefixItems.length}`;
  if (typeof keywords.items !== 'object' || !isSchema(keywords.items) || depth > 3) return 'list';
  const items = demandOf(keywords.items, walk.root);
  if (items.references.length > 0 && depth > 0) return 'list';
  const word = typeWords(items, walk, depth + 1);
  return `list of ${PLURALS[word] ?? word}`;
}

const PLURALS: Readonly<Record<string, string>> = {
  text: 'texts',
  'whole number': 'whole numbers',
  number: 'numbers',
  object: 'objects',
};

/** Zod calls some of its checks formats, which their patterns say better: `ends_with`. */
function isNamed(format: string): boolean {
  return !format.includes('_');
}

/** A format is somebody's text as well. */
function plainFormat(format: string): string {
  return /^[a-z0-9-]+$/i.test(format) ? format : code(format);
}

/** A property's name in a path: as it is where it is a word, otherwise as JSON writes it. */
function shownName(name: string): string {
  return /^[\p{L}\p{N}_$-]+$/u.test(name) ? name : JSON.stringify(name);
}

/** A row as part of a sentence: `text (date), required, at least 1 character`. */
export function rowWords({ type, required, constraints }: SchemaRow): string {
  return [type, required ? 'required' : 'optional', ...constraints].join(', ');
}
