import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Attributes, sizeOf } from './attribute-values.ts';
import type { Tokens } from './tokens.ts';

/** A place in an item: names and list positions. */
export type Path = readonly (string | number)[];

/** What an expression computes with. */
export interface Operand {
  /** Its value in an item; undefined when there is none. */
  of(item: Attributes | undefined): AttributeValue | undefined;
  /** The place, when it is nothing but one. */
  readonly path?: Path;
  /** The value, when it is the same in every item. */
  readonly constant?: AttributeValue;
}

/** What placeholders stand for. */
export interface Bindings {
  names?: Record<string, string> | undefined;
  values?: Attributes | undefined;
  /** For question marks, first come first served. */
  parameters?: readonly AttributeValue[] | undefined;
}

/** How names and values of one expression are found. */
export interface Scope {
  readonly tokens: Tokens;
  name(): string;
  path(): Path;
  operand(): Operand;
}

export function createScope(tokens: Tokens, bindings: Bindings): Scope {
  let parameter = 0;

  function name(): string {
    const token = tokens.peek();
    if (token.kind === 'name' || token.kind === 'quoted') return tokens.next().text;
    if (token.kind === 'placeholder' && token.text.startsWith('#')) {
      return bindings.names?.[tokens.next().text] ?? tokens.refuse(`${token.text} is not in ExpressionAttributeNames`);
    }
    return tokens.refuse('The name of an attribute was expected');
  }

  function path(): Path {
    const steps: (string | number)[] = [name()];
    for (;;) {
      if (tokens.take('.')) {
        steps.push(name());
      } else if (tokens.take('[')) {
        const { kind, text } = tokens.next();
        if (kind !== 'number') tokens.refuse('The position in a list was expected');
        steps.push(Number(text));
        tokens.expect(']');
      } else {
        return steps;
      }
    }
  }

  function constant(): AttributeValue | undefined {
    const token = tokens.peek();
    if (token.kind === 'text') return { S: tokens.next().text };
    if (token.kind === 'number') return { N: tokens.next().text };
    if (tokens.peek().text === '-' && tokens.peek(1).kind === 'number') {
      tokens.next();
      return { N: `-${tokens.next().text}` };
    }
    if (tokens.take('?')) return bindings.parameters?.[parameter++] ?? tokens.refuse('There is no parameter for a ?');
    if (token.kind === 'placeholder' && token.text.startsWith(':')) {
      return (
        bindings.values?.[tokens.next().text] ?? tokens.refuse(`${token.text} is not in ExpressionAttributeValues`)
      );
    }
    if (tokens.take('TRUE')) return { BOOL: true };
    if (tokens.take('FALSE')) return { BOOL: false };
    if (tokens.take('NULL')) return { NULL: true };
    return undefined;
  }

  return {
    tokens,
    name,
    path,
    operand() {
      const value = constant();
      if (value !== undefined) return { constant: value, of: () => value };
      if (tokens.peek().text.toLowerCase() === 'size' && tokens.peek(1).text === '(') {
        tokens.next();
        tokens.expect('(');
        const place = path();
        tokens.expect(')');
        return {
          of: (item) => {
            const found = valueAt(item, place);
            const size = found && sizeOf(found);
            return size === undefined ? undefined : { N: String(size) };
          },
        };
      }
      const place = path();
      return { path: place, of: (item) => valueAt(item, place) };
    },
  };
}

/** The value at a place of an item. */
export function valueAt(item: Attributes | undefined, [first, ...rest]: Path): AttributeValue | undefined {
  let value = item?.[first as string];
  for (const step of rest) value = typeof step === 'number' ? value?.L?.[step] : value?.M?.[step];
  return value;
}
