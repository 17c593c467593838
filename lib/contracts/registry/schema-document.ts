import * as z from 'zod';
import type { JsonSchema } from '../compatibility/index.ts';
import type { AnyContract } from '../contract.ts';
import { UnrepresentableSchemaError } from './errors.ts';
import { portabilityOf } from './portable-pattern.ts';
import { isRecord, mapSubschemas, type SchemaObject } from './subschemas.ts';

/** The keyword under which a document says what JSON Schema has no keyword for. */
export const BATON_KEYWORD = 'x-baton';

/** What {@link BATON_KEYWORD} holds. */
export interface DocumentFacts {
  readonly kind: 'event' | 'command';
  readonly version: number;
  readonly major: number;
  readonly compatibility: string;
  /** The names of the headers that travel beside the message. */
  readonly headers?: readonly string[];
  /** True when the contract says whose work it is. */
  readonly tenant?: true;
  /** The paths that are masked wherever data is shown. */
  readonly sensitive?: readonly string[];
}

/** First what it is, then what it holds; definitions last. */
const FIRST = ['$schema', '$id', '$ref', 'title', 'description', BATON_KEYWORD, 'type', 'format', 'const', 'enum'];
const LAST = ['default', 'examples', 'deprecated', '$comment', '$defs'];

/**
 * Formats that JSON Schema defines: for the default form of these the name says it all. Zod's expressions for them change
 * with its releases, and a published schema must not.
 */
const STANDARD: Readonly<Record<string, z.ZodType>> = {
  date: z.iso.date(),
  duration: z.iso.duration(),
  email: z.email(),
  uuid: z.uuid(),
  ipv4: z.ipv4(),
  ipv6: z.ipv6(),
};

/** What `format` may say by JSON Schema 2020-12 (validation, section 7.3); zod writes names of its own there as well. */
const FORMATS = new Set(
  `date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri uri-reference iri iri-reference uuid
  uri-template json-pointer relative-json-pointer regex`.split(/\s+/),
);

/** Checks that JSON Schema has keywords for; what else there is decides in code. */
const CHECKS = new Set(
  `less_than greater_than multiple_of number_format bigint_format min_length max_length length_equals string_format
  min_size max_size size_equals`.split(/\s+/),
);

const MORE_RULES = 'Code checks more than this schema says.';
const COUNTS_UNITS = 'Code counts UTF-16 units where this schema counts characters.';
const READ_FREELY = 'Readers convert what they are given: they may take more than this schema says.';

/**
 * The JSON Schema (2020-12) of what travels as data of a contract: what its schema takes as input. `$id` is the contract's
 * `dataschema`. The same contract gives the same text.
 *
 * What JSON Schema cannot say is never left out in silence. Rules in code (`refine`, `trim`, what comes behind a `transform`,
 * regular expressions that mean something else there) are told of in `$comment`; `z.coerce.date()` is the date-time text that a
 * Date travels as.
 *
 * @throws UnrepresentableSchemaError for what JSON could not carry either: Date, bigint, Map, Set, undefined, NaN, ...
 */
export function schemaDocument(contract: AnyContract): JsonSchema {
  const { kind, type, version, major, compatibility, headers, tenant, sensitive, description, dataschema } = contract;
  const { $schema, title: _, description: said, ...schema } = zodSchemaDocument(contract.schema, `${type} v${version}`);
  const facts: DocumentFacts = {
    kind,
    version,
    major,
    compatibility,
    ...(Object.keys(headers).length > 0 && { headers: Object.keys(headers) }),
    ...(tenant !== undefined && { tenant: true as const }),
    ...(sensitive.length > 0 && { sensitive }),
  };
  return ordered({
    $schema,
    $id: dataschema,
    title: type,
    description: description || said,
    [BATON_KEYWORD]: facts,
    ...schema,
  });
}

/**
 * The JSON Schema (2020-12) of what a zod schema takes as input; without `$id`.
 * @param name whose schema it is, for messages
 * @throws UnrepresentableSchemaError as {@link schemaDocument} does
 */
export function zodSchemaDocument(schema: z.ZodType, name: string): SchemaObject {
  let document: SchemaObject;
  const problems = new Set<string>();
  try {
    document = z.toJSONSchema(schema, {
      target: 'draft-2020-12',
      io: 'input',
      unrepresentable: ({ zodSchema, path, message }) =>
        represented(zodSchema as unknown as z.ZodType, { name, path, message }, problems),
      override: ({ zodSchema, jsonSchema }) => complete(zodSchema as unknown as z.ZodType, jsonSchema),
    });
  } catch (cause) {
    const problem = cause instanceof RangeError ? 'it is nested too deep' : (cause as Error).message;
    throw new UnrepresentableSchemaError(`${name} has no JSON Schema: ${problem}`, { cause });
  }
  if (problems.size > 0) throw new UnrepresentableSchemaError([...problems].join('\n'));
  // zod adds a property that only its own validator would find
  const { '~standard': _, ...plain } = document;
  return ordered(readableDefinitions(plain));
}

/**
 * What stands for a zod type that JSON Schema does not know.
 * @param problems is told of what nothing can stand for: all of it, so that it is put right at once
 */
function represented(
  schema: z.ZodType,
  place: { name: string; path: (string | number)[]; message: string },
  problems: Set<string>,
) {
  const { type, coerce } = definitionOf(schema);
  if (type === 'date' && coerce) return { type: 'string', format: 'date-time', $comment: READ_FREELY } as const;
  if (type === 'custom') return { $comment: MORE_RULES };
  const where = place.path.length === 0 ? 'the data' : `#/${place.path.join('/')}`;
  problems.add(
    `${place.name}: ${where} cannot travel as JSON (${place.message}). ${REMEDIES[type] ?? 'Describe what travels: texts, numbers, booleans, null, arrays and objects.'}`,
  );
  return {};
}

const REMEDIES: Readonly<Record<string, string>> = {
  date: 'Use z.iso.datetime(), or z.coerce.date() when the handler is to get a Date.',
  bigint: 'Use a text of digits (z.string().regex(/^-?[0-9]+$/)), or z.int() where 2^53 is enough.',
  map: 'Use z.record().',
  set: 'Use z.array().',
  undefined: 'Use .optional() for what may be left out.',
  void: 'Use .optional() for what may be left out.',
  transform: 'Put what travels before it: z.string().transform(...).',
};

/** Corrects what zod leaves out, and drops what would change with its releases. */
function complete(schema: z.ZodType, json: Record<string, unknown>): void {
  const definition = definitionOf(schema);
  const checks = (definition.checks ?? []).map((check) => definitionOf(check));
  if (checks.some(({ check = '' }) => !CHECKS.has(check))) comment(json, MORE_RULES);
  if (definition.type === 'catch' || definition.coerce) comment(json, READ_FREELY);
  if (definition.type === 'pipe') {
    const isPrepared = definition.in !== undefined && definitionOf(definition.in).type === 'transform';
    if (isPrepared) comment(json, READ_FREELY);
    // a function may refuse what it is given, and what comes behind it is a schema of its own
    comment(json, MORE_RULES);
  }
  if (definition.type === 'template_literal' && typeof json.pattern === 'string')
    completePattern(new RegExp(json.pattern), json);
  if (isRecord(json.patternProperties)) completeKeys(definition, json);
  // a record says of its keys what every key is
  if (isRecord(json.propertyNames) && JSON.stringify(json.propertyNames) === '{"type":"string"}')
    delete json.propertyNames;
  if (definition.type === 'readonly') delete json.readOnly;
  if (definition.type !== 'string') return;
  for (const one of [definition, ...checks]) if (one.check === 'string_format') completeFormat(one, json);
  for (const one of [json, ...(Array.isArray(json.allOf) ? (json.allOf as Record<string, unknown>[]) : [])]) {
    if (typeof one.format === 'string' && !FORMATS.has(one.format)) delete one.format;
  }
}

function completeFormat(given: Definition, json: Record<string, unknown>): void {
  const { format, pattern, offset, local, precision, hostname, protocol } = given;
  if (format === 'url' && (hostname !== undefined || protocol !== undefined)) comment(json, MORE_RULES);
  if (pattern === undefined) {
    if (format !== undefined && !FORMATS.has(format) && format !== 'url')
      comment(json, `Code checks that it is a ${format}.`);
    return;
  }
  if (!completePattern(pattern, json)) return;
  if (format === 'regex' && portabilityOf(pattern) === 'counts') comment(json, COUNTS_UNITS);
  if (format === 'datetime' && local !== true && typeof precision !== 'number') {
    // of date-time, which has any offset, the form that ends in Z
    dropPattern(json, pattern.source, offset === true ? undefined : 'Z$');
  } else if (format === 'datetime' && local === true && json.format === 'date-time') {
    // RFC 3339 knows no time without an offset; the pattern says what it is
    delete json.format;
  } else if (format !== undefined && Object.hasOwn(STANDARD, format)) {
    const standard = definitionOf(STANDARD[format]!).pattern;
    if (pattern.source === standard?.source) dropPattern(json, pattern.source);
  }
}

/** Takes a pattern out that would say something else than in code; whether it may stay. */
function completePattern(pattern: RegExp, json: Record<string, unknown>): boolean {
  if (portabilityOf(pattern) !== 'other') return true;
  dropPattern(json, pattern.source);
  comment(json, `Code checks that it matches ${pattern}.`);
  return false;
}

/** The keys of a record whose other keys are free. */
function completeKeys({ keyType }: Definition, json: Record<string, unknown>): void {
  const key = keyType && definitionOf(keyType);
  const all = key === undefined ? [] : [key, ...(key.checks ?? []).map((check) => definitionOf(check))];
  const patterns = all.flatMap(({ pattern }) => pattern ?? []);
  const foreign = patterns.filter((pattern) => portabilityOf(pattern) === 'other');
  if (foreign.length === 0) return;
  delete json.patternProperties;
  comment(json, `Code checks what has a key that matches ${patterns.join(' and ')}.`);
}

/** Takes a pattern out, or puts another in its place, wherever zod wrote it. */
function dropPattern(json: Record<string, unknown>, source: string, instead?: string): void {
  if (json.pattern === source) {
    if (instead === undefined) delete json.pattern;
    else json.pattern = instead;
  }
  if (!Array.isArray(json.allOf)) return;
  const all = json.allOf.flatMap((one: Record<string, unknown>) =>
    one.pattern !== source ? [one] : instead === undefined ? [] : [{ ...one, pattern: instead }],
  );
  if (all.length > 0) json.allOf = all;
  else delete json.allOf;
}

function comment(json: Record<string, unknown>, text: string): void {
  const before = typeof json.$comment === 'string' ? json.$comment : '';
  if (!before.includes(text)) json.$comment = before === '' ? text : `${before} ${text}`;
}

/** Zod numbers the schemas that refer to themselves; here they are called after the property they are met at first. */
function readableDefinitions(document: SchemaObject): SchemaObject {
  const definitions = document.$defs;
  if (!isRecord(definitions)) return document;
  const names = new Map<string, string>();
  const visit = (schema: unknown, at: string): void => {
    if (!isRecord(schema)) return;
    const [, numbered] = /^#\/\$defs\/(__schema\d+)$/.exec(String(schema.$ref)) ?? [];
    if (numbered !== undefined && !names.has(numbered)) {
      const taken = (name: string) => Object.hasOwn(definitions, name) || [...names.values()].includes(name);
      let name = at;
      for (let count = 2; taken(name); count++) name = `${at}${count}`;
      names.set(numbered, name);
      visit(definitions[numbered], name);
    }
    const { properties, $defs: _, ...rest } = schema;
    if (isRecord(properties)) for (const [name, one] of Object.entries(properties)) visit(one, plainName(name));
    mapSubschemas(rest, (one) => visit(one, at));
  };
  visit(document, 'data');
  for (const [name, one] of Object.entries(definitions)) visit(one, plainName(name));
  const renamed = (schema: JsonSchema): JsonSchema => {
    if (!isRecord(schema)) return schema;
    const [, numbered] = /^#\/\$defs\/(__schema\d+)$/.exec(String(schema.$ref)) ?? [];
    const name = numbered && names.get(numbered);
    return mapSubschemas(name ? { ...schema, $ref: `#/$defs/${name}` } : schema, renamed);
  };
  const { $defs: _, ...root } = document;
  const named = Object.entries(definitions).map(([name, one]) => [names.get(name) ?? name, renamed(one as JsonSchema)]);
  return { ...(renamed(root) as SchemaObject), $defs: Object.fromEntries(named) };
}

/** A name that a JSON pointer in a `$ref` needs no escapes for. */
function plainName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '') || 'schema';
}

/** The keywords in the order that one reads them in. */
function ordered(schema: SchemaObject): SchemaObject {
  const inner = mapSubschemas(schema, (one) => (isRecord(one) ? ordered(one) : one));
  const rank = (keyword: string) => {
    if (FIRST.includes(keyword)) return FIRST.indexOf(keyword);
    return LAST.includes(keyword) ? 200 + LAST.indexOf(keyword) : 100;
  };
  const entries = Object.entries(inner).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.toSorted(([a], [b]) => rank(a) - rank(b)));
}

/** What is read of a zod schema or check. */
interface Definition {
  type?: string;
  check?: string;
  format?: string;
  pattern?: RegExp;
  coerce?: boolean;
  offset?: boolean;
  local?: boolean;
  precision?: number | null;
  hostname?: RegExp;
  protocol?: RegExp;
  in?: z.ZodType;
  keyType?: z.ZodType;
  checks?: readonly z.ZodType[];
}

function definitionOf(schema: unknown): Definition & { type: string } {
  return (schema as { _zod: { def: Definition & { type: string } } })._zod.def;
}
