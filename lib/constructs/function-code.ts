import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { type BuildFailure, buildSync, type Message } from 'esbuild';
import { BundleError } from './errors.ts';

/** Every function of the project, bundled together: seven functions cost little more than one. */
const PROJECT_FUNCTIONS = 'functions/*/handler.ts';

/** What `lambda.Function` calls in every bundle. */
export const HANDLER = 'handler.handler';

const bundled = new Map<string, string>();

/**
 * The code of one handler: a folder with `handler.mjs` (an ES module that needs nothing beside itself, the AWS SDK
 * included) and its source map, under `.baton/bundles/`.
 *
 * The first handler of `functions/` that is asked for bundles all of them in one pass; each is bundled once a process.
 * The same source gives the same bytes, hence the same asset hash.
 *
 * @param entry the handler file, relative to the project's root or absolute
 * @param root the project's root @default the nearest folder above the working directory that has a package.json
 * @throws BundleError when the file is missing, or does not compile: `file:line:column: what` for each place
 */
export function functionCode(entry: string, root = projectRoot()): lambda.Code {
  return lambda.Code.fromAsset(bundleOf(entry, root));
}

/** The folder that {@link functionCode} makes of an entry. */
export function bundleOf(entry: string, root = projectRoot()): string {
  const file = path.resolve(root, entry);
  if (!existsSync(file)) {
    throw new BundleError(`${entry}: there is no such handler file in ${root}. Correct \`entry\`, or add the file.`);
  }
  if (!bundled.has(file)) {
    const project = globSync(PROJECT_FUNCTIONS, { cwd: root }).map((each) => path.resolve(root, each));
    bundle(project.includes(file) ? project.toSorted() : [file], root);
  }
  return bundled.get(file)!;
}

/** The nearest folder at or above `start` that has a package.json; `start` itself when none has. */
export function projectRoot(start = process.cwd()): string {
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) return start;
  }
}

function bundle(files: readonly string[], root: string): void {
  const output = path.join(root, '.baton', 'bundles');
  const folders = files.map((file) => bundleName(path.relative(root, file)));
  const { outputFiles } = build(files, folders, root, output);
  for (const { path: target, contents } of outputFiles) writeWhenChanged(target, contents);
  for (const [index, file] of files.entries()) bundled.set(file, path.join(output, folders[index]!));
}

function build(files: readonly string[], folders: readonly string[], root: string, output: string) {
  try {
    return buildSync({
      absWorkingDir: root,
      entryPoints: files.map((file, index) => ({ in: file, out: `${folders[index]}/handler` })),
      outdir: output,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      mainFields: ['module', 'main'],
      // Names stay as they are written: error classes and stack frames are what dead letters are grouped by.
      minifySyntax: true,
      minifyWhitespace: true,
      sourcemap: 'linked',
      sourcesContent: false,
      legalComments: 'none',
      // Dependencies that are still CommonJS call require(), which an ES module does not have.
      banner: {
        js: "import{createRequire as batonCreateRequire}from'node:module';const require=batonCreateRequire(import.meta.url);",
      },
      logLevel: 'silent',
    });
  } catch (cause) {
    const { errors } = cause as BuildFailure;
    if (!Array.isArray(errors)) throw cause;
    throw new BundleError(['A handler could not be bundled:', ...errors.map(describe)].join('\n  '), { cause });
  }
}

function describe({ text, location }: Message): string {
  return location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`;
}

/** `functions/place-order/handler.ts` -> `place-order`; any other file keeps its whole path. */
function bundleName(file: string): string {
  const segments = file.split(path.sep);
  if (segments[0] === 'functions' && segments.length === 3) return segments[1]!;
  return file
    .replace(/\.[cm]?tsx?$/, '')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-/, 'outside-');
}

// Several processes may bundle at once (parallel tests, parallel synths): a reader must never see half a file.
function writeWhenChanged(target: string, contents: Uint8Array): void {
  if (existsSync(target) && readFileSync(target).equals(contents)) return;
  mkdirSync(path.dirname(target), { recursive: true });
  const draft = path.join(path.dirname(path.dirname(target)), `.${process.pid}-${path.basename(target)}`);
  try {
    writeFileSync(draft, contents);
    renameSync(draft, target);
  } finally {
    rmSync(draft, { force: true });
  }
}
