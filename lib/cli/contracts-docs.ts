import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type Command, Option } from 'commander';
import type { ReaderView } from '../contracts/registry/reader-view.ts';
import type { Pipeline } from '../operations/contracts/pipeline.ts';
import type { ConsumerReader } from '../operations/contracts/readers.ts';
import { EVENTS, orBadInput, type ProjectOptions, REGISTRY, readProject } from './contracts-project.ts';
import { explained } from './explained.ts';
import { UsageError, UserError } from './failure.ts';
import { temporaryFolder } from './temporary-folder.ts';

interface DocsOptions extends ProjectOptions {
  env: string;
  assembly?: string;
  out: string;
  check?: boolean;
  title?: string;
  apiVersion?: string;
  asyncapi: '3.0.0' | '3.1.0';
}

const ASYNCAPI_FILE = 'asyncapi.json';

const HELP = `
Written are a page for each type of event and command, an index (README.md), and ${ASYNCAPI_FILE}: the same for tools. Pages of types that
are gone are removed; files that this command did not write are left alone.

Examples:
  npx baton contracts docs                                after a change of contracts or consumers
  npx baton contracts docs --check                        in CI: fails when the documents are not up to date
  npx baton contracts docs --env prod --out site/events   for the names of another environment

The exit code is 0 when the documents are up to date, 1 when they are not (--check) or could not be written, 2 when the contracts or
the app cannot be read, or a consumer's code cannot be loaded: then nothing is written.
`;

/** Adds `baton contracts docs`: the pipeline as AsyncAPI, and a page for each event. */
export function addContractsDocs(contracts: Command, ended: (code: number) => void): void {
  contracts
    .command('docs')
    .description('write the event catalog (Markdown) and the AsyncAPI document of the pipeline')
    .addOption(EVENTS)
    .addOption(REGISTRY)
    .option('--env <name>', 'the environment whose topics and queues to name', 'dev')
    .option('--assembly <dir>', 'the synthesized app, where it is there already (default: synthesize it)')
    .option('--out <dir>', 'the folder to write to', 'docs/events')
    .option('--check', 'write nothing; fail when what is there differs')
    .option('--title <text>', 'the title of the catalog (default: the name in package.json)')
    .option(
      '--api-version <version>',
      'the version of the API in the AsyncAPI document (default: that in package.json)',
    )
    .addOption(
      new Option('--asyncapi <version>', 'the version of the AsyncAPI specification')
        .choices(['3.0.0', '3.1.0'])
        .default('3.0.0'),
    )
    .addHelpText('after', HELP)
    .action(async (options: DocsOptions) => ended(await explained(() => docs(options))));
}

async function docs(options: DocsOptions): Promise<number> {
  const { declared, registry } = await readProject(options);
  for (const { file, problem } of registry.broken) say(`Left out of the history: ${file}, because ${problem}.`);
  const { pipeline, readers } = await pipelineOf(options);
  const project = await readPackage();
  const { asyncApi, catalog, PAGE_MARK } = await import('../contracts/documents/index.ts');
  const { schemaText } = await import('../contracts/registry/schema-text.ts');
  const described = {
    contracts: declared.map(({ contract }) => contract),
    facts: pipeline,
    registered: registry.versions,
    readers,
  };
  const title = options.title ?? project.name ?? 'Events';
  const files = await orBadInput(async () => {
    const pages = catalog(described, {
      title,
      asyncApiFile: ASYNCAPI_FILE,
      registry: relative(options.out, registry.directory).replaceAll(sep, '/'),
    });
    const document = asyncApi(described, {
      title,
      version: options.apiVersion ?? project.version ?? '1.0.0',
      asyncapi: options.asyncapi,
      ...(project.description !== undefined && { description: project.description }),
      ...(project.license !== undefined && { license: project.license }),
    });
    return pages.set(ASYNCAPI_FILE, schemaText(document));
  });
  const folder = await readFolder(options.out, PAGE_MARK);
  return options.check ? judge(files, folder) : await write(files, folder);
}

/** What is deployed by the app, and what its consumers read. */
async function pipelineOf({ env, assembly }: DocsOptions): Promise<{ pipeline: Pipeline; readers: ReaderView[] }> {
  const [{ readPipeline }, { openReaders }, { synthesize }] = await Promise.all([
    import('../operations/contracts/pipeline.ts'),
    import('../operations/contracts/readers.ts'),
    import('../local/synth.ts'),
  ]);
  using made = assembly === undefined ? temporaryFolder('baton-docs-') : undefined;
  return await orBadInput(async () => {
    if (made !== undefined) {
      say(`Synthesizing ${env} ...`);
      const outputDirectory = made.path;
      await made.filledBy(() => synthesize({ projectDirectory: process.cwd(), env, outputDirectory }));
    }
    const pipeline = readPipeline(made?.path ?? assembly!);
    say(`Asking ${pipeline.consumers.length} consumers what they read ...`);
    const opened = await openReaders(pipeline.consumers);
    refuseUnread(opened);
    for (const problem of opened.flatMap(({ problems }) => problems)) say(problem);
    return { pipeline, readers: opened.flatMap(({ views }) => views) };
  });
}

/**
 * What a consumer reads is half of its row. Of code that is not here, or is no handler of ours, nobody can tell, and that is the same
 * in every run; code that should load and does not is a defect, and a page without it would hide it.
 * @throws UsageError
 */
function refuseUnread(opened: readonly ConsumerReader[]): void {
  const unread = opened.filter(({ consumer, state }) => consumer.code !== undefined && state !== 'foreign');
  const problems = unread.flatMap(({ problems }) => problems);
  if (problems.length === 0) return;
  throw new UsageError(
    `${problems.join('\n')}\nNothing was written, as the documents would not say what is read. Put the code right, then run it again.`,
  );
}

interface Folder {
  readonly path: string;
  /** What is there of the files that could be ours, by name. */
  readonly files: ReadonlyMap<string, { readonly text: string; readonly ours: boolean }>;
}

async function readFolder(path: string, mark: string): Promise<Folder> {
  let names: string[];
  try {
    const entries = await readdir(path, { withFileTypes: true });
    names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { path, files: new Map() };
    throw new UsageError(`${path} cannot be read: ${(cause as Error).message}. Give a folder with --out.`, { cause });
  }
  const read = names
    .filter((name) => name.endsWith('.md') || name === ASYNCAPI_FILE)
    .map(async (name) => {
      // a checkout may have turned the line ends
      const text = (await readFile(join(path, name), 'utf8')).replaceAll('\r\n', '\n');
      return [name, { text, ours: isOurs(name, text, mark) }] as const;
    });
  return { path, files: new Map(await Promise.all(read)) };
}

function isOurs(name: string, text: string, mark: string): boolean {
  return name === ASYNCAPI_FILE ? text.includes('"x-generated-by": "baton contracts docs"') : text.startsWith(mark);
}

/** Says what differs; 1 when something does. */
function judge(files: ReadonlyMap<string, string>, { path, files: there }: Folder): number {
  const wrong = [
    ...[...files].flatMap(([name, text]) => {
      const found = there.get(name);
      if (found === undefined) return [`${join(path, name)} is missing.`];
      return found.text === text ? [] : [`${join(path, name)} is not up to date.`];
    }),
    ...gone(files, there).map((name) => `${join(path, name)} is of a type that is gone.`),
  ];
  if (wrong.length === 0) {
    process.stdout.write(`${path}: ${files.size} files, all up to date.\n`);
    return 0;
  }
  process.stdout.write(`${wrong.join('\n')}\nRun \`npx baton contracts docs\` and commit what it writes.\n`);
  return 1;
}

async function write(files: ReadonlyMap<string, string>, { path, files: there }: Folder): Promise<number> {
  const foreign = [...files.keys()].filter((name) => there.get(name)?.ours === false);
  if (foreign.length > 0) {
    throw new UserError(
      `${foreign.map((name) => join(path, name)).join(', ')} would be overwritten, and was not written by this command. Move it away, or choose another folder with --out.`,
    );
  }
  const changed = [...files].filter(([name, text]) => there.get(name)?.text !== text);
  const removed = gone(files, there);
  try {
    await mkdir(path, { recursive: true });
    for (const [name, text] of changed) {
      const draft = join(path, `${name}.${randomUUID()}.tmp`);
      await writeFile(draft, text, { flag: 'wx' });
      await rename(draft, join(path, name));
    }
    for (const name of removed) await rm(join(path, name));
  } catch (cause) {
    throw new UserError(`${path} cannot be written: ${(cause as Error).message}.`, { cause });
  }
  for (const [name] of changed)
    process.stdout.write(`${there.has(name) ? 'changed' : 'new    '}  ${join(path, name)}\n`);
  for (const name of removed) process.stdout.write(`removed  ${join(path, name)}\n`);
  process.stdout.write(`${path}: ${files.size} files, ${changed.length} written, ${removed.length} removed.\n`);
  return 0;
}

/** The pages that this command wrote once and would not write now. */
function gone(files: ReadonlyMap<string, string>, there: Folder['files']): string[] {
  return [...there].filter(([name, { ours }]) => ours && !files.has(name)).map(([name]) => name);
}

/** What the project says of itself. */
interface Package {
  readonly name?: string;
  readonly version?: string;
  readonly description?: string;
  readonly license?: string;
}

async function readPackage(): Promise<Package> {
  try {
    const said = JSON.parse(await readFile('package.json', 'utf8')) as Record<string, unknown>;
    const named = ['name', 'version', 'description', 'license'].filter((name) => typeof said[name] === 'string');
    return Object.fromEntries(named.map((name) => [name, said[name]]));
  } catch {
    // a project need not have one, and what it says can be given
    return {};
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
