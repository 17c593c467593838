import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { BundleError } from '../errors.ts';
import { bundle } from './bundle.ts';

/** Every function of the project, bundled together: seven functions cost little more than one. */
const PROJECT_FUNCTIONS = 'functions/*/handler.ts';

/** What Lambda calls in every bundle. */
export const HANDLER = 'handler.handler';

const bundled = new Map<string, string>();

/**
 * The code of one handler: a folder with `handler.mjs` (an ES module that needs nothing beside itself)
 * and its source map, under `.baton/bundles/` in the project.
 *
 * The first handler of `functions/` that is asked for bundles all of them in one pass; any other handler is bundled by
 * itself, each once a process. The same source gives the same bytes, hence the same asset hash.
 *
 * @param entry the handler file, relative to the project's root or absolute
 * @param root the project's root @default the nearest folder at or above the working directory with a package.json
 * @throws BundleError when the file is missing, or does not compile: `file:line:column: what` for each place
 */
export function functionCode(entry: string, root = projectRoot()): lambda.Code {
  return lambda.Code.fromAsset(bundleFolder(entry, root));
}

/** The folder that {@link functionCode} makes of an entry. */
export function bundleFolder(entry: string, root = projectRoot()): string {
  const file = path.resolve(root, entry);
  if (!existsSync(file)) {
    throw new BundleError(`${entry}: there is no such handler in ${root}. Correct \`entry\`, or add the file.`);
  }
  if (!bundled.has(file)) {
    const project = globSync(PROJECT_FUNCTIONS, { cwd: root }).map((each) => path.resolve(root, each));
    const together = project.includes(file) ? project.toSorted() : [file];
    const folders = new Map(together.map((each) => [folderName(path.relative(root, each)), each]));
    const output = path.join(root, '.baton', 'bundles');
    bundle(folders, root, output, project.includes(file) ? '.functions' : `.${folderName(path.relative(root, file))}`);
    for (const [folder, each] of folders) bundled.set(each, path.join(output, folder));
  }
  return bundled.get(file)!;
}

function projectRoot(): string {
  const start = process.cwd();
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) return start;
  }
}

/** `functions/place-order/handler.ts` -> `place-order`; any other file keeps its whole path, so that none meet. */
function folderName(file: string): string {
  const [first, name, ...rest] = file.split(path.sep);
  if (first === 'functions' && rest.length === 1 && rest[0] === 'handler.ts') return name!;
  return file
    .replace(/\.[cm]?tsx?$/, '')
    .replaceAll('..', 'up')
    .replace(/[^A-Za-z0-9]+/g, '-');
}
