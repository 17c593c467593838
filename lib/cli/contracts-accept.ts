import { join } from 'node:path';
import type { Command } from 'commander';
import type { Finding } from '../contracts/registry/finding.ts';
import { EVENTS, orBadInput, type ProjectOptions, REGISTRY, readProject } from './contracts-project.ts';
import { findingLines } from './contracts-report.ts';
import { explained } from './explained.ts';
import { UsageError } from './failure.ts';

interface AcceptOptions extends ProjectOptions {
  json?: boolean;
}

/** What became of a version. */
interface Accepted {
  type: string;
  version: number;
  file: string;
  outcome: 'written' | 'unchanged' | 'refused';
  /** Why it was refused. */
  findings: readonly Finding[];
}

/** What `--json` prints. */
interface AcceptReport {
  registry: string;
  accepted: readonly Accepted[];
  refused: readonly Accepted[];
}

const HELP = `
A version is written once: its JSON Schema goes to <registry>/<type>.v<version>.json, to be committed with the code. A file that
is there is never written over. It stays as it is when the code says the same in other words (description, title, examples,
$comment, order); when the code means something else, the version is refused: what was published never changes.

A version that breaks the promise of its compatibility mode is refused as well, and so is a registered one that is newer than all
that code declares. Nothing of a type is written when one of its versions is refused.

Examples:
  npx baton contracts accept                    every version that the modules in events/ declare
  npx baton contracts accept order.placed       only this type

The exit code is 0 when every version is in the registry, 1 when one was refused, 2 when the contracts cannot be read.
`;

/** Adds `baton contracts accept`: publishes the versions that code declares. */
export function addContractsAccept(contracts: Command, ended: (code: number) => void): void {
  contracts
    .command('accept')
    .description('write the JSON Schema of every declared version to the registry; published ones stay as they are')
    .argument('[types...]', 'only these types (default: all)')
    .addOption(EVENTS)
    .addOption(REGISTRY)
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (types: string[], options: AcceptOptions) => ended(await explained(() => accept(types, options))));
}

async function accept(types: readonly string[], options: AcceptOptions): Promise<number> {
  const { declared, registry } = await readProject(options);
  const all = [...new Set(declared.map(({ contract }) => contract.type))];
  const unknown = types.filter((type) => !all.includes(type));
  if (unknown.length > 0) {
    throw new UsageError(
      `No module in ${options.events} declares ${unknown.join(', ')}. It declares: ${all.join(', ')}.`,
    );
  }
  const { judgeAgreement, judgeEvolution, schemaFile, writeVersion } = await import('../contracts/registry/index.ts');
  const findings = await orBadInput(async () => [
    ...judgeAgreement(declared, registry),
    ...judgeEvolution(declared, registry),
  ]);
  const refusals = findings.filter(({ kind, severity }) => severity === 'error' && kind !== 'unregistered');
  const outcomes: Accepted[] = [];
  for (const { contract, document } of declared) {
    const { type, version } = contract;
    if (types.length > 0 && !types.includes(type)) continue;
    const ofType = refusals.filter((finding) => finding.type === type);
    const file = join(registry.directory, schemaFile(type, version));
    const isNew = findings.some((one) => one.kind === 'unregistered' && one.file === file);
    const ofVersion = ofType.filter((finding) => finding.version === version);
    const refused = ofVersion.length > 0 || (isNew && ofType.length > 0);
    const outcome = refused ? 'refused' : isNew ? 'written' : 'unchanged';
    if (outcome === 'written') await orBadInput(() => writeVersion(registry.directory, type, version, document));
    outcomes.push({ type, version, file, outcome, findings: ofVersion });
  }
  // a version that the registry has and code has lost; a broken file of such is not for `accept` to put right
  for (const finding of refusals) {
    const { kind, type, version, file } = finding;
    if (kind !== 'behind' || version === undefined || (types.length > 0 && !types.includes(type))) continue;
    outcomes.push({ type, version, file: file!, outcome: 'refused', findings: [finding] });
  }
  const report: AcceptReport = {
    registry: registry.directory,
    accepted: outcomes.filter(({ outcome }) => outcome !== 'refused'),
    refused: outcomes.filter(({ outcome }) => outcome === 'refused'),
  };
  if (options.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else process.stdout.write(told(outcomes, registry.directory));
  return report.refused.length > 0 ? 1 : 0;
}

function told(outcomes: readonly Accepted[], directory: string): string {
  const lines = outcomes.flatMap(({ outcome, type, version, file, findings }) => {
    if (outcome === 'unchanged') return [];
    const why = findings.length > 0 ? '' : ': another version of the type is refused';
    return [
      outcome === 'written' ? `written    ${file}` : `refused    ${type} version ${version}${why}`,
      ...findings.flatMap((finding) => findingLines(finding).map((line) => `  ${line}`)),
    ];
  });
  const count = (outcome: Accepted['outcome']) => outcomes.filter((one) => one.outcome === outcome).length;
  const summary = `${directory}: ${count('written')} written, ${count('unchanged')} unchanged, ${count('refused')} refused.`;
  return [...lines, summary, ''].join('\n');
}
