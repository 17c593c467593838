import { expect } from 'vitest';
import type { z } from 'zod';
import { compile, REFUSED } from '../../../lib/contracts/validation/compile.ts';

/** What zod says: `accepts` and the value, `refuses`, or what it throws. */
export function zodAnswer(schema: z.ZodType, data: unknown): string {
  try {
    const result = schema.safeParse(data);
    return result.success ? `accepts ${shown(result.data)}` : 'refuses';
  } catch (error) {
    return `throws ${String(error)}`;
  }
}

/** The same of the compiled reader, which does not tell refusing from throwing. */
export function compiledAnswer(schema: z.ZodType, data: unknown, generateAfter: number): string {
  const value = compile(schema, { generateAfter }).read(data);
  return value === REFUSED ? 'refuses' : `accepts ${shown(value)}`;
}

/**
 * Expects both to answer alike, with code generated and without.
 * @param complete whether a refusal has to be one of zod's as well, or may be left to zod
 */
export function expectAgreement(schema: z.ZodType, data: unknown, complete = true): void {
  const theirs = zodAnswer(schema, data);
  for (const generateAfter of [0, Number.POSITIVE_INFINITY]) {
    const ours = compiledAnswer(schema, data, generateAfter);
    if (!complete && ours === 'refuses') continue;
    expect(ours).toBe(theirs.startsWith('throws') ? 'refuses' : theirs);
  }
}

/** Everything about a value that code could tell: order of keys, prototypes, holes, -0, own properties named __proto__. */
export function shown(value: unknown): string {
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Date) return `Date ${value.getTime()}`;
  const entries: string[] = [];
  const frozen = Object.isFrozen(value) ? 'frozen ' : '';
  if (value instanceof Map) for (const [key, each] of value) entries.push(`${shown(key)} => ${shown(each)}`);
  if (value instanceof Set) for (const each of value) entries.push(shown(each));
  for (const key of Reflect.ownKeys(value)) {
    entries.push(`${String(key)}: ${shown(Reflect.get(value, key))}`);
  }
  const prototype = Object.getPrototypeOf(value) as { constructor: { name: string } } | null;
  const kind = prototype && (Object.hasOwn(prototype, 'constructor') ? prototype.constructor.name : shown(prototype));
  return `${frozen}${kind}{${entries.join(', ')}}`;
}
