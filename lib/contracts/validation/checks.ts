import { zodCheck } from './ask-zod.ts';
import { checksOf, type Schema } from './definition.ts';
import { inTurn, REFUSED, type Reader } from './reader.ts';

/** Formats that are their pattern and nothing else. Of others (url, ipv6, base64, jwt, ...) zod asks a function. */
const PATTERNS = new Set(
  'regex lowercase uppercase email uuid guid date datetime time duration nanoid cuid cuid2 ulid xid ksuid emoji ipv4 mac cidrv4 e164'.split(
    ' ',
  ),
);

/** Integers (first of the three: whether it is one), and what lies within a range. */
const NUMBERS: Readonly<Record<string, readonly [boolean, number, number]>> = {
  safeint: [true, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  int32: [true, -(2 ** 31), 2 ** 31 - 1],
  uint32: [true, 0, 2 ** 32 - 1],
  // the largest number of 32 bits: 24 bits of mantissa
  float32: [false, -(2 - 2 ** -23) * 2 ** 127, (2 - 2 ** -23) * 2 ** 127],
  float64: [false, -Number.MAX_VALUE, Number.MAX_VALUE],
};

/** Whether a value passes a check. */
type Test = (value: never) => boolean;

/** A reader that asks the checks of a schema about what another reader has read. */
export function withChecks(schema: Schema, reader: Reader): Reader {
  return checksOf(schema).reduce<Reader>((before, check) => {
    const test = testOf(check);
    return inTurn(before, test === undefined ? zodCheck(check) : (value) => (test(value as never) ? value : REFUSED));
  }, reader);
}

/** All checks of a schema as one test; undefined when zod has to be asked for one of them. */
export function testsOf(schema: Schema): Test | undefined {
  const tests = checksOf(schema).map(testOf);
  if (tests.includes(undefined)) return undefined;
  const [first = () => true, ...others] = tests as Test[];
  return others.reduce((before, next) => (value) => before(value) && next(value), first);
}

/** Whether an array has as many items as its first check asks for: asked before any item is looked at. */
export function sizeTest(schema: Schema): Test | undefined {
  const [first] = checksOf(schema);
  return first !== undefined && isSize(first) ? lengthTest(first) : undefined;
}

function isSize({ _zod: { def } }: Schema): boolean {
  return def.check === 'min_length' || def.check === 'max_length' || def.check === 'length_equals';
}

/** The test that a check is; undefined when zod has to be asked. */
function testOf(check: Schema): Test | undefined {
  const { def } = check._zod;
  const { value: bound } = def;
  if (isSize(check)) return lengthTest(check);
  if (def.when !== undefined) return undefined;
  switch (def.check) {
    case 'greater_than':
      return def.inclusive ? (value: number) => value >= bound : (value: number) => value > bound;
    case 'less_than':
      return def.inclusive ? (value: number) => value <= bound : (value: number) => value < bound;
    case 'number_format': {
      const range = NUMBERS[def.format!];
      if (range === undefined) return undefined;
      const [integer, least, most] = range;
      return (value: number) => (!integer || Number.isSafeInteger(value)) && !(value < least || value > most);
    }
    case 'string_format':
      return formatTest(def);
    default:
      return undefined;
  }
}

function formatTest(def: Schema['_zod']['def']): ((value: string) => boolean) | undefined {
  const { format, pattern, fn, includes, position, prefix, suffix } = def;
  if (format === 'includes') return (value) => value.includes(includes, position);
  if (format === 'starts_with') return (value) => value.startsWith(prefix);
  if (format === 'ends_with') return (value) => value.endsWith(suffix);
  // a pattern that keeps a position between calls is zod's to reset
  if (pattern === undefined || fn !== undefined || !PATTERNS.has(format!) || /[gy]/.test(pattern.flags))
    return undefined;
  return (value) => pattern.test(value);
}

/** Counts items, or code points of a text: a pair of surrogates is one. */
function lengthTest({ _zod: { def } }: Schema): (value: { length: number }) => boolean {
  const least = def.minimum ?? def.length ?? 0;
  const most = def.maximum ?? def.length ?? Number.POSITIVE_INFINITY;
  return (value) => {
    let { length } = value;
    // a text has at most as many code points as units, and at least half as many: most often that settles it
    if (typeof value === 'string' && length >= least && (length < 2 * least || length > most))
      length = codePoints(value);
    return (length >= least && length <= most) || (def.when !== undefined && !def.when({ value, issues: [] }));
  };
}

function codePoints(text: string): number {
  let pairs = 0;
  for (let at = 1; at < text.length; at++) {
    if ((text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800) pairs++;
  }
  return text.length - pairs;
}
