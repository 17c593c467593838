import type { Data, Field } from './object.ts';
import { REFUSED, type Reader } from './reader.ts';

/**
 * Generates the code that reads the declared properties of an object, each in a place of its own: what V8 learns about one
 * is not lost among the others, as it is in a loop, and that makes it several times faster. Undefined where no code may be
 * generated: by a flag of Node, a content security policy, or `z.config({ jitless: true })`.
 * @param readField reads a property that something may stand in for
 */
export function generateReader(
  fields: readonly Field[],
  readField: (field: Field, data: Data, value: Data) => boolean,
): Reader | undefined {
  if ((globalThis as { __zod_globalConfig?: { jitless?: boolean } }).__zod_globalConfig?.jitless) return undefined;
  try {
    return new Function('fields', 'readField', 'refused', codeOf(fields))(fields, readField, REFUSED) as Reader;
  } catch {
    return undefined;
  }
}

/** Keys are the only part of a schema that becomes code, as JSON texts. */
function codeOf(fields: readonly Field[]): string {
  const readers = fields.map((_, at) => `const r${at} = fields[${at}].read;`);
  const lines: string[] = [];
  // a value begins as an object of the properties that are always there, up to the first that may not be
  const always = fields.findIndex(({ optin }) => optin !== undefined);
  const beginning = fields.slice(0, always < 0 ? fields.length : always);
  for (const [at, { key, optin, optout }] of fields.entries()) {
    const name = JSON.stringify(key);
    if (at === beginning.length) lines.push(literal(beginning));
    if (optin !== undefined && (optin !== 'optional' || optout !== 'optional')) {
      lines.push(`if (!readField(fields[${at}], data, value)) return refused;`);
      continue;
    }
    const absent = `given === undefined && !(${name} in data)`;
    lines.push(`given = data[${name}];`);
    if (optin === undefined) lines.push(`if (${absent}) return refused;`);
    lines.push(`const v${at} = r${at}(given);`);
    const refuse = `if (v${at} === refused) return refused;`;
    if (at < beginning.length) lines.push(refuse);
    else lines.push(`if (!(${absent})) {`, refuse, `value[${name}] = v${at};`, '}');
  }
  if (beginning.length === fields.length) lines.push(literal(beginning));
  return `${readers.join('')}
    return (data) => {
      if (typeof data !== 'object' || data === null || Array.isArray(data)) return refused;
      let given;
      ${lines.join('\n')}
      return value;
    };`;
}

function literal(fields: readonly Field[]): string {
  return `const value = {${fields.map(({ key }, at) => `${JSON.stringify(key)}: v${at}`).join(', ')}};`;
}
