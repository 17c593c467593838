import { tuple } from './composition.ts';
import { type Engine, spend } from './engine.ts';
import { ARRAY, canonical, isMultiple, NUMBER, OBJECT, STRING, typeBits, valueBit } from './json-value.ts';
import type { Keywords } from './keywords.ts';
import { schemasOfProperty } from './members.ts';
import { matches } from './pattern.ts';
import { inner, keywordsOf, nodesOf } from './premise.ts';
import { refAlone, type SchemaNode } from './schema-document.ts';

/** Yes, no, or not known. */
export type Answer = boolean | undefined;

/** Keywords that the values at hand are not judged by; a schema that has one leaves it open whether a value fits. */
const NOT_JUDGED = new Set([
  'format',
  'uniqueItems',
  'contains',
  'minContains',
  'maxContains',
  'propertyNames',
  'dependencies',
  'dependentRequired',
  'dependentSchemas',
  'unevaluatedProperties',
  'unevaluatedItems',
]);

const NESTING_LIMIT = 50;

/** Whether a value fits a schema. */
export function fits(engine: Engine, value: unknown, node: SchemaNode, depth = 0): Answer {
  spend(engine);
  if (typeof node.schema === 'boolean') return node.schema;
  if (depth > NESTING_LIMIT) return undefined;
  const { $ref } = node.schema;
  const referred = typeof $ref === 'string' ? fits(engine, value, node.document.target(node), depth + 1) : true;
  if (typeof $ref === 'string' && refAlone(node.document.dialect)) return referred;
  const bit = valueBit(value);
  return every([
    () => referred,
    () => (typeBits(keywordsOf(node).type) & bit) !== 0,
    () => isListed(engine, value, node),
    () => (bit & STRING ? fitsString(engine, value as string, keywordsOf(node)) : true),
    () => (bit & NUMBER ? fitsNumber(value as number, keywordsOf(node)) : true),
    () => (bit & OBJECT ? fitsObject(engine, value as Keywords, node, depth) : true),
    () => (bit & ARRAY ? fitsArray(engine, value as unknown[], node, depth) : true),
    () => fitsCombination(engine, value, node, depth),
    () => (Object.keys(keywordsOf(node)).some((keyword) => isOpen(keyword, bit)) ? undefined : true),
  ]);
}

function isOpen(keyword: string, bit: number): boolean {
  if (keyword === 'format') return (bit & (STRING | NUMBER)) !== 0;
  return NOT_JUDGED.has(keyword) && (bit & (OBJECT | ARRAY)) !== 0;
}

/** All of them: no as soon as one is no. */
function every(answers: readonly (() => Answer)[]): Answer {
  let all: Answer = true;
  for (const answer of answers) {
    const each = answer();
    if (each === false) return false;
    if (each === undefined) all = undefined;
  }
  return all;
}

function isListed(engine: Engine, value: unknown, node: SchemaNode): boolean {
  const keywords = keywordsOf(node);
  if (Object.hasOwn(keywords, 'const') && canonical(value) !== canonical(keywords.const)) return false;
  return keywords.enum === undefined || listOf(engine, keywords.enum as unknown[]).has(canonical(value));
}

/** The values of an enum, by their canonical text. */
export function listOf(engine: Engine, values: readonly unknown[]): ReadonlySet<string> {
  let list = engine.enums.get(values);
  if (list === undefined) {
    list = new Set(values.map(canonical));
    engine.enums.set(values, list);
  }
  return list;
}

function fitsString(engine: Engine, value: string, { maxLength, minLength, pattern }: Keywords): Answer {
  const length = maxLength === undefined && minLength === undefined ? 0 : [...value].length;
  if (length > ((maxLength as number | undefined) ?? length) || length < ((minLength as number | undefined) ?? 0))
    return false;
  return typeof pattern === 'string' ? matches(engine, pattern, value) : true;
}

function fitsNumber(value: number, keywords: Keywords): boolean {
  const { maximum, minimum, exclusiveMaximum, exclusiveMinimum, multipleOf } = keywords as Record<
    string,
    number | undefined
  >;
  return (
    value <= (maximum ?? value) &&
    value >= (minimum ?? value) &&
    (exclusiveMaximum === undefined || value < exclusiveMaximum) &&
    (exclusiveMinimum === undefined || value > exclusiveMinimum) &&
    (multipleOf === undefined || isMultiple(value, multipleOf))
  );
}

function fitsObject(engine: Engine, value: Keywords, node: SchemaNode, depth: number): Answer {
  const { required, maxProperties, minProperties, patternProperties } = keywordsOf(node);
  const names = Object.keys(value);
  if (names.length > ((maxProperties as number | undefined) ?? names.length)) return false;
  if (names.length < ((minProperties as number | undefined) ?? 0)) return false;
  if (((required as string[] | undefined) ?? []).some((name) => !Object.hasOwn(value, name))) return false;
  const patterns = Object.keys((patternProperties as object | undefined) ?? {});
  return every(
    names.map((name) => () => {
      if (patterns.some((pattern) => matches(engine, pattern, name) === undefined)) return undefined;
      return every(
        schemasOfProperty(engine, node, name).map((schema) => () => fits(engine, value[name], schema, depth + 1)),
      );
    }),
  );
}

function fitsArray(engine: Engine, value: readonly unknown[], node: SchemaNode, depth: number): Answer {
  const { maxItems, minItems } = keywordsOf(node) as Record<string, number | undefined>;
  if (value.length > (maxItems ?? value.length) || value.length < (minItems ?? 0)) return false;
  const { prefix, rest } = tuple(node);
  return every(
    value.map((item, index) => () => {
      const schema = prefix[index] ?? rest;
      return schema === undefined ? true : fits(engine, item, schema, depth + 1);
    }),
  );
}

function fitsCombination(engine: Engine, value: unknown, node: SchemaNode, depth: number): Answer {
  const { allOf, anyOf, oneOf } = keywordsOf(node);
  const judge = (schema: SchemaNode) => fits(engine, value, schema, depth + 1);
  return every([
    () => every(nodesOf(node, allOf).map((schema) => () => judge(schema))),
    () => (anyOf === undefined ? true : some(nodesOf(node, anyOf).map(judge))),
    () => (oneOf === undefined ? true : one(nodesOf(node, oneOf).map(judge))),
    () => negated(inner(node, 'not') === undefined ? false : judge(inner(node, 'not')!)),
    () => {
      const condition = inner(node, 'if');
      if (condition === undefined) return true;
      const holds = judge(condition);
      if (holds === undefined) return undefined;
      const consequence = inner(node, holds ? 'then' : 'else');
      return consequence === undefined ? true : judge(consequence);
    },
  ]);
}

function some(answers: readonly Answer[]): Answer {
  if (answers.includes(true)) return true;
  return answers.includes(undefined) ? undefined : false;
}

function one(answers: readonly Answer[]): Answer {
  const yes = answers.filter((answer) => answer === true).length;
  if (yes > 1) return false;
  return answers.includes(undefined) ? undefined : yes === 1;
}

function negated(answer: Answer): Answer {
  return answer === undefined ? undefined : !answer;
}
