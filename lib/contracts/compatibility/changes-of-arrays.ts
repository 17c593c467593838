import { listPair } from './changes.ts';
import { isEmpty, listRest } from './changes-of-objects.ts';
import { tuple } from './composition.ts';
import { includedBelow } from './engine.ts';
import { enoughContained, notTooManyContained } from './implied-arrays.ts';
import { below } from './json-pointer.ts';
import { holds, type Listing, type Pair, report } from './listing.ts';
import { itemOf, prefixLength, unevaluated } from './members.ts';
import { inner, suppose } from './premise.ts';
import type { SchemaNode } from './schema-document.ts';

export function listArrays(listing: Listing, pair: Pair): void {
  listItems(listing, pair);
  listRest(
    listing,
    pair,
    'unevaluatedItems',
    unevaluated(pair.original, 'unevaluatedItems'),
    unevaluated(pair.update, 'unevaluatedItems'),
  );
  listContained(listing, pair);
}

function listItems(listing: Listing, pair: Pair): void {
  const { engine, writer, reader } = listing;
  const [from, to] = [tuple(pair.original), tuple(pair.update)];
  const length = Math.max(from.prefix.length, to.prefix.length);
  for (let index = 0; index < length; index++) {
    const [original, update] = [from.prefix[index], to.prefix[index]];
    const path = below(pair.path, update === undefined ? from.listKeyword : to.listKeyword, index);
    const premise = itemOf(engine, pair.premise, index);
    const goal = update ?? to.rest;
    const proven = pair.proven || premise.never || goal === undefined || includedBelow(engine, premise, goal);
    if (original !== undefined && update !== undefined) listPair(listing, { premise, original, update, path, proven });
    else if (update === undefined)
      listRemovedItem(listing, pair, { original: original!, rest: to.rest, path, index, proven });
    else listAddedItem(listing, pair, { update, rest: from.rest, path, index, proven });
  }
  const premise = itemOf(engine, pair.premise, Math.max(length, prefixLength(pair.premise)));
  if (length > 0) {
    const { restKeyword } = to.prefix.length > 0 ? to : from;
    listRest(listing, pair, 'additionalItems', from.rest, to.rest, {
      steps: [restKeyword as never],
      rule: 'items',
      premise,
    });
    return;
  }
  const path = below(pair.path, 'items');
  if (from.rest !== undefined && to.rest !== undefined) {
    listPair(listing, { premise, original: from.rest, update: to.rest, path, proven: holds(listing, pair, 'items') });
  } else if (from.rest !== undefined && !isEmpty(from.rest)) {
    report(listing, {
      kind: 'SCHEMA_REMOVED',
      path,
      compatible: true,
      fact: `Only ${writer} has a schema for the items`,
    });
  } else if (to.rest !== undefined && !isEmpty(to.rest)) {
    const compatible = holds(listing, pair, 'items');
    report(listing, { kind: 'SCHEMA_ADDED', path, compatible, fact: `Only ${reader} has a schema for the items` });
  }
}

interface Item {
  readonly rest: SchemaNode | undefined;
  readonly path: string;
  readonly index: number;
  /** Whatever may be there fits. */
  readonly proven: boolean;
}

function listRemovedItem(listing: Listing, pair: Pair, item: Item & { original: SchemaNode }): void {
  const { engine, writer, reader } = listing;
  const { original, rest, path, index, proven } = item;
  const fact = `Only ${writer} has a schema for this item`;
  if (rest === undefined || isEmpty(rest)) {
    report(listing, { kind: 'ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL', path, compatible: true, fact });
  } else if (rest.schema === false) {
    const never = original.schema === false;
    report(listing, {
      kind: never ? 'ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL' : 'ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL',
      path,
      compatible: proven,
      fact: never ? `${fact}, and it cannot be there` : `${fact}, and ${reader} refuses further ones`,
    });
  } else {
    listPair(listing, { premise: itemOf(engine, pair.premise, index), original, update: rest, path, proven });
    report(listing, {
      kind: `ITEM_REMOVED_${proven ? 'IS' : 'NOT'}_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL`,
      path,
      compatible: proven,
      fact: `${fact}, and ${reader} has another one for further items`,
    });
  }
}

function listAddedItem(listing: Listing, pair: Pair, item: Item & { update: SchemaNode }): void {
  const { engine, writer, reader } = listing;
  const { update, rest, path, index, proven } = item;
  const fact = `Only ${reader} has a schema for this item`;
  if (rest === undefined || isEmpty(rest)) {
    const kind = isEmpty(update)
      ? 'ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL'
      : 'ITEM_ADDED_TO_OPEN_CONTENT_MODEL';
    report(listing, { kind, path, compatible: proven, fact: `${fact}, and ${writer} lets anything be there` });
  } else if (rest.schema === false) {
    const none = `${fact}, and by ${writer} there is none`;
    report(listing, { kind: 'ITEM_ADDED_TO_CLOSED_CONTENT_MODEL', path, compatible: true, fact: none });
  } else {
    listPair(listing, { premise: itemOf(engine, pair.premise, index), original: rest, update, path, proven });
    report(listing, {
      kind: `ITEM_ADDED_${proven ? 'IS' : 'NOT'}_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL`,
      path,
      compatible: proven,
      fact: `${fact}, and ${writer} has another one for further items`,
    });
  }
}

function listContained(listing: Listing, pair: Pair): void {
  const { engine, writer, reader } = listing;
  const [original, update] = [inner(pair.original, 'contains'), inner(pair.update, 'contains')];
  if (original === undefined && update === undefined) return;
  const path = below(pair.path, 'contains');
  if (update === undefined) {
    report(listing, {
      kind: 'CONTAINS_REMOVED',
      path,
      compatible: true,
      fact: `Only ${writer} wants certain items to be there`,
    });
  } else if (original === undefined) {
    const compatible = holds(listing, pair, 'contains');
    report(listing, {
      kind: 'CONTAINS_ADDED',
      path,
      compatible,
      fact: `Only ${reader} wants certain items to be there`,
    });
  } else {
    const least = pair.proven || enoughContained(engine, pair.premise, pair.update, update);
    const proven = least && (pair.proven || notTooManyContained(engine, pair.premise, pair.update, update));
    const before = listing.breaks;
    listPair(listing, { premise: suppose(engine, [original]), original, update, path, proven });
    // The counts are judged with the schema: they are reported by their own keywords, unless those did not change.
    const sameCounts = ['minContains', 'maxContains'].every(
      (keyword) =>
        (pair.original.schema as Record<string, unknown>)[keyword] ===
        (pair.update.schema as Record<string, unknown>)[keyword],
    );
    if (!proven && sameCounts && listing.breaks === before) {
      const fact = `${writer} and ${reader} count different items`;
      report(listing, { kind: 'CONTAINS_CHANGED', path, compatible: false, fact });
    }
  }
}
