import { BadSchemaError } from './bad-schema-error.ts';
import { duplicateKey } from './duplicate-key.ts';
import type { JsonSchema } from './keywords.ts';
import { openDocument } from './schema-document.ts';
import { isSchema } from './well-formed.ts';

/** How long the text of a schema may be, in characters. */
export const LENGTH_LIMIT = 20_000_000;

/**
 * Reads the text of a schema file, strictly. Numbers are held as every JavaScript reader holds them, in double precision.
 * @param name what messages call it: the file
 * @throws BadSchemaError when the text is not JSON (with line and column), a key is twice in an object, or it is not a schema that
 * can be compared: a keyword of the wrong type, an invalid pattern, a reference to another file, a number beyond 1.8e308, ...
 */
export function readSchema(text: string, name: string): JsonSchema {
  if (text.length > LENGTH_LIMIT) {
    throw new BadSchemaError(
      name,
      undefined,
      `it has ${text.length} characters, and at most ${LENGTH_LIMIT} are read.`,
    );
  }
  // Files made on Windows may begin with a byte order mark, which is not JSON.
  const json = text.startsWith('\uFEFF') ? text.slice(1) : text;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new BadSchemaError(name, undefined, notJson(json, error as SyntaxError), { cause: error });
  }
  const duplicate = duplicateKey(json);
  if (duplicate !== undefined) {
    throw new BadSchemaError(
      name,
      duplicate,
      'the key is there twice, and readers differ in which one they take. Remove one.',
    );
  }
  if (!isSchema(value)) {
    throw new BadSchemaError(name, '#', `${shorten(json)} is no schema. A schema is an object, true or false.`);
  }
  checkReferences(value, name);
  return value;
}

function checkReferences(schema: JsonSchema, name: string): void {
  let ids = 0;
  const document = openDocument(schema, name, () => ids++);
  const pending: JsonSchema[] = [...document.schemas()];
  for (const each of pending) {
    if (typeof each === 'object' && typeof each.$ref === 'string') document.target(document.node(each));
  }
}

function notJson(text: string, error: SyntaxError): string {
  if (text.trim() === '') return 'it is empty. A schema is an object, true or false.';
  const before = text.slice(0, positionOf(text, error)).split('\n');
  const reason = error.message
    .replace(/\s*\(line .*| in JSON at position .*/, '')
    .replace(/,? "[\s\S]*" is not valid JSON$/, '');
  return `it is not JSON, at ${before.length}:${before.at(-1)!.length + 1}: ${reason}.`;
}

/** Where a text stops to be the beginning of JSON. The engine does not always say. */
function positionOf(text: string, error: SyntaxError): number {
  const said = /position (\d+)/.exec(error.message)?.[1];
  if (said !== undefined) return Number(said);
  if (/end of JSON/.test(error.message)) return text.length;
  let [sound, broken] = [0, text.length + 1];
  while (broken - sound > 1) {
    const middle = Math.floor((sound + broken) / 2);
    if (isBeginning(text.slice(0, middle))) sound = middle;
    else broken = middle;
  }
  return sound;
}

function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    return /end of JSON|Unterminated/.test(message) || message.includes(`position ${text.length}`);
  }
}

function shorten(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > 60 ? `${trimmed.slice(0, 57)}...` : trimmed;
}
