import { join } from 'node:path';
import type { DeclaredVersion } from './declared.ts';
import type { Finding } from './finding.ts';
import { type Difference, differences } from './meaning.ts';
import { type Registry, schemaFile } from './registry.ts';

/** Where code and registry do not agree. */
export function judgeAgreement(declared: readonly DeclaredVersion[], registry: Registry): Finding[] {
  const broken = registry.broken.map(
    ({ file, type, version, problem }): Finding => ({
      kind: 'broken',
      severity: 'error',
      type: type ?? file,
      version,
      file: join(registry.directory, file),
      message: `${join(registry.directory, file)} cannot be read as a published version: ${problem}. Restore it from version control; if it was never merged, delete it and run \`npx baton contracts accept\`.`,
    }),
  );
  return [...broken, ...declared.flatMap((one) => judgeVersion(one, registry))];
}

function judgeVersion({ contract, document, file: module }: DeclaredVersion, registry: Registry): Finding[] {
  const { type, version } = contract;
  const name = schemaFile(type, version);
  const file = join(registry.directory, name);
  if (registry.broken.some((one) => one.file === name)) return [];
  const registered = registry.versions.find((one) => one.file === name);
  if (registered === undefined) {
    const message = `It is not in the registry: ${file} is missing. Run \`npx baton contracts accept\` and commit the file.`;
    return [{ kind: 'unregistered', severity: 'error', type, version, file, message }];
  }
  const found = differences(registered.document, document);
  if (found.length === 0) return [];
  return [
    {
      kind: 'changed',
      severity: 'error',
      type,
      version,
      file,
      message: `${module} declares it otherwise than ${file} has it, and a published version never changes. Declare the change as a new version, which has this one as its 'previous'; if this one was never merged, delete the file and run \`npx baton contracts accept\`.`,
      places: found.map((difference) => ({ path: difference.path, reason: inWords(difference) })),
    },
  ];
}

function inWords({ registered, declared }: Difference): string {
  if (registered === undefined) return `The code has ${declared} there, the registry nothing.`;
  if (declared === undefined) return `The registry has ${registered} there, the code nothing.`;
  return `The registry has ${registered}, the code ${declared}.`;
}
