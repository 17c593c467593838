import type { AttributeValue, TransactWriteItem } from '@aws-sdk/client-dynamodb';

/** What one call takes (source: TransactWriteItems, Amazon DynamoDB API reference). */
export const MOST = { items: 100, bytes: 4 * 1024 * 1024 };

/** How large a transaction is, and how large it may be. */
export function sizeOf(items: readonly TransactWriteItem[]): { most: typeof MOST; bytes: number } {
  let bytes = 0;
  for (const { Put, Update, Delete, ConditionCheck } of items) {
    const operation = Put ?? Update ?? Delete ?? ConditionCheck;
    if (operation === undefined) continue;
    bytes += sizeOfAttributes(Put?.Item) + sizeOfAttributes(operation.ExpressionAttributeValues);
    if ('Key' in operation) bytes += sizeOfAttributes(operation.Key);
  }
  return { most: MOST, bytes };
}

/** Transactions that fit into one call. */
export interface Group<Member> {
  members: Member[];
  /** Whether it touches an item that a group before it touches as well. */
  follows: boolean;
}

/** Puts transactions together, in their order. */
export type Packer = <Member>(
  members: readonly Member[],
  itemsOf: (member: Member) => readonly TransactWriteItem[],
) => Group<Member>[];

/**
 * Puts transactions together that fit into one call and do not touch the same item, which DynamoDB refuses. The key of a
 * `Put` is known once a table was seen with a `Key`; until then such a call is refused and sent apart.
 */
export function createPacker(): Packer {
  const keyNames = new Map<string, readonly string[]>();

  /** Names the items that a transaction touches, as far as they are known. */
  function* touched(items: readonly TransactWriteItem[]): Generator<string> {
    for (const { Put, Update, Delete, ConditionCheck } of items) {
      const keyed = Update ?? Delete ?? ConditionCheck;
      if (keyed?.Key !== undefined) {
        const names = Object.keys(keyed.Key).sort();
        keyNames.set(keyed.TableName!, names);
        yield nameOf(keyed.TableName!, names, keyed.Key);
      } else if (Put?.Item !== undefined) {
        const names = keyNames.get(Put.TableName!);
        if (names !== undefined) yield nameOf(Put.TableName!, names, Put.Item);
      }
    }
  }

  return function pack<Member>(
    members: readonly Member[],
    itemsOf: (member: Member) => readonly TransactWriteItem[],
  ): Group<Member>[] {
    const groups: (Group<Member> & { items: number; bytes: number; touched: Set<string> })[] = [];
    for (const member of members) {
      const items = itemsOf(member);
      const { bytes } = sizeOf(items);
      const names = [...touched(items)];
      const last = groups.at(-1);
      const fits =
        last !== undefined &&
        last.items + items.length <= MOST.items &&
        last.bytes + bytes <= MOST.bytes &&
        !names.some((name) => last.touched.has(name));
      const follows = groups.some((group) => names.some((name) => group.touched.has(name)));
      const group = fits ? last : { members: [], items: 0, bytes: 0, touched: new Set<string>(), follows };
      if (!fits) groups.push(group);
      group.members.push(member);
      group.items += items.length;
      group.bytes += bytes;
      group.follows ||= follows;
      for (const name of names) group.touched.add(name);
    }
    return groups;
  };
}

function nameOf(table: string, names: readonly string[], attributes: Record<string, AttributeValue>): string {
  return `${table} ${JSON.stringify(names.map((name) => attributes[name]))}`;
}

function sizeOfAttributes(attributes: Record<string, AttributeValue> | undefined): number {
  let bytes = 0;
  for (const name in attributes) bytes += name.length + sizeOfValue(attributes[name]!);
  return bytes;
}

/** Source: "DynamoDB item sizes and formats", Amazon DynamoDB developer guide; numbers rounded up. */
function sizeOfValue(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return Math.ceil(value.N.length / 2) + 2;
  if (value.B !== undefined) return value.B.length;
  if (value.M !== undefined) return 3 + sizeOfAttributes(value.M) + Object.keys(value.M).length;
  if (value.L !== undefined) return value.L.reduce((sum, one) => sum + 1 + sizeOfValue(one), 3);
  if (value.SS !== undefined) return value.SS.reduce((sum, one) => sum + Buffer.byteLength(one), 0);
  if (value.NS !== undefined) return value.NS.reduce((sum, one) => sum + Math.ceil(one.length / 2) + 2, 0);
  if (value.BS !== undefined) return value.BS.reduce((sum, one) => sum + one.length, 0);
  return 1;
}
