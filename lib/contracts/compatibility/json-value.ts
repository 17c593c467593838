/** JSON types as bits of a set. An integer is a number without a fraction: `1.0` is one (JSON Schema 2020-12, section 6.1.1). */
export const NULL = 1;
export const BOOLEAN = 2;
export const OBJECT = 4;
export const ARRAY = 8;
export const STRING = 16;
export const INTEGER = 32;
export const FRACTION = 64;
export const NUMBER = INTEGER | FRACTION;
export const ANY_TYPE = 127;

const TYPE_BITS = new Map([
  ['null', NULL],
  ['boolean', BOOLEAN],
  ['object', OBJECT],
  ['array', ARRAY],
  ['string', STRING],
  ['integer', INTEGER],
  ['number', NUMBER],
]);

/** The types that a schema's `type` may name. */
export const TYPE_NAMES: readonly string[] = [...TYPE_BITS.keys()];

/** The set of types that a `type` keyword allows; all of them when there is none. */
export function typeBits(type: unknown): number {
  if (type === undefined) return ANY_TYPE;
  const names = Array.isArray(type) ? type : [type];
  return names.reduce<number>((bits, name) => bits | (TYPE_BITS.get(name) ?? 0), 0);
}

export function valueBit(value: unknown): number {
  if (value === null) return NULL;
  if (Array.isArray(value)) return ARRAY;
  if (typeof value === 'boolean') return BOOLEAN;
  if (typeof value === 'string') return STRING;
  if (typeof value === 'number') return Number.isInteger(value) ? INTEGER : FRACTION;
  return OBJECT;
}

/** The names of a set of types, as a person would list them. */
export function typeNames(bits: number): string {
  if (bits === ANY_TYPE) return 'any type';
  const names = [...TYPE_BITS]
    .filter(([name, bit]) => (bits & bit) === bit && !(name === 'integer' && (bits & NUMBER) === NUMBER))
    .map(([name]) => name);
  return names.length === 0 ? 'nothing' : names.join(', ');
}

/** One text per value: equal for values that JSON Schema holds equal, whatever the order of their keys. */
export function canonical(value: unknown): string {
  if (typeof value === 'number') return String(value === 0 ? 0 : value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const entries = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`);
  return `{${entries.join(',')}}`;
}

/** Whether the first number is a multiple of the second, exactly as both are written in decimals. */
export function isMultiple(number: number, of: number): boolean {
  if (of === 0) return false;
  const [a, b] = [decimal(number), decimal(of)];
  const scale = Math.max(a.scale, b.scale);
  return (a.digits * 10n ** BigInt(scale - a.scale)) % (b.digits * 10n ** BigInt(scale - b.scale)) === 0n;
}

/** A finite number as digits x 10^-scale. */
function decimal(number: number): { digits: bigint; scale: number } {
  const [, mantissa = '0', exponent = '0'] = /^(.*?)(?:e(.*))?$/.exec(String(number)) ?? [];
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}
