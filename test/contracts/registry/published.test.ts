import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { comparePublished } from '../../../lib/contracts/registry/compared.ts';
import { RegistryError } from '../../../lib/contracts/registry/errors.ts';
import { contentsNow, publishedAt, publishedVersions } from '../../../lib/contracts/registry/published.ts';
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
  return (await comparePublished(await readRegistry(registry), ref)).findings;
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

  it('says how to put it back', async () => {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    rmSync(join(registry, V2));
    const { message } = (await findings('main'))[0]!;
    expect(message).toContain(`\`git checkout ${commit} -- ${join(registry, V2)}\``);
    git(...message.match(/`git ([^`]*)`/)![1]!.split(' '));
    expect(await findings('main')).toEqual([]);
  });

  it('that differs in its line ends alone is told so, and how to keep them', async () => {
    writeFileSync(join(registry, V1), readFileSync(join(registry, V1), 'utf8').replaceAll('\n', '\r\n'));
    const { kind, message } = (await findings('main'))[0]!;
    expect(kind).toBe('rewritten');
    const [, attributes] = /has other line ends .* Put `([^`]*)` into the \.gitattributes/.exec(message)!;
    expect(attributes).toBe('shop/events/registry/*.json text eol=lf');
    writeFileSync(join(repository, '.gitattributes'), `${attributes}\n`);
    expect(await findings('main')).toEqual([]);
  });

  it('that was published with CRLF keeps that', async () => {
    const text = readFileSync(join(registry, V1), 'utf8');
    writeFileSync(join(registry, V1), text.replaceAll('\n', '\r\n'));
    git('commit', '-q', '-a', '-m', 'published with CRLF');
    writeFileSync(join(registry, V1), text);
    const { message } = (await findings('main'))[0]!;
    const [, attributes, , restore] = /`([^`]*)`([^`]*)`git ([^`]*)`/.exec(message)!;
    writeFileSync(join(repository, '.gitattributes'), `${attributes}\n`);
    git(...restore!.split(' '));
    expect(await findings('main')).toEqual([]);
  });

  it('is compared as the repository keeps its line ends', async () => {
    writeFileSync(join(repository, '.gitattributes'), '*.json text eol=crlf\n');
    writeFileSync(join(registry, V1), readFileSync(join(registry, V1), 'utf8').replaceAll('\n', '\r\n'));
    expect(await findings('main')).toEqual([]);
  });
});

describe('a base that has gone on since the branch left it', () => {
  const V3 = 'order.placed.v3.json';
  beforeEach(() => {
    git('checkout', '-q', '-b', 'feat');
    git('commit', '-q', '--allow-empty', '-m', 'work');
    git('checkout', '-q', 'main');
    writeFileSync(join(registry, V3), '{"$id": "of main"}\n');
    git('add', '.');
    git('commit', '-q', '-m', 'published since');
    git('checkout', '-q', 'feat');
  });

  it('has versions that the branch lacks, which is a note: rebase', async () => {
    expect(await findings('main')).toMatchObject([
      { kind: 'unmerged', severity: 'note', version: 3, message: expect.stringMatching(/Rebase the branch/) },
    ]);
    git('rebase', '-q', 'main');
    expect(await findings('main')).toEqual([]);
  });

  it('has another version of the same number than the branch', async () => {
    writeFileSync(join(registry, V3), '{"$id": "of feat"}\n');
    expect(await findings('main')).toMatchObject([
      {
        kind: 'rewritten',
        severity: 'error',
        version: 3,
        message: expect.stringMatching(/after this branch left.*version 4/),
      },
    ]);
  });

  it('still has what the branch takes away', async () => {
    rmSync(join(registry, V1));
    expect((await findings('main')).map(({ kind, version }) => [kind, version])).toEqual([
      ['removed', 1],
      ['unmerged', 3],
    ]);
  });
});

describe('a registry that moved', () => {
  const moved = () => join(repository, 'shop/src/events/registry');
  const compare = async () => comparePublished(await readRegistry(moved()), 'main');
  beforeEach(() => {
    mkdirSync(join(repository, 'shop/src'));
    git('mv', 'shop/events', 'shop/src/events');
  });

  it('is compared with where it was, and says so', async () => {
    const { findings, notes } = await compare();
    expect(findings).toEqual([]);
    expect(notes).toEqual([expect.stringMatching(/^The registry was in shop\/events\/registry at [0-9a-f]{12}, /)]);
  });

  it('has kept every file as it was', async () => {
    writeFileSync(join(moved(), V1), '{}');
    rmSync(join(moved(), V2));
    const { findings } = await compare();
    expect(findings.map(({ kind }) => kind)).toEqual(['rewritten', 'removed']);
    expect(findings[1]!.message).toMatch(/`git show [0-9a-f]{12}:shop\/events\/registry\/order\.placed\.v2\.json > /);
  });

  it('is not another one that is still there', async () => {
    git('mv', 'shop/src/events', 'shop/events');
    mkdirSync(moved(), { recursive: true });
    writeFileSync(join(moved(), V1), '{"another": "project"}');
    expect(await compare()).toMatchObject({ findings: [], notes: [] });
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

  it('has to be in a repository', async () => {
    rmSync(join(repository, '.git'), { recursive: true });
    await expect(publishedAt(registry, 'main')).rejects.toThrow(RegistryError);
  });
});
