import { alike } from './alike.ts';
import type { ChangeKind } from './change.ts';
import { listArrays } from './changes-of-arrays.ts';
import { listCombinations, listConditions, listNot } from './changes-of-combinations.ts';
import { listObjects } from './changes-of-objects.ts';
import { listLimits, listStringsAndNumbers, listTypes, listValues } from './changes-of-values.ts';
import { deeper } from './engine.ts';
import { ARRAY, canonical, OBJECT } from './json-value.ts';
import { type Listing, type Pair, report } from './listing.ts';
import { assume, keywordsOf, referred } from './premise.ts';
import type { SchemaNode } from './schema-document.ts';

/** Annotations whose change is listed. */
const ANNOTATIONS: readonly { keyword: string; kind: ChangeKind }[] = [
  { keyword: '$id', kind: 'ID_CHANGED' },
  { keyword: 'id', kind: 'ID_CHANGED' },
  { keyword: 'title', kind: 'TITLE_CHANGED' },
  { keyword: 'description', kind: 'DESCRIPTION_CHANGED' },
  { keyword: 'default', kind: 'DEFAULT_CHANGED' },
];

/** Lists all differences of two schemas. */
export function listAll(listing: Listing, original: SchemaNode, update: SchemaNode): void {
  const premise = assume(listing.engine, [original]);
  const pair: Pair = { premise, original, update, path: '#', proven: false };
  listPair(listing, pair);
  // What was only met again while it was being listed counted as a break of it, and may have been the only one.
  const silent = listing.changes.every(({ compatible }) => compatible);
  if (silent && !listing.engine.included(premise, update)) reportTogether(listing, pair);
}

/**
 * Lists the differences of a pair of schemas and of all pairs inside of it. Whether they break is not for the list to say: when it
 * cannot be shown that the update takes all that the original allows, at least one of them breaks. A pair that is met again, through
 * references, is listed at the first place only.
 */
export function listPair(listing: Listing, pair: Pair): void {
  const { engine, visited } = listing;
  if (alike(engine, pair.original, pair.update, true)) return;
  const proven = pair.proven || engine.included(pair.premise, pair.update);
  const key = `${pair.premise.key}|${referred(pair.original).id}|${referred(pair.update).id}|${proven}`;
  const before = visited.get(key);
  if (before !== undefined) {
    // Listed elsewhere: counted as a break of this place, too, so that nobody looks for another one here.
    if (before) listing.breaks++;
    return;
  }
  visited.set(key, !proven);
  const breaks = listing.breaks;
  deeper(engine, () => listKeywords(listing, { ...pair, proven }));
  if (!proven && listing.breaks === breaks) reportTogether(listing, pair);
}

function reportTogether(listing: Listing, pair: Pair): void {
  report(listing, {
    kind: 'SCHEMA_CHANGED',
    path: pair.path,
    compatible: false,
    fact: `It cannot be shown that the changes here, taken together, let everything pass that ${listing.writer} allows`,
  });
}

function listKeywords(listing: Listing, pair: Pair): void {
  const plain = { ...pair, original: referred(pair.original), update: referred(pair.update) };
  listAnnotations(listing, pair, plain);
  if (alike(listing.engine, plain.original, plain.update, true)) return;
  if (typeof plain.original.schema === 'boolean' || typeof plain.update.schema === 'boolean') {
    listBoolean(listing, plain);
    return;
  }
  if (listCombinations(listing, plain)) return;
  const types = listTypes(listing, plain);
  listValues(listing, plain);
  listStringsAndNumbers(listing, plain, types);
  if ((types & OBJECT) !== 0) listObjects(listing, plain);
  if ((types & ARRAY) !== 0) listArrays(listing, plain);
  listLimits(listing, plain, types);
  listNot(listing, plain);
  listConditions(listing, plain);
}

/** What stands beside a reference counts before what it leads to. */
function listAnnotations(listing: Listing, pair: Pair, referred: Pair): void {
  for (const { keyword, kind } of ANNOTATIONS) {
    const from = annotationOf(pair.original, keyword) ?? annotationOf(referred.original, keyword);
    const to = annotationOf(pair.update, keyword) ?? annotationOf(referred.update, keyword);
    if (from === to) continue;
    const fact = `The ${keyword} is another one`;
    report(listing, { kind, path: pair.path, compatible: true, fact });
  }
}

function annotationOf(node: SchemaNode, keyword: string): string | undefined {
  const keywords = keywordsOf(node);
  return Object.hasOwn(keywords, keyword) ? canonical(keywords[keyword]) : undefined;
}

/** One of them is true or false. */
function listBoolean(listing: Listing, pair: Pair): void {
  const { writer, reader } = listing;
  const { path, proven } = pair;
  if (pair.original.schema === false) {
    report(listing, { kind: 'TYPE_EXTENDED', path, compatible: true, fact: `Nothing fits ${writer}` });
  } else if (pair.update.schema === false) {
    report(listing, { kind: 'TYPE_NARROWED', path, compatible: proven, fact: `Nothing fits ${reader}` });
  } else if (pair.update.schema === true) {
    report(listing, { kind: 'TYPE_EXTENDED', path, compatible: true, fact: `Everything fits ${reader}` });
  } else {
    // True is what no keyword restricts.
    listKeywords(listing, { ...pair, original: pair.original.document.node(EVERYTHING) });
  }
}

const EVERYTHING = {};
