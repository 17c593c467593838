import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultBase } from '../../../lib/contracts/registry/base.ts';
import { RegistryError } from '../../../lib/contracts/registry/errors.ts';

/** A repository as others push to it, and a clone of it. */
let [root, remote, clone]: string[] = [];
let registry: string;

function git(cwd: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...identity, ...args], { cwd, encoding: 'utf8', stdio: 'pipe' }).trim();
}
const here = (...args: string[]) => git(clone!, ...args);
const there = (...args: string[]) => git(remote!, ...args);
const commit = (cwd: string, message: string) => git(cwd, 'commit', '-q', '--allow-empty', '-m', message);

/** A remote whose default branch has two commits, and a branch `feat` that left it after the first of them. */
function publish(branch: string): void {
  mkdirSync(join(remote!, 'events/registry'), { recursive: true });
  writeFileSync(join(remote!, 'events/registry/order.placed.v1.json'), '{}');
  there('init', '-q', '-b', branch);
  there('add', '.');
  commit(remote!, 'published');
  there('tag', 'left');
  there('checkout', '-q', '-b', 'feat');
  commit(remote!, 'work');
  commit(remote!, 'more work');
  there('checkout', '-q', branch);
  commit(remote!, 'published since');
}

/** Clones over the protocol, which makes shallow clones shallow. */
function cloned(...args: string[]): void {
  git(root!, 'clone', '-q', ...args, `file://${remote}`, clone!);
}

/** As a CI does it: a remote with the usual settings, of which it fetches what it needs. */
function fetched(refs: string[], ...args: string[]): void {
  mkdirSync(clone!);
  here('init', '-q');
  here('remote', 'add', 'origin', `file://${remote}`);
  here('fetch', '-q', ...args, 'origin', ...refs);
}

beforeEach(() => {
  root = mkdtempSync(join(realpathSync(tmpdir()), 'baton-base-'));
  [remote, clone] = [join(root, 'remote'), join(root, 'clone')];
  mkdirSync(remote);
  registry = join(clone, 'events/registry');
});
afterEach(() => rmSync(root!, { recursive: true, force: true }));

describe('the commit that a branch is compared with', () => {
  it.each<[string, string, () => void]>([
    ['of a clone', 'main', () => cloned('-b', 'feat')],
    ['with master', 'master', () => fetched(['+refs/heads/*:refs/remotes/origin/*'])],
    ['with develop', 'develop', () => fetched(['+refs/heads/*:refs/remotes/origin/*'])],
    ['with trunk', 'trunk', () => fetched(['+refs/heads/*:refs/remotes/origin/*'])],
    ['with a name of its own that the clone knows', 'release', () => cloned('-b', 'feat')],
    ['of a remote that is not called origin', 'main', () => cloned('-b', 'feat', '-o', 'upstream')],
    ['that is deep enough', 'main', () => cloned('-b', 'feat', '--depth', '3', '--no-single-branch')],
    [
      'of a fork, whose origin counts',
      'main',
      () => {
        cloned('-b', 'feat');
        here('remote', 'add', 'upstream', 'file:///nowhere');
      },
    ],
  ])('is where it left the default branch: %s', async (_, branch, make) => {
    publish(branch);
    make();
    here('checkout', '-q', '--detach', 'refs/remotes/origin/feat'.replace('origin', here('remote').split('\n')[0]!));
    expect(await defaultBase(registry)).toEqual({ commit: there('rev-parse', 'left') });
  });

  it('is where it left the only branch that there is', async () => {
    publish('production');
    there('branch', '-D', 'feat');
    fetched(['+refs/heads/*:refs/remotes/origin/*']);
    here('checkout', '-q', '-b', 'feat', 'origin/production');
    commit(clone!, 'work');
    expect(await defaultBase(registry)).toEqual({ commit: there('rev-parse', 'production') });
  });

  it.each([['--depth', '1'], []])('may be HEAD itself, on the default branch (clone %s %s)', async (...args) => {
    publish('main');
    cloned(...args.filter(Boolean));
    expect(await defaultBase(registry)).toEqual({ commit: there('rev-parse', 'main') });
  });

  it('is found whatever repository a hook of git points at', async () => {
    publish('main');
    cloned('-b', 'feat');
    here('worktree', 'add', '-q', '../tree', '-b', 'other');
    const hook = { GIT_DIR: join(clone!, '.git/worktrees/tree'), GIT_WORK_TREE: root!, GIT_INDEX_FILE: '/nowhere' };
    const before = { ...process.env };
    try {
      Object.assign(process.env, hook);
      const tree = join(root!, 'tree/events/registry');
      expect(await defaultBase(tree)).toEqual({ commit: execIn(remote!) });
    } finally {
      for (const name of Object.keys(hook)) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    }
  });
});

/** The commit that `feat` left, asked without what a hook sets. */
function execIn(cwd: string): string {
  const { GIT_DIR: _, GIT_WORK_TREE: __, GIT_INDEX_FILE: ___, ...env } = process.env;
  return execFileSync('git', ['rev-parse', 'left'], { cwd, env, encoding: 'utf8' }).trim();
}

describe('no such commit', () => {
  it.each<[string, () => void, RegExp]>([
    ['outside of a repository', () => mkdirSync(registry, { recursive: true }), /not in a git repository/],
    [
      'without a remote',
      () => {
        mkdirSync(clone!);
        here('init', '-q');
        commit(clone!, 'work');
      },
      /no remote/,
    ],
    [
      'before the first commit',
      () => {
        mkdirSync(clone!);
        here('init', '-q');
        here('remote', 'add', 'origin', 'file:///nowhere');
      },
      /no commit yet/,
    ],
  ])('is there %s', async (_, make, none) => {
    make();
    expect(await defaultBase(registry)).toEqual({ none: expect.stringMatching(none) });
  });

  it.each<[string, string, () => void, RegExp]>([
    ['a shallow clone of the branch', 'main', () => cloned('--depth', '1', '-b', 'feat'), /knows origin\/feat/],
    [
      'a shallow clone of all branches',
      'main',
      () => cloned('--depth', '1', '-b', 'feat', '--no-single-branch'),
      /no history in common: this clone is shallow/,
    ],
    ['a clone of the branch alone', 'main', () => cloned('--single-branch', '-b', 'feat'), /knows origin\/feat/],
    [
      'a CI that fetches the branch alone',
      'main',
      () => {
        fetched(['+refs/heads/feat:refs/remotes/origin/feat']);
        here('checkout', '-q', '--detach', 'origin/feat');
      },
      /git remote set-head origin --auto/,
    ],
    [
      'a CI that fetches a merge request',
      'main',
      () => {
        fetched(['+refs/tags/left:refs/remotes/pull/1/merge'], '--depth', '1');
        here('checkout', '-q', '--detach', 'refs/remotes/pull/1/merge');
      },
      /has no branch of it/,
    ],
    [
      'several remotes, none of them origin',
      'main',
      () => {
        cloned('-o', 'one');
        here('remote', 'add', 'two', 'file:///nowhere');
      },
      /the remotes one, two/,
    ],
    [
      'several branches, none of a usual name',
      'release',
      () => {
        cloned('-b', 'feat');
        here('remote', 'set-head', 'origin', '--delete');
      },
      /default branch of origin/,
    ],
    [
      'develop and trunk',
      'develop',
      () => {
        there('branch', 'trunk');
        cloned('-b', 'feat');
        here('remote', 'set-head', 'origin', '--delete');
      },
      /default branch of origin/,
    ],
    [
      'histories that have nothing in common',
      'main',
      () => {
        cloned();
        here('checkout', '-q', '--orphan', 'new');
        commit(clone!, 'anew');
      },
      /no history in common\. /,
    ],
    [
      'a repository that git refuses to read',
      'main',
      () => {
        cloned('-b', 'feat');
        writeFileSync(join(clone!, '.git/HEAD'), 'nonsense');
      },
      /git rev-parse failed/,
    ],
  ])('is not the same as one that cannot be told: %s', async (_, branch, make, problem) => {
    publish(branch);
    make();
    const asked = defaultBase(registry);
    await expect(asked).rejects.toThrow(RegistryError);
    await expect(asked).rejects.toThrow(problem);
    await expect(asked).rejects.toThrow(/--base.*fetch-depth: 0/);
  });
});
