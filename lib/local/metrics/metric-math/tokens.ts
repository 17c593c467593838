import { MetricMathError } from './errors.ts';

export type Token =
  | { kind: 'number'; value: number; at: number }
  /** The id of a metric or expression, a function name, or a keyword such as REPEAT. */
  | { kind: 'name'; text: string; at: number }
  | { kind: 'string'; text: string; at: number }
  | { kind: 'symbol'; text: string; at: number }
  | { kind: 'end'; at: number };

const TOKEN = new RegExp(
  [
    /(?<blank>\s+)/,
    /(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/,
    /(?<name>[A-Za-z][A-Za-z0-9_]*)/,
    /(?<string>"[^"]*"|'[^']*')/,
    /(?<symbol>==|!=|<=|>=|&&|\|\||[-+*/^()[\],<>])/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'y',
);
/** Operators that are words. */
const WORDS: Readonly<Record<string, string>> = { AND: '&&', OR: '||' };

/** @throws MetricMathError at the first character that starts no token. */
export function tokenize(expression: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < expression.length) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(expression)?.groups;
    if (!groups) throw new MetricMathError(`has an unexpected '${expression[at]}' at position ${at + 1}`, expression);
    const { blank, number, name, string } = groups;
    if (number !== undefined) tokens.push({ kind: 'number', value: Number(number), at });
    else if (string !== undefined) tokens.push({ kind: 'string', text: string.slice(1, -1), at });
    else if (name !== undefined && !Object.hasOwn(WORDS, name)) tokens.push({ kind: 'name', text: name, at });
    else if (blank === undefined) tokens.push({ kind: 'symbol', text: WORDS[name ?? ''] ?? groups.symbol ?? '', at });
    at = TOKEN.lastIndex;
  }
  tokens.push({ kind: 'end', at });
  return tokens;
}
