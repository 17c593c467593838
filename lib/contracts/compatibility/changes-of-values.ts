import type { ChangeKind } from './change.ts';
import { below } from './json-pointer.ts';
import { ANY_TYPE, ARRAY, canonical, isMultiple, NUMBER, OBJECT, STRING, typeBits, typeNames } from './json-value.ts';
import type { Keywords } from './keywords.ts';
import { holds, type Listing, type Pair, report, shown, shownList } from './listing.ts';
import { keywordsOf, numberOf, typesOf, valuesOf } from './premise.ts';
import { isRecent } from './schema-document.ts';

/** The limits, with the types that they are for; the rule that judges them when it is not of their name. */
const LIMITS = [
  { keyword: 'maxLength', kind: 'MAX_LENGTH', types: STRING },
  { keyword: 'minLength', kind: 'MIN_LENGTH', types: STRING },
  { keyword: 'maximum', kind: 'MAXIMUM', types: NUMBER },
  { keyword: 'minimum', kind: 'MINIMUM', types: NUMBER },
  { keyword: 'exclusiveMaximum', kind: 'EXCLUSIVE_MAXIMUM', types: NUMBER },
  { keyword: 'exclusiveMinimum', kind: 'EXCLUSIVE_MINIMUM', types: NUMBER },
  { keyword: 'maxProperties', kind: 'MAX_PROPERTIES', types: OBJECT },
  { keyword: 'minProperties', kind: 'MIN_PROPERTIES', types: OBJECT },
  { keyword: 'maxItems', kind: 'MAX_ITEMS', types: ARRAY },
  { keyword: 'minItems', kind: 'MIN_ITEMS', types: ARRAY },
  { keyword: 'maxContains', kind: 'MAX_CONTAINS', types: ARRAY, rule: 'contains', recent: true },
  { keyword: 'minContains', kind: 'MIN_CONTAINS', types: ARRAY, rule: 'contains', recent: true },
] as const;

/** Lists the changes of the type. Returns the types that both sides have: only these are worth comparing further. */
export function listTypes(listing: Listing, pair: Pair): number {
  const { writer, reader, engine } = listing;
  const known = typesOf(engine, pair.premise);
  const [from, to] = [typeBits(keywordsOf(pair.original).type), typeBits(keywordsOf(pair.update).type)];
  if (from === to) return known & to;
  const compatible = holds(listing, pair, 'type');
  const change = {
    path: pair.path,
    compatible,
    fact: `${writer} allows ${typeNames(from)}, ${reader} ${typeNames(to)}`,
  };
  const onlyNumbers = ((from ^ to) & ~NUMBER) === 0;
  if ((from & ~to) === 0) {
    report(listing, { ...change, kind: onlyNumbers || to === ANY_TYPE ? 'TYPE_EXTENDED' : 'SUM_TYPE_EXTENDED' });
  } else if ((to & ~from) === 0) {
    report(listing, { ...change, kind: onlyNumbers || from === ANY_TYPE ? 'TYPE_NARROWED' : 'SUM_TYPE_NARROWED' });
  } else {
    report(listing, { ...change, kind: 'TYPE_CHANGED' });
  }
  return known & to;
}

export function listValues(listing: Listing, pair: Pair): void {
  const { writer, reader } = listing;
  const [from, to] = [valuesOf(pair.original), valuesOf(pair.update)];
  if (from === undefined && to === undefined) return;
  const keyword = Object.hasOwn(keywordsOf(to === undefined ? pair.original : pair.update), 'const') ? 'const' : 'enum';
  const path = below(pair.path, keyword);
  if (to === undefined) {
    report(listing, { kind: 'ENUM_ARRAY_REMOVED', path, compatible: true, fact: `Only ${writer} lists values` });
    return;
  }
  const compatible = holds(listing, pair, 'enum');
  if (from === undefined) {
    report(listing, {
      kind: 'ENUM_ARRAY_ADDED',
      path,
      compatible,
      fact: `Only ${reader} lists values: ${shownList(to)}`,
    });
    return;
  }
  const [known, next] = [new Set(from.map(canonical)), new Set(to.map(canonical))];
  const removed = from.filter((value) => !next.has(canonical(value)));
  const added = to.filter((value) => !known.has(canonical(value)));
  if (removed.length === 0 && added.length === 0) return;
  const kind: ChangeKind =
    removed.length === 0 ? 'ENUM_ARRAY_EXTENDED' : added.length === 0 ? 'ENUM_ARRAY_NARROWED' : 'ENUM_ARRAY_CHANGED';
  const fact =
    removed.length === 0
      ? `Only ${reader} allows ${shownList(added)}, beside all that ${writer} does`
      : `Only ${writer} allows ${shownList(removed)}`;
  report(listing, { kind, path, compatible: compatible || removed.length === 0, fact });
}

export function listLimits(listing: Listing, pair: Pair, types: number): void {
  for (const limit of LIMITS) {
    if ((types & limit.types) === 0) continue;
    const { keyword, kind } = limit;
    const old = 'recent' in limit;
    const from = old && !isRecent(pair.original.document.dialect) ? undefined : numberOf(pair.original, keyword);
    const to = old && !isRecent(pair.update.document.dialect) ? undefined : numberOf(pair.update, keyword);
    if (from === to) continue;
    const upper = keyword.startsWith('max') || keyword === 'exclusiveMaximum';
    const { writer, reader } = listing;
    const change = { path: below(pair.path, keyword) };
    if (from === undefined || to === undefined) {
      const compatible =
        to === undefined ? isHarmless(pair, keyword) : holds(listing, pair, 'rule' in limit ? limit.rule : keyword);
      const fact =
        to === undefined ? `Only ${writer} has ${keyword} (${from})` : `Only ${reader} has ${keyword} (${to})`;
      report(listing, {
        ...change,
        kind: `${kind}_${to === undefined ? 'REMOVED' : 'ADDED'}` as ChangeKind,
        compatible,
        fact,
      });
      continue;
    }
    const looser = upper === to > from;
    report(listing, {
      ...change,
      kind: `${kind}_${to > from ? 'INCREASED' : 'DECREASED'}` as ChangeKind,
      compatible: looser || holds(listing, pair, 'rule' in limit ? limit.rule : keyword),
      fact: `The ${keyword} is ${from} in ${writer} and ${to} in ${reader}`,
    });
  }
}

/** Without minContains, contains wants one: that is more than it wanted with 0. */
function isHarmless(pair: Pair, keyword: string): boolean {
  return (
    keyword !== 'minContains' ||
    numberOf(pair.original, keyword) !== 0 ||
    pair.proven ||
    keywordsOf(pair.update).contains === undefined
  );
}

export function listStringsAndNumbers(listing: Listing, pair: Pair, types: number): void {
  if ((types & STRING) !== 0) listText(listing, pair, 'pattern', 'PATTERN');
  if ((types & (STRING | NUMBER)) !== 0) listText(listing, pair, 'format', 'FORMAT');
  if ((types & NUMBER) !== 0) listMultiple(listing, pair);
  if ((types & ARRAY) !== 0) listUnique(listing, pair);
}

function listText(listing: Listing, pair: Pair, keyword: 'pattern' | 'format', kind: 'PATTERN' | 'FORMAT'): void {
  const { writer, reader } = listing;
  const [from, to] = [keywordsOf(pair.original)[keyword], keywordsOf(pair.update)[keyword]];
  if (from === to) return;
  const path = below(pair.path, keyword);
  if (to === undefined) {
    report(listing, {
      kind: `${kind}_REMOVED`,
      path,
      compatible: true,
      fact: `Only ${writer} has a ${keyword} (${shown(from)})`,
    });
    return;
  }
  const compatible = holds(listing, pair, keyword);
  const fact =
    from === undefined
      ? `Only ${reader} has a ${keyword} (${shown(to)})`
      : `The ${keyword} is ${shown(from)} in ${writer} and ${shown(to)} in ${reader}`;
  report(listing, { kind: `${kind}_${from === undefined ? 'ADDED' : 'CHANGED'}`, path, compatible, fact });
}

function listMultiple(listing: Listing, pair: Pair): void {
  const { writer, reader } = listing;
  const [from, to] = [numberOf(pair.original, 'multipleOf'), numberOf(pair.update, 'multipleOf')];
  if (from === to) return;
  const path = below(pair.path, 'multipleOf');
  if (to === undefined) {
    report(listing, {
      kind: 'MULTIPLE_OF_REMOVED',
      path,
      compatible: true,
      fact: `Only ${writer} has multipleOf (${from})`,
    });
    return;
  }
  const compatible = holds(listing, pair, 'multipleOf');
  if (from === undefined) {
    report(listing, { kind: 'MULTIPLE_OF_ADDED', path, compatible, fact: `Only ${reader} has multipleOf (${to})` });
    return;
  }
  const kind = isMultiple(from, to) ? 'REDUCED' : isMultiple(to, from) ? 'EXPANDED' : 'CHANGED';
  const fact = `The multipleOf is ${from} in ${writer} and ${to} in ${reader}`;
  report(listing, { kind: `MULTIPLE_OF_${kind}`, path, compatible, fact });
}

function listUnique(listing: Listing, pair: Pair): void {
  const { writer, reader } = listing;
  const wanted = (keywords: Keywords) => keywords.uniqueItems === true;
  const [from, to] = [wanted(keywordsOf(pair.original)), wanted(keywordsOf(pair.update))];
  if (from === to) return;
  const path = below(pair.path, 'uniqueItems');
  if (from)
    report(listing, {
      kind: 'UNIQUE_ITEMS_REMOVED',
      path,
      compatible: true,
      fact: `Only ${writer} forbids that items repeat`,
    });
  else {
    const compatible = holds(listing, pair, 'uniqueItems');
    report(listing, { kind: 'UNIQUE_ITEMS_ADDED', path, compatible, fact: `Only ${reader} forbids that items repeat` });
  }
}
