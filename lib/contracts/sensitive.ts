import { InvalidContractError } from './errors.ts';
import { hasPath, readPath, type Step } from './sensitive-path.ts';

/** What stands where a sensitive value was. */
export const MASK = '***';

/** Shorter values are found all over a text by accident: they are masked where they stand in an object, and only there. */
const SHORTEST_IN_TEXT = 4;

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
    this.#pattern ??= patternOf(this.#texts, this.#numbers);
    return text.replace(this.#pattern, MASK);
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

  /** Everything in a value is sensitive. */
  #remember(value: unknown, name: string): void {
    if (value === undefined || value === null || value === '') return;
    if (Array.isArray(value)) {
      for (const item of value) this.#remember(item, name);
      return;
    }
    if (typeof value === 'object') {
      if (value instanceof Date) this.#remember(value.toJSON(), name);
      else for (const [key, inner] of Object.entries(value)) this.#remember(inner, key);
      return;
    }
    const named = this.#byName.get(name);
    if (named) named.add(value);
    else this.#byName.set(name, new Set([value]));
    if (typeof value === 'string') this.#rememberText(value);
    else if (typeof value !== 'boolean' && String(value).length >= SHORTEST_IN_TEXT) this.#numbers.add(String(value));
  }

  #rememberText(text: string): void {
    const trimmed = text.trim();
    if (trimmed.length < SHORTEST_IN_TEXT) return;
    for (const form of [text, trimmed]) {
      this.#texts.add(form);
      this.#texts.add(JSON.stringify(form).slice(1, -1));
      this.#texts.add(encodeURIComponent(form.toWellFormed()));
    }
  }
}

/** Longer values first: one may be a part of another. A number is found only where it is not a part of a longer one. */
function patternOf(texts: ReadonlySet<string>, numbers: ReadonlySet<string>): RegExp {
  const longestFirst = [...texts].sort((a, b) => b.length - a.length).map(literally);
  const whole = [...numbers].map((number) => `(?<![\\d.])${literally(number)}(?!\\.?\\d)`);
  const all = [...longestFirst, ...whole];
  return all.length === 0 ? /(?!)/g : new RegExp(all.join('|'), 'g');
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
