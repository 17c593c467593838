import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { RegistryError } from './errors.ts';

/**
 * What git sets for its hooks, and what sends it elsewhere: the folder alone says which repository is meant.
 * Source: git, "git rev-parse --local-env-vars". Settings (`GIT_CONFIG_*`) stay: a CI may trust the folder by them.
 */
const ELSEWHERE = [
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_PREFIX',
  'GIT_COMMON_DIR',
  'GIT_OBJECT_DIRECTORY',
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_NAMESPACE',
  'GIT_SHALLOW_FILE',
  'GIT_GRAFT_FILE',
  'GIT_REPLACE_REF_BASE',
  'GIT_NO_REPLACE_OBJECTS',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_INTERNAL_SUPER_PREFIX',
];

/** Git is not there, or could not do what it was asked. */
export class GitError extends RegistryError {
  override name = 'GitError';
  /** What git exited with; `ENOENT` when there is no git. */
  readonly code: number | string | undefined;
  /** What git said; empty when it said nothing. */
  readonly said: string;

  constructor(args: readonly string[], cause: Error & { code?: number | string; stderr?: string }) {
    const line = cause.stderr?.trim().split('\n')[0] ?? '';
    const said = cause.code === 'ENOENT' ? 'git is not installed' : line;
    super(`git ${args[0]} failed${said ? ` (${said})` : ''}`, { cause });
    this.code = cause.code;
    this.said = said;
  }
}

/**
 * What git prints, called in a folder or, when that is gone, in the nearest one above it.
 * @throws GitError
 */
export async function git(directory: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)('git', [...args], optionsFor(directory))).stdout;
  } catch (cause) {
    throw new GitError(args, cause as Error);
  }
}

/**
 * The texts of files, by what git calls their content.
 * @throws GitError; RegistryError when the repository lacks one of them
 */
export async function textsOf(directory: string, contents: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  if (contents.length === 0) return texts;
  const args = ['cat-file', '--batch'];
  const running = promisify(execFile)('git', args, { ...optionsFor(directory), encoding: 'buffer' });
  // when git ends early, that is the error to tell of
  running.child.stdin!.on('error', () => undefined).end(`${contents.join('\n')}\n`);
  const { stdout } = await running.catch((cause: Error) => {
    throw new GitError(args, cause);
  });
  for (let at = 0; at < stdout.length; ) {
    const start = stdout.indexOf('\n', at) + 1;
    const [content = '', kind, size] = stdout.toString('utf8', at, start - 1).split(' ');
    if (kind !== 'blob') throw new RegistryError(`The repository lacks ${content}. Fetch its whole history.`);
    texts.set(content, stdout.toString('utf8', start, start + Number(size)));
    at = start + Number(size) + 1;
  }
  return texts;
}

function optionsFor(directory: string) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ELSEWHERE.includes(name)));
  return { cwd: nearest(directory), env: { ...env, LC_ALL: 'C' }, maxBuffer: 256 * 1_024 * 1_024 };
}

/** The folder, or the nearest one above it that there is. */
export function nearest(directory: string): string {
  let folder = resolve(directory);
  while (!existsSync(folder)) folder = resolve(folder, '..');
  return folder;
}
