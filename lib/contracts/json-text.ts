import { MalformedEnvelopeError } from './errors.ts';
import { DEEPEST } from './json-data.ts';
import { preview, thrownText } from './preview.ts';

/** What a value read from JSON has in it. */
interface Content {
  /** Colons that its text needs: one for each property, and those in the texts among its values. */
  colons: number;
  /** Whether there is a name with a backslash. */
  backslash: boolean;
  /** What no reader can rely on, as the rest of a sentence. */
  problem: string | undefined;
  readonly deepest: number;
}

const POLLUTING = "has a property named '__proto__', which no event needs. Give it another name.";

/**
 * Reads JSON that all readers take for the same. `JSON.parse` alone lets pass what others, or what is done with it later,
 * take for something else: names given twice (of which some readers see the first, some the last), numbers that become Infinity,
 * `__proto__`, and nesting that overflows the stack of whoever follows it.
 *
 * Integers beyond 2^53 and long fractions are rounded, as in all of JavaScript.
 * @param deepest how many levels of objects and arrays it may have
 * @throws MalformedEnvelopeError
 */
export function readJson(text: string, deepest = DEEPEST): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MalformedEnvelopeError(`The message is not JSON (${thrownText(cause).toWellFormed()}).`, { cause });
  }
  const content: Content = { colons: 0, backslash: false, problem: undefined, deepest };
  survey(value, 0, content);
  if (content.problem !== undefined) throw malformed(content.problem);
  return isAsWritten(text, content) ? value : readCarefully(text, deepest);
}

function survey(value: unknown, depth: number, content: Content): void {
  switch (typeof value) {
    case 'string':
      content.colons += colonsIn(value);
      return;
    case 'number':
      if (!Number.isFinite(value)) {
        content.problem = 'has a number beyond 1.8e308, which would become Infinity. Send it as a text.';
      }
      return;
    case 'object':
      if (value !== null) surveyObject(value, depth, content);
  }
}

function surveyObject(object: object, depth: number, content: Content): void {
  if (depth >= content.deepest) {
    content.problem = tooDeep(content.deepest);
    return;
  }
  if (Array.isArray(object)) {
    for (const item of object) survey(item, depth + 1, content);
    return;
  }
  for (const name in object) {
    content.colons++;
    if (name.includes('\\')) content.backslash = true;
    if (name === '__proto__') content.problem = POLLUTING;
    survey((object as Record<string, unknown>)[name], depth + 1, content);
  }
}

/**
 * Whether a value is certain to be what its text says. A name that is there twice leaves the text with more colons than the value
 * has use for, unless one of them is written as an escape. Node 24 and 26 read some names with escapes as a name with a backslash that
 * another text had (nodejs/node, issue 63785). Looking for both takes a fifth of the time of reading the text once more.
 */
function isAsWritten(text: string, { colons, backslash }: Content): boolean {
  return !backslash && !text.includes('\\u003') && colonsIn(text) === colons;
}

function colonsIn(text: string): number {
  let colons = 0;
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) colons++;
  return colons;
}

/**
 * Reads a text that is known to be JSON property by property.
 * @throws MalformedEnvelopeError when an object has a name twice: what `JSON.parse` left out for it may be deep as well
 */
function readCarefully(text: string, deepest: number): unknown {
  let at = 0;
  let depth = 0;

  /** The next token: a text, another scalar, or one of `{}[],:`. */
  function next(): string {
    while (/\s/.test(text[at]!)) at++;
    const start = at;
    if (text[start] === '"') at = endOfString(text, start) + 1;
    else if (/[{}[\],:]/.test(text[start]!)) at++;
    else while (at < text.length && /[^\s{}[\],:]/.test(text[at]!)) at++;
    return text.slice(start, at);
  }

  function read(token: string): unknown {
    if (token !== '[' && token !== '{') return JSON.parse(token);
    if (++depth > deepest) throw malformed(tooDeep(deepest));
    const value = token === '[' ? readItems() : readProperties();
    depth--;
    return value;
  }

  function readItems(): unknown[] {
    const items: unknown[] = [];
    for (let token = next(); token !== ']'; token = next()) if (token !== ',') items.push(read(token));
    return items;
  }

  function readProperties(): object {
    const object: Record<string, unknown> = {};
    for (let token = next(); token !== '}'; token = next()) {
      if (token === ',') continue;
      const name = JSON.parse(token) as string;
      if (name === '__proto__') throw malformed(POLLUTING);
      if (Object.hasOwn(object, name)) {
        throw malformed(
          `has the property ${preview(name)} twice in one object, and readers differ in which of the two they take. Write it once.`,
        );
      }
      next();
      object[name] = read(next());
    }
    return object;
  }

  return read(next());
}

/** Where the string that begins at a quote ends. */
function endOfString(text: string, quote: number): number {
  for (let end = text.indexOf('"', quote + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text[before] === '\\') before--;
    if ((end - before) % 2 === 1) return end;
  }
}

function tooDeep(deepest: number): string {
  return `is nested deeper than ${deepest} levels. Make its data flatter, for instance a list with references.`;
}

function malformed(problem: string): MalformedEnvelopeError {
  return new MalformedEnvelopeError(`The message ${problem}`);
}
