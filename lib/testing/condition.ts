import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Attributes, compare, elementsOf, equal, tagOf } from './attribute-values.ts';
import { type Bindings, createScope, type Operand, type Path, type Scope, valueAt } from './operand.ts';
import { tokenize } from './tokens.ts';

/** Whether something holds for an item. */
export interface Condition {
  /** Undefined is an item that is not there. */
  holds(item: Attributes | undefined): boolean;
  /** Attributes that must have these values for it to hold. */
  readonly equations: Attributes;
}

type Predicate = Condition['holds'];

/**
 * Reads a condition, key condition or filter expression: comparisons, BETWEEN, IN, AND, OR, NOT, parentheses and the functions
 * `attribute_exists`, `attribute_not_exists`, `attribute_type`, `begins_with`, `contains` and `size`.
 * Source: Condition and filter expressions, Amazon DynamoDB developer guide.
 * @throws UnsupportedError for anything beyond
 */
export function readCondition(expression: string | undefined, bindings: Bindings): Condition {
  if (expression === undefined) return { holds: () => true, equations: {} };
  const scope = createScope(tokenize(expression), bindings);
  const condition = readDisjunction(scope);
  if (scope.tokens.peek().kind !== 'end') scope.tokens.refuse('The end of the condition was expected');
  return condition;
}

/** Reads `a OR b ...` up to where it ends. */
export function readDisjunction(scope: Scope): Condition {
  let condition = readConjunction(scope);
  while (scope.tokens.take('OR')) {
    const [left, right] = [condition, readConjunction(scope)];
    condition = other((item) => left.holds(item) || right.holds(item));
  }
  return condition;
}

function readConjunction(scope: Scope): Condition {
  let condition = readNegation(scope);
  while (scope.tokens.take('AND')) {
    const [left, right] = [condition, readNegation(scope)];
    condition = {
      holds: (item) => left.holds(item) && right.holds(item),
      equations: { ...left.equations, ...right.equations },
    };
  }
  return condition;
}

function readNegation(scope: Scope): Condition {
  if (!scope.tokens.take('NOT')) return readPredicate(scope);
  const condition = readNegation(scope);
  return other((item) => !condition.holds(item));
}

function readPredicate(scope: Scope): Condition {
  const { tokens } = scope;
  if (tokens.take('(')) {
    const condition = readDisjunction(scope);
    tokens.expect(')');
    return condition;
  }
  const called = tokens.peek(1).text === '(' ? FUNCTIONS[tokens.peek().text.toLowerCase()] : undefined;
  if (called !== undefined) {
    tokens.next();
    tokens.expect('(');
    const predicate = called(scope);
    tokens.expect(')');
    return other(predicate);
  }
  return readComparison(scope.operand(), scope);
}

function readComparison(left: Operand, scope: Scope): Condition {
  const { tokens } = scope;
  if (tokens.take('BETWEEN')) return other(readRange(left, scope));
  if (tokens.take('IN')) return other(readOptions(left, scope));
  if (tokens.take('IS')) return other(readAbsence(left, scope));
  const sign = tokens.peek().text;
  const comparator = COMPARATORS[sign];
  if (comparator === undefined) return tokens.refuse('A comparison was expected');
  tokens.next();
  const right = scope.operand();
  const condition = other((item) => comparator(left.of(item), right.of(item)));
  if (sign !== '=' || left.path?.length !== 1 || right.constant === undefined) return condition;
  return { ...condition, equations: { [left.path[0]!]: right.constant } };
}

function readRange(left: Operand, scope: Scope): Predicate {
  const low = scope.operand();
  scope.tokens.expect('AND');
  const high = scope.operand();
  return (item) =>
    holds(left.of(item), low.of(item), (order) => order >= 0) &&
    holds(left.of(item), high.of(item), (order) => order <= 0);
}

function readOptions(left: Operand, { tokens, operand }: Scope): Predicate {
  const isBracket = tokens.take('[');
  if (!isBracket) tokens.expect('(');
  const options = [operand()];
  while (tokens.take(',')) options.push(operand());
  tokens.expect(isBracket ? ']' : ')');
  return (item) => options.some((option) => same(left.of(item), option.of(item)));
}

/** PartiQL's `IS [NOT] MISSING` and `IS [NOT] NULL`. */
function readAbsence(left: Operand, { tokens }: Scope): Predicate {
  const negated = tokens.take('NOT');
  const missing = tokens.take('MISSING');
  if (!missing) tokens.expect('NULL');
  return (item) => {
    const value = left.of(item);
    return (missing ? value === undefined : value?.NULL === true) !== negated;
  };
}

function other(predicate: Predicate): Condition {
  return { holds: predicate, equations: {} };
}

type Comparator = (a: AttributeValue | undefined, b: AttributeValue | undefined) => boolean;

const COMPARATORS: Readonly<Record<string, Comparator>> = {
  '=': same,
  '<>': (a, b) => !same(a, b),
  '!=': (a, b) => !same(a, b),
  '<': (a, b) => holds(a, b, (order) => order < 0),
  '<=': (a, b) => holds(a, b, (order) => order <= 0),
  '>': (a, b) => holds(a, b, (order) => order > 0),
  '>=': (a, b) => holds(a, b, (order) => order >= 0),
};

const FUNCTIONS: Readonly<Record<string, (scope: Scope) => Predicate>> = {
  attribute_exists: (scope) => existence(scope.path(), true),
  attribute_not_exists: (scope) => existence(scope.path(), false),
  attribute_type: (scope) => {
    const [value, type] = pair(scope);
    return (item) => {
      const found = value.of(item);
      return found !== undefined && tagOf(found) === type.of(item)?.S;
    };
  },
  begins_with: (scope) => {
    const [value, prefix] = pair(scope);
    return (item) => {
      const start = prefix.of(item)?.S;
      return start !== undefined && (value.of(item)?.S?.startsWith(start) ?? false);
    };
  },
  contains: (scope) => {
    const [value, part] = pair(scope);
    return (item) => {
      const [whole, sought] = [value.of(item), part.of(item)];
      if (whole === undefined || sought === undefined) return false;
      if (whole.L) return whole.L.some((one) => equal(one, sought));
      if (whole.S !== undefined) return sought.S !== undefined && whole.S.includes(sought.S);
      const element = sought.S ?? (sought.N === undefined ? undefined : String(Number(sought.N)));
      return element !== undefined && (elementsOf(whole)?.has(element) ?? false);
    };
  },
};

function pair(scope: Scope): [Operand, Operand] {
  const first = scope.operand();
  scope.tokens.expect(',');
  return [first, scope.operand()];
}

function existence(path: Path, wanted: boolean): Predicate {
  return (item) => (valueAt(item, path) !== undefined) === wanted;
}

function same(a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  return a !== undefined && b !== undefined && equal(a, b);
}

function holds(
  a: AttributeValue | undefined,
  b: AttributeValue | undefined,
  test: (order: number) => boolean,
): boolean {
  const order = a && b && compare(a, b);
  return order !== undefined && test(order);
}
