import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Command } from 'commander';
import type { Finding } from '../contracts/registry/finding.ts';
import type { RegisteredVersion, Registry } from '../contracts/registry/registry.ts';
import type { Pipeline } from '../operations/contracts/pipeline.ts';
import type { ConsumerReader } from '../operations/contracts/readers.ts';
import type { FetchData } from '../operations/contracts/referenced-data.ts';
import { EVENTS, orBadInput, type ProjectOptions, REGISTRY, readProject } from './contracts-project.ts';
import { type CheckReport, checkText, type InFlightReport } from './contracts-report.ts';
import { explained } from './explained.ts';
import { UsageError, UserError } from './failure.ts';
import { goLocal, LOCAL, WHERE_HELP } from './local-endpoints.ts';
import { wholeNumber } from './options.ts';

interface CheckOptions extends ProjectOptions {
  base?: string;
  env?: string;
  local?: boolean;
  assembly?: string;
  consumers: boolean;
  sample: number;
  strict?: boolean;
  dataBucket?: string[];
  json?: boolean;
}

const HELP = `
What is checked:
  - code and registry say the same, and a published file is byte for byte as it was published (--base)
  - versions of one major keep what their compatibility mode promises; numbers have no gaps, majors do not fall
  - which consumers, of which owners, a new or changed version breaks; which have to be deployed first; which are unharmed, and
    which only because they need some fields and not the others
  - with --env or --local: whether the code about to be deployed can read what is still in that environment's queues and DLQs

Examples:
  npx baton contracts check                               before a commit
  npx baton contracts check --base origin/main            in CI: published versions are those of main
  npx baton contracts check --no-consumers                only code and registry: no synthesis, a second
  npx baton contracts check --env prod --sample 500       before a deployment to prod: what is in flight there as well

The exit code is 0 when the contracts hold, 1 when they do not, 2 when they cannot be read. Unreadable messages that are in a
DLQ already are told of and fail the check with --strict only.
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
      'the commit whose published versions have to be there as they were (default: where the branch left origin)',
    )
    .option('--env <name>', 'the environment whose consumers to ask (default: dev), and whose queues to look into')
    .addOption(LOCAL)
    .option('--assembly <dir>', 'the synthesized app, where it is there already (default: synthesize it)')
    .option('--no-consumers', 'leave the consumers out, and do not synthesize')
    .option('--sample <number>', 'messages to look at in each queue, at most', wholeNumber(1), 100)
    .option('--strict', 'fail for unreadable messages in DLQs as well')
    .option('--data-bucket <name...>', 'fetch the data of claim-checked messages from these buckets as well')
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
  const published = await orBadInput(() => publishedFindings(registry, options.base, notes));
  const findings = await orBadInput(async () => [
    ...judging.judgeAgreement(declared, registry),
    ...published.findings,
    ...judging.judgeEvolution(declared, registry),
  ]);
  const report: CheckReport = {
    holds: true,
    registry: registry.directory,
    ...(published.base !== undefined && { base: published.base }),
    types: new Set(declared.map(({ contract }) => contract.type)).size,
    versions: declared.length,
    consumers: [],
    findings,
    impacts: [],
    notes,
  };
  if (options.consumers) {
    const local = options.local ? goLocal() : undefined;
    const env = options.env ?? local ?? 'dev';
    await withConsumers(env, options, async ({ pipeline, readers }) => {
      const views = readers.flatMap((reader) => reader.views);
      report.env = env;
      report.consumers = readers.map(({ consumer: { name, owner }, state, problems }) => {
        return { name, owner, state, problems };
      });
      const wrong = judging.judgeSubscriptions(declared, registry, views, pipeline);
      report.findings = [...findings, ...wrong];
      report.impacts = judging.judgeImpact(declared, published, views);
      if (inFlightOf !== undefined) report.inFlight = await lookAtQueues(readers, options);
    });
  } else notes.push('The consumers were not asked (--no-consumers).');
  report.holds =
    report.findings.every(({ severity }) => severity !== 'error') &&
    report.impacts.every(({ outcome }) => outcome !== 'breaks') &&
    report.consumers.every(({ state }) => state !== 'failed') &&
    report.inFlight?.readable !== false;
  process.stdout.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : checkText(report));
  return report.holds ? 0 : 1;
}

/** What became of the versions that are published already. */
async function publishedFindings(
  { directory, versions, broken }: Registry,
  ref: string | undefined,
  notes: string[],
): Promise<{ base?: string; findings: Finding[]; versions: readonly RegisteredVersion[] }> {
  const { contentsNow, defaultBase, judgePublished, publishedAt, publishedVersions } = await import(
    '../contracts/registry/index.ts'
  );
  const base = ref ?? (await defaultBase(directory));
  if (base === undefined) {
    notes.push(
      'Published versions were not compared with an earlier commit: there is no branch of origin. Name one with --base.',
    );
    // then what was accepted counts as published
    return { findings: [], versions };
  }
  const { commit, files } = await publishedAt(directory, base);
  const names = new Set([...files.keys(), ...versions.map(({ file }) => file), ...broken.map(({ file }) => file)]);
  const now = await contentsNow(directory, [...names]);
  return {
    base: commit,
    findings: judgePublished(directory, files, now),
    versions: await publishedVersions({ directory, versions }, files, now),
  };
}

interface Asked {
  readonly pipeline: Pipeline;
  readonly readers: readonly ConsumerReader[];
}

/** Opens the code of every consumer of the app, as it would be deployed, for as long as the work takes. */
async function withConsumers(env: string, options: CheckOptions, work: (asked: Asked) => Promise<void>): Promise<void> {
  const [{ readPipeline }, { openReaders }, { synthesize }] = await Promise.all([
    import('../operations/contracts/pipeline.ts'),
    import('../operations/contracts/readers.ts'),
    import('../local/synth.ts'),
  ]);
  const folder = options.assembly === undefined ? mkdtempSync(join(tmpdir(), 'baton-check-')) : undefined;
  const s3 = new Map<string, S3Client>();
  try {
    await orBadInput(async () => {
      if (folder !== undefined) {
        say(`Synthesizing ${env} ...`);
        await synthesize({ projectDirectory: process.cwd(), env, outputDirectory: folder });
      }
      const pipeline = readPipeline(folder ?? options.assembly!);
      say(`Asking ${pipeline.consumers.length} consumers what they read ...`);
      const readers = await openReaders(pipeline.consumers, { fetchData: fetcher(pipeline, options, s3) });
      await work({ pipeline, readers });
    });
  } finally {
    for (const client of s3.values()) client.destroy();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Data is fetched from the pipeline's own buckets only: a message may name any. */
function fetcher({ consumers }: Pipeline, { dataBucket = [] }: CheckOptions, s3: Map<string, S3Client>): FetchData {
  const own = consumers.flatMap(({ code }) => code?.environment.BATON_CLAIM_CHECK_BUCKET ?? []);
  const buckets = [...new Set([...own, ...dataBucket])];
  return async (dataref) => {
    if (buckets.length === 0) throw new Error('name the bucket with --data-bucket');
    const [{ createDataFetcher }, { S3Client }] = await Promise.all([
      import('../operations/contracts/data-fetcher.ts'),
      import('@aws-sdk/client-s3'),
    ]);
    // one that is spoken to at an endpoint of one's own may have no names below it
    const client = s3.get('client') ?? new S3Client({ forcePathStyle: process.env.AWS_ENDPOINT_URL_S3 !== undefined });
    s3.set('client', client);
    return await createDataFetcher(client, { buckets })(dataref);
  };
}

async function lookAtQueues(
  readers: readonly ConsumerReader[],
  { sample, strict }: CheckOptions,
): Promise<InFlightReport> {
  const [{ SQSClient }, { inFlight }] = await Promise.all([
    import('@aws-sdk/client-sqs'),
    import('../operations/contracts/in-flight.ts'),
  ]);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new UserError('Interrupted: what was leased has been given back.'));
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const sqs = new SQSClient({});
  try {
    const consumers = readers.map(({ consumer }) => consumer);
    const seen = await inFlight({ sqs, consumers, readers, sample, signal: interrupted.signal, say });
    const failed = seen.queues.some(({ status }) => status === 'failed');
    const unreadable = seen.rows.some((row) => row.unreadable > 0 && (strict || row.queue === 'queue'));
    return { ...seen, readable: !failed && !unreadable };
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    sqs.destroy();
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
