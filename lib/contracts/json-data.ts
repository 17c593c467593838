import type { Violation } from './errors.ts';
import { preview } from './preview.ts';

/**
 * How deep data may be nested, in objects and arrays. Whoever reads or masks data follows it by recursion. JavaScript's stack
 * ends at a few thousand levels; readers elsewhere stop at 1,000 (source: Jackson, StreamReadConstraints; Python,
 * sys.getrecursionlimit).
 */
export const DEEPEST = 500;

/** More values than any event has. Parts that stand in many places count in each: a few objects can become gigabytes of JSON. */
const MOST_VALUES = 10_000_000;

const NO_BIGINT = 'JSON has no bigint. Make it a text, or a number if it is safe as one';

/** What is wrong with a value, and the way to it, innermost step first. */
interface Finding {
  readonly value: unknown;
  readonly message: string;
  readonly steps: (string | number)[];
}

/**
 * The first thing in data that would not come back from JSON as it was: JSON leaves it out, puts null or `{}` in its place,
 * or cannot write it. Undefined when there is none. An object with a `toJSON` (a Date) counts as what that says. A property that is
 * undefined is left out, and -0 becomes 0: neither is a violation.
 *
 * And whether the data is plain: nothing but what JSON knows. What readers get of a Date, of an instance of a class, or where a
 * property is undefined, is something else than the producer has.
 */
export function surveyJson(data: unknown): { violation: Violation | undefined; plain: boolean } {
  const survey: Survey = { values: 0, plain: true, inside: [] };
  const finding = walk(data, 0, survey);
  const violation = finding && {
    path: pathOf(finding.steps.reverse()),
    value: preview(finding.value),
    message: finding.message,
  };
  return { violation, plain: survey.plain };
}

/** A path as violations show it: `lines[0].quantity`. */
export function pathOf(steps: readonly PropertyKey[]): string {
  let path = '';
  for (const step of steps) {
    path += typeof step === 'number' ? `[${step}]` : path === '' ? String(step) : `.${String(step)}`;
  }
  return path;
}

/** What is known so far. */
interface Survey {
  values: number;
  plain: boolean;
  /** What was walked into, by depth. */
  readonly inside: object[];
}

/** Recursion is safe here: it ends at {@link DEEPEST}, and so does the way around a cycle. */
function walk(value: unknown, depth: number, survey: Survey): Finding | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : found(value, 'JSON has no such number and writes null instead');
    case 'object':
      return value === null ? undefined : walkObject(value, depth, survey);
    case 'undefined':
      return found(value, 'JSON writes null instead, or nothing. Leave the item out, or say null');
    case 'bigint': {
      const { toJSON } = Object(value) as { toJSON?: unknown };
      if (typeof toJSON !== 'function') {
        return found(value, NO_BIGINT);
      }
      survey.plain = false;
      return walkTold(toJSON.call(value, ''), depth, survey);
    }
    default:
      return found(value, `JSON has no ${typeof value} and leaves it out`);
  }
}

function walkObject(object: object, depth: number, survey: Survey): Finding | undefined {
  const { toJSON } = object as { toJSON?: unknown };
  if (typeof toJSON !== 'function') return walkTold(object, depth, survey);
  survey.plain = false;
  if (object instanceof Date && Number.isNaN(object.getTime())) {
    return found(object, 'it is no point in time, and JSON writes null instead');
  }
  return walkTold(toJSON.call(object, ''), depth, survey);
}

/** What `toJSON` says is taken as it is: it is not asked again. */
function walkTold(told: unknown, depth: number, survey: Survey): Finding | undefined {
  if (typeof told !== 'object' || told === null)
    return typeof told === 'bigint' ? found(told, NO_BIGINT) : walk(told, depth, survey);
  if (depth >= DEEPEST) {
    return survey.inside.includes(told)
      ? found(told, 'it is inside itself, and JSON would have no end')
      : found(
          told,
          `it is nested deeper than ${DEEPEST} levels. Make the data flatter, for instance a list with references`,
        );
  }
  survey.inside[depth] = told;
  return Array.isArray(told) ? walkArray(told, depth + 1, survey) : walkProperties(told, depth + 1, survey);
}

function walkArray(items: readonly unknown[], depth: number, survey: Survey): Finding | undefined {
  const tooMany = count(items, items.length, survey);
  if (tooMany) return tooMany;
  for (let at = 0; at < items.length; at++) {
    const finding = walk(items[at], depth, survey);
    if (finding) return from(at, finding);
  }
  return undefined;
}

function walkProperties(object: object, depth: number, survey: Survey): Finding | undefined {
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    const tag = Object.prototype.toString.call(object).slice(8, -1);
    if (tag !== 'Object')
      return found(object, `JSON does not know what a ${tag} is. Make it an array, an object or a text`);
    survey.plain = false;
  }
  const names = Object.keys(object);
  const tooMany = count(object, names.length, survey);
  if (tooMany) return tooMany;
  for (const name of names) {
    if (name === '__proto__') {
      return from(
        name,
        found(undefined, 'readers leave out a property of this name, for their safety. Give it another one'),
      );
    }
    const value = (object as Record<string, unknown>)[name];
    if (value === undefined) {
      // absent for readers, which is not the same to every schema
      survey.plain = false;
      continue;
    }
    const finding = walk(value, depth, survey);
    if (finding) return from(name, finding);
  }
  return undefined;
}

function count(object: object, more: number, survey: Survey): Finding | undefined {
  survey.values += more;
  if (survey.values <= MOST_VALUES) return undefined;
  return found(
    object,
    `with it the data has more than ${MOST_VALUES} values. Put the bulk elsewhere and send a reference`,
  );
}

function found(value: unknown, message: string): Finding {
  return { value, message, steps: [] };
}

function from(step: string | number, finding: Finding): Finding {
  finding.steps.push(step);
  return finding;
}
