import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ContractError } from '../errors.ts';
import { RegistryError } from './errors.ts';
import type { Finding } from './finding.ts';
import { type GitError, git, nearest, textsOf } from './git.ts';
import { type RegisteredVersion, type Registry, readVersionFile, versionOfFile } from './registry.ts';

/** The files of a registry, each with what git calls its content. */
export type Contents = ReadonlyMap<string, string>;

/** A registry as a commit has it. */
export interface PublishedAt {
  /** The commit's hash. */
  readonly commit: string;
  readonly files: Contents;
  /** Where the files are in that commit, from the root of the repository. */
  readonly folder: string;
  /** Whether the registry is in another folder now. */
  readonly moved: boolean;
}

/** What {@link judgePublished} may be told beside the base. */
export interface PublishedOptions {
  /** The registry as the branch found it when it left the base. @default the base itself */
  left?: PublishedAt | undefined;
  /** The files in which only the line ends differ, with the git attributes that keep them. @default none */
  lineEnds?: ReadonlyMap<string, string>;
  /** The files that say in other words or another layout what they said. @default none */
  reworded?: ReadonlySet<string>;
  /** The newest version of a type that code or registry has. @default the version that is judged */
  newestOf?: (type: string) => number | undefined;
}

/**
 * Whether every file that was published is there, byte for byte. What is rewritten is judged by the base as it is; what is gone,
 * by the commit that the branch left it at: what was published since is not here yet.
 */
export function judgePublished(
  directory: string,
  base: PublishedAt,
  now: Contents,
  { left = base, lineEnds = new Map(), reworded = new Set(), newestOf = () => undefined }: PublishedOptions = {},
): Finding[] {
  return [...new Set([...left.files.keys(), ...base.files.keys()])].flatMap((file): Finding[] => {
    const named = versionOfFile(file);
    const at = base.files.has(file) ? base : left;
    if (named === undefined || now.get(file) === at.files.get(file)) return [];
    const path = join(directory, file);
    const place = { severity: 'error', ...named, file: path } as const;
    if (now.has(file) && lineEnds.has(file)) {
      const message = `${path} has other line ends than it was published with, and is the same otherwise. Put \`${at.folder}/*.json ${lineEnds.get(file)}\` into the .gitattributes of the repository, and restore the file: ${restore(at, file, path)}.`;
      return [{ ...place, kind: 'rewritten', message }];
    }
    if (now.has(file)) {
      const when = left.files.has(file) ? '' : ' on the base, after this branch left it';
      const next = Math.max(named.version, newestOf(named.type) ?? 0) + 1;
      const change = reworded.has(file)
        ? '. It says the same as before, so no new version is needed.'
        : `, and declare the change as version ${next}.`;
      const message = `${path} is not as it was published${when}, and a published version never changes. Restore it: ${restore(at, file, path)}${change}`;
      return [{ ...place, kind: 'rewritten', message }];
    }
    if (!left.files.has(file)) {
      const message = `The base (${short(base)}) has published ${path} since this branch left it. Rebase the branch, or merge the base into it, to have the file here.`;
      return [{ ...place, severity: 'note', kind: 'unmerged', message }];
    }
    const message = `${path} was published and is gone. Restore it: ${restore(left, file, path)}. A version that code no longer has stays in the registry: it is history.`;
    return [{ ...place, kind: 'removed', message }];
  });
}

function restore({ commit, folder, moved }: PublishedAt, file: string, path: string): string {
  const hash = commit.slice(0, 12);
  return moved ? `\`git show ${hash}:${folder}/${file} > ${path}\`` : `\`git checkout ${hash} -- ${path}\``;
}

function short({ commit }: PublishedAt): string {
  return commit.slice(0, 12);
}

/**
 * The registry as a commit has it. When the commit has nothing in that folder, the folder is looked for that has files of the
 * same names and is not there any more: the registry has moved.
 * @param ref a commit, branch or tag
 * @throws RegistryError when git or the commit is not there
 */
export async function publishedAt(directory: string, ref: string): Promise<PublishedAt> {
  // with an end of options, a ref that begins with a dash is none
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`];
  const found = await git(directory, args).catch((cause: GitError) => {
    throw new RegistryError(
      `There is no commit '${ref}' to compare the registry with${cause.said && ` (${cause.said})`}. Name a branch, tag or commit that this clone has; in CI, fetch the history (fetch-depth: 0).`,
      { cause },
    );
  });
  const commit = found.trim();
  const top = (await git(directory, ['rev-parse', '--show-toplevel'])).trim();
  const folder = await prefixOf(directory, top);
  const files = new Map(await filesAt(top, [commit, '--', `${folder}/`]));
  const named = [...files].filter(([path]) => versionOfFile(basename(path)) !== undefined);
  const before = named.length > 0 ? undefined : await folderBefore(directory, top, commit);
  if (before !== undefined) return { commit, ...before, moved: true };
  return { commit, files: byName(files), folder, moved: false };
}

/** Where a registry was, judged by the names of its files; undefined when nowhere. */
async function folderBefore(
  directory: string,
  top: string,
  commit: string,
): Promise<Pick<PublishedAt, 'folder' | 'files'> | undefined> {
  const names = new Set((await readdir(directory).catch(() => [])).filter((file) => versionOfFile(file) !== undefined));
  if (names.size === 0) return undefined;
  const versions = (await filesAt(top, ['-r', '--full-tree', commit])).filter(([path]) =>
    versionOfFile(basename(path)),
  );
  const folders = [...Map.groupBy(versions, ([path]) => dirname(path))].flatMap(([folder, files]) => {
    // a folder that is still there is another registry
    if (files.some(([path]) => existsSync(join(top, path)))) return [];
    const shared = files.filter(([path]) => names.has(basename(path))).length;
    return shared === 0 ? [] : [{ folder, files: byName(files), shared }];
  });
  return folders.toSorted((a, b) => b.shared - a.shared)[0];
}

async function filesAt(top: string, args: readonly string[]): Promise<[path: string, content: string][]> {
  const listing = await git(top, ['ls-tree', '-z', ...args]);
  return listing.split('\0').flatMap((line): [string, string][] => {
    const [, content, path] = /^\d+ blob ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
    return path?.endsWith('.json') ? [[path, content!]] : [];
  });
}

function byName(files: Iterable<readonly [path: string, content: string]>): Contents {
  return new Map([...files].map(([path, content]) => [basename(path), content]));
}

/** What is in the folder now, by what git would call it: line ends are judged as the repository keeps them. */
export async function contentsNow(directory: string, files: readonly string[]): Promise<Contents> {
  const there = files.filter((file) => existsSync(join(directory, file)));
  if (there.length === 0) return new Map();
  const paths = there.map((file) => resolve(directory, file));
  const hashes = (await git(directory, ['hash-object', '--', ...paths])).trim().split('\n');
  return new Map(there.map((file, index) => [file, hashes[index]!]));
}

/** The files whose text is as it was published but for their line ends, with the git attributes that keep those. */
export async function lineEndsOnly(directory: string, before: Contents, now: Contents): Promise<Map<string, string>> {
  const differ = [...before].filter(([file, content]) => now.has(file) && now.get(file) !== content);
  const texts = await textsOf(
    directory,
    differ.map(([, content]) => content),
  );
  const found = differ.map(async ([file, content]): Promise<[string, string][]> => {
    const published = texts.get(content)!;
    const here = await readFile(join(directory, file), 'utf8');
    if (published.replaceAll('\r\n', '\n') !== here.replaceAll('\r\n', '\n')) return [];
    return [[file, published.includes('\r\n') ? '-text' : 'text eol=lf']];
  });
  return new Map((await Promise.all(found)).flat());
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
  const asItWas = (file: string, content: string) =>
    now.get(file) === content ? versions.find((one) => one.file === file) : undefined;
  const others = [...before].filter(([file, content]) => asItWas(file, content) === undefined);
  const texts = await textsOf(
    directory,
    others.map(([, content]) => content),
  );
  return [...before].flatMap(([file, content]) => {
    const same = asItWas(file, content);
    if (same !== undefined) return [same];
    try {
      return [readVersionFile(file, texts.get(content)!)];
    } catch (error) {
      if (error instanceof ContractError) return [];
      throw error;
    }
  });
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
