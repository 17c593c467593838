import { join } from 'node:path';
import { diff } from '../compatibility/index.ts';
import { accepted } from '../versions.ts';
import { type DeclaredVersion, type KnownVersion, knownVersions } from './declared.ts';
import type { Finding, Place } from './finding.ts';
import type { Registry } from './registry.ts';
import type { SchemaObject } from './subschemas.ts';

/**
 * Whether the versions of each type keep what they promise one another: compatibility within a major as each version's mode
 * says, version numbers without gaps, majors that do not fall. Producers write what they declare and nothing else; readers
 * let pass what they do not know.
 */
export function judgeEvolution(
  declared: readonly DeclaredVersion[],
  registry: Pick<Registry, 'versions'> & { readonly directory?: string },
): Finding[] {
  return [...knownVersions(declared, registry)].flatMap(([type, versions]) => [
    ...judgeNumbers(type, versions),
    ...versions.flatMap((one) => judgePromise(type, one, versions)),
    ...behind(type, versions, registry.directory),
    ...unreached(type, versions),
  ]);
}

/**
 * What keeps a reader from reading what a writer writes, who writes what it declares and nothing else.
 * @param names what messages call the two
 */
export function unreadable(
  written: SchemaObject,
  reader: SchemaObject,
  names: { readonly written: string; readonly reader: string },
): Place[] {
  const changes = diff(written, reader, {
    writers: 'DECLARED',
    names: { original: names.written, update: names.reader },
  });
  return changes.flatMap(({ compatible, path, kind, reason }) => (compatible ? [] : [{ path, kind, reason }]));
}

function judgePromise(type: string, next: KnownVersion, versions: readonly KnownVersion[]): Finding[] {
  const { contract } = next.declared ?? {};
  if (contract === undefined || contract.compatibility === 'NONE') return [];
  const [mode, transitive] = contract.compatibility.split('_');
  const earlier = versions.filter(({ version, major }) => version < next.version && major === next.major);
  const promisedTo = transitive === undefined ? earlier.slice(-1) : earlier;
  return promisedTo.flatMap((before) => {
    const backward =
      mode === 'FORWARD'
        ? []
        : unreadable(before.document, next.document, { written: nameOf(before), reader: nameOf(next) });
    const forward =
      mode === 'BACKWARD'
        ? []
        : unreadable(next.document, before.document, { written: nameOf(next), reader: nameOf(before) });
    const lostHeaders = mode === 'BACKWARD' ? [] : headersLost(before, next);
    const broken = [
      ...(backward.length > 0 ? [`its readers cannot read all that version ${before.version} wrote (BACKWARD)`] : []),
      ...(forward.length > 0 ? [`readers of version ${before.version} cannot read all that it writes (FORWARD)`] : []),
      ...(lostHeaders.length > 0
        ? [
            `subscriptions that route by ${inQuotes(lostHeaders)} get nothing of it, as it is without ${lostHeaders.length === 1 ? 'that header' : 'those headers'} (FORWARD)`,
          ]
        : []),
    ];
    if (broken.length === 0) return [];
    const finding: Finding = {
      kind: 'incompatible',
      severity: 'error',
      type,
      version: next.version,
      file: next.declared!.file,
      message: `It promises ${contract.compatibility} within major ${next.major}, but ${broken.join(', and ')}. Make the change a compatible one, or give the version a new major.`,
      breaks: [
        ...(backward.length > 0 ? ['BACKWARD' as const] : []),
        ...(forward.length + lostHeaders.length > 0 ? ['FORWARD' as const] : []),
      ],
      ...(lostHeaders.length > 0 && { lostHeaders }),
      places: [...backward, ...forward, ...lostHeaders.map((name) => headerPlace(name, nameOf(before), nameOf(next)))],
    };
    return [finding];
  });
}

/** A filter that asks for a header lets nothing through that has none, and SNS tells nobody. */
function headersLost(before: KnownVersion, next: KnownVersion): string[] {
  return before.headers.filter((name) => !next.headers.includes(name));
}

function headerPlace(name: string, before: string, next: string): Place {
  return { path: '#/x-baton/headers', reason: `${before} has the header '${name}', ${next} does not.` };
}

function inQuotes(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

function nameOf({ version }: KnownVersion): string {
  return `version ${version}`;
}

function judgeNumbers(type: string, versions: readonly KnownVersion[]): Finding[] {
  return versions.slice(1).flatMap((next, index): Finding[] => {
    const before = versions[index]!;
    const place = { severity: 'error', type, version: next.version } as const;
    return [
      ...(next.version === before.version + 1
        ? []
        : [
            {
              ...place,
              kind: 'gap' as const,
              message: `The version before it is ${before.version}: version ${before.version + 1} was left out. Number versions one after the other.`,
            },
          ]),
      ...(next.major >= before.major
        ? []
        : [
            {
              ...place,
              kind: 'majorFalls' as const,
              message: `Its major is ${next.major}, and that of version ${before.version} is ${before.major}. Give it ${before.major} or more.`,
            },
          ]),
    ];
  });
}

/** A version that was published and that code has lost: its producers are about to write the one before again. */
function behind(type: string, versions: readonly KnownVersion[], directory = ''): Finding[] {
  const newest = versions.findLast(({ declared }) => declared !== undefined)?.version;
  if (newest === undefined) return [];
  return versions
    .filter(({ version }) => version > newest)
    .map(({ version, registered }) => {
      const file = join(directory, registered!.file);
      const message = `The registry has version ${version}, and the newest that code declares is version ${newest}. Restore version ${version} in the code; to go back to an earlier shape, declare that as version ${versions.at(-1)!.version + 1}. If ${file} was never merged, delete it.`;
      return { kind: 'behind', severity: 'error', type, version, file, message };
    });
}

/** A version that the newest one has no way from: events of it that are still on their way would be dead letters. */
function unreached(type: string, versions: readonly KnownVersion[]): Finding[] {
  const newest = versions.findLast(({ declared }) => declared !== undefined)?.declared;
  if (newest === undefined) {
    const { version } = versions.at(-1)!;
    const message = 'No code declares this type any more.';
    return [{ kind: 'unreached', severity: 'note', type, version, message }];
  }
  const reached = new Set(accepted(newest.contract).map(({ version }) => version));
  return versions
    .filter(({ version, registered }) => registered && version < newest.contract.version && !reached.has(version))
    .map(({ version }) => ({
      kind: 'unreached',
      severity: 'note',
      type,
      version,
      message: `Readers of version ${newest.contract.version} do not accept it, as no 'previous' leads there.`,
    }));
}
