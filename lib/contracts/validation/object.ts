import { zodReader } from './ask-zod.ts';
import type { Schema } from './definition.ts';
import { generateReader } from './generate.ts';
import { type Compile, REFUSED, type Reader } from './reader.ts';

export type Data = Record<string, unknown>;

/** A declared property. */
export interface Field {
  readonly key: string;
  readonly read: Reader;
  readonly optin: Schema['_zod']['optin'];
  readonly optout: Schema['_zod']['optout'];
}

/** What zod takes for an object: class instances too. */
export function isObject(data: unknown): data is Data {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

/**
 * Reads the declared properties of an object, in the order of the schema, and others as its mode says. Its inner schemas are
 * looked at when it is first read, for they may hold it again; code is generated when that has shown to be worth it.
 */
export function objectReader(schema: Schema, compile: Compile): Reader {
  const { generateAfter } = compile;
  let reads = 0;
  let readers: { readonly plain: Reader; readonly generate: () => Reader | undefined } | undefined;
  let reader: Reader | undefined;
  return (data) => {
    if (reader === undefined || reads < generateAfter) {
      readers ??= readersOf(schema, compile);
      reader = ++reads < generateAfter ? readers.plain : (readers.generate() ?? readers.plain);
    }
    return reader(data);
  };
}

function readersOf(schema: Schema, compile: Compile) {
  const { shape, catchall } = schema._zod.def;
  if (Object.getOwnPropertySymbols(shape).length > 0) return { plain: zodReader(schema), generate: () => undefined };
  const declared = new Set(Object.keys(shape));
  // zod never reads nor writes it
  const fields = [...declared].filter((key) => key !== '__proto__').map((key) => fieldOf(key, shape[key]!, compile));
  const whole = catchall === undefined ? (reader: Reader) => reader : othersReader(declared, catchall, compile);
  return {
    plain: whole(plainReader(fields)),
    generate: () => {
      const generated = generateReader(fields, readField);
      return generated && whole(generated);
    },
  };
}

function fieldOf(key: string, schema: Schema, compile: Compile): Field {
  const { optin, optout } = schema._zod;
  return { key, read: compile(schema), optin, optout };
}

/** Reads the declared properties one by one. */
function plainReader(fields: readonly Field[]): Reader {
  return (data) => {
    if (!isObject(data)) return REFUSED;
    const value: Data = {};
    for (const field of fields) if (!readField(field, data, value)) return REFUSED;
    return value;
  };
}

/** Reads a property into a value; says whether it may. */
function readField({ key, read, optin, optout }: Field, data: Data, value: Data): boolean {
  const given = data[key];
  const present = given !== undefined || key in data;
  if (!present && optin === undefined) return false;
  const result = read(given);
  if (!present && optout === 'optional' && (optin === 'optional' || result === REFUSED)) return true;
  if (result === REFUSED) return false;
  if (present || result !== undefined || (optin === 'defaulted' && optout === undefined)) value[key] = result;
  return true;
}

/** Has another reader read the declared properties, and reads the others with the catchall. */
function othersReader(declared: ReadonlySet<string>, catchall: Schema, compile: Compile): (reader: Reader) => Reader {
  const readOther = catchall._zod.def.type === 'never' ? undefined : compile(catchall);
  return (readDeclared) => (data) => {
    const value = readDeclared(data) as Data | typeof REFUSED;
    if (value === REFUSED) return REFUSED;
    // inherited properties too, as zod does
    for (const key in data as Data) {
      if (declared.has(key)) continue;
      if (readOther === undefined) return REFUSED;
      if (key === '__proto__') continue;
      const read = readOther((data as Data)[key]);
      if (read === REFUSED) return REFUSED;
      value[key] = read;
    }
    return value;
  };
}
