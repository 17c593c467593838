import { join } from 'node:path';
import type { DeclaredVersion } from './declared.ts';
import type { Finding } from './finding.ts';
import { type Difference, differences, ruleDifferences } from './meaning.ts';
import { type Registry, schemaFile } from './registry.ts';
import type { SchemaObject } from './subschemas.ts';

/** Where code and registry do not agree. */
export function judgeAgreement(declared: readonly DeclaredVersion[], registry: Registry): Finding[] {
  const broken = registry.broken.map(({ file, type, version, problem }): Finding => {
    const path = join(registry.directory, file);
    const remedy =
      type === undefined
        ? 'Move it out of the registry.'
        : 'Restore it from version control; if it was never merged, delete it and run `npx baton contracts accept`.';
    const message = `${path} cannot be read as a published version: ${problem}. ${remedy}`;
    return { kind: 'broken', severity: 'error', type: type ?? file, version, file: path, message };
  });
  const newestOf = (type: string) =>
    Math.max(
      ...registry.versions.flatMap((one) => (one.type === type ? [one.version] : [])),
      ...declared.flatMap(({ contract }) => (contract.type === type ? [contract.version] : [])),
    );
  return [...broken, ...declared.flatMap((one) => judgeVersion(one, registry, newestOf(one.contract.type)))];
}

function judgeVersion(
  { contract, document, file: module }: DeclaredVersion,
  registry: Registry,
  newest: number,
): Finding[] {
  const { type, version } = contract;
  const name = schemaFile(type, version);
  const file = join(registry.directory, name);
  if (registry.broken.some((one) => one.file === name)) return [];
  const registered = registry.versions.find((one) => one.file === name);
  if (registered === undefined) {
    const message = `${file} is missing: it is not in the registry. Run \`npx baton contracts accept\` and commit the file.`;
    return [{ kind: 'unregistered', severity: 'error', type, version, file, message }];
  }
  const found = differences(registered.document, document);
  if (found.length === 0) return judgeRules(registered.document, { document, place: { type, version, file }, module });
  return [
    {
      kind: 'changed',
      severity: 'error',
      type,
      version,
      file,
      message: `${module} and ${file} do not say the same, and a published version never changes. ${newest > version ? `Leave it as it was, and declare the change as version ${newest + 1}, which has version ${newest}` : `Declare the change as version ${newest + 1}, which has this one`} as its 'previous'; if this one was never merged, delete the file and run \`npx baton contracts accept\`.`,
      places: found.map((difference) => ({ path: difference.path, reason: inWords(difference) })),
    },
  ];
}

interface Rules {
  readonly document: SchemaObject;
  readonly place: Pick<Finding, 'type' | 'version' | 'file'>;
  readonly module: string;
}

/** What code checks beside the schema decides what is dead-lettered as well, and only people can judge it. */
function judgeRules(registered: SchemaObject, { document, place, module }: Rules): Finding[] {
  const found = ruleDifferences(registered, document);
  if (found.length === 0) return [];
  const message = `What code checks beside the schema is not what it was when ${place.file} was written. JSON Schema cannot say it, so nobody but you compares it: make sure that ${module} still accepts what was published.`;
  const places = found.map((difference) => ({ path: difference.path, reason: inWords(difference) }));
  return [{ kind: 'rulesChanged', severity: 'note', ...place, message, places }];
}

function inWords({ registered, declared }: Difference): string {
  if (registered === undefined) return `The code has ${declared}, the registry has nothing.`;
  if (declared === undefined) return `The registry has ${registered}, the code has nothing.`;
  return `The registry has ${registered}, the code has ${declared}.`;
}
