import { createContext, Script } from 'node:vm';
import type { Engine } from './engine.ts';

/** Longer texts are not matched: backtracking takes a power of the length. */
const LENGTH_LIMIT = 1_000;

/** How long one match may take, and all of a comparison: from there on it is not known what matches. */
const MATCH_LIMIT_MS = 50;
const TOTAL_LIMIT_MS = 2_000;

/** How many ways a match may be tried in without a watch; these take some milliseconds. */
const WAYS_LIMIT = 1_000_000;

/** Whether a text has what the pattern looks for; undefined when that would take too long to say. */
export function matches(engine: Engine, pattern: string, text: string): boolean | undefined {
  let match = engine.patterns.get(pattern);
  if (match === undefined) {
    match = matcher(engine, pattern);
    engine.patterns.set(pattern, match);
  }
  if (text.length > LENGTH_LIMIT || engine.matchingMs > TOTAL_LIMIT_MS) return undefined;
  const started = performance.now();
  const result = match(text);
  engine.matchingMs += performance.now() - started;
  return result;
}

function matcher(engine: Engine, pattern: string): (text: string) => boolean | undefined {
  const expression = expressionOf(pattern);
  const ways = waysOf(pattern);
  let given = false;
  return (text) => {
    if (ways(text.length) < WAYS_LIMIT) return expression.test(text);
    if (given) return undefined;
    try {
      return timed(engine, expression, text);
    } catch {
      given = true;
      return undefined;
    }
  };
}

/** In how many ways a pattern may be tried on a text of some length, at most: a choice doubles them, a repetition is tried with each length. */
function waysOf(pattern: string): (length: number) => number {
  // A repeated group is a power of what is in it.
  if (/\)[*+{]/.test(pattern)) return () => Number.POSITIVE_INFINITY;
  const choices = (pattern.match(/[?|]/g) ?? []).length;
  // {4} is the same length every time.
  const repetitions = (pattern.replaceAll(/\{\d+\}/g, '').match(/[*+{]/g) ?? []).length;
  return (length) => 2 ** choices * (length + 1) ** (repetitions + 1);
}

const TEST = new Script('expression.test(text)');

function timed(engine: Engine, expression: RegExp, text: string): boolean {
  engine.sandbox ??= createContext({});
  const context = Object.assign(engine.sandbox, { expression, text });
  return TEST.runInContext(context, { timeout: MATCH_LIMIT_MS }) as boolean;
}

/** JSON Schema wants Unicode matching; patterns that are only sound without are taken as they are meant. */
function expressionOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'u');
  } catch {
    return new RegExp(pattern);
  }
}
