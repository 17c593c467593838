import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Attributes, compare } from './attribute-values.ts';
import { invalid } from './validation.ts';

/** The name of the partition key, and of the sort key when there is one. */
export type TableKeys = readonly [partitionKey: string, sortKey?: string];

/** A table in memory. Items are never changed in place. */
export class MemoryTable {
  readonly name: string;
  readonly keys: readonly string[];
  readonly #items = new Map<string, Attributes>();

  constructor(name: string, keys: TableKeys) {
    this.name = name;
    this.keys = keys.filter((key) => key !== undefined);
  }

  /** What is unique about an item, as text. */
  identify(item: Attributes): string {
    return JSON.stringify(
      this.keys.map((key) => keyText(item[key]) ?? invalid(`The item lacks the key '${key}' of ${this.name}`)),
    );
  }

  /** The key attributes of an item. */
  keyOf(item: Attributes): Attributes {
    return Object.fromEntries(this.keys.map((key) => [key, item[key]!]));
  }

  get(key: Attributes): Attributes | undefined {
    const item = this.#items.get(this.identify(key));
    return item && structuredClone(item);
  }

  put(item: Attributes): void {
    this.#items.set(this.identify(item), structuredClone(item));
  }

  delete(key: Attributes): void {
    this.#items.delete(this.identify(key));
  }

  /** Every item, by partition key and then by sort key. */
  all(): Attributes[] {
    return [...this.#items.values()]
      .sort((a, b) => {
        for (const key of this.keys) {
          const order = compare(a[key]!, b[key]!) ?? 0;
          if (order !== 0) return order;
        }
        return 0;
      })
      .map((item) => structuredClone(item));
  }
}

function keyText(value: AttributeValue | undefined): string | undefined {
  if (value?.N !== undefined) return `N${Number(value.N)}`;
  if (value?.S) return `S${value.S}`;
  return value?.B === undefined ? undefined : `B${Buffer.from(value.B as never, 'base64').toString('base64')}`;
}
