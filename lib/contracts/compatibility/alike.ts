import { type Engine, NESTING_LIMIT, spend } from './engine.ts';
import { canonical } from './json-value.ts';
import { innerSchemas, LIST_KEYWORDS, MAP_KEYWORDS, SCHEMA_KEYWORDS } from './keywords.ts';
import { keywordsOf, referred } from './premise.ts';
import { refAlone, type SchemaNode } from './schema-document.ts';

/** Keywords that say nothing about what fits. */
const ANNOTATIONS = new Set([
  '$schema',
  '$id',
  'id',
  '$anchor',
  '$dynamicAnchor',
  '$comment',
  '$defs',
  'definitions',
  '$vocabulary',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
]);

/** Keywords that a dialect reads in its own way, or not at all. */
const OF_A_DIALECT = new Set([
  'items',
  'additionalItems',
  'prefixItems',
  'dependencies',
  'dependentRequired',
  'dependentSchemas',
  'unevaluatedProperties',
  'unevaluatedItems',
  'minContains',
  'maxContains',
  '$ref',
]);

/** Annotations whose change is reported. */
const REPORTED = new Set(['$id', 'id', 'title', 'description', 'default']);

/** Whether two schemas say the same in the same words; `exactly`: and are described by the same words, too. */
export function alike(engine: Engine, a: SchemaNode, b: SchemaNode, exactly = false): boolean {
  if (a === b) return true;
  const assumed: string[] = [];
  const same = compare(a, b);
  // What was only assumed to be alike is not known when it turned out otherwise further out.
  if (!same) for (const key of assumed) engine.alike.delete(key);
  return same;

  function compare(one: SchemaNode, other: SchemaNode, depth = 0): boolean {
    const [left, right] = exactly ? [one, other] : [referred(one), referred(other)];
    if (left === right) return true;
    if (typeof left.schema === 'boolean' || typeof right.schema === 'boolean') return left.schema === right.schema;
    // Most that differ differ here; it is cheaper to see that again than to remember it.
    if (shapeOf(left) !== shapeOf(right)) {
      spend(engine, 0.1);
      return false;
    }
    const key = `${left.id}=${right.id}${exactly ? '!' : ''}`;
    const known = engine.alike.get(key);
    if (known !== undefined) return known;
    spend(engine);
    // Not to know that they are alike is no harm: then they are compared.
    if (depth > NESTING_LIMIT) return false;
    engine.alike.set(key, true);
    assumed.push(key);
    const result = compareKeywords(left, right, depth + 1);
    if (!result) {
      engine.alike.set(key, false);
      assumed.splice(assumed.indexOf(key), 1);
    }
    return result;
  }

  function compareKeywords(left: SchemaNode, right: SchemaNode, depth: number): boolean {
    const of = counting(left);
    if (left.document.dialect !== right.document.dialect && of.some((keyword) => OF_A_DIALECT.has(keyword)))
      return false;
    if (of.includes('$ref') && !compare(left.document.target(left), right.document.target(right), depth)) return false;
    return sameInner(left, right, depth);
  }

  /** The keywords that count, with the values of those that have no schemas. */
  function shapeOf(node: SchemaNode): string {
    const shapes = exactly ? engine.exactShapes : engine.shapes;
    let shape = shapes.get(node);
    if (shape === undefined) {
      const keywords = keywordsOf(node);
      const said = counting(node).map((keyword) =>
        keyword === '$ref' || hasSchemas(keyword) ? keyword : `${keyword}:${plainText(keyword, keywords[keyword])}`,
      );
      shape = said.join('\n');
      shapes.set(node, shape);
    }
    return shape;
  }

  function sameInner(left: SchemaNode, right: SchemaNode, depth: number): boolean {
    const [of, to] = [innerOf(left), innerOf(right)];
    if (of.size !== to.size) return false;
    for (const [place, schema] of of) {
      const counterpart = to.get(place);
      if (counterpart === undefined || !compare(schema, counterpart, depth)) return false;
    }
    return true;
  }

  function counting(node: SchemaNode): string[] {
    const keywords = keywordsOf(node);
    if (typeof keywords.$ref === 'string' && refAlone(node.document.dialect)) return ['$ref'];
    return Object.keys(keywords)
      .filter((keyword) => !ANNOTATIONS.has(keyword) || (exactly && REPORTED.has(keyword)))
      .filter((keyword) => !keyword.startsWith('x-'))
      .sort();
  }
}

function innerOf(node: SchemaNode): Map<string, SchemaNode> {
  const keywords = keywordsOf(node);
  if (typeof keywords.$ref === 'string' && refAlone(node.document.dialect)) return new Map();
  const counting = innerSchemas(keywords).filter(({ steps }) => !ANNOTATIONS.has(steps[0]));
  return new Map(counting.map(({ steps, schema }) => [JSON.stringify(steps), node.document.node(schema)]));
}

const WITH_SCHEMAS: ReadonlySet<string> = new Set([...SCHEMA_KEYWORDS, ...LIST_KEYWORDS, ...MAP_KEYWORDS, 'items']);

function hasSchemas(keyword: string): boolean {
  return WITH_SCHEMAS.has(keyword);
}

/** One text for values of a keyword that mean the same. */
function plainText(keyword: string, value: unknown): string {
  return ['required', 'enum', 'type'].includes(keyword) ? sorted(value) : canonical(value);
}

function sorted(value: unknown): string {
  return (Array.isArray(value) ? value.map(canonical) : [canonical(value)]).sort().join();
}
