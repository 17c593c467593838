import type { ChangeKind } from './change.ts';
import { listPair } from './changes.ts';
import { dependentNames, dependentSchemas } from './composition.ts';
import {
  dependencyIsImplied,
  dependentSchemaIsImplied,
  hasDefault,
  isRequired,
  patternPropertyIsImplied,
  propertyIsImplied,
} from './implied-objects.ts';
import { below } from './json-pointer.ts';
import { holds, type Listing, type Pair, report, shownList } from './listing.ts';
import { propertyOf, schemasOfProperty, unevaluated } from './members.ts';
import { inner, keywordsOf, namedSchemas, suppose } from './premise.ts';
import { isRecent, type SchemaNode } from './schema-document.ts';

export function listObjects(listing: Listing, pair: Pair): void {
  listRequired(listing, pair);
  listProperties(listing, pair);
  listPatterns(listing, pair);
  listRest(
    listing,
    pair,
    'additionalProperties',
    inner(pair.original, 'additionalProperties'),
    inner(pair.update, 'additionalProperties'),
  );
  listRest(
    listing,
    pair,
    'unevaluatedProperties',
    unevaluated(pair.original, 'unevaluatedProperties'),
    unevaluated(pair.update, 'unevaluatedProperties'),
  );
  listNames(listing, pair);
  listDependencies(listing, pair);
}

function requiredBy(node: SchemaNode): ReadonlySet<string> {
  return new Set((keywordsOf(node).required as string[] | undefined) ?? []);
}

function propertiesOf(node: SchemaNode): Map<string, SchemaNode> {
  return new Map(namedSchemas(node, 'properties'));
}

function listRequired(listing: Listing, pair: Pair): void {
  const { writer, reader } = listing;
  const [from, to] = [requiredBy(pair.original), requiredBy(pair.update)];
  const [before, after] = [propertiesOf(pair.original), propertiesOf(pair.update)];
  for (const name of from) {
    if (to.has(name)) continue;
    const path = below(pair.path, 'required', name);
    report(listing, {
      kind: 'REQUIRED_ATTRIBUTE_REMOVED',
      path,
      compatible: true,
      fact: `Only ${writer} requires the property`,
    });
  }
  for (const name of to) {
    // A property that is new in the properties is reported there.
    if (from.has(name) || (after.has(name) && !before.has(name))) continue;
    const path = below(pair.path, 'required', name);
    if (hasDefault(pair.update, name)) {
      const fact = `Only ${reader} requires the property, and it has a default for data without it`;
      report(listing, { kind: 'REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED', path, compatible: true, fact });
      continue;
    }
    report(listing, {
      kind: 'REQUIRED_ATTRIBUTE_ADDED',
      path,
      compatible: pair.proven || isRequired(pair.premise, pair.update, name),
      fact: `Only ${reader} requires the property`,
      breaks: `data without it fits ${writer} but not ${reader}`,
    });
  }
}

function listProperties(listing: Listing, pair: Pair): void {
  const { engine } = listing;
  const [from, to] = [propertiesOf(pair.original), propertiesOf(pair.update)];
  for (const name of new Set([...from.keys(), ...to.keys()])) {
    const [original, update] = [from.get(name), to.get(name)];
    const path = below(pair.path, 'properties', name);
    const premise = propertyOf(engine, pair.premise, name);
    if (original !== undefined && update !== undefined) {
      listPair(listing, { premise, original, update, path, proven: pair.proven || premise.never });
    } else if (original !== undefined) listRemoved(listing, pair, { name, original, path });
    else listAdded(listing, pair, { name, update: update!, path });
  }
}

/** How a schema takes properties that it does not name. */
type ContentModel = 'open' | 'partially open' | 'closed';

function contentModel(node: SchemaNode): ContentModel {
  const rest = inner(node, 'additionalProperties') ?? unevaluated(node, 'unevaluatedProperties');
  const patterns = namedSchemas(node, 'patternProperties').length > 0;
  if (rest === undefined || isEmpty(rest)) return patterns ? 'partially open' : 'open';
  return rest.schema === false && !patterns ? 'closed' : 'partially open';
}

function listRemoved(
  listing: Listing,
  pair: Pair,
  removed: { name: string; original: SchemaNode; path: string },
): void {
  const { engine, writer, reader } = listing;
  const { name, original, path } = removed;
  const fits = pair.proven || propertyIsImplied(engine, pair.premise, pair.update, name);
  const fact = `Only ${writer} has the property`;
  if (contentModel(pair.update) === 'open') {
    const open = `${fact}, and ${reader} lets properties pass that it does not know`;
    report(listing, { kind: 'PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL', path, compatible: true, fact: open });
    return;
  }
  const [covering] = schemasOfProperty(engine, pair.update, name);
  if (covering === undefined || covering.schema === false) {
    const never = original.schema === false;
    report(listing, {
      kind: never
        ? 'PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL'
        : 'PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL',
      path,
      compatible:
        fits ||
        (covering === undefined &&
          schemasOfProperty(engine, pair.update, name).length === 0 &&
          contentModel(pair.update) !== 'closed' &&
          unevaluated(pair.update, 'unevaluatedProperties') === undefined),
      fact: never
        ? `Only ${writer} has the property, and no data may have it`
        : `${fact}, and ${reader} refuses properties that it does not know`,
    });
    return;
  }
  listPair(listing, {
    premise: propertyOf(engine, pair.premise, name),
    original,
    update: covering,
    path,
    proven: fits,
  });
  report(listing, {
    kind: fits
      ? 'PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL'
      : 'PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
    path,
    compatible: fits,
    fact: `${fact}, and ${reader} has another schema for properties that it does not name`,
  });
}

function listAdded(listing: Listing, pair: Pair, added: { name: string; update: SchemaNode; path: string }): void {
  const { engine, writer, reader } = listing;
  const { name, update, path } = added;
  const required = requiredBy(pair.update).has(name);
  const withDefault = required && hasDefault(pair.update, name);
  const there = !required || pair.proven || isRequired(pair.premise, pair.update, name);
  const fits = pair.proven || propertyIsImplied(engine, pair.premise, pair.update, name);
  const model = contentModel(pair.original);
  const fact = `Only ${reader} has the property`;
  const presence = required
    ? withDefault
      ? 'REQUIRED_PROPERTY_WITH_DEFAULT'
      : 'REQUIRED_PROPERTY'
    : 'OPTIONAL_PROPERTY';
  const missing = there ? undefined : `data without it fits ${writer} but not ${reader}`;
  if (model === 'open') {
    const harmless = isEmpty(update) && !required;
    const other = `${writer} lets any property pass, so there may be one of this name and of another shape, which ${reader} refuses`;
    report(listing, {
      kind: harmless
        ? 'PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL'
        : `${presence}_ADDED_TO_OPEN_CONTENT_MODEL`,
      path,
      compatible: there && fits,
      fact: required && !withDefault ? `${fact}, and requires it` : fact,
      breaks: missing ?? other,
    });
    return;
  }
  const [covering] = schemasOfProperty(engine, pair.original, name);
  if (model === 'partially open' && covering !== undefined && covering.schema !== false) {
    listPair(listing, {
      premise: propertyOf(engine, pair.premise, name),
      original: covering,
      update,
      path,
      proven: fits,
    });
    report(listing, {
      kind: fits
        ? 'PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL'
        : 'PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
      path,
      compatible: fits,
      fact: `${fact}, and ${writer} has another schema for properties that it does not name`,
    });
  }
  report(listing, {
    kind: `${presence}_ADDED_TO_UNOPEN_CONTENT_MODEL` as ChangeKind,
    path,
    compatible: there,
    fact: required && !withDefault ? `${fact}, and requires it` : fact,
    breaks: missing,
  });
}

function listPatterns(listing: Listing, pair: Pair): void {
  const { engine, writer, reader } = listing;
  const [from, to] = [
    new Map(namedSchemas(pair.original, 'patternProperties')),
    new Map(namedSchemas(pair.update, 'patternProperties')),
  ];
  for (const pattern of new Set([...from.keys(), ...to.keys()])) {
    const [original, update] = [from.get(pattern), to.get(pattern)];
    const path = below(pair.path, 'patternProperties', pattern);
    if (update === undefined) {
      const compatible = holds(listing, pair, 'additionalProperties') && holds(listing, pair, 'unevaluatedProperties');
      const fact = `Only ${writer} has a schema for such properties`;
      report(listing, { kind: 'PATTERN_PROPERTY_REMOVED', path, compatible, fact });
      continue;
    }
    const fits = pair.proven || patternPropertyIsImplied(engine, pair.premise, pattern, update);
    if (original !== undefined) {
      listPair(listing, { premise: suppose(engine, [original]), original, update, path, proven: fits });
      continue;
    }
    report(listing, {
      kind: 'PATTERN_PROPERTY_ADDED',
      path,
      compatible: fits,
      fact: `Only ${reader} has a schema for such properties`,
    });
  }
}

/** Lists the changes of what properties or items have to fit that nothing else speaks of. */
export function listRest(
  listing: Listing,
  pair: Pair,
  keyword: 'additionalProperties' | 'unevaluatedProperties' | 'additionalItems' | 'unevaluatedItems',
  original: SchemaNode | undefined,
  update: SchemaNode | undefined,
  { steps = [keyword], rule = keyword as string, premise = original && suppose(listing.engine, [original]) } = {},
): void {
  const { writer, reader } = listing;
  const what = keyword.endsWith('Properties') ? 'properties' : 'items';
  const kind = {
    additionalProperties: 'ADDITIONAL_PROPERTIES',
    unevaluatedProperties: 'UNEVALUATED_PROPERTIES',
    additionalItems: 'ADDITIONAL_ITEMS',
    unevaluatedItems: 'UNEVALUATED_ITEMS',
  } as const;
  const path = below(pair.path, ...steps);
  const [from, to] = [openness(original), openness(update)];
  const say = (change: 'ADDED' | 'REMOVED' | 'EXTENDED' | 'NARROWED', compatible: boolean, fact: string) =>
    report(listing, { kind: `${kind[keyword]}_${change}`, path, compatible, fact });
  if (from === to && from !== 'partly') return;
  if (from === 'closed') say('ADDED', true, `Only ${writer} refuses ${what} that it does not speak of`);
  else if (to === 'closed')
    say('REMOVED', holds(listing, pair, rule), `Only ${reader} refuses ${what} that it does not speak of`);
  else if (to === 'open') say('EXTENDED', true, `Only ${writer} says what other ${what} have to fit`);
  else if (from === 'open')
    say('NARROWED', holds(listing, pair, rule), `Only ${reader} says what other ${what} have to fit`);
  else
    listPair(listing, {
      premise: premise!,
      original: original!,
      update: update!,
      path,
      proven: holds(listing, pair, rule),
    });
}

function openness(node: SchemaNode | undefined): 'open' | 'partly' | 'closed' {
  if (node === undefined || isEmpty(node)) return 'open';
  return node.schema === false ? 'closed' : 'partly';
}

/** Whether a schema is `true` or `{}`. */
export function isEmpty({ schema }: SchemaNode): boolean {
  return schema === true || (schema !== false && Object.keys(schema).length === 0);
}

function listNames(listing: Listing, pair: Pair): void {
  const { engine, writer, reader } = listing;
  const [original, update] = [inner(pair.original, 'propertyNames'), inner(pair.update, 'propertyNames')];
  if (original === undefined && update === undefined) return;
  const path = below(pair.path, 'propertyNames');
  if (update === undefined) {
    report(listing, {
      kind: 'PROPERTY_NAMES_REMOVED',
      path,
      compatible: true,
      fact: `Only ${writer} restricts the names of properties`,
    });
    return;
  }
  const compatible = holds(listing, pair, 'propertyNames');
  if (original === undefined) {
    report(listing, {
      kind: 'PROPERTY_NAMES_ADDED',
      path,
      compatible,
      fact: `Only ${reader} restricts the names of properties`,
    });
    return;
  }
  const premise = suppose(engine, [engine.typeNode(16), original]);
  listPair(listing, { premise, original, update, path, proven: compatible });
}

function listDependencies(listing: Listing, pair: Pair): void {
  const { engine, writer, reader } = listing;
  const [from, to] = [new Map(dependentNames(pair.original)), new Map(dependentNames(pair.update))];
  for (const name of new Set([...from.keys(), ...to.keys()])) {
    const [before, after] = [from.get(name), to.get(name)];
    const path = below(
      pair.path,
      spelling(after === undefined ? pair.original : pair.update, 'dependentRequired', name),
      name,
    );
    const compatible = pair.proven || after === undefined || dependencyIsImplied(engine, pair.premise, name, after);
    const wants = (names: readonly string[]) => `wants ${shownList(names)} beside ${JSON.stringify(name)}`;
    if (after === undefined) {
      report(listing, {
        kind: 'DEPENDENCY_ARRAY_REMOVED',
        path,
        compatible: true,
        fact: `Only ${writer} ${wants(before!)}`,
      });
    } else if (before === undefined) {
      report(listing, { kind: 'DEPENDENCY_ARRAY_ADDED', path, compatible, fact: `Only ${reader} ${wants(after)}` });
    } else {
      const added = after.filter((each) => !before.includes(each));
      const removed = before.filter((each) => !after.includes(each));
      if (added.length === 0 && removed.length === 0) continue;
      const kind = removed.length === 0 ? 'EXTENDED' : added.length === 0 ? 'NARROWED' : 'CHANGED';
      const fact = added.length === 0 ? `Only ${writer} ${wants(removed)}` : `Only ${reader} ${wants(added)}`;
      report(listing, { kind: `DEPENDENCY_ARRAY_${kind}`, path, compatible, fact });
    }
  }
  listDependentSchemas(listing, pair);
}

function listDependentSchemas(listing: Listing, pair: Pair): void {
  const { engine, writer, reader } = listing;
  const [from, to] = [new Map(dependentSchemas(pair.original)), new Map(dependentSchemas(pair.update))];
  for (const name of new Set([...from.keys(), ...to.keys()])) {
    const [original, update] = [from.get(name), to.get(name)];
    const path = below(
      pair.path,
      spelling(update === undefined ? pair.original : pair.update, 'dependentSchemas', name),
      name,
    );
    const fact = (who: string) => `Only ${who} has a schema for data with ${JSON.stringify(name)}`;
    if (update === undefined) {
      report(listing, { kind: 'DEPENDENCY_SCHEMA_REMOVED', path, compatible: true, fact: fact(writer) });
      continue;
    }
    const compatible = pair.proven || dependentSchemaIsImplied(engine, pair.premise, name, update);
    if (original === undefined)
      report(listing, { kind: 'DEPENDENCY_SCHEMA_ADDED', path, compatible, fact: fact(reader) });
    else listPair(listing, { premise: suppose(engine, [original]), original, update, path, proven: compatible });
  }
}

/** The keyword by which a schema has a dependency. */
function spelling(node: SchemaNode, recent: 'dependentRequired' | 'dependentSchemas', name: string): string {
  const map = isRecent(node.document.dialect) ? (keywordsOf(node)[recent] as object | undefined) : undefined;
  return map !== undefined && Object.hasOwn(map, name) ? recent : 'dependencies';
}
