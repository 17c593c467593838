/** A longer preview is cut, in characters. */
const LONGEST = 80;

/**
 * A value for an error message: its JSON, cut to 80 characters; what JSON does not know is named. It takes the same time for
 * a value of any size or depth, one that holds itself included, and never fails.
 */
export function preview(value: unknown): string {
  const text = write(value, LONGEST + 1);
  return cut(text, LONGEST);
}

/** A text for an error message, cut where it is longer than that many characters. */
export function cut(text: string, longest: number): string {
  // a cut may leave half a pair, which nothing downstream can encode
  return text.length > longest ? `${text.slice(0, longest - 3).toWellFormed()}...` : text;
}

/** What was thrown, for an error message: anything can be. */
export function thrownText(thrown: unknown): string {
  return thrown instanceof Error ? String(thrown.message) : preview(thrown);
}

/** The beginning of a value as JSON: at least `room` characters of it, if there are so many. */
function write(value: unknown, room: number): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.slice(0, room));
    case 'bigint':
      return `${value}n`;
    case 'function':
      return '[Function]';
    case 'object':
      return value === null ? 'null' : writeObject(value, room);
    default:
      return String(value);
  }
}

function writeObject(value: object, room: number): string {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : JSON.stringify(value);
  const list = Array.isArray(value);
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (!list && tag !== 'Object') return `[${tag}]`;
  let text = list ? '[' : '{';
  try {
    for (const key of list ? value.keys() : Object.keys(value)) {
      if (text.length >= room) break;
      if (text.length > 1) text += ',';
      if (!list) text += `${write(key, room)}:`;
      text += write(Reflect.get(value, key), room - text.length);
    }
  } catch {
    // a getter, or a proxy, of whoever made the value
    text += '?';
  }
  return text + (list ? ']' : '}');
}
