import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ContractError } from '../errors.ts';
import { RegistryError } from './errors.ts';
import type { Finding } from './finding.ts';
import { type RegisteredVersion, type Registry, readVersionFile, versionOfFile } from './registry.ts';

/** The files of a registry, each with what git calls its content. */
export type Contents = ReadonlyMap<string, string>;

/** Where published versions are looked up. */
export interface PublishedAt {
  /** The commit's hash. */
  readonly commit: string;
  readonly files: Contents;
}

/** Whether every file that was published is there, byte for byte. */
export function judgePublished(directory: string, before: Contents, now: Contents): Finding[] {
  return [...before].flatMap(([file, content]): Finding[] => {
    const named = versionOfFile(file);
    if (named === undefined || now.get(file) === content) return [];
    const path = join(directory, file);
    const place = { severity: 'error', ...named, file: path } as const;
    const restore = `Restore it: \`git checkout <base> -- ${path}\``;
    if (now.has(file)) {
      const message = `${path} is not as it was published, and a published version never changes. ${restore}, and declare the change as version ${named.version + 1}.`;
      return [{ ...place, kind: 'rewritten', message }];
    }
    const message = `${path} was published and is gone. ${restore}. A version that code no longer has stays in the registry: it is history.`;
    return [{ ...place, kind: 'removed', message }];
  });
}

/**
 * The commit that the branch began at: where it left the default branch of `origin`.
 * @returns undefined when the folder is in no repository, or there is no such branch
 */
export async function defaultBase(directory: string): Promise<string | undefined> {
  for (const branch of ['origin/HEAD', 'origin/main', 'origin/master']) {
    const commit = await git(directory, ['merge-base', 'HEAD', branch]).catch(() => undefined);
    if (commit !== undefined) return commit.trim();
  }
  return undefined;
}

/**
 * The registry as a commit has it.
 * @param ref a commit, branch or tag
 * @throws RegistryError when git or the commit is not there
 */
export async function publishedAt(directory: string, ref: string): Promise<PublishedAt> {
  // with an end of options, a ref that begins with a dash is none
  const commit = await git(directory, [
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${ref}^{commit}`,
  ]).catch((cause: Error) => {
    throw new RegistryError(
      `There is no commit '${ref}' to compare the registry with${said(cause)}. Name a branch, tag or commit that this clone has; in CI, fetch the history (fetch-depth: 0).`,
      { cause },
    );
  });
  const top = (await git(directory, ['rev-parse', '--show-toplevel'])).trim();
  const prefix = await prefixOf(directory, top);
  const listing = await git(top, ['ls-tree', '-z', commit.trim(), '--', `${prefix}/`]);
  const files = listing.split('\0').flatMap((line): [string, string][] => {
    const [, content, path] = /^\d+ blob ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
    return path?.endsWith('.json') ? [[basename(path), content!]] : [];
  });
  return { commit: commit.trim(), files: new Map(files) };
}

/** What is in the folder now, by what git would call it: line ends are judged as the repository keeps them. */
export async function contentsNow(directory: string, files: readonly string[]): Promise<Contents> {
  const there = files.filter((file) => existsSync(join(directory, file)));
  if (there.length === 0) return new Map();
  const paths = there.map((file) => resolve(directory, file));
  const hashes = (await git(directory, ['hash-object', '--', ...paths])).trim().split('\n');
  return new Map(there.map((file, index) => [file, hashes[index]!]));
}

/**
 * The versions as a commit has them: what is published, whatever was accepted or edited since. A file that could not be read
 * even then is left out.
 * @param now what is in the folder now; what is as it was need not be read again
 */
export async function publishedVersions(
  { directory, versions }: Pick<Registry, 'directory' | 'versions'>,
  before: Contents,
  now: Contents,
): Promise<RegisteredVersion[]> {
  const found = [...before].map(async ([file, content]) => {
    const same = now.get(file) === content && versions.find((one) => one.file === file);
    if (same) return [same];
    try {
      return [readVersionFile(file, await git(directory, ['cat-file', 'blob', content]))];
    } catch (error) {
      if (error instanceof ContractError) return [];
      throw error;
    }
  });
  return (await Promise.all(found)).flat();
}

/** The folder as git names it within its repository; it need not exist any more. */
async function prefixOf(directory: string, top: string): Promise<string> {
  const here = nearest(directory);
  const prefix = (await git(here, ['rev-parse', '--show-prefix'])).trim();
  const rest = resolve(directory).slice(resolve(here).length);
  const path = `${prefix}${rest}`
    .replaceAll('\\', '/')
    .replace(/\/+/g, '/')
    .replace(/^\/|\/$/g, '');
  if (path === '') throw new RegistryError(`The registry is ${top} itself. Give it a folder of its own (--registry).`);
  return path;
}

function nearest(directory: string): string {
  let folder = resolve(directory);
  while (!existsSync(folder)) folder = resolve(folder, '..');
  return folder;
}

async function git(directory: string, args: readonly string[]): Promise<string> {
  const options = { cwd: nearest(directory), maxBuffer: 256 * 1_024 * 1_024 };
  return (await promisify(execFile)('git', [...args], options)).stdout;
}

function said({ code, stderr }: Error & { code?: unknown; stderr?: string }): string {
  if (code === 'ENOENT') return ' (git is not installed)';
  const line = stderr?.trim().split('\n')[0];
  return line ? ` (${line})` : '';
}
