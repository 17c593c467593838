import type { z } from 'zod';
import type { Contract } from './contract.ts';
import { InvalidDataError, MOST_VIOLATIONS, type Violation } from './errors.ts';
import { pathOf } from './json-data.ts';
import { cut, preview, thrownText } from './preview.ts';
import { createMask, MASK, maskPlaces } from './sensitive.ts';
import { type Compiled, compile, REFUSED } from './validation/compile.ts';
import { declaredPart } from './validation/declared.ts';
import type { Schema } from './validation/definition.ts';

/** What of a contract says what its data has to be. */
type Checked<Data> = Pick<Contract<string, Data>, 'type' | 'version' | 'sensitive' | 'schema'>;

/** In characters: a message may name all 10,000 members of an enum, a path the key of a hostile record. */
const LONGEST_MESSAGE = 500;

/** What a contract reads data with: its schema, compiled when the first data comes. */
export function parserOf<Data>(contract: Checked<Data>): Pick<Contract<string, Data>, 'parse' | 'toSend'> {
  let compiled: Compiled | undefined;
  const explain = explainer(contract);
  const parse = (data: unknown): Data => {
    compiled ??= compile(contract.schema);
    const read = compiled.read(data);
    return read === REFUSED ? explain(data) : (read as Data);
  };
  return {
    parse,
    toSend(data, json) {
      compiled ??= compile(contract.schema);
      if (!compiled.json) {
        return { checked: parse(data), data: declaredPart(contract.schema as unknown as Schema, data, compiled.read) };
      }
      const checked = parse(json);
      return { checked, data: checked };
    },
  };
}

/** Has zod say what is wrong with data, or that nothing is. */
function explainer<Data>(contract: Checked<Data>): (data: unknown) => Data {
  const { type, version, sensitive, schema } = contract;
  return (data) => {
    const wording = frugalWording();
    let issues: readonly z.core.$ZodIssue[];
    try {
      const result = schema.safeParse(data, wording);
      if (result.success) return result.data;
      wording.allow(MOST_VIOLATIONS);
      issues = result.error.issues;
    } catch (cause) {
      throw uncheckable(contract, data, cause);
    }
    const shown = maskPlaces({ sensitive }, data);
    const mask = createMask({ sensitive }, data);
    throw new InvalidDataError(
      type,
      version,
      issues.slice(0, MOST_VIOLATIONS).map((issue) => violation(issue.path, shown, mask(issue.message))),
      { more: Math.max(issues.length - MOST_VIOLATIONS, 0) },
    );
  };
}

/**
 * Has zod word so many problems and leave the others without: it words all of them, a million if need be, and each that is
 * about an enum of 10,000 members with all of these.
 */
function frugalWording(): { error: () => string | undefined; allow: (more: number) => void } {
  // what unions word within themselves is not seen here
  let left = 100;
  return {
    error: () => (left-- > 0 ? undefined : 'Invalid input'),
    allow: (more) => {
      left = more;
    },
  };
}

/** What a schema makes of data by throwing: a refinement of its own that failed, or recursion without end. */
function uncheckable(
  { type, version, sensitive }: Omit<Checked<unknown>, 'schema'>,
  data: unknown,
  cause: unknown,
): InvalidDataError {
  const endless = cause instanceof RangeError && /call stack/.test(cause.message);
  const message = endless
    ? 'it is nested too deeply, or inside itself'
    : `its schema could not check it: ${cut(createMask({ sensitive }, data)(thrownText(cause)), LONGEST_MESSAGE)}`;
  return new InvalidDataError(type, version, [violation([], maskPlaces({ sensitive }, data), message)], { cause });
}

function violation(path: readonly PropertyKey[], data: unknown, message: string): Violation {
  let value: unknown = data;
  for (const step of path) {
    // what is masked as a whole has nothing to show inside either
    if (value !== MASK)
      value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[step] : undefined;
  }
  return {
    path: cut(pathOf(path), LONGEST_MESSAGE),
    value: value === MASK ? MASK : preview(value),
    message: cut(message, LONGEST_MESSAGE),
  };
}
