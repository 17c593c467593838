import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { BundleError } from '../errors.ts';
import { bundle } from './bundle.ts';
import { projectRoot } from './project-root.ts';

/** Every function of the project, bundled together: seven functions cost little more than one. */
const PROJECT_FUNCTIONS = 'functions/*/handler.ts';
/** Baton's own: the relay of an outbox, the keeper of circuits. They go with the project's, for one pass instead of one each. */
const OWN_FUNCTIONS = 'lib/runtime/**/*-handler.ts';
const OWN_ROOT = path.resolve(import.meta.dirname, '../../..');

/** What Lambda calls in every bundle. */
export const HANDLER = 'handler.handler';

const bundled = new Map<string, string>();

/**
 * The code of one handler: a folder with `handler.mjs` (an ES module that needs nothing beside itself)
 * and its source map, under `.baton/bundles/` in the project.
 *
 * The first handler that is asked for bundles, in one pass, all that will probably be asked for as well: all of
 * `functions/` and Baton's own; for a handler elsewhere in a folder of its own (`services/mail/send/handler.ts`), those of the folders
 * beside it; any other, itself. The same source gives the same bytes, hence the same asset hash.
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
    const { name, files } = companyOf(file, root);
    const folders = new Map(files.map((each) => [folderName(path.relative(root, each)), each]));
    const output = path.join(root, '.baton', 'bundles');
    bundle(folders, root, output, `.${name}`);
    for (const [folder, each] of folders) bundled.set(each, path.join(output, folder));
  }
  return bundled.get(file)!;
}

/** What a handler is bundled with, itself included. */
function companyOf(file: string, root: string): { name: string; files: string[] } {
  const found = (pattern: string, cwd: string) => globSync(pattern, { cwd }).map((each) => path.resolve(cwd, each));
  const functions = [...new Set([...found(PROJECT_FUNCTIONS, root), ...found(OWN_FUNCTIONS, OWN_ROOT)])];
  if (functions.includes(file)) return { name: 'functions', files: functions.toSorted() };
  const relative = path.relative(root, file);
  const [folder, handler] = [path.dirname(path.dirname(relative)), path.basename(relative)];
  // Only files that call themselves handlers: every second folder has an index.ts that is none.
  const beside = handler.includes('handler') ? found(path.join(folder, '*', handler), root) : [];
  return beside.length > 1 && beside.includes(file)
    ? { name: folderName(path.join(folder, 'all', handler)), files: beside.toSorted() }
    : { name: folderName(relative), files: [file] };
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
