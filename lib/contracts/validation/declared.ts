import { zodReader } from './ask-zod.ts';
import { withChecks } from './checks.ts';
import type { Schema } from './definition.ts';
import { REFUSED, type Reader } from './reader.ts';

/**
 * Data that fits a schema, without what the schema does not declare, and as it was given otherwise: nothing is transformed. For
 * schemas whose output is something else than their input; that of the others is this already.
 *
 * Of a union, the first option that the data fits says what is declared; where another one would read what is left, all stays. What a
 * function prepares (`z.preprocess`) stays whole.
 * @param read reads with the schema
 */
export function declaredPart(schema: Schema, data: unknown, read: Reader): unknown {
  const choices = { made: false };
  const part = declaredByAny([schema], data, choices);
  return choices.made && readingOf(read(part)) !== readingOf(read(data)) ? data : part;
}

/** What data is read as, as a text to compare. A reading that has none is like no other. */
function readingOf(reading: unknown): unknown {
  if (reading === REFUSED) return REFUSED;
  try {
    return JSON.stringify(reading, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
  } catch {
    return {};
  }
}

/** What at least one of the schemas that describe the data together declares. */
function declaredByAny(schemas: readonly Schema[], data: unknown, choices: { made: boolean }): unknown {
  if (typeof data !== 'object' || data === null || 'toJSON' in data) return data;
  const described = schemas.flatMap((schema) => describing(schema, data, choices));
  if (!described.every(({ _zod: { def } }) => LOOKED_INTO.has(def.type))) return data;
  const within = (key: string | number) => described.flatMap((one) => partAt(one, key) ?? []);
  if (Array.isArray(data)) return data.map((item, n) => declaredByAny(within(n), item, choices));
  return Object.fromEntries(
    Object.entries(data).flatMap(([key, value]) => {
      const parts = within(key);
      return parts.length === 0 ? [] : [[key, declaredByAny(parts, value, choices)]];
    }),
  );
}

const LOOKED_INTO = new Set('object record array tuple'.split(' '));

/** The schemas that say what data is made of, behind those that only stand for them. */
function describing(schema: Schema, data: unknown, choices: { made: boolean }): readonly Schema[] {
  const { def, innerType } = schema._zod;
  if (LOOKED_INTO.has(def.type)) return [schema];
  if (def.type === 'intersection') {
    return [...describing(def.left, data, choices), ...describing(def.right, data, choices)];
  }
  if (def.type === 'union') choices.made = true;
  const behind =
    def.type === 'union'
      ? def.options.find((option) => withChecks(option, zodReader(option))(data) !== REFUSED)
      : def.type === 'pipe'
        ? def.in
        : (innerType ?? def.innerType);
  return behind === undefined ? [schema] : describing(behind, data, choices);
}

/** The schema of a property or an item; undefined when it is not declared. */
function partAt({ _zod: { def } }: Schema, key: string | number): Schema | undefined {
  switch (def.type) {
    case 'object':
      if (Object.hasOwn(def.shape, key)) return def.shape[key];
      // what a strict object refuses, the other side of an intersection may take
      return def.catchall?._zod.def.type === 'never' ? undefined : def.catchall;
    case 'record':
      return def.valueType;
    case 'array':
      return def.element;
    default:
      return def.items[key as number] ?? def.rest ?? undefined;
  }
}
