import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { project } from './baton.ts';

const lockFile = {
  lockfileVersion: 3,
  packages: {
    '': { name: 'shop' },
    'node_modules/node': { version: '24.21.0' },
    'node_modules/zod': { version: '4.6.7' },
    'node_modules/@dynoxide/other-platform': { version: '1.2.1', optional: true },
  },
};
/** What npm writes once everything is there. */
const hidden = JSON.stringify({
  packages: { 'node_modules/node': { version: '24.21.0' }, 'node_modules/zod': { version: '4.6.7' } },
});

/** `npm ci` as a shell script: what it does is a parameter, that it was called is in `calls`. */
const works = `mkdir -p node_modules/node/bin && touch node_modules/node/bin/node
sleep 0.3
echo '${hidden}' > node_modules/.package-lock.json
echo 'added 2 packages'`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'baton-setup-'));
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'path'));
  copyFileSync(join(project, 'bin/setup.mjs'), join(folder, 'bin/setup.mjs'));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lockFile));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the set-up before every npm script', () => {
  it('installs what is missing, and says so in two lines', async () => {
    npm(works);
    const { code, stdout, stderr } = await setUp();
    expect(stderr).toMatch(/^Installing packages, once.*\nInstalled in \d+ s\.\n$/);
    expect(stdout).toBe('');
    expect(code).toBe(0);
    expect(calls()).toHaveLength(1);
    expect(calls()[0]).toMatch(/^ci /);
  });

  it('is silent and installs nothing when everything is there', async () => {
    npm(works);
    await setUp();
    expect(await setUp()).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(calls()).toHaveLength(1);
  });

  it('installs again when the lock file names another version', async () => {
    npm(works);
    await setUp();
    const changed = structuredClone(lockFile);
    changed.packages['node_modules/zod'].version = '4.7.0';
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(changed));
    await setUp();
    expect(calls()).toHaveLength(2);
  });

  it('completes an install that was interrupted', async () => {
    npm('mkdir -p node_modules/node/bin node_modules/zod && touch node_modules/node/bin/node; kill -INT $$');
    const interrupted = await setUp();
    expect(interrupted.stderr).toContain('The install was interrupted. Run the command again');
    expect(interrupted.code).toBe(1);
    npm(works);
    expect((await setUp()).code).toBe(0);
  });

  it('says when npm fails, shows why, and leaves the way free for the next try', async () => {
    npm("echo 'npm error network ENOTFOUND' >&2; exit 1");
    const { code, stderr } = await setUp();
    expect(stderr).toContain('npm error network ENOTFOUND\nThe packages could not be installed');
    expect(code).toBe(1);
    npm(works);
    expect((await setUp()).stderr).not.toContain('waiting');
  });

  it('says why when install scripts are turned off', async () => {
    npm(works.replace(/^mkdir.*/, 'mkdir -p node_modules'));
    const { code, stderr } = await setUp();
    expect(stderr).toContain('ignore-scripts');
    expect(code).toBe(1);
  });

  it('installs once when two commands start together', async () => {
    npm(works);
    const both = await Promise.all([setUp(), setUp()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.map(({ stderr }) => stderr).join('')).toContain('Another process installs the packages; waiting');
    expect(calls()).toHaveLength(1);
    expect(existsSync(join(folder, '.baton/installing'))).toBe(false);
  });

  it('does not wait for an install that died', async () => {
    npm(works);
    mkdirSync(join(folder, '.baton'));
    // No process has the largest id that Linux knows.
    writeFileSync(join(folder, '.baton/installing'), '4194304');
    const { code, stderr } = await setUp();
    expect(stderr).not.toContain('waiting');
    expect(code).toBe(0);
  });

  it('refuses a Node that is too old, in one line', async () => {
    npm(works);
    const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.0' } })";
    const { code, stderr } = await setUp('--import', `data:text/javascript,${encodeURIComponent(old)}`);
    expect(stderr).toMatch(/^Baton needs Node 20 or newer.*\n$/);
    expect(code).toBe(1);
    expect(calls()).toHaveLength(0);
  });
});

function npm(script: string): void {
  const file = join(folder, 'path/npm');
  writeFileSync(file, `#!/bin/sh\necho "$@" >> calls\n${script}\n`);
  chmodSync(file, 0o755);
}

function calls(): string[] {
  const file = join(folder, 'calls');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

async function setUp(...nodeOptions: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const path = [join(folder, 'path'), dirname(process.execPath), process.env.PATH].join(delimiter);
  const child = spawn(process.execPath, [...nodeOptions, join(folder, 'bin/setup.mjs')], {
    cwd: folder,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, stdout, stderr };
}
