import { isTimeOfDay } from './named-texts.ts';
import { textMaker, UnsupportedPatternError } from './pattern-text.ts';

/** What a text has to be. */
export interface TextDemand {
  readonly formats: readonly string[];
  readonly patterns: readonly string[];
  /** What it has to match beyond `patterns`. */
  readonly expressions: readonly RegExp[];
  readonly minLength: number;
  readonly maxLength: number;
}

/** A text longer than this is no example. */
const LONGEST = 10_000;
/** How often what repeats in a pattern does so, in the order in which it is tried. */
const EXTRAS = [3, 0, 1, 2, 5, 8, 13, 21, 34, 63];

/** Texts of the formats that JSON Schema and zod name, each with room for a number that makes it another one. */
const FORMATS: Readonly<Record<string, (nth: number) => string>> = {
  'date-time': (nth) => `2026-03-${day(nth)}T09:30:00Z`,
  date: (nth) => `2026-03-${day(nth)}`,
  time: (nth) => `09:30:${second(nth)}`,
  duration: (nth) => `P${nth + 1}D`,
  email: (nth) => `someone${nth === 0 ? '' : nth}@example.com`,
  'idn-email': (nth) => `someone${nth === 0 ? '' : nth}@example.com`,
  hostname: (nth) => `host-${nth + 1}.example.com`,
  ipv4: (nth) => `192.0.2.${(nth % 250) + 1}`,
  ipv6: (nth) => `2001:db8:0:0:0:0:0:${((nth % 250) + 1).toString(16)}`,
  cidrv4: () => '192.0.2.0/24',
  cidrv6: () => '2001:db8::/32',
  uri: (nth) => `https://example.com/${nth + 1}`,
  'uri-reference': (nth) => `/${nth + 1}`,
  uuid: (nth) => `0b8f5f3e-6a5e-4c1a-9d2b-${String(nth + 1).padStart(12, '0')}`,
  guid: (nth) => `0b8f5f3e-6a5e-4c1a-9d2b-${String(nth + 1).padStart(12, '0')}`,
  'json-pointer': (nth) => `/${nth}`,
  regex: () => '^[a-z]+$',
  emoji: () => '🙂',
  base64: () => 'YmF0b24=',
  base64url: () => 'YmF0b24',
  mac: (nth) => `02:00:5E:00:53:${(nth % 256).toString(16).toUpperCase().padStart(2, '0')}`,
  e164: (nth) => `+1202555${String(100 + (nth % 900)).padStart(4, '0')}`,
  jwt: () => 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
  ulid: (nth) => `01HV0000000000000000000${String(nth % 1000).padStart(3, '0')}`,
  cuid: (nth) => `cjld2cjxh0000qzrmn831i${String(nth % 1000).padStart(3, '0')}`,
  cuid2: (nth) => `tz4a98xxat96iws9zmbrgj${String(nth % 100).padStart(2, '0')}`,
  nanoid: (nth) => `V1StGXR8_Z5jdHi6B-m${String(nth % 100).padStart(2, '0')}`,
  xid: (nth) => `9m4e2mr0ui3e8a215${String(nth % 100).padStart(3, '0')}`,
  ksuid: (nth) => `0ujtsYcgvSTl8PAuAdqWYSM${String(nth % 10_000).padStart(4, '0')}`,
};

/** Times of a day as they are written: what an expression asks for decides which. */
const TIMES = ['', '.000', '.000000', ':', '.0', '.00', '.0000', '.00000', '.000000000'].flatMap((fraction) =>
  ['Z', '+01:00', ''].map((offset) => {
    const time = fraction === ':' ? 'T09:30' : `T09:30:00${fraction}`;
    return (nth: number) => `2026-03-${day(nth)}${time}${offset}`;
  }),
);

/**
 * A text that fits, the better to read the nearer to the name of where it stands; undefined when none is found.
 * @param nth another one for every number, where that is possible
 */
export function exampleText(demand: TextDemand, name: string, nth: number): string | undefined {
  if (demand.minLength > LONGEST || demand.minLength > demand.maxLength) return undefined;
  const tests = [...demand.patterns.map(testOf), ...demand.expressions];
  for (const text of candidates(demand, name, nth)) {
    if (text.length < demand.minLength || text.length > demand.maxLength) continue;
    if (tests.every((test) => test?.test(text) ?? true)) return text;
  }
  return undefined;
}

/** The words of a name: `orderId` gives `order 1`, `customerName` gives `customer name`. */
function named(name: string, nth: number): string {
  const words = name
    .toWellFormed()
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
    .toLowerCase();
  const isId = / id$/.test(words);
  const base = isId ? words.replace(/ id$/, '').replaceAll(' ', '-') : words;
  if (base === '') return `text ${nth + 1}`;
  if (isId) return `${base}-${nth + 1}`;
  return nth === 0 ? base : `${base} ${nth + 1}`;
}

function* candidates(demand: TextDemand, name: string, nth: number): Generator<string> {
  const { formats, minLength, maxLength } = demand;
  const patterns = [...demand.patterns, ...demand.expressions.map(({ source }) => source)];
  for (const format of formats) if (Object.hasOwn(FORMATS, format)) yield FORMATS[format]!(nth);
  if (patterns.some(isTimeOfDay)) for (const time of TIMES) yield time(nth);
  if (patterns.length === 0) {
    yield resized(named(name, nth), minLength, maxLength);
    return;
  }
  const makers = patterns.flatMap((pattern) => {
    try {
      return [textMaker(pattern)];
    } catch (error) {
      if (error instanceof UnsupportedPatternError) return [];
      throw error;
    }
  });
  for (const extra of [...EXTRAS, minLength, Math.min(maxLength, LONGEST)]) {
    for (let turn = nth; turn < nth + 4; turn++) {
      try {
        const texts = makers.map((make) => make(extra, turn));
        yield* texts;
        // what begins with one and ends with another, as `startsWith` and `endsWith` ask for
        yield texts.join('');
        for (const text of texts) yield resized(text, minLength, maxLength);
      } catch (error) {
        if (!(error instanceof UnsupportedPatternError)) throw error;
      }
    }
  }
  yield resized(named(name, nth), minLength, maxLength);
}

function resized(text: string, least: number, most: number): string {
  if (text.length > most) return text.slice(0, most).toWellFormed();
  return text.length === 0 ? 'x'.repeat(least) : text.padEnd(least, `${text.length > 8 ? ' ' : ''}${text}`);
}

function testOf(pattern: string): RegExp | undefined {
  for (const flags of ['u', '']) {
    try {
      return new RegExp(pattern, flags);
    } catch {
      // the other flags, or none of them
    }
  }
  return undefined;
}

function second(nth: number): string {
  return String(nth % 60).padStart(2, '0');
}

function day(nth: number): string {
  return String((nth % 28) + 1).padStart(2, '0');
}
