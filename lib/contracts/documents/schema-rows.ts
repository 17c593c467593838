import type { JsonSchema } from '../compatibility/index.ts';
import { type Demand, demandOf, isSchema, schemasIn, textsIn, typesIn } from './demand.ts';
import { code, list } from './markdown.ts';
import { constraintWords, typeWord, valueWord, valueWords } from './schema-words.ts';

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
  const isPlain = isObject(demand) && demand.choices.length === 0 && constraintsOf(demand).length === 0;
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
  const again = place.references.find(([reference]) => demand.references.includes(reference));
  const description = typeof demand.keywords.description === 'string' ? demand.keywords.description : '';
  const { path, required } = place;
  if (again !== undefined) {
    const type = again[1] === '' ? 'like the data itself' : `like ${code(again[1])}`;
    walk.rows.push({ path, required, type, constraints: [], description });
    return;
  }
  walk.rows.push({
    path,
    required,
    type: typeWords(demand, walk.root),
    constraints: constraintsOf(demand),
    description,
  });
  const references = demand.references.map((reference) => [reference, path] as const);
  visitInside(demand, walk, { ...place, references: [...place.references, ...references] });
}

function visitInside(demand: Demand, walk: Walk, place: Place): void {
  const { keywords } = demand;
  const required = textsIn(keywords.required);
  const inner = (schema: JsonSchema, path: string, needed: boolean) =>
    visit(demandOf(schema, walk.root), walk, { ...place, path, required: needed, depth: place.depth + 1 });
  const below = (name: string) => (place.path === '' ? name : `${place.path}.${name}`);
  const properties = schemasIn(keywords.properties);
  for (const [name, schema] of properties) inner(schema, below(shownName(name)), required.includes(name));
  for (const name of required) {
    if (!properties.some(([known]) => known === name)) inner(othersOf(keywords), below(shownName(name)), true);
  }
  for (const [pattern, schema] of schemasIn(keywords.patternProperties)) inner(schema, below(`<${pattern}>`), false);
  const others = keywords.additionalProperties;
  if (typeof others === 'object' && isSchema(others) && Object.keys(others).length > 0)
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

/** Items that their list's type has said everything of need no row. */
function visitItems(schema: JsonSchema, walk: Walk, place: Place): void {
  const demand = demandOf(schema, walk.root);
  const at = { ...place, path: `${place.path}[]`, required: true, depth: place.depth + 1 };
  const again = demand.references.some((one) => place.references.some(([reference]) => reference === one));
  const said = constraintsOf(demand).length === 0 && typeof demand.keywords.description !== 'string';
  if (!again && said && demand.choices.length === 0 && at.depth <= DEEPEST) {
    const references = demand.references.map((reference) => [reference, at.path] as const);
    visitInside(demand, walk, { ...at, references: [...place.references, ...references] });
  } else visit(demand, walk, at);
}

/** What an alternative has inside; it is called after the property that tells it from the others. */
function visitBranch(demand: Demand, walk: Walk, place: Place, index: number): void {
  const inner = demand.choices.length > 0 || isObject(demand) || typesIn(demand.keywords.type).includes('array');
  if (!inner) return;
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

function constraintsOf({ keywords, patterns }: Demand): string[] {
  return constraintWords(keywords, patterns);
}

/** The type of a place in words: `list of whole numbers`, `text (date) or null`. */
function typeWords(demand: Demand, root: JsonSchema, depth = 0): string {
  const { keywords, formats, choices } = demand;
  if (demand.impossible) return 'never there';
  if ('const' in keywords) return `always ${valueWord(keywords.const)}`;
  if (Array.isArray(keywords.enum)) return `one of ${valueWords(keywords.enum)}`;
  if (choices.length > 0 && typesIn(keywords.type).length === 0) {
    if (depth > 3) return 'one of several forms';
    const words = choices[0]!.map((branch) => typeWords(demandOf(branch, root), root, depth + 1));
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
    if (type === 'array') return listWords(keywords, root, depth);
    return type === 'string' && formats.some(isNamed)
      ? `text (${formats.filter(isNamed).map(plainFormat).join(', ')})`
      : typeWord(type);
  });
  return list(words, 'or');
}

function listWords(keywords: Demand['keywords'], root: JsonSchema, depth: number): string {
  if (Array.isArray(keywords.prefixItems)) return `list of these ${keywords.prefixItems.length}`;
  if (typeof keywords.items !== 'object' || !isSchema(keywords.items) || depth > 3) return 'list';
  const items = demandOf(keywords.items, root);
  if (items.references.length > 0 && depth > 0) return 'list';
  const word = typeWords(items, root, depth + 1);
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
