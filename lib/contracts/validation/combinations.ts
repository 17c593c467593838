import type { Schema } from './definition.ts';
import { type Data, isObject } from './object.ts';
import { type Compile, REFUSED, type Reader } from './reader.ts';

/** The first option that takes the data. */
export function unionReader({ _zod: { def } }: Schema, compile: Compile): Reader {
  const readers = def.options.map(compile);
  return (data) => {
    for (const read of readers) {
      const value = read(data);
      if (value !== REFUSED) return value;
    }
    return REFUSED;
  };
}

/** Reads with two objects whose properties are all different, neither of which minds those of the other. Undefined: ask zod. */
export function intersectionReader({ _zod: { def } }: Schema, compile: Compile): Reader | undefined {
  const left = keysOf(def.left);
  const right = keysOf(def.right);
  if (left === undefined || right === undefined || left.some((key) => right.includes(key))) return undefined;
  const readLeft = compile(def.left);
  const readRight = compile(def.right);
  return (data) => {
    const left = readLeft(data);
    const right = readRight(data);
    return left === REFUSED || right === REFUSED ? REFUSED : { ...(left as Data), ...(right as Data) };
  };
}

/** The keys of an object that leaves others alone; undefined of anything else. */
function keysOf({ _zod: { def } }: Schema): readonly PropertyKey[] | undefined {
  if (def.type !== 'object' || def.catchall !== undefined || def.checks?.length) return undefined;
  const keys = Reflect.ownKeys(def.shape);
  // zod merges plain objects only, and what is named constructor decides whether an output is one
  return keys.includes('constructor') ? undefined : keys;
}

/** Reads with the option that a property's value names. Undefined: ask zod, which has something to say about the schema. */
export function discriminatedReader(
  { _zod: { def } }: Schema,
  compile: Compile,
  otherwise: Reader,
): Reader | undefined {
  const { discriminator, options, unionFallback } = def;
  const readers = new Map<unknown, Reader>();
  for (const option of options) {
    const values = option._zod.propValues?.[discriminator!];
    if (!values?.size) return undefined;
    for (const value of values) {
      // more than one option may go without it: then none is meant by its absence
      if (readers.has(value) && value !== undefined) return undefined;
      readers.set(value, readers.has(value) ? otherwiseOrRefuse() : compile(option));
    }
  }
  function otherwiseOrRefuse(): Reader {
    return unionFallback ? otherwise : () => REFUSED;
  }
  const readUnknown = otherwiseOrRefuse();
  return (data) => (isObject(data) ? (readers.get(data[discriminator!]) ?? readUnknown)(data) : REFUSED);
}
