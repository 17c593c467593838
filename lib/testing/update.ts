import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Attributes, elementsOf, tagOf } from './attribute-values.ts';
import { type Bindings, createScope, type Operand, type Path, type Scope, valueAt } from './operand.ts';
import { type Tokens, tokenize } from './tokens.ts';
import { invalid } from './validation.ts';

/** Makes a new item of an old one. */
export type Update = (item: Attributes) => Attributes;

/** One change: computed from the old item, then made to the new one. */
export type Change = (old: Attributes) => (item: Attributes) => void;

/**
 * Reads an update expression: SET with `+`, `-`, `if_not_exists` and `list_append`, REMOVE, ADD and DELETE.
 * Source: Update expressions, Amazon DynamoDB developer guide.
 * @throws UnsupportedError for anything beyond
 */
export function readUpdate(expression: string | undefined, bindings: Bindings): Update {
  if (expression === undefined) return (item) => item;
  const scope = createScope(tokenize(expression), bindings);
  const { tokens } = scope;
  const changes: Change[] = [];
  while (tokens.peek().kind !== 'end') {
    if (tokens.take('SET')) changes.push(...readList(tokens, () => readSet(scope)));
    else if (tokens.take('REMOVE')) changes.push(...readList(tokens, () => readRemove(scope)));
    else if (tokens.take('ADD')) changes.push(...readList(tokens, () => readAdd(scope)));
    else if (tokens.take('DELETE')) changes.push(...readList(tokens, () => readDelete(scope)));
    else tokens.refuse('SET, REMOVE, ADD or DELETE was expected');
  }
  return applying(changes);
}

/** An update that makes these changes at once. */
export function applying(changes: readonly Change[]): Update {
  return (item) => {
    const made = changes.map((change) => change(item));
    const next = structuredClone(item);
    for (const make of made) make(next);
    return next;
  };
}

/** Reads `path = value`. */
export function readSet(scope: Scope): Change {
  const path = scope.path();
  scope.tokens.expect('=');
  const value = readValue(scope);
  return (old) => {
    const computed = value.of(old) ?? invalid('The expression refers to an attribute that does not exist in the item');
    return (item) => put(item, path, computed);
  };
}

/** Reads the path of a REMOVE. */
export function readRemove(scope: Scope): Change {
  const path = scope.path();
  return () => (item) => remove(item, path);
}

function readAdd(scope: Scope): Change {
  const path = scope.path();
  const operand = scope.operand();
  return (old) => {
    const before = valueAt(old, path);
    const more = operand.of(old)!;
    if (more.N !== undefined) {
      const sum = { N: String(Number(before?.N ?? 0) + Number(more.N)) };
      return (item) => put(item, path, sum);
    }
    const union = setOf(more, [...(before ? elementsOf(before)! : []), ...(elementsOf(more) ?? invalidOperand('ADD'))]);
    return (item) => put(item, path, union);
  };
}

function readDelete(scope: Scope): Change {
  const path = scope.path();
  const operand = scope.operand();
  return (old) => {
    const before = valueAt(old, path);
    const less = elementsOf(operand.of(old)!) ?? invalidOperand('DELETE');
    const left = [...(before ? elementsOf(before)! : [])].filter((one) => !less.has(one));
    return (item) =>
      before === undefined || left.length === 0 ? remove(item, path) : put(item, path, setOf(before, left));
  };
}

function readValue(scope: Scope): Operand {
  const left = readTerm(scope);
  for (const [sign, factor] of [
    ['+', 1],
    ['-', -1],
  ] as const) {
    if (!scope.tokens.take(sign)) continue;
    const right = readTerm(scope);
    return {
      of: (item) => {
        const [a, b] = [left.of(item)?.N, right.of(item)?.N];
        return a === undefined || b === undefined ? undefined : { N: String(Number(a) + factor * Number(b)) };
      },
    };
  }
  return left;
}

function readTerm(scope: Scope): Operand {
  const { tokens } = scope;
  const name = tokens.peek(1).text === '(' ? tokens.peek().text.toLowerCase() : '';
  if (name !== 'if_not_exists' && name !== 'list_append') return scope.operand();
  tokens.next();
  tokens.expect('(');
  const first = readValue(scope);
  tokens.expect(',');
  const second = readValue(scope);
  tokens.expect(')');
  return name === 'if_not_exists'
    ? { of: (item) => first.of(item) ?? second.of(item) }
    : {
        of: (item) => {
          const [a, b] = [first.of(item)?.L, second.of(item)?.L];
          return a && b && { L: [...a, ...b] };
        },
      };
}

function readList<Part>(tokens: Tokens, read: () => Part): Part[] {
  const parts = [read()];
  while (tokens.take(',')) parts.push(read());
  return parts;
}

function put(item: Attributes, path: Path, value: AttributeValue): void {
  const [last, holder] = holderOf(item, path);
  if (holder?.L && typeof last === 'number') holder.L[Math.min(last, holder.L.length)] = value;
  else if (holder?.M) holder.M[last] = value;
  else invalid(`The document path ${path.join('.')} is invalid for update`);
}

function remove(item: Attributes, path: Path): void {
  const [last, holder] = holderOf(item, path);
  if (holder?.L && typeof last === 'number') holder.L.splice(last, 1);
  else if (holder?.M) delete holder.M[last];
}

function holderOf(item: Attributes, path: Path): [last: string | number, holder: AttributeValue | undefined] {
  const holder: AttributeValue | undefined = path.length === 1 ? { M: item } : valueAt(item, path.slice(0, -1));
  return [path.at(-1)!, holder];
}

function setOf(like: AttributeValue, elements: Iterable<string>): AttributeValue {
  return { [tagOf(like)]: [...new Set(elements)] } as unknown as AttributeValue;
}

function invalidOperand(clause: string): never {
  return invalid(`An operand in the update expression has an incorrect data type for ${clause}`);
}
