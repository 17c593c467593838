import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RegistryError } from './errors.ts';
import { GitError, git, nearest } from './git.ts';

/** The commit that published versions are looked up in, or why there is none to ask. */
export type Base = { readonly commit: string } | { readonly none: string };

const REMEDY =
  'Name the commit with --base, and give the clone its history: `fetch-depth: 0` for actions/checkout, `git fetch --unshallow` elsewhere.';

/**
 * The commit that the branch began at: where it left the default branch of its remote.
 * @returns `none`, a sentence, where there is nothing to compare with: no repository, no commit, no remote
 * @throws RegistryError when there should be such a commit, and this clone does not tell which
 */
export async function defaultBase(directory: string): Promise<Base> {
  try {
    await git(directory, ['rev-parse', '--show-toplevel']);
  } catch (error) {
    // whatever else git has against the folder (its owner, say) is for somebody to put right
    if (!isInRepository(directory)) return { none: `${directory} is not in a git repository` };
    throw undetermined((error as Error).message, error);
  }
  const remotes = (await git(directory, ['remote'])).split('\n').filter(Boolean);
  if (remotes.length === 0) return { none: 'the repository has no remote' };
  if (!(await succeeds(directory, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']))) {
    return { none: 'the repository has no commit yet' };
  }
  const remote = remotes.includes('origin') ? 'origin' : remotes.length === 1 ? remotes[0]! : undefined;
  if (remote === undefined) {
    throw undetermined(`there are the remotes ${remotes.join(', ')}, and none of them is called origin`);
  }
  const branch = await defaultBranch(directory, remote);
  try {
    return { commit: (await git(directory, ['merge-base', 'HEAD', branch])).trim() };
  } catch (error) {
    if (!(error instanceof GitError) || error.code !== 1) throw undetermined((error as Error).message, error);
    const why = (await isShallow(directory))
      ? ': this clone is shallow, and the commit that they began at is not in it'
      : '';
    throw undetermined(`HEAD and ${branch} have no history in common${why}`);
  }
}

/**
 * Where a branch left a commit or another branch; the commit itself when they have no history in common here.
 * @param commit one that there is
 */
export async function leftAt(directory: string, commit: string): Promise<string> {
  try {
    return (await git(directory, ['merge-base', 'HEAD', commit])).trim();
  } catch {
    return commit;
  }
}

/** The default branch of a remote, as far as the clone knows it. */
async function defaultBranch(directory: string, remote: string): Promise<string> {
  const prefix = `refs/remotes/${remote}/`;
  const refs = (await git(directory, ['for-each-ref', '--format=%(refname)', prefix])).split('\n');
  const branches = refs.filter((ref) => ref.startsWith(prefix) && ref !== `${prefix}HEAD`);
  const named = (name: string) => branches.find((ref) => ref === `${prefix}${name}`);
  const head = await git(directory, ['symbolic-ref', '--quiet', `${prefix}HEAD`]).then(
    (ref) => branches.find((one) => one === ref.trim()),
    () => undefined,
  );
  const usual = head ?? named('main') ?? named('master');
  if (usual !== undefined) return usual;
  if (branches.length === 1 && (await isAllThereIs(directory, remote, branches[0]!))) return branches[0]!;
  const others = ['develop', 'trunk'].flatMap((name) => named(name) ?? []);
  if (others.length === 1) return others[0]!;
  const known = branches.map((ref) => ref.slice('refs/remotes/'.length)).slice(0, 5);
  const which = known.length === 0 ? 'has no branch of it' : `knows ${known.join(', ')}`;
  throw undetermined(
    `this clone does not say what the default branch of ${remote} is (it ${which}); \`git remote set-head ${remote} --auto\` asks`,
  );
}

/** A CI often fetches the branch that it builds and no other: that would be compared with itself, and always hold. */
async function isAllThereIs(directory: string, remote: string, branch: string): Promise<boolean> {
  const fetches = await git(directory, ['config', '--get-all', `remote.${remote}.fetch`]).catch(() => '');
  if (!fetches.includes('refs/heads/*:') || (await isShallow(directory))) return false;
  const isDetached = !(await succeeds(directory, ['symbolic-ref', '--quiet', 'HEAD']));
  const [here, there] = await Promise.all(['HEAD', branch].map((ref) => git(directory, ['rev-parse', ref])));
  return !isDetached || here !== there;
}

async function isShallow(directory: string): Promise<boolean> {
  return (await git(directory, ['rev-parse', '--is-shallow-repository'])).trim() === 'true';
}

async function succeeds(directory: string, args: readonly string[]): Promise<boolean> {
  return await git(directory, args).then(
    () => true,
    () => false,
  );
}

function isInRepository(directory: string): boolean {
  let folder = nearest(directory);
  while (!existsSync(join(folder, '.git'))) {
    if (dirname(folder) === folder) return false;
    folder = dirname(folder);
  }
  return true;
}

function undetermined(problem: string, cause?: unknown): RegistryError {
  const message = `Nobody can tell which versions are published already: ${problem}. ${REMEDY}`;
  return new RegistryError(message, cause === undefined ? undefined : { cause });
}
