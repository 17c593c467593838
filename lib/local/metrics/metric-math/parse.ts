import { MetricMathError } from './errors.ts';
import { type Token, tokenize } from './tokens.ts';

export type BinaryOperator = '+' | '-' | '*' | '/' | '^' | '==' | '!=' | '<' | '<=' | '>' | '>=' | '&&' | '||';

export type Expression =
  | { kind: 'number'; value: number }
  /** The id of another query of the alarm. */
  | { kind: 'id'; id: string }
  /** An argument such as REPEAT or "errors", which only some functions take. */
  | { kind: 'word'; text: string }
  | { kind: 'negate'; operand: Expression }
  | { kind: 'binary'; operator: BinaryOperator; left: Expression; right: Expression }
  | { kind: 'array'; items: Expression[] }
  | { kind: 'call'; name: string; args: Expression[] };

/** How tightly an operator binds; `^` groups to the right, all others to the left. Unary minus lies between * and ^. */
const PRECEDENCE: Record<BinaryOperator, number> = {
  '||': 1,
  '&&': 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '^': 7,
};
const UNARY_MINUS = 6;
/** Beyond, the text is no formula that a person wrote, and recursion would end in a stack overflow. */
const MAXIMUM_DEPTH = 200;

/**
 * Reads a metric math expression by precedence climbing.
 * @throws MetricMathError that says what was expected, and where.
 */
export function parseExpression(text: string): Expression {
  const tokens = tokenize(text);
  let position = 0;
  let depth = 0;

  const peek = (): Token => tokens[position]!;
  const isSymbol = (symbol: string): boolean => {
    const token = peek();
    return token.kind === 'symbol' && token.text === symbol;
  };
  const fail = (expected: string): never => {
    const token = peek();
    const found = token.kind === 'end' ? 'the end' : `'${token.kind === 'number' ? token.value : token.text}'`;
    throw new MetricMathError(`has ${found} at position ${token.at + 1} where ${expected} was expected`, text);
  };
  const take = (symbol: string): void => {
    if (!isSymbol(symbol)) fail(`'${symbol}'`);
    position++;
  };

  function climb(minimum: number): Expression {
    if (++depth > MAXIMUM_DEPTH) throw new MetricMathError(`is nested more than ${MAXIMUM_DEPTH} levels deep`, text);
    let left = prefix();
    for (;;) {
      const token = peek();
      if (token.kind !== 'symbol' || !isOperator(token.text)) break;
      const precedence = PRECEDENCE[token.text];
      if (precedence < minimum) break;
      position++;
      const right = climb(token.text === '^' ? precedence : precedence + 1);
      left = { kind: 'binary', operator: token.text, left, right };
    }
    depth--;
    return left;
  }

  function prefix(): Expression {
    const token = peek();
    if (isSymbol('-')) {
      position++;
      return { kind: 'negate', operand: climb(UNARY_MINUS) };
    }
    if (isSymbol('(')) {
      position++;
      const inner = climb(0);
      take(')');
      return inner;
    }
    if (isSymbol('[')) {
      position++;
      return { kind: 'array', items: list(']') };
    }
    switch (token.kind) {
      case 'number':
        position++;
        return { kind: 'number', value: token.value };
      case 'string':
        position++;
        return { kind: 'word', text: token.text };
      case 'name':
        position++;
        if (isSymbol('(')) {
          position++;
          return { kind: 'call', name: token.text, args: list(')') };
        }
        // Ids start with a lower-case letter, by CloudWatch's rule.
        return /^[a-z]/.test(token.text) ? { kind: 'id', id: token.text } : { kind: 'word', text: token.text };
      default:
        return fail('a value');
    }
  }

  function list(close: string): Expression[] {
    const items: Expression[] = [];
    while (!isSymbol(close)) {
      if (items.length > 0) take(',');
      items.push(climb(0));
    }
    take(close);
    return items;
  }

  const expression = climb(0);
  if (peek().kind !== 'end') fail('an operator or the end');
  return expression;
}

function isOperator(text: string): text is BinaryOperator {
  return Object.hasOwn(PRECEDENCE, text);
}
