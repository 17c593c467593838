import { InvalidContractError } from './errors.ts';
import { hasPath, readPath, type Step } from './sensitive-path.ts';

/** What stands where a sensitive value was. */
export const MASK = '***';

/** Shorter values are found all over a text by accident: they are masked where they stand in an object, and only there. */
const SHORTEST_IN_TEXT = 4;

/**
 * With more sensitive texts than that, or longer ones in all (in characters), a text is masked as a whole: a larger pattern is refused by the
 * engine, or takes the process down.
 */
const MOST_VALUES = 20_000;
const MOST_CHARACTERS = 1_000_000;

/** Longer texts are looked for one by one: few have any, and a pattern of them is soon too large. In characters. */
const LONGEST_IN_PATTERN = 256;

/** What has sensitive fields: a contract. */
export interface Sensitive {
  /** Paths in its data: `customerName`, `card.number`, `lines[].note`. */
  readonly sensitive: readonly string[];
}

/** Replaces sensitive values by {@link MASK}. */
export interface Mask {
  /** Replaces the values wherever they occur in a text: as they are, as JSON writes them, or as a URL does. */
  readonly text: (text: string) => string;
  /**
   * Replaces the values in a copy of anything: texts as `text` does, and each value of any length under its own name.
   * Errors stay errors of their class.
   */
  readonly value: (value: unknown) => unknown;
}

/** A mask of nothing. */
const NO_MASK: Mask = { text: (text) => text, value: (value) => value };

/**
 * Makes a mask of the sensitive values of some data. Data that does not fit the schema is masked as well: what stands where
 * a path expects an object or an array is taken for sensitive itself.
 * @param data several, when the same event is known in several forms (as sent, as parsed)
 */
export function maskOf({ sensitive }: Sensitive, ...data: readonly unknown[]): Mask {
  if (sensitive.length === 0) return NO_MASK;
  const secrets = new Secrets();
  for (const path of sensitive) for (const one of data) secrets.collect(one, readPath(path)!, '');
  if (secrets.size === 0) return NO_MASK;
  return { text: (text) => secrets.maskText(text), value: (value) => secrets.maskValue(value, '', []) };
}

/** Replaces the sensitive values of an event in a text. The identity when its contract has none. */
export function createMask(contract: Sensitive, data: unknown): Mask['text'] {
  return maskOf(contract, data).text;
}

/** A copy of data with every sensitive place masked, whatever stands there or in the way. The data itself when there are none. */
export function maskPlaces({ sensitive }: Sensitive, data: unknown): unknown {
  return sensitive.reduce((masked, path) => maskPlace(masked, readPath(path)!), data);
}

/**
 * Checks the sensitive paths of a contract against its schema.
 * @throws InvalidContractError when a path is none, or leads nowhere
 */
export function checkSensitive(type: string, sensitive: readonly string[], schema: unknown): void {
  for (const path of sensitive) {
    const steps = readPath(path);
    if (steps === undefined) {
      throw new InvalidContractError(
        `${type}: '${path}' in 'sensitive' is no path. Write names joined by dots, with [] for the items of an array: 'lines[].note'.`,
      );
    }
    if (!hasPath(schema, steps)) {
      throw new InvalidContractError(
        `${type}: the schema has no '${path}', which 'sensitive' names. Correct the path, or take it out.`,
      );
    }
  }
}

/** Whether a place in data, as a violation names it, is sensitive or on the way to something that is. */
export function isSensitive(sensitive: readonly string[], path: string): boolean {
  const place = `${path.replaceAll(/\[\d+\]/g, '[]')}.`.replaceAll('[]', '.[]').replace(/^\./, '');
  return sensitive.some((each) => {
    const known = `${readPath(each)!.join('.')}.`;
    return place.startsWith(known) || known.startsWith(place);
  });
}

function maskPlace(value: unknown, [step, ...rest]: readonly Step[]): unknown {
  if (value === undefined || value === null) return value;
  if (step === undefined) return MASK;
  if (step === '[]') return Array.isArray(value) ? value.map((item) => maskPlace(item, rest)) : MASK;
  if (typeof value !== 'object' || Array.isArray(value)) return MASK;
  return Object.hasOwn(value, step) ? { ...value, [step]: maskPlace(Reflect.get(value, step), rest) } : value;
}

/** The sensitive values of an event, and how they are found again. */
class Secrets {
  readonly #texts = new Set<string>();
  readonly #numbers = new Set<string>();
  /** Every value, by the name it stands under. */
  readonly #byName = new Map<string, Set<unknown>>();
  #pattern: RegExp | undefined;
  #long: readonly string[] | undefined;
  #characters = 0;

  get size(): number {
    return this.#byName.size;
  }

  /** Remembers what a path leads to in a value; `name` is the nearest property's. */
  collect(value: unknown, [step, ...rest]: readonly Step[], name: string): void {
    if (step === undefined || typeof value !== 'object' || value === null) this.#remember(value, name);
    else if (step === '[]') {
      if (Array.isArray(value)) for (const item of value) this.collect(item, rest, name);
      else this.#remember(value, name);
    } else if (Array.isArray(value)) this.#remember(value, name);
    else if (Object.hasOwn(value, step)) this.collect(Reflect.get(value, step), rest, step);
  }

  maskText(text: string): string {
    if (this.#characters > MOST_CHARACTERS || this.#texts.size + this.#numbers.size > MOST_VALUES) return MASK;
    this.#long ??= [...this.#texts].filter(isLong).sort((a, b) => b.length - a.length);
    this.#pattern ??= patternOf(
      [...this.#texts].filter((each) => !isLong(each)),
      this.#numbers,
    );
    return this.#long.reduce((masked, long) => masked.replaceAll(long, MASK), text).replace(this.#pattern, MASK);
  }

  maskValue(value: unknown, name: string, ancestors: readonly object[]): unknown {
    if (this.#byName.get(name)?.has(value)) return MASK;
    if (typeof value === 'string') return this.maskText(value);
    if (typeof value === 'number' || typeof value === 'bigint') return this.#numbers.has(String(value)) ? MASK : value;
    if (typeof value !== 'object' || value === null) return value;
    if (ancestors.includes(value)) return undefined;
    const within = [...ancestors, value];
    if (Array.isArray(value)) return value.map((item) => this.maskValue(item, name, within));
    if (value instanceof Error) return this.#maskError(value, within);
    if ('toJSON' in value && typeof value.toJSON === 'function') return this.maskValue(value.toJSON(), name, within);
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [this.maskText(key), this.maskValue(inner, key, within)]),
    );
  }

  #maskError(error: Error, within: readonly object[]): Error {
    const copy: Error = Object.create(Object.getPrototypeOf(error));
    for (const key of Reflect.ownKeys(error)) {
      const value = this.maskValue(Reflect.get(error, key), String(key), within);
      const enumerable = Object.prototype.propertyIsEnumerable.call(error, key);
      Object.defineProperty(copy, key, { value, enumerable, configurable: true, writable: true });
    }
    return copy;
  }

  /** Everything in a value is sensitive. No recursion: a value that does not fit its schema may be as deep as it likes. */
  #remember(root: unknown, rootName: string): void {
    const left: [unknown, string][] = [[root, rootName]];
    const seen = new Set<object>();
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [value, name] = next;
      if (value === undefined || value === null || value === '') continue;
      if (typeof value !== 'object') this.#rememberOne(value, name);
      else if (value instanceof Date) left.push([value.toJSON(), name]);
      else if (!seen.has(value)) {
        seen.add(value);
        if (Array.isArray(value)) for (const item of value) left.push([item, name]);
        else for (const [key, inner] of Object.entries(value)) left.push([inner, key]);
      }
    }
  }

  #rememberOne(value: unknown, name: string): void {
    const named = this.#byName.get(name);
    if (named) named.add(value);
    else this.#byName.set(name, new Set([value]));
    if (typeof value === 'string') this.#rememberText(value);
    else if (typeof value !== 'boolean' && String(value).length >= SHORTEST_IN_TEXT) this.#numbers.add(String(value));
  }

  #rememberText(text: string): void {
    const trimmed = text.trim();
    if (trimmed.length < SHORTEST_IN_TEXT || this.#texts.size > MOST_VALUES) return;
    this.#characters += text.length;
    for (const form of [text, trimmed]) {
      this.#texts.add(form);
      this.#texts.add(JSON.stringify(form).slice(1, -1));
      this.#texts.add(encodeURIComponent(form.toWellFormed()));
    }
  }
}

function isLong(text: string): boolean {
  return text.length > LONGEST_IN_PATTERN;
}

/** Longer values first: one may be a part of another. A number is found only where it is not a part of a longer one. */
function patternOf(texts: readonly string[], numbers: ReadonlySet<string>): RegExp {
  const longestFirst = texts.toSorted((a, b) => b.length - a.length).map(literally);
  const whole = [...numbers].map((number) => `(?<![\\d.])${literally(number)}(?!\\.?\\d)`);
  const all = [...longestFirst, ...whole];
  return all.length === 0 ? /(?!)/g : new RegExp(all.join('|'), 'g');
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
