import { zodReader } from './ask-zod.ts';
import { checksOf, type Schema } from './definition.ts';
import { REFUSED } from './reader.ts';

/** More nodes than any schema has that somebody wrote: a schema that makes new ones whenever it is looked at has no end. */
const MOST_NODES = 20_000;

/** Whether what a schema returns is what it was given, without what is not declared, and nothing that JSON cannot hold. */
export function staysJson(root: Schema): boolean {
  try {
    return allStayJson(root);
  } catch {
    // a schema that cannot be looked into says nothing of its output
    return false;
  }
}

function allStayJson(root: Schema): boolean {
  const seen = new Set<Schema>([root]);
  // a set is walked on through what is added meanwhile: no recursion, however deep the schema
  for (const schema of seen) {
    if (!staysItself(schema) || seen.size > MOST_NODES) return false;
    for (const part of partsOf(schema)) seen.add(part);
  }
  return true;
}

function staysItself(schema: Schema): boolean {
  const { def, values } = schema._zod;
  if (def.coerce || checksOf(schema).some(replaces)) return false;
  switch (def.type) {
    case 'literal':
    case 'enum':
      return [...values!].every((each) => typeof each !== 'bigint' && each !== undefined && !Number.isNaN(each));
    case 'array':
      // JSON writes null for an item that is undefined
      return def.element._zod.optin === undefined;
    case 'tuple':
      // an item that is not there is read as undefined, where the item may be that
      return (
        [...def.items, def.rest].every((item) => !item || item._zod.optin === undefined) &&
        !def.items.some((item) => zodReader(item)(undefined) !== REFUSED)
      );
    case 'union':
      // without what its option does not declare, data may fit another one, or two at once
      return def.discriminator !== undefined && !def.unionFallback;
    case 'pipe':
      // a codec is a pipe with a transform of its own
      return def.transform === undefined;
    default:
      return KEPT.has(def.type);
  }
}

const KEPT = new Set(
  'string number boolean null never any unknown template_literal object record union intersection optional nonoptional nullable readonly lazy'.split(
    ' ',
  ),
);

/** Checks that put another value in place: `trim`, `toLowerCase`, and url, which takes out white space. */
function replaces({ _zod: { def } }: Schema): boolean {
  return def.check === 'overwrite' || def.format === 'url';
}

function partsOf({ _zod: { def, innerType } }: Schema): Iterable<Schema> {
  switch (def.type) {
    case 'object':
      return [...Object.values(def.shape), ...(def.catchall ? [def.catchall] : [])];
    case 'array':
      return [def.element];
    case 'tuple':
      return [...def.items, ...(def.rest ? [def.rest] : [])];
    case 'record':
      return [def.keyType, def.valueType];
    case 'union':
      return def.options;
    case 'intersection':
      return [def.left, def.right];
    case 'pipe':
      return [def.in, def.out];
    case 'lazy':
      return [innerType!];
    default:
      return def.innerType ? [def.innerType] : [];
  }
}
