import type { ConsumerFacts } from '../pipeline.ts';
import { readableFrom } from '../versions.ts';
import { type DeclaredVersion, type KnownVersion, knownVersions, typeOf } from './declared.ts';
import { unreadable } from './evolution.ts';
import type { Place } from './finding.ts';
import { differences } from './meaning.ts';
import type { ReaderView } from './reader-view.ts';
import { type Reading, readingOf, unsatisfied } from './reading.ts';
import type { Registry } from './registry.ts';
import type { SchemaObject } from './subschemas.ts';

/** What a new or changed version does to a consumer. */
export type Outcome =
  /**
   * Events would be lost on it or dead-lettered, and no deployment of what is in the code helps: it cannot read the version, its
   * changed code refuses what was published, or its filter asks for a header that is gone.
   */
  | 'breaks'
  /** It cannot read the version today, or its filter does not let it pass, and can once the code is deployed: before anybody publishes it. */
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
  /** What it reads today, as far as the published versions and its code tell. Undefined when nothing of the type is published. */
  readonly reads: number | undefined;
  /** What it stumbles over, or would if it needed everything. */
  readonly places: readonly Place[];
  /** Why it has this outcome, where the places alone do not say it. */
  readonly reason?: string;
  /** What to do about it, when it breaks. */
  readonly remedy?: string;
}

/**
 * What every version that is new, or not as it was published, does to the consumers of its type.
 *
 * Deployed consumers are taken to read the newest registered version, or what their code is written against when that is
 * older, with the schema that was registered; a consumer that needs only some fields, with the schema that names them. What
 * their new code accepts says nothing of today. They meet the version as soon as it is published, unless their filter keeps it
 * out: they try to read it when it promises that its readers of before can (`readablefrom`) or when they need only some
 * fields, and dead-letter it otherwise. Where a published version changes, the code
 * about to be deployed has to read what is in flight, too, and what producers still write that are deployed later.
 * @param consumers what the pipeline says of the same consumers
 */
export function judgeImpact(
  declared: readonly DeclaredVersion[],
  registry: Pick<Registry, 'versions'>,
  readers: readonly ReaderView[],
  consumers: readonly ConsumerFacts[] = [],
): Impact[] {
  return [...knownVersions(declared, registry)].flatMap(([type, versions]) => {
    const views = readers.filter((reader) => reader.type === type);
    return versions.flatMap((one) => {
      const change = changeOf(one);
      if (change === undefined) return [];
      return consumersOf(views).flatMap((ofOne) => {
        const facts = consumers.find(({ name }) => name === ofOne[0]!.consumer);
        const lost = (facts?.headers ?? []).filter((name) => !one.headers.includes(name));
        // its handler may know types that its filter does not want
        const isGot = facts === undefined || facts.events.some((event) => typeOf(event) === type);
        return impactOn(ofOne, { type, one, change, versions }).map((impact) => {
          if (!isGot) return keptOut(impact);
          return lost.length === 0 ? impact : filtered(impact, lost, readingOf(ofOne, one) !== undefined);
        });
      });
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

function keptOut({ reason: _, remedy: __, ...impact }: Impact): Impact {
  return { ...impact, outcome: 'keptOut', places: [] };
}

/** SNS drops what a filter does not want: who could read it, or was about to, loses it, and nobody would be told. */
function filtered(impact: Impact, lost: readonly string[], reads: boolean): Impact {
  if (impact.outcome === 'keptOut') return impact;
  // no loss is what it could not read
  if (!reads) return keptOut(impact);
  const places = lost.map((name) => ({
    path: '#/x-baton/headers',
    reason: `Its filter asks for the header '${name}', which version ${impact.version} does not have: SNS drops each event.`,
  }));
  const remedy = `Give version ${impact.version} the header, or take the rule on it out of the consumer first.`;
  if (impact.outcome === 'breaks') return { ...impact, places: [...places, ...impact.places] };
  const { reason: _, ...rest } = impact;
  return { ...rest, outcome: 'breaks', places, remedy };
}

function impactOn(views: readonly ReaderView[], { type, one, change, versions }: Case): Impact[] {
  const { version } = one;
  const { consumer, owner, pinned } = views[0]!;
  const reading = readingOf(views, one);
  const accepts = views.some((view) => view.accepts.includes(version));
  const told = (outcome: Outcome, reads?: number, why: Partial<Impact> = {}): Impact[] => [
    { type, version, change, consumer, owner, outcome, reads, places: [], ...why },
  ];
  if (change === 'changed') {
    // a consumer that does not accept the version does not get it, or that is a finding of its own
    if (reading === undefined || reading.as === 'later') return [];
    const { outcome, places } = judgeChange(reading, one);
    const remedy = `Leave version ${version} as it was published, and declare the change as version ${versions.at(-1)!.version + 1}.`;
    return told(outcome, version, { places, ...(outcome === 'breaks' && { remedy }) });
  }
  const deployed = deployedVersion(views, versions, version);
  if (pinned && !accepts) return told('keptOut', deployed?.version, { reason: NEW_PIN });
  if (deployed === undefined) {
    return told(accepts ? 'unharmed' : 'breaks', undefined, accepts ? {} : { remedy: follow(version) });
  }
  const reads = deployed.version;
  const view = views.find((each) => each.accepts.includes(reads));
  const isLeft = accepts && view === undefined;
  const unread = accepts && !isLeft ? 'deployFirst' : 'breaks';
  const harm = (reason: string, places: readonly Place[]): Impact[] => {
    if (!isLeft) return told(unread, reads, { reason, places, ...(!accepts && { remedy: follow(version) }) });
    const refuses = `its new code does not accept version ${reads}: no order of deployment helps.`;
    return told('breaks', reads, { reason: `${reason} And ${refuses}`, places, remedy: leadFrom(views, reads) });
  };
  if (pinned) return harm(FILTERED, []);
  const { partial } = view ?? views[0]!;
  const refusal = unpromised(one, deployed);
  const names = { written: `version ${version}`, reader: `version ${reads}` };
  const places = unreadable(one.document, registeredDocument(deployed), names);
  if (refusal !== undefined && !partial) return harm(refusal, places);
  if (places.length === 0) return told('unharmed', reads);
  const missed = partial ? unsatisfied(view ?? views[0]!, one, names.written) : places;
  if (missed.length === 0) return told('unharmedByNeeds', reads, { places });
  if (refusal !== undefined) return harm(`Version ${version} does not promise what it needs.`, missed);
  const remedy = `Make the change a compatible one, or give version ${version} a new major.`;
  return told('breaks', reads, { places: missed, remedy });
}

/** SNS: "Additions or changes to a subscription filter policy require up to 15 minutes to fully take effect." */
const FILTERED =
  'Its filter does not let the version pass before it is deployed, and takes up to 15 minutes to change: until then SNS drops it.';
const NEW_PIN =
  "If 'pinVersions' is new there, deploy it first: its filter takes up to 15 minutes to change, and keeps nothing out until then.";

/** Why readers of a published version do not even try to read a newer one; undefined when they do. */
function unpromised(one: KnownVersion, { version, major }: KnownVersion): string | undefined {
  const contract = one.declared!.contract;
  if (version >= readableFrom(contract)) return undefined;
  const why =
    contract.major !== major
      ? `its major is ${contract.major}, and that of version ${version} is ${major}`
      : contract.previous === undefined
        ? "it has no 'previous'"
        : `it promises ${contract.compatibility}`;
  return `Version ${contract.version} does not promise to be readable by readers of version ${version}: ${why}.`;
}

function follow(version: number): string {
  return `Write its handler against version ${version}, or let it need only the fields that it reads ('needs'); to stay behind, it pins ('pinVersions'), and producers publish both versions side by side.`;
}

/** What to do about a consumer whose code has left a version behind that still reaches it. */
export function leadFrom(views: readonly ReaderView[], version: number): string {
  const above = views.flatMap(({ accepts }) => accepts).filter((accepted) => accepted > version);
  const next = Math.min(...above);
  return `Give version ${next} the 'previous' that leads from version ${version}; where there is no way, publish both side by side first, and let the consumer follow when version ${next} is published.`;
}

/**
 * A published version that code changes is read both ways: what is written from now on, by consumers that are deployed; what
 * was published, by the code that is about to be.
 */
function judgeChange({ view, as }: Reading, one: KnownVersion): Pick<Impact, 'outcome' | 'places'> {
  const name = `version ${one.version}`;
  const [published, changed] = [`${name} as published`, `${name} as changed`];
  const before = { ...one, document: registeredDocument(one) };
  const forward = unreadable(one.document, before.document, { written: changed, reader: published });
  const backward = unreadable(before.document, one.document, { written: published, reader: changed });
  const all = [...forward, ...backward];
  if (all.length === 0) return { outcome: 'unharmed', places: [] };
  // an earlier version is read in full on its way up
  if (!view.partial || as !== 'own') return { outcome: 'breaks', places: all };
  const missed = [...unsatisfied(view, one, changed), ...unsatisfied(view, before, published)];
  return missed.length === 0 ? { outcome: 'unharmedByNeeds', places: all } : { outcome: 'breaks', places: missed };
}

function registeredDocument({ registered, document }: KnownVersion): SchemaObject {
  return registered?.document ?? document;
}

/**
 * What is taken to be deployed of a consumer: the newest registered version below another, or what its code is written against
 * when that is older.
 */
function deployedVersion(
  views: readonly ReaderView[],
  versions: readonly KnownVersion[],
  before: number,
): KnownVersion | undefined {
  const newest = Math.max(...views.map(({ version }) => version));
  return versions.findLast(({ version, registered }) => registered && version < before && version <= newest);
}
