import type { Schema } from './definition.ts';
import { type Data, isObject } from './object.ts';
import { type Compile, REFUSED, type Reader } from './reader.ts';

/** Reads a record whose keys are texts. Undefined: ask zod. */
export function recordReader({ _zod: { def } }: Schema, compile: Compile): Reader | undefined {
  const { keyType, valueType, mode, partial } = def;
  const { def: name, values } = keyType._zod;
  if (mode === 'loose') return undefined;
  const listed = name.type === 'enum' || name.type === 'literal';
  if (!listed && (name.type !== 'string' || values !== undefined)) return undefined;
  // zod reads a key once more as a number where that might fit, and asks checks about every key that is listed
  if (listed && (name.checks?.length || ![...values!].every((each) => typeof each === 'string'))) return undefined;
  const readValue = compile(valueType);
  if (listed && !partial) return everyKeyReader(values as ReadonlySet<string>, readValue);
  const readKey = compile(keyType);
  return (data) => {
    if (!isPlain(data)) return REFUSED;
    const value: Data = {};
    for (const key of Reflect.ownKeys(data) as string[]) {
      if (key === '__proto__' || !Object.prototype.propertyIsEnumerable.call(data, key)) continue;
      const written = readKey(key);
      if (written === REFUSED) return REFUSED;
      if (written === '__proto__') continue;
      const read = readValue(data[key]);
      if (read === REFUSED) return REFUSED;
      value[written as string] = read;
    }
    return value;
  };
}

/** A record that has each key of an enum, and no other. */
function everyKeyReader(keys: ReadonlySet<string>, readValue: Reader): Reader {
  return (data) => {
    if (!isPlain(data)) return REFUSED;
    const value: Data = {};
    for (const key of keys) {
      if (key === '__proto__') continue;
      const read = readValue(data[key]);
      if (read === REFUSED) return REFUSED;
      value[key] = read;
    }
    for (const key in data) if (!keys.has(key)) return REFUSED;
    return value;
  };
}

/** What zod takes for a plain object: one whose constructor is Object's, of any realm, or no function. */
function isPlain(data: unknown): data is Data {
  if (!isObject(data)) return false;
  const maker = data.constructor;
  if (maker === Object || typeof maker !== 'function') return true;
  return isObject(maker.prototype) && Object.hasOwn(maker.prototype, 'isPrototypeOf');
}
