import { sizeTest, testsOf } from './checks.ts';
import { discriminatedReader, intersectionReader, unionReader } from './combinations.ts';
import type { Schema } from './definition.ts';
import { objectReader } from './object.ts';
import { type Compile, deferred, inTurn, REFUSED, type Reader } from './reader.ts';
import { recordReader } from './record.ts';

/**
 * The reader of a schema, its own checks left out; undefined when it is for zod to read.
 * @param compile makes the readers of inner schemas
 */
export function nativeReader(schema: Schema, compile: Compile): Reader | undefined {
  const { def, traits, values } = schema._zod;
  if (def.coerce) return undefined;
  switch (def.type) {
    case 'string':
      return (data) => (typeof data === 'string' ? data : REFUSED);
    case 'number':
      return (data) => (Number.isFinite(data) ? data : REFUSED);
    case 'boolean':
      return (data) => (typeof data === 'boolean' ? data : REFUSED);
    case 'null':
      return (data) => (data === null ? data : REFUSED);
    case 'undefined':
    case 'void':
      return (data) => (data === undefined ? data : REFUSED);
    case 'never':
      return () => REFUSED;
    case 'any':
    case 'unknown':
      return (data) => data;
    case 'literal':
    case 'enum':
      return (data) => (values!.has(data) ? data : REFUSED);
    case 'object':
      return objectReader(schema, compile);
    case 'record':
      return recordReader(schema, compile);
    case 'array':
      return arrayReader(schema, compile);
    case 'tuple':
      return tupleReader(schema, compile);
    case 'union':
      // exclusive unions are rare, and discriminated ones have their own way to be exclusive
      if (traits.has('$ZodXor')) return undefined;
      return def.discriminator === undefined
        ? unionReader(schema, compile)
        : discriminatedReader(schema, compile, unionReader(schema, compile));
    case 'intersection':
      return intersectionReader(schema, compile);
    case 'lazy':
      return deferred(() => compile(schema._zod.innerType!));
    case 'pipe':
      // a codec has a transform of its own between the two
      return def.transform === undefined ? inTurn(compile(def.in), compile(def.out)) : undefined;
    default:
      return wrapperReader(schema, compile);
  }
}

/** The reader of a text or a number, its checks included; undefined of other types, and when a check is for zod. */
export function leafReader(schema: Schema): Reader | undefined {
  const { type, coerce } = schema._zod.def;
  if (coerce || (type !== 'string' && type !== 'number')) return undefined;
  const test = testsOf(schema) as ((value: unknown) => boolean) | undefined;
  if (test === undefined) return undefined;
  if (type === 'string') return (data) => (typeof data === 'string' && test(data) ? data : REFUSED);
  return (data) => (Number.isFinite(data) && test(data) ? data : REFUSED);
}

function wrapperReader({ _zod: { def, traits } }: Schema, compile: Compile): Reader | undefined {
  const { innerType } = def;
  switch (def.type) {
    case 'optional': {
      const read = compile(innerType);
      if (traits.has('$ZodExactOptional')) return read;
      // something is put in the place of undefined further in: rare, so left to zod
      return innerType._zod.optin === 'defaulted' ? undefined : (data) => (data === undefined ? data : read(data));
    }
    case 'nullable': {
      const read = compile(innerType);
      return (data) => (data === null ? data : read(data));
    }
    case 'nonoptional':
      return inTurn(compile(innerType), (value) => (value === undefined ? REFUSED : value));
    case 'readonly':
      return inTurn(compile(innerType), Object.freeze);
    case 'default': {
      const read = compile(innerType);
      return (data) => {
        const value = data === undefined ? undefined : read(data);
        return value === undefined ? def.defaultValue : value;
      };
    }
    case 'prefault': {
      const read = compile(innerType);
      return (data) => read(data === undefined ? def.defaultValue : data);
    }
    default:
      return undefined;
  }
}

function arrayReader(schema: Schema, compile: Compile): Reader {
  const readItem = compile(schema._zod.def.element);
  const fits = sizeTest(schema);
  return (data) => {
    if (!Array.isArray(data) || fits?.(data as never) === false) return REFUSED;
    const value = new Array<unknown>(data.length);
    for (let at = 0; at < data.length; at++) {
      const item = readItem(data[at]);
      if (item === REFUSED) return REFUSED;
      value[at] = item;
    }
    return value;
  };
}

/** Tuples none of whose items may be absent. Undefined: ask zod. */
function tupleReader({ _zod: { def } }: Schema, compile: Compile): Reader | undefined {
  const { items, rest } = def;
  if (items.some(({ _zod: { optin, optout } }) => optin !== undefined || optout !== undefined)) return undefined;
  const readers = items.map(compile);
  const readRest = rest ? compile(rest) : undefined;
  return (data) => {
    if (!Array.isArray(data) || (readRest === undefined && data.length !== readers.length)) return REFUSED;
    const value: unknown[] = [];
    // where others may follow zod does not count: what is missing is read as undefined
    for (let at = 0; at < Math.max(data.length, readers.length); at++) {
      const item = (readers[at] ?? readRest!)(data[at]);
      if (item === REFUSED) return REFUSED;
      value.push(item);
    }
    return value;
  };
}
