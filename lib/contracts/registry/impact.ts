import { readableFrom } from '../versions.ts';
import { type DeclaredVersion, type KnownVersion, knownVersions } from './declared.ts';
import { unreadable } from './evolution.ts';
import type { Place } from './finding.ts';
import { differences } from './meaning.ts';
import type { ReaderView } from './reader-view.ts';
import type { Registry } from './registry.ts';

/** What a new or changed version does to a consumer that is deployed today. */
export type Outcome =
  /** It cannot read the version, and no deployment of what is in the code helps. */
  | 'breaks'
  /** It cannot read the version today, and can once the code is deployed: before anybody publishes it. */
  | 'deployFirst'
  /** It reads the version as it is. */
  | 'unharmed'
  /** It would break if it read everything; what it needs is there all the same. */
  | 'unharmedByNeeds'
  /** The filter of its subscription does not let the version pass. */
  | 'keptOut';

/** What one consumer has of one new or changed version. */
export interface Impact {
  readonly type: string;
  readonly version: number;
  /** Whether the version is new, or a published one that code changed. */
  readonly change: 'new' | 'changed';
  readonly consumer: string;
  readonly owner: string;
  readonly outcome: Outcome;
  /** The newest published version that it reads: what is deployed. Undefined when it reads none that was published. */
  readonly reads: number | undefined;
  /** What it stumbles over, or would if it needed everything. */
  readonly places: readonly Place[];
}

/**
 * What every version that is new, or not as it was published, does to the consumers of its type.
 *
 * Deployed consumers are taken to read the newest registered version that their code accepts, with the schema that was
 * registered; a consumer that needs only some fields, with the schema that names them. They meet the version as soon as it is
 * published, unless their filter keeps it out: they try to read it when it promises that its readers of before can
 * (`readablefrom`) or when they need only some fields, and dead-letter it otherwise.
 */
export function judgeImpact(
  declared: readonly DeclaredVersion[],
  registry: Pick<Registry, 'versions'>,
  readers: readonly ReaderView[],
): Impact[] {
  return [...knownVersions(declared, registry)].flatMap(([type, versions]) => {
    const views = readers.filter((reader) => reader.type === type);
    return versions.flatMap((one) => {
      const change = changeOf(one);
      if (change === undefined) return [];
      return consumersOf(views).flatMap((ofOne) => impactOn(ofOne, { type, one, change, versions }));
    });
  });
}

interface Case {
  type: string;
  one: KnownVersion;
  change: Impact['change'];
  versions: readonly KnownVersion[];
}

function changeOf({ declared, registered }: KnownVersion): Impact['change'] | undefined {
  if (declared === undefined) return undefined;
  if (registered === undefined) return 'new';
  return differences(registered.document, declared.document, 1).length > 0 ? 'changed' : undefined;
}

/** A consumer may read several versions of a type, each through its own contract. */
function consumersOf(views: readonly ReaderView[]): ReaderView[][] {
  return [...Map.groupBy(views, ({ consumer }) => consumer).values()];
}

function impactOn(views: readonly ReaderView[], { type, one, change, versions }: Case): Impact[] {
  const { version } = one;
  const { consumer, owner, pinned } = views[0]!;
  const accepts = views.some((view) => view.accepts.includes(version));
  const told = (outcome: Outcome, reads?: number, places: Impact['places'] = []): Impact[] => [
    { type, version, change, consumer, owner, outcome, reads, places },
  ];
  if (change === 'changed') {
    // whoever cannot read the version at all does not get it, or is told of elsewhere
    if (!accepts) return [];
    const view = views.find((each) => each.accepts.includes(version))!;
    const { outcome, places } = judgeReading(view, one, one);
    return told(outcome, version, places);
  }
  if (pinned) return told(accepts ? 'unharmed' : 'keptOut', newestRegistered(views, versions)?.version);
  const deployed = newestRegistered(views, versions, version);
  if (deployed === undefined) return told(accepts ? 'unharmed' : 'breaks');
  const view = views.find((each) => each.accepts.includes(deployed.version))!;
  const promised = deployed.version >= readableFrom(one.declared!.contract);
  const unread = accepts ? 'deployFirst' : 'breaks';
  if (!promised && !view.partial) return told(unread, deployed.version, schemaPlaces(one, deployed));
  const { outcome, places } = judgeReading(view, one, deployed);
  return told(outcome === 'breaks' && !promised ? unread : outcome, deployed.version, places);
}

/** Whether what a version writes can be read with what was published as another one. */
function judgeReading(view: ReaderView, written: KnownVersion, deployed: KnownVersion) {
  const places = schemaPlaces(written, deployed);
  if (places.length === 0) return { outcome: 'unharmed' as const, places };
  if (!view.partial) return { outcome: 'breaks' as const, places };
  const names = { written: writtenName(written, deployed), reader: `what ${view.consumer} needs` };
  const missed = unreadable(written.document, view.schema as KnownVersion['document'], names);
  if (missed.length === 0) return { outcome: 'unharmedByNeeds' as const, places };
  return { outcome: 'breaks' as const, places: missed };
}

function schemaPlaces(written: KnownVersion, deployed: KnownVersion): Impact['places'] {
  const reader = deployed.registered?.document ?? deployed.document;
  const registered = written.version === deployed.version ? ' as published' : '';
  const names = { written: writtenName(written, deployed), reader: `version ${deployed.version}${registered}` };
  return unreadable(written.document, reader, names);
}

function writtenName(written: KnownVersion, deployed: KnownVersion): string {
  return `version ${written.version}${written.version === deployed.version ? ' as changed' : ''}`;
}

/** The newest registered version that a consumer reads, below `before` if given. */
function newestRegistered(
  views: readonly ReaderView[],
  versions: readonly KnownVersion[],
  before = Number.POSITIVE_INFINITY,
): KnownVersion | undefined {
  return versions.findLast(
    ({ version, registered }) =>
      registered && version < before && views.some(({ accepts }) => accepts.includes(version)),
  );
}
