import type { Command } from 'commander';
import type { Deployment } from '../operations/contracts/deployment.ts';
import type { Pipeline } from '../operations/contracts/pipeline.ts';
import type { ConsumerReader } from '../operations/contracts/readers.ts';
import { lookAtQueues, placeOf, unfinishedLooks } from './contracts-in-flight.ts';
import { EVENTS, orBadInput, type ProjectOptions, REGISTRY, readProject } from './contracts-project.ts';
import { brokenParts, type CheckReport, checkText } from './contracts-report.ts';
import { explained } from './explained.ts';
import { UsageError } from './failure.ts';
import { goLocal, LOCAL, WHERE_HELP } from './local-endpoints.ts';
import { wholeNumber } from './options.ts';
import { printable } from './printable.ts';
import { temporaryFolder } from './temporary-folder.ts';

interface CheckOptions extends ProjectOptions {
  base?: string;
  env?: string;
  local?: boolean;
  assembly?: string;
  consumers: boolean;
  sample: number;
  strict?: boolean;
  allowUnjudged?: boolean;
  dataBucket?: string[];
  json?: boolean;
}

const HELP = `
What is checked:
  - code and registry say the same, and a published file is byte for byte as it was published (--base)
  - versions of one major keep what their compatibility mode promises; numbers have no gaps, majors do not fall; upcasters take
    what the version before allows (tried with examples)
  - which consumers, of which owners, a new or changed version breaks; which have to be deployed first; which are unharmed, and
    which only because they need some fields and not the others
  - with --env or --local: whether the code about to be deployed can read what is still in that environment's queues and DLQs.
    --env ENV looks into the queues of ENV on AWS, --env dev as well; --local into those on this machine. With neither, the
    consumers of dev are asked what they read, and no queue is looked at

Examples:
  npx baton contracts check                               before a commit
  npx baton contracts check --base origin/main            in CI: published versions are those of main
  npx baton contracts check --no-consumers                only code and registry, without synthesis
  npx baton contracts check --env prod --sample 500       before a deployment to prod: what is in flight there as well

The exit code is 0 when the contracts hold, 1 when they do not, and 2 when the check could not be finished: something could not
be read or loaded, a queue was not looked into, a message was not judged or not given back, or somebody interrupted it. What was
found until then is printed. Unreadable messages that are in a DLQ already are told of and fail the check with --strict only;
unjudged ones as well.

Looking into a queue is receiving: read docs/in-flight.md for what it costs before it runs against prod, or regularly.
`;

/** Adds `baton contracts check`: what would break a consumer, before it is merged or deployed. */
export function addContractsCheck(contracts: Command, ended: (code: number) => void): void {
  contracts
    .command('check')
    .description('find what would break a consumer: changed versions, broken promises, messages in flight')
    .addOption(EVENTS)
    .addOption(REGISTRY)
    .option(
      '--base <ref>',
      'the commit whose published versions have to be there as they were (default: where the branch left its remote)',
    )
    .option(
      '--env <name>',
      'the environment whose consumers to ask, and whose queues on AWS to look into (without it: the consumers of dev, and no queue)',
    )
    .addOption(LOCAL)
    .option('--assembly <dir>', 'the synthesized app, where it is there already (default: synthesize it)')
    .option('--no-consumers', 'leave the consumers out, and do not synthesize')
    .option('--sample <number>', 'messages to look at in each queue, at most', wholeNumber(1), 100)
    .option('--strict', 'fail for unreadable messages in DLQs as well')
    .option('--allow-unjudged', 'do not fail for messages of which nobody can tell whether they are readable')
    .option(
      '--data-bucket <name...>',
      'the buckets with the data of claim-checked messages, where nobody may find out from the deployed functions',
    )
    .option('--json', 'as JSON')
    .addHelpText('after', `${WHERE_HELP}\n${HELP}`)
    .action(async (options: CheckOptions) => ended(await explained(() => check(options))));
}

async function check(options: CheckOptions): Promise<number> {
  const inFlightOf = options.env ?? (options.local ? '--local' : undefined);
  if (inFlightOf !== undefined && !options.consumers) {
    throw new UsageError(
      'What is in flight is judged by the code of the consumers: leave out --no-consumers, or --env and --local.',
    );
  }
  const { declared, registry } = await readProject(options);
  const judging = await import('../contracts/registry/index.ts');
  const notes: string[] = [];
  const published = await orBadInput(() => judging.comparePublished(registry, options.base));
  notes.push(...published.notes);
  const findings = await orBadInput(async () => [
    ...judging.withoutRepeated(judging.judgeAgreement(declared, registry), published, declared),
    ...published.findings,
    ...judging.judgeEvolution(declared, registry),
    ...judging.judgeUpcasters(declared),
  ]);
  const report: CheckReport = {
    holds: true,
    registry: registry.directory,
    ...(published.base !== undefined && { base: published.base }),
    types: new Set(declared.map(({ contract }) => contract.type)).size,
    versions: declared.length,
    consumers: [],
    findings,
    unfinished: [],
    notes,
  };
  if (options.consumers) {
    const local = options.local ? goLocal() : undefined;
    await withConsumers(local, options, async ({ env, deployment, pipeline, readers, interrupted }) => {
      const views = readers.flatMap((reader) => reader.views);
      if (env !== undefined) report.env = env;
      report.consumers = readers.map(({ consumer: { name, owner }, state, problems }) => {
        return { name, owner, state, problems };
      });
      const wrong = judging.judgeSubscriptions(declared, registry, views, pipeline, published);
      const told = judging.tellRetired([...findings, ...wrong], views, pipeline);
      report.findings = judging.nameConsumers(told, views, pipeline);
      report.impacts = judging.judgeImpact(declared, published, views, pipeline.consumers);
      const failed = readers.filter(({ state }) => state === 'failed').map(({ consumer }) => consumer.name);
      if (failed.length > 0) report.unfinished = [`${failed.join(', ')} could not be asked what they read.`];
      if (inFlightOf === undefined) return;
      const { sample, strict = false, allowUnjudged = false } = options;
      const where = { env: env ?? inFlightOf, deployment, local: local !== undefined };
      const look = await lookAtQueues({ ...where, readers, sample, strict, interrupted, say });
      const { inFlight } = look;
      const leniency = { strict, allowUnjudged, told: new Set(failed) };
      if (inFlight !== undefined) report.inFlight = inFlight;
      report.unfinished = [
        ...report.unfinished,
        ...look.unfinished,
        ...(inFlight ? unfinishedLooks(inFlight, leniency) : []),
      ];
      notes.push(...look.notes);
    });
  } else notes.push('The consumers were not asked (--no-consumers).');
  const broken = brokenParts(report).length > 0;
  report.holds = !broken && report.unfinished.length === 0;
  process.stdout.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : printable(checkText(report)));
  return broken ? 1 : report.holds ? 0 : 2;
}

interface Asked {
  /** Missing when the assembly does not say of which environment it is. */
  readonly env: string | undefined;
  readonly deployment: Deployment;
  readonly pipeline: Pipeline;
  readonly readers: readonly ConsumerReader[];
  /** Ends what they do. */
  readonly interrupted: AbortController;
}

/**
 * Opens the code of every consumer of the app, as it would be deployed, for as long as the work takes.
 * @param local the environment that runs on this machine, when that is asked
 */
async function withConsumers(
  local: string | undefined,
  options: CheckOptions,
  work: (asked: Asked) => Promise<void>,
): Promise<void> {
  const [{ readDeployment }, { readPipeline }, { openReaders }, { openClaimCheck }, { synthesize }] = await Promise.all(
    [
      import('../operations/contracts/deployment.ts'),
      import('../operations/contracts/pipeline.ts'),
      import('../operations/contracts/readers.ts'),
      import('./contracts-claim-check.ts'),
      import('../local/synth.ts'),
    ],
  );
  const asked = options.env ?? local;
  using folder = options.assembly === undefined ? temporaryFolder('baton-check-') : undefined;
  await orBadInput(async () => {
    if (folder !== undefined) {
      const env = asked ?? 'dev';
      say(`Synthesizing ${env} ...`);
      const outputDirectory = folder.path;
      await folder.filledBy(() => synthesize({ projectDirectory: process.cwd(), env, outputDirectory }));
    }
    const assembly = folder?.path ?? options.assembly!;
    const deployment = readDeployment(assembly);
    const env = environmentOf(deployment, asked, assembly);
    const pipeline = readPipeline(assembly);
    say(`Asking ${pipeline.consumers.length} consumers what they read ...`);
    const interrupted = new AbortController();
    const { region } = local === undefined && asked !== undefined ? placeOf(deployment) : {};
    const where = { assembly, local: local !== undefined, ...(region !== undefined && { region }) };
    using claimCheck = openClaimCheck({ ...where, buckets: options.dataBucket ?? [] });
    const { fetchData } = claimCheck;
    const readers = await openReaders(pipeline.consumers, { fetchData, signal: interrupted.signal });
    await work({ env, deployment, pipeline, readers, interrupted });
  });
}

/** @throws UsageError when the assembly is of another environment than the one that is asked for */
function environmentOf({ environments }: Deployment, asked: string | undefined, assembly: string): string | undefined {
  if (environments.length === 0) return asked;
  const found = environments.join(', ');
  if (asked === undefined || asked === found) return found;
  throw new UsageError(
    `${assembly} is the app of ${found}, and ${asked} is asked for. Give the assembly of ${asked} with --assembly, or leave --assembly out.`,
  );
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
