import type { Change, ChangeKind, Direction } from './change.ts';
import type { Engine } from './engine.ts';
import { RULES } from './inclusion.ts';
import type { Premise } from './premise.ts';
import type { SchemaNode } from './schema-document.ts';

/** The changes that were found so far. */
export interface Listing {
  readonly engine: Engine;
  readonly direction: Direction;
  readonly changes: Change[];
  /** The pairs that were listed, and whether something breaks there. */
  readonly visited: Map<string, boolean>;
  /** How the schema is called that was written by, and that which is read by. */
  readonly writer: string;
  readonly reader: string;
  /** How many of the changes break. */
  breaks: number;
}

/** Two schemas for the same place. */
export interface Pair {
  /** What is known of a value there: that it fits the original, and more if other schemas speak of it, too. */
  readonly premise: Premise;
  readonly original: SchemaNode;
  readonly update: SchemaNode;
  readonly path: string;
  /** It is known already that nothing breaks. */
  readonly proven: boolean;
}

/** Adds a change. */
export function report(
  listing: Listing,
  change: { kind: ChangeKind; path: string; compatible: boolean; fact: string; breaks?: string | undefined },
): void {
  const { kind, path, compatible, fact, breaks } = change;
  const consequence = compatible
    ? `what fits ${listing.writer} still fits ${listing.reader}`
    : (breaks ?? `what fits ${listing.writer} may not fit ${listing.reader}`);
  listing.changes.push({ kind, path, compatible, reason: `${fact}: ${consequence}.`, direction: listing.direction });
  if (!compatible) listing.breaks++;
}

/** Whether one keyword of the update holds for whatever the original allows. */
export function holds(listing: Listing, pair: Pair, rule: string): boolean {
  return pair.proven || RULES.get(rule)!(listing.engine, pair.premise, pair.update);
}

/** A value in a sentence: short. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Values in a sentence: some, and how many more. */
export function shownList(values: readonly unknown[]): string {
  const some = values.slice(0, 3).map(shown).join(', ');
  return values.length > 3 ? `${some} and ${values.length - 3} more` : some;
}
