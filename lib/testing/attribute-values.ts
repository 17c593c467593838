import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { TestingError } from './errors.ts';

/** The attributes of an item, as DynamoDB has them. */
export type Attributes = Record<string, AttributeValue>;

/** What a test writes and reads instead: numbers, texts, truths, null, lists, sets of them and objects. */
export type Plain =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | Set<string | number>
  | Plain[]
  | { [name: string]: Plain };

/** An item as a test sees it. */
export type Row = { [name: string]: Plain };

/** The type tag of a value: `S`, `N`, ... */
export function tagOf(value: AttributeValue): string {
  return Object.keys(value)[0]!;
}

export function equal(a: AttributeValue, b: AttributeValue): boolean {
  if (tagOf(a) !== tagOf(b)) return false;
  if (a.N !== undefined) return Number(a.N) === Number(b.N);
  if (a.L) return a.L.length === b.L!.length && a.L.every((one, position) => equal(one, b.L![position]!));
  if (a.M) {
    const names = Object.keys(a.M);
    return (
      names.length === Object.keys(b.M!).length &&
      names.every((name) => b.M![name] !== undefined && equal(a.M![name]!, b.M![name]!))
    );
  }
  const [these, those] = [elementsOf(a), elementsOf(b)];
  if (these && those) return these.size === those.size && [...these].every((one) => those.has(one));
  return JSON.stringify(Object.values(a)[0]) === JSON.stringify(Object.values(b)[0]);
}

/** Less than 0, 0 or more, as DynamoDB orders values; undefined when they have no order. */
export function compare(a: AttributeValue, b: AttributeValue): number | undefined {
  if (a.N !== undefined && b.N !== undefined) return Number(a.N) - Number(b.N);
  if (a.S !== undefined && b.S !== undefined) return Buffer.compare(Buffer.from(a.S), Buffer.from(b.S));
  if (a.B !== undefined && b.B !== undefined) return Buffer.compare(bytesOf(a.B), bytesOf(b.B));
  return undefined;
}

/** What the function `size` says. */
export function sizeOf(value: AttributeValue): number | undefined {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.B !== undefined) return bytesOf(value.B).length;
  if (value.L) return value.L.length;
  if (value.M) return Object.keys(value.M).length;
  return elementsOf(value)?.size;
}

/** The elements of a set, as texts. */
export function elementsOf(value: AttributeValue): Set<string> | undefined {
  if (value.SS) return new Set(value.SS);
  if (value.NS) return new Set(value.NS.map((text) => String(Number(text))));
  if (value.BS) return new Set(value.BS.map((one) => bytesOf(one).toString('base64')));
  return undefined;
}

/** Reads an item into what a test compares with. */
export function toRow(item: Attributes): Row {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, toPlain(value)]));
}

/** Writes down an item from what a test says. */
export function fromRow(row: Row): Attributes {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, fromPlain(value)]));
}

function toPlain(value: AttributeValue): Plain {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.B !== undefined) return new Uint8Array(bytesOf(value.B));
  if (value.L) return value.L.map(toPlain);
  if (value.M) return toRow(value.M);
  if (value.SS) return new Set(value.SS);
  if (value.NS) return new Set(value.NS.map(Number));
  if (value.NULL) return null;
  throw new TestingError(`This is no attribute value that can be shown as a plain one: ${JSON.stringify(value)}`);
}

function fromPlain(value: Plain): AttributeValue {
  if (value === null) return { NULL: true };
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (value instanceof Uint8Array) return { B: value };
  if (Array.isArray(value)) return { L: value.map(fromPlain) };
  if (value instanceof Set) {
    const elements = [...value];
    return elements.every((one) => typeof one === 'number')
      ? { NS: elements.map(String) }
      : { SS: elements.map(String) };
  }
  return { M: fromRow(value) };
}

/** Binary values travel as base64 text through the runtime's client. */
function bytesOf(value: Uint8Array | string): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.from(value);
}
