import type { AnyContract } from '../contract.ts';
import { InvalidContractError } from '../errors.ts';
import { accepted } from '../versions.ts';
import { UnrepresentableSchemaError } from './errors.ts';
import { differences } from './meaning.ts';
import type { RegisteredVersion, Registry } from './registry.ts';
import { schemaDocument } from './schema-document.ts';
import type { SchemaObject } from './subschemas.ts';

/** A version that code declares. */
export interface DeclaredVersion {
  readonly contract: AnyContract;
  /** The module that declares it. */
  readonly file: string;
  readonly document: SchemaObject;
}

/** A version of a type, wherever it is known from. */
export interface KnownVersion {
  readonly version: number;
  readonly major: number;
  /** What it looks like now: as code has it, else as registered. */
  readonly document: SchemaObject;
  /** The names of its headers, from the same place. */
  readonly headers: readonly string[];
  readonly declared: DeclaredVersion | undefined;
  readonly registered: RegisteredVersion | undefined;
}

/**
 * The versions that modules declare, those reached by `previous` among them, each once: by type, then by version. Consumers'
 * views (`needs`) are left out.
 * @throws InvalidContractError when two modules declare the same version differently; UnrepresentableSchemaError when
 * schemas could not travel as JSON, with each place of each
 */
export function declaredVersions(
  declared: readonly { readonly contract: AnyContract; readonly file: string }[],
): DeclaredVersion[] {
  const versions = new Map<string, DeclaredVersion>();
  const problems = new Map<AnyContract, string>();
  for (const { contract: newest, file } of declared) {
    if (newest.partial) continue;
    for (const contract of accepted(newest)) {
      const known = versions.get(contract.dataschema);
      if (known?.contract === contract || problems.has(contract)) continue;
      let document: SchemaObject;
      try {
        document = schemaDocument(contract) as SchemaObject;
      } catch (error) {
        if (!(error instanceof UnrepresentableSchemaError)) throw error;
        problems.set(contract, error.message.replaceAll(/^/gm, `${file}: `));
        continue;
      }
      if (known === undefined) versions.set(contract.dataschema, { contract, file, document });
      else refuseAnother(known, { contract, file, document });
    }
  }
  if (problems.size > 0) throw new UnrepresentableSchemaError([...problems.values()].join('\n'));
  return [...versions.values()].toSorted(({ contract: a }, { contract: b }) =>
    a.type === b.type ? a.version - b.version : a.type < b.type ? -1 : 1,
  );
}

function refuseAnother(known: DeclaredVersion, other: DeclaredVersion): void {
  const [difference] = differences(known.document, other.document);
  if (difference === undefined) return;
  const { type, version } = known.contract;
  throw new InvalidContractError(
    `${type} version ${version} is declared twice, and not alike: in ${known.file} and in ${other.file}. The first difference is at ${difference.path}. Declare a version once and import it from there.`,
  );
}

/** Every version of every type that code or registry knows, oldest first. */
export function knownVersions(
  declared: readonly DeclaredVersion[],
  { versions }: Pick<Registry, 'versions'>,
): Map<string, KnownVersion[]> {
  const types = new Map<string, Map<number, KnownVersion>>();
  const ofType = (type: string) => types.get(type) ?? types.set(type, new Map()).get(type)!;
  for (const registered of versions) {
    const { version, document, facts } = registered;
    const { major, headers = [] } = facts;
    ofType(registered.type).set(version, { version, major, document, headers, declared: undefined, registered });
  }
  for (const one of declared) {
    const { type, version, major } = one.contract;
    const registered = ofType(type).get(version)?.registered;
    const headers = Object.keys(one.contract.headers);
    ofType(type).set(version, { version, major, document: one.document, headers, declared: one, registered });
  }
  const sorted = [...types].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([type, known]) => [type, [...known.values()].toSorted((a, b) => a.version - b.version)]));
}

/** The type that a dataschema names. */
export function typeOf(dataschema: string): string {
  return dataschema.replace(/^urn:baton:/, '').replace(/:\d+$/, '');
}
