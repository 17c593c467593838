import { readableFrom } from '../versions.ts';
import type { KnownVersion } from './declared.ts';
import { unreadable } from './evolution.ts';
import type { Place } from './finding.ts';
import type { ReaderView } from './reader-view.ts';

/** How a consumer reads a version. */
export interface Reading {
  readonly view: ReaderView;
  /**
   * - `own`: the version that the view is written against
   * - `upcast`: an earlier one that it accepts, read in full and upcast
   * - `later`: one that it does not know, read as its own
   */
  readonly as: 'own' | 'upcast' | 'later';
}

/**
 * By which of its views a consumer reads a version; undefined when by none. The rules are those of `readerOf`, which reads at
 * run time.
 * @param views those of one consumer for one type
 */
export function readingOf(
  views: readonly ReaderView[],
  one: Pick<KnownVersion, 'version' | 'declared'>,
): Reading | undefined {
  const { version, declared } = one;
  const own = views.find((view) => view.version === version);
  if (own !== undefined) return { view: own, as: 'own' };
  const ascending = views.toSorted((a, b) => a.version - b.version);
  const upcasting = ascending.find(({ accepts }) => accepts.includes(version));
  if (upcasting !== undefined) return { view: upcasting, as: 'upcast' };
  const oldest = declared === undefined ? version : readableFrom(declared.contract);
  const later = ascending.findLast((view) => view.version < version && (view.partial || view.version >= oldest));
  return later && { view: later, as: 'later' };
}

/** What keeps a view that needs only some fields from reading what a version writes. */
export function unsatisfied({ consumer, schema }: ReaderView, { document }: KnownVersion, written: string): Place[] {
  return unreadable(document, schema as KnownVersion['document'], { written, reader: `what ${consumer} needs` });
}
