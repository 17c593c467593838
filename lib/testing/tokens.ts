import { UnsupportedError } from './errors.ts';

/** A word of a DynamoDB expression or a PartiQL statement. */
export type Token =
  | { kind: 'name'; text: string }
  /** In double quotes, or `#placeholder`: a name that can be nothing else. */
  | { kind: 'quoted'; text: string }
  | { kind: 'placeholder'; text: string }
  | { kind: 'text'; text: string }
  | { kind: 'number'; text: string }
  | { kind: 'sign'; text: string }
  | { kind: 'end'; text: string };

const PATTERN =
  /\s+|"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([#:][A-Za-z_]\w*)|([A-Za-z_][\w-]*)|(\d+(?:\.\d+)?)|(<>|!=|<=|>=|[()[\]{}<>=,.:?*+-])/y;

/** The words of an expression, read one by one. */
export interface Tokens {
  /** The whole text, for messages. */
  readonly source: string;
  peek(ahead?: number): Token;
  next(): Token;
  /** Takes the next word when it is this one, whatever its case. */
  take(text: string): boolean;
  /** @throws UnsupportedError when the next word is another one */
  expect(text: string): void;
  /** Ends the reading. */
  refuse(what: string): never;
}

/** @throws UnsupportedError when there is something in it that is no word */
export function tokenize(source: string): Tokens {
  const tokens: Token[] = [];
  PATTERN.lastIndex = 0;
  while (PATTERN.lastIndex < source.length) {
    const start = PATTERN.lastIndex;
    const match = PATTERN.exec(source);
    if (match === null)
      throw new UnsupportedError(`'${source.slice(start, start + 20)}' cannot be read, in: ${source}`);
    const [, quoted, text, placeholder, name, number, sign] = match;
    if (quoted !== undefined) tokens.push({ kind: 'quoted', text: quoted.replaceAll('""', '"') });
    else if (text !== undefined) tokens.push({ kind: 'text', text: text.replaceAll("''", "'") });
    else if (placeholder !== undefined) tokens.push({ kind: 'placeholder', text: placeholder });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
  }
  let position = 0;
  const peek = (ahead = 0): Token => tokens[position + ahead] ?? { kind: 'end', text: 'the end' };
  const is = (token: Token, text: string) =>
    (token.kind === 'name' || token.kind === 'sign') && token.text.toUpperCase() === text;
  const refuse = (what: string): never => {
    throw new UnsupportedError(`${what}: '${peek().text}' is not understood there, in: ${source}`);
  };
  return {
    source,
    peek,
    refuse,
    next() {
      const token = peek();
      position++;
      return token;
    },
    take(text) {
      if (!is(peek(), text)) return false;
      position++;
      return true;
    },
    expect(text) {
      if (!is(peek(), text)) refuse(`${text} was expected`);
      position++;
    },
  };
}
