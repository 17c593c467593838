import { createContext, Script } from 'node:vm';
import type { Engine } from './engine.ts';

/** Longer texts are not matched: backtracking takes a power of the length. */
const LENGTH_LIMIT = 1_000;
const TIME_LIMIT_MS = 50;

/** Whether a text has what the pattern looks for; undefined when that would take too long to say. */
export function matches(engine: Engine, pattern: string, text: string): boolean | undefined {
  let match = engine.patterns.get(pattern);
  if (match === undefined) {
    match = matcher(engine, pattern);
    engine.patterns.set(pattern, match);
  }
  return text.length > LENGTH_LIMIT ? undefined : match(text);
}

function matcher(engine: Engine, pattern: string): (text: string) => boolean | undefined {
  const expression = expressionOf(pattern);
  // Backtracking takes long only where a group repeats, or several parts do and the text is not short.
  const shortest = /\)[*+{]/.test(pattern) ? 0 : (pattern.match(/[*+{]/g) ?? []).length > 1 ? 30 : LENGTH_LIMIT;
  let given = false;
  return (text) => {
    if (text.length < shortest) return expression.test(text);
    if (given) return undefined;
    try {
      return timed(engine, expression, text);
    } catch {
      given = true;
      return undefined;
    }
  };
}

const TEST = new Script('expression.test(text)');

function timed(engine: Engine, expression: RegExp, text: string): boolean {
  engine.sandbox ??= createContext({});
  const context = Object.assign(engine.sandbox, { expression, text });
  return TEST.runInContext(context, { timeout: TIME_LIMIT_MS }) as boolean;
}

/** JSON Schema wants Unicode matching; patterns that are only sound without are taken as they are meant. */
function expressionOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'u');
  } catch {
    return new RegExp(pattern);
  }
}
