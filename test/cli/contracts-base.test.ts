import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckReport } from '../../lib/cli/contracts-report.ts';
import { type Ended, project } from './baton.ts';

// What `baton contracts check` compares with, in repositories as people and CIs have them.

const FIRST = 'events/registry/gift.given.v1.json';
let root: string;
let remote: string;

function git(cwd: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...identity, ...args], { cwd, encoding: 'utf8', stdio: 'pipe' }).trim();
}

/** Runs the CLI in a folder. */
async function baton(cwd: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { CI: _, ...environment } = process.env;
  const options = { cwd, env: { ...environment, ...env }, timeout: 50_000 };
  return await promisify(execFile)(
    process.execPath,
    [join(project, 'bin/baton.ts'), 'contracts', ...args],
    options,
  ).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }),
  );
}

async function check(cwd: string, args: string[] = [], env?: NodeJS.ProcessEnv) {
  const ended = await baton(cwd, ['check', '--no-consumers', '--json', ...args], env);
  const report = ended.stdout === '' ? undefined : (JSON.parse(ended.stdout) as CheckReport);
  const kinds = report?.findings.map(({ kind, severity }) => (severity === 'note' ? `${kind} (note)` : kind));
  return { ...ended, report, kinds };
}

/** A module of events with so many fields in its only version. */
function module(field: string): string {
  return `import * as z from 'zod';
import { defineEvent } from '${join(project, 'lib/contracts/index.ts')}';
export const GiftGiven = defineEvent({
  type: 'gift.given',
  version: 1,
  description: 'Somebody was given something.',
  key: (gift) => gift.id,
  schema: z.object({ id: z.string(), ${field} }),
});
`;
}

/** Rewrites version 1, code and file: what nobody may do once it is published. */
async function rewrite(cwd: string, events = 'events'): Promise<void> {
  writeFileSync(join(cwd, events, 'gift.ts'), module('from: z.int()'));
  rmSync(join(cwd, events, 'registry/gift.given.v1.json'));
  const { code, stderr } = await baton(cwd, ['accept', '--events', events]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
}

function clone(name: string, ...args: string[]): string {
  const folder = join(root, name);
  git(root, 'clone', '-q', ...args, `file://${remote}`, folder);
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

beforeAll(async () => {
  root = mkdtempSync(join(realpathSync(tmpdir()), 'baton-base-cli-'));
  remote = join(root, 'remote');
  mkdirSync(join(remote, 'events'), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(remote, 'node_modules'));
  writeFileSync(join(remote, '.gitignore'), 'node_modules\n');
  writeFileSync(join(remote, 'package.json'), '{"type": "module"}\n');
  writeFileSync(join(remote, 'events/gift.ts'), module('from: z.string()'));
  expect((await baton(remote, ['accept'])).code).toBe(0);
  git(remote, 'init', '-q', '-b', 'main');
  git(remote, 'add', '.');
  git(remote, 'commit', '-q', '-m', 'published');
  git(remote, 'branch', 'feat');
  git(remote, 'checkout', '-q', 'feat');
  git(remote, 'commit', '-q', '--allow-empty', '-m', 'work');
  git(remote, 'checkout', '-q', 'main');
  cpSync(join(remote, FIRST), join(remote, FIRST.replace('v1', 'v2')));
  git(remote, 'add', '.');
  git(remote, 'commit', '-q', '-m', 'published since');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('a published version that a branch rewrites', () => {
  it.each<[string, string[], string[]]>([
    ['a clone', ['-b', 'feat'], []],
    ['a clone whose remote is called upstream', ['-b', 'feat', '-o', 'upstream'], []],
    ['a shallow clone with the base', ['-b', 'feat', '--depth', '1', '--no-single-branch'], ['--base', 'origin/main']],
  ])('is found in %s', async (name, args, options) => {
    const folder = clone(name, ...args);
    await rewrite(folder);
    const { code, kinds } = await check(folder, options);
    expect(kinds).toContain('rewritten');
    expect(code).toBe(1);
  });

  it('is found when the folder has another name since', async () => {
    const folder = clone('moved', '-b', 'feat');
    mkdirSync(join(folder, 'src'));
    git(folder, 'mv', 'events', 'src/events');
    const same = await check(folder, ['--events', 'src/events', '--base', 'HEAD']);
    expect(same).toMatchObject({ code: 0, kinds: [] });
    expect(same.report!.notes).toContainEqual(expect.stringContaining('The registry was in events/registry at '));
    await rewrite(folder, 'src/events');
    expect(await check(folder, ['--events', 'src/events'])).toMatchObject({ code: 1, kinds: ['rewritten'] });
  });

  it.each<[string, string[]]>([
    ['a shallow clone of the branch', ['-b', 'feat', '--depth', '1']],
    ['a shallow clone of all branches', ['-b', 'feat', '--depth', '1', '--no-single-branch']],
  ])('is not taken for right where nobody can tell: %s', async (name, args) => {
    const folder = clone(name, ...args);
    await rewrite(folder);
    const { code, stdout, stderr } = await check(folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/--base.*fetch-depth: 0/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe('a branch that is behind its base', () => {
  it('is told to rebase, and passes', async () => {
    const folder = clone('behind', '-b', 'feat');
    const { code, kinds } = await check(folder, ['--base', 'origin/main']);
    expect(kinds).toEqual(['unmerged (note)']);
    expect(code).toBe(0);
    rmSync(join(folder, FIRST));
    // one remedy: accepting it anew is none
    expect((await check(folder, ['--base', 'origin/main'])).kinds).toEqual(['removed', 'unmerged (note)']);
  });
});

describe('a clone whose base is what is checked out', () => {
  it('is told that nothing was judged, for as long as nothing is new', async () => {
    const folder = clone('same', '-b', 'feat');
    // as in a clone of a clone that has the branch checked out
    git(folder, 'remote', 'set-head', 'origin', 'feat');
    const note = /is the one that is checked out, .*no version in it was judged against its consumers/;
    const same = await check(folder);
    expect(same).toMatchObject({ code: 0, kinds: [] });
    expect(same.report!.notes).toContainEqual(expect.stringMatching(note));
    expect((await check(folder, ['--base', 'origin/main'])).report!.notes).not.toContainEqual(
      expect.stringMatching(note),
    );
    await rewrite(folder);
    const rewritten = await check(folder);
    expect(rewritten.kinds).toContain('rewritten');
    expect(rewritten.report!.notes).not.toContainEqual(expect.stringMatching(note));
  });
});

describe('a published file that was edited', () => {
  it('has one remedy where the code is as it was', async () => {
    const folder = clone('edited', '-b', 'feat');
    const file = join(folder, FIRST);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('"type": "string"', '"type": "integer"'));
    const { kinds, report } = await check(folder);
    expect(kinds).toEqual(['rewritten']);
    expect(report!.findings[0]!.message).toMatch(
      /git checkout [0-9a-f]{12} -- \S+gift\.given\.v1\.json`, .* version 2/,
    );
    writeFileSync(file, text.replace('Somebody was', 'Someone was'));
    expect((await check(folder)).report!.findings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/Restore it: .* says the same as before, so no new version is needed\.$/),
    ]);
    writeFileSync(file, '<<<<<<< HEAD');
    expect((await check(folder)).kinds).toEqual(['rewritten']);
  });
});

describe('without a repository, or without a remote', () => {
  it('the check holds with a note', async () => {
    const folder = join(root, 'alone');
    cpSync(join(remote, 'events'), join(folder, 'events'), { recursive: true });
    rmSync(join(folder, FIRST.replace('v1', 'v2')));
    cpSync(join(remote, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
    const notes = async () => (await check(folder)).report!.notes[0];
    expect((await check(folder)).code).toBe(0);
    expect(await notes()).toMatch(
      /not compared with an earlier commit: \S+registry is not in a git repository\. .*only versions that it does not have were judged/,
    );
    git(folder, 'init', '-q');
    git(folder, 'add', 'events');
    git(folder, 'commit', '-q', '-m', 'published');
    expect(await notes()).toMatch(/the repository has no remote/);
  });
});

describe('a hook of git', () => {
  it('has the check look at its own folder, in a worktree as well', async () => {
    const folder = clone('hooked', '-b', 'feat');
    const tree = join(root, 'tree');
    git(folder, 'worktree', 'add', '-q', tree, '-b', 'other');
    symlinkSync(join(project, 'node_modules'), join(tree, 'node_modules'));
    const command = `'${process.execPath}' '${join(project, 'bin/baton.ts')}' contracts check --no-consumers`;
    writeFileSync(join(folder, '.git/hooks/pre-commit'), `#!/bin/sh\nexec ${command} >&2\n`, { mode: 0o755 });
    const commit = () =>
      promisify(execFile)(
        'git',
        ['-c', 'user.name=t', '-c', 'user.email=t@example.com', 'commit', '-a', '-m', 'more', '--allow-empty'],
        { cwd: tree },
      );
    expect((await commit()).stderr).toContain('The contracts hold: ');
    await rewrite(tree);
    await expect(commit()).rejects.toThrow(/is not as it was published/);
  });
});
