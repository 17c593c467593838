import { alike } from './alike.ts';
import type { ChangeKind } from './change.ts';
import { listPair } from './changes.ts';
import { isEquivalent } from './implied-combinations.ts';
import { below } from './json-pointer.ts';
import { holds, type Listing, type Pair, report } from './listing.ts';
import { inner, keywordsOf, nodesOf, premiseOf, suppose, typesOf } from './premise.ts';
import { refAlone, type SchemaNode } from './schema-document.ts';

type Criterion = 'allOf' | 'anyOf' | 'oneOf';
const CRITERIA: readonly Criterion[] = ['allOf', 'anyOf', 'oneOf'];

interface Member {
  readonly node: SchemaNode;
  readonly path: string;
}

interface Combination {
  readonly criterion: Criterion;
  readonly members: readonly Member[];
}

/**
 * Lists the changes of what schemas are combined of. Returns true when that says everything: when one side is nothing but a
 * combination, and its members were compared with the other side as a whole.
 */
export function listCombinations(listing: Listing, pair: Pair): boolean {
  const [from, to] = [combinations(pair.original, pair.path), combinations(pair.update, pair.path)];
  const lonelyFrom: Combination[] = [];
  const lonelyTo = to.filter(({ criterion }) => !from.some((each) => each.criterion === criterion));
  for (const combination of from) {
    const counterpart = to.find(({ criterion }) => criterion === combination.criterion);
    if (counterpart === undefined) lonelyFrom.push(combination);
    else listMembers(listing, pair, combination, counterpart);
  }
  while (lonelyFrom.length > 0 && lonelyTo.length > 0) listOther(listing, pair, lonelyFrom.shift()!, lonelyTo.shift()!);
  return (
    lonelyTo.map((one) => listGained(listing, pair, one)).some(Boolean) ||
    lonelyFrom.map((one) => listLost(listing, pair, one)).some(Boolean)
  );
}

function combinations(node: SchemaNode, path: string): Combination[] {
  const keywords = keywordsOf(node);
  return CRITERIA.flatMap((criterion) => {
    const members = nodesOf(node, keywords[criterion]).map((each, index) => ({
      node: each,
      path: below(path, criterion, index),
    }));
    if (criterion === 'allOf' && typeof keywords.$ref === 'string' && !refAlone(node.document.dialect)) {
      members.push({ node: node.document.target(node), path: below(path, '$ref') });
    }
    return members.length === 0 ? [] : [{ criterion, members }];
  });
}

/** Without the members that only repeat another. */
function distinct(listing: Listing, { criterion, members }: Combination): readonly Member[] {
  // In a oneOf a repeated member counts: what fits it fits two.
  if (criterion === 'oneOf') return members;
  return members.filter(
    (member, index) => !members.slice(0, index).some(({ node }) => alike(listing.engine, node, member.node)),
  );
}

function listMembers(listing: Listing, pair: Pair, from: Combination, to: Combination): void {
  const [before, after] = [distinct(listing, from), distinct(listing, to)];
  const { writer, reader } = listing;
  const fact = `${writer} combines ${before.length} schemas with ${from.criterion}, ${reader} ${after.length} with ${to.criterion}`;
  const sum = to.criterion !== 'allOf';
  if (before.length !== after.length) {
    const more = after.length > before.length;
    const kind: ChangeKind = sum
      ? more
        ? 'SUM_TYPE_EXTENDED'
        : 'SUM_TYPE_NARROWED'
      : more
        ? 'PRODUCT_TYPE_EXTENDED'
        : 'PRODUCT_TYPE_NARROWED';
    const overlap =
      to.criterion === 'oneOf' && more
        ? `what fits ${writer} may fit more than one of them, which oneOf refuses`
        : undefined;
    const compatible = (!sum && !more) || holds(listing, pair, to.criterion);
    report(listing, { kind, path: pair.path, compatible, fact, breaks: overlap });
  }
  const { matched, left, right } = match(listing, pair, before, after, sum);
  for (const { original, update, proven } of matched)
    listMember(listing, pair, original, update, sum, pair.proven || proven);
  const pairs = Math.min(left.length, right.length);
  if (pairs === 0) return;
  const compatible = holds(listing, pair, to.criterion);
  report(listing, {
    kind: 'COMBINED_TYPE_SUBSCHEMAS_CHANGED',
    path: pair.path,
    compatible,
    fact: `${left
      .slice(0, 3)
      .map(({ path }) => path)
      .join(', ')} of ${writer} has no counterpart among the schemas that ${reader} combines`,
  });
  for (let index = 0; index < pairs; index++) listMember(listing, pair, left[index]!, right[index]!, sum, compatible);
}

function listMember(
  listing: Listing,
  pair: Pair,
  original: Member,
  update: Member,
  sum: boolean,
  proven: boolean,
): void {
  const { engine } = listing;
  const nodes = sum ? [...pair.premise.nodes, original.node] : pair.premise.nodes;
  const premise = premiseOf(engine, nodes, pair.premise.origin);
  listPair(listing, { premise, original: original.node, update: update.node, path: original.path, proven });
}

/** Finds counterparts: first what is alike, wherever it moved, then what includes it. */
function match(listing: Listing, pair: Pair, from: readonly Member[], to: readonly Member[], sum: boolean) {
  const { engine } = listing;
  const right = new Set(to);
  const matched: { original: Member; update: Member; proven: boolean }[] = [];
  const find = (candidates: readonly Member[], fits: (a: Member, b: Member) => boolean, proven: boolean) =>
    candidates.filter((original) => {
      const update = [...right].find((each) => fits(original, each));
      if (update === undefined) return true;
      right.delete(update);
      matched.push({ original, update, proven });
      return false;
    });
  let left = find(from, (a, b) => alike(engine, a.node, b.node, true), true);
  left = find(left, (a, b) => alike(engine, a.node, b.node), true);
  left = find(
    left,
    (a, b) =>
      engine.included(
        sum ? premiseOf(engine, [...pair.premise.nodes, a.node], pair.premise.origin) : suppose(engine, [a.node]),
        b.node,
      ),
    true,
  );
  return { matched, left, right: [...right] };
}

/** One combination became another. */
function listOther(listing: Listing, pair: Pair, from: Combination, to: Combination): void {
  const compatible = holds(listing, pair, to.criterion);
  const fact = `${listing.writer} combines with ${from.criterion}, ${listing.reader} with ${to.criterion}`;
  report(listing, {
    kind: compatible ? 'COMBINED_TYPE_EXTENDED' : 'COMBINED_TYPE_CHANGED',
    path: pair.path,
    compatible,
    fact,
  });
  if (compatible && from.criterion !== 'allOf' && to.criterion !== 'allOf')
    listMembers(listing, { ...pair, proven: true }, from, to);
  else if (compatible && from.members.length === 1 && to.members.length > 1 && to.criterion !== 'allOf') {
    const more = `${listing.reader} has ${to.members.length} alternatives, ${listing.writer} one`;
    report(listing, { kind: 'SUM_TYPE_EXTENDED', path: pair.path, compatible, fact: more });
  }
}

/** Only the update combines. */
function listGained(listing: Listing, pair: Pair, { criterion, members }: Combination): boolean {
  const { engine, writer, reader } = listing;
  const bare = isBare(pair.update);
  const [first] = members;
  if (members.length === 1 && bare) {
    listPair(listing, { ...pair, update: first!.node });
    return true;
  }
  const compatible = holds(listing, pair, criterion);
  const fact = combining(reader, criterion);
  if (criterion === 'allOf') {
    report(listing, { kind: 'PRODUCT_TYPE_EXTENDED', path: pair.path, compatible, fact });
    return bare;
  }
  const fitting = members.find(({ node }) => engine.included(pair.premise, node));
  if (fitting === undefined && !compatible) {
    const apart = members.every(
      ({ node }) => (typesOf(engine, pair.premise) & typesOf(engine, suppose(engine, [node]))) === 0,
    );
    report(listing, { kind: apart ? 'TYPE_CHANGED' : 'COMBINED_TYPE_CHANGED', path: pair.path, compatible, fact });
    return bare;
  }
  if (bare && fitting !== undefined) listPair(listing, { ...pair, update: fitting.node, proven: true });
  report(listing, {
    kind: 'SUM_TYPE_EXTENDED',
    path: pair.path,
    compatible,
    fact: `${fact}, and what ${writer} allows is one of them`,
    breaks: `it may fit another one as well, which oneOf refuses`,
  });
  return bare;
}

/** Keywords beside a `$ref` are an allOf by another name. */
function combining(who: string, criterion: Combination['criterion']): string {
  return criterion === 'allOf'
    ? `Only ${who} has several schemas that all have to fit (allOf, or a $ref with keywords beside it)`
    : `Only ${who} combines schemas with ${criterion}`;
}

/** Only the original combines. */
function listLost(listing: Listing, pair: Pair, { criterion, members }: Combination): boolean {
  const { engine, writer, reader } = listing;
  const bare = isBare(pair.original);
  if (members.length === 1 && bare) {
    listPair(listing, { ...pair, original: members[0]!.node });
    return true;
  }
  const fact = combining(writer, criterion);
  if (criterion === 'allOf') {
    report(listing, { kind: 'PRODUCT_TYPE_NARROWED', path: pair.path, compatible: true, fact });
    return false;
  }
  const compatible = pair.proven || !bare;
  report(listing, {
    kind: compatible ? 'COMBINED_TYPE_EXTENDED' : 'SUM_TYPE_NARROWED',
    path: pair.path,
    compatible,
    fact,
    breaks: `not all of the ${members.length} alternatives fit ${reader}`,
  });
  if (!bare) return false;
  const closest = members.find(({ node }) =>
    engine.included(premiseOf(engine, [...pair.premise.nodes, node], pair.premise.origin), pair.update),
  );
  if (closest !== undefined) listPair(listing, { ...pair, original: closest.node, proven: true });
  return true;
}

const NOT_BARE = /^(?!\$|title$|description$|default$|definitions$|examples$|deprecated$|allOf$|anyOf$|oneOf$|x-)/;

/** Whether a schema says nothing beside what it combines. */
function isBare(node: SchemaNode): boolean {
  const keywords = Object.keys(keywordsOf(node));
  return (
    !keywords.some((keyword) => NOT_BARE.test(keyword)) &&
    CRITERIA.filter((criterion) => keywords.includes(criterion)).length === 1
  );
}

export function listNot(listing: Listing, pair: Pair): void {
  const { writer, reader } = listing;
  const [original, update] = [inner(pair.original, 'not'), inner(pair.update, 'not')];
  if (original === undefined && update === undefined) return;
  const path = below(pair.path, 'not');
  if (update === undefined) {
    report(listing, {
      kind: 'NOT_TYPE_REMOVED',
      path,
      compatible: true,
      fact: `Only ${writer} excludes something with not`,
    });
    return;
  }
  if (original !== undefined && alike(listing.engine, original, update)) return;
  const compatible = holds(listing, pair, 'not');
  const kind = original === undefined ? 'NOT_TYPE_ADDED' : compatible ? 'NOT_TYPE_NARROWED' : 'NOT_TYPE_EXTENDED';
  const fact =
    original === undefined
      ? `Only ${reader} excludes something with not`
      : `${writer} and ${reader} exclude different things with not`;
  report(listing, { kind, path, compatible, fact });
}

export function listConditions(listing: Listing, pair: Pair): void {
  const { engine, writer, reader } = listing;
  const [original, update] = [inner(pair.original, 'if'), inner(pair.update, 'if')];
  if (original === undefined && update === undefined) return;
  const path = below(pair.path, 'if');
  if (update === undefined) {
    report(listing, { kind: 'CONDITION_REMOVED', path, compatible: true, fact: `Only ${writer} has a condition` });
    return;
  }
  const compatible = holds(listing, pair, 'if');
  if (original === undefined) {
    report(listing, { kind: 'CONDITION_ADDED', path, compatible, fact: `Only ${reader} has a condition` });
    return;
  }
  if (!isEquivalent(engine, original, update)) {
    report(listing, {
      kind: 'CONDITION_CHANGED',
      path,
      compatible,
      fact: `${writer} and ${reader} have different conditions`,
    });
    return;
  }
  for (const keyword of ['then', 'else'] as const) {
    const [from, to] = [inner(pair.original, keyword), inner(pair.update, keyword)];
    const place = below(pair.path, keyword);
    if (from !== undefined && to !== undefined) {
      const known = premiseOf(
        engine,
        [...pair.premise.nodes, from, ...(keyword === 'then' ? [update] : [])],
        pair.premise.origin,
      );
      listPair(listing, { premise: known, original: from, update: to, path: place, proven: compatible });
    } else if (from !== undefined) {
      report(listing, { kind: 'SCHEMA_REMOVED', path: place, compatible: true, fact: `Only ${writer} has ${keyword}` });
    } else if (to !== undefined) {
      report(listing, { kind: 'SCHEMA_ADDED', path: place, compatible, fact: `Only ${reader} has ${keyword}` });
    }
  }
}
