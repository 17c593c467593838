import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RegistryError } from '../../../lib/contracts/registry/errors.ts';
import {
  contentsNow,
  defaultBase,
  judgePublished,
  publishedAt,
  publishedVersions,
} from '../../../lib/contracts/registry/published.ts';
import { readRegistry, writeVersion } from '../../../lib/contracts/registry/registry.ts';
import { schemaDocument } from '../../../lib/contracts/registry/schema-document.ts';
import { Order, version } from './shop.ts';

const [V1, V2] = ['order.placed.v1.json', 'order.placed.v2.json'];
let repository: string;
let registry: string;

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...identity, ...args], { cwd: repository, encoding: 'utf8', stdio: 'pipe' }).trim();
}

/** What is found when the registry is compared with a commit. */
async function findings(ref: string) {
  const { files } = await publishedAt(registry, ref);
  return judgePublished(registry, files, await contentsNow(registry, [...files.keys()]));
}

beforeEach(() => {
  repository = mkdtempSync(join(realpathSync(tmpdir()), 'baton-published-'));
  // a project that is not the root of its repository
  registry = join(repository, 'shop/events/registry');
  mkdirSync(registry, { recursive: true });
  for (const file of [V1, V2]) writeFileSync(join(registry, file), `{"$id": "${file}"}\n`);
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-q', '-m', 'published');
});
afterEach(() => rmSync(repository, { recursive: true, force: true }));

describe('a published version', () => {
  it('may stay as it is, beside new ones', async () => {
    writeFileSync(join(registry, 'order.placed.v3.json'), '{}');
    expect((await publishedAt(registry, 'main')).files.size).toBe(2);
    expect(await findings('main')).toEqual([]);
  });

  it('may not change, not even by a blank', async () => {
    writeFileSync(join(registry, V1), `${readFileSync(join(registry, V1), 'utf8')} `);
    expect(await findings('main')).toMatchObject([
      { kind: 'rewritten', severity: 'error', type: 'order.placed', version: 1, file: join(registry, V1) },
    ]);
  });

  it('may not go, nor all of them', async () => {
    rmSync(join(registry, V2));
    expect(await findings('main')).toMatchObject([{ kind: 'removed', severity: 'error', version: 2 }]);
    rmSync(join(repository, 'shop'), { recursive: true });
    expect(await findings('main')).toHaveLength(2);
  });

  it('may not change in a later commit either', async () => {
    rmSync(join(registry, V2));
    writeFileSync(join(registry, V1), '{}');
    git('commit', '-q', '-a', '-m', 'rewritten');
    expect(await findings('HEAD')).toEqual([]);
    expect((await findings('HEAD~1')).map(({ kind }) => kind)).toEqual(['rewritten', 'removed']);
  });

  it('is compared as the repository keeps its line ends', async () => {
    writeFileSync(join(repository, '.gitattributes'), '*.json text eol=crlf\n');
    writeFileSync(join(registry, V1), readFileSync(join(registry, V1), 'utf8').replaceAll('\n', '\r\n'));
    expect(await findings('main')).toEqual([]);
  });
});

describe('the versions of a commit', () => {
  it('are what was published, whatever was accepted or edited since', async () => {
    rmSync(join(registry, V2));
    const V1s = [version(1, Order), version(1, Order.omit({ note: true }))].map(schemaDocument);
    await writeVersion(registry, 'order.placed', 1, V1s[0]);
    await writeVersion(registry, 'order.shipped', 1, schemaDocument(version(1, Order, { type: 'order.shipped' })));
    git('add', '.');
    git('commit', '-q', '-m', 'published');
    rmSync(join(registry, V1));
    await writeVersion(registry, 'order.placed', 1, V1s[1]);
    await writeVersion(registry, 'order.placed', 2, schemaDocument(version(2, Order)));
    const now = await readRegistry(registry);
    const { files } = await publishedAt(registry, 'HEAD');
    const published = await publishedVersions(now, files, await contentsNow(registry, [...files.keys()]));
    expect(published.map(({ type, version }) => [type, version])).toEqual([
      ['order.placed', 1],
      ['order.shipped', 1],
    ]);
    expect(JSON.stringify(published[0]!.document)).toBe(JSON.stringify(V1s[0]));
  });
});

describe('the commit to compare with', () => {
  it.each(['nowhere', '--help', ''])("is refused when there is no '%s'", async (ref) => {
    await expect(publishedAt(registry, ref)).rejects.toThrow(RegistryError);
    await expect(publishedAt(registry, ref)).rejects.toThrow(/fetch-depth: 0/);
  });

  it('is where the branch left origin', async () => {
    expect(await defaultBase(registry)).toBeUndefined();
    const left = git('rev-parse', 'HEAD');
    git('update-ref', 'refs/remotes/origin/main', left);
    git('commit', '-q', '--allow-empty', '-m', 'more');
    expect(await defaultBase(registry)).toBe(left);
  });

  it('is none outside of a repository', async () => {
    rmSync(join(repository, '.git'), { recursive: true });
    expect(await defaultBase(registry)).toBeUndefined();
    await expect(publishedAt(registry, 'main')).rejects.toThrow(RegistryError);
  });
});
