import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addContractsDocs } from '../../lib/cli/contracts-docs.ts';
import { CONSUMER_METADATA, TOPIC_METADATA } from '../../lib/contracts/pipeline.ts';

const root = resolve(import.meta.dirname, '../..');
const workplace = mkdtempSync(join(tmpdir(), 'baton-docs-test-'));
afterAll(() => rmSync(workplace, { recursive: true, force: true }));

const event = (type: string) => `
  import { defineEvent } from '${root}/lib/contracts/index.ts';
  import * as z from '${root}/node_modules/zod/index.js';
  export const It = defineEvent({ type: '${type}', version: 1, description: 'It happened.', key: (data) => data.id,
    schema: z.object({ id: z.string() }) });`;

let project: string;
let said: string;
beforeEach(() => {
  project = mkdtempSync(join(workplace, 'project-'));
  mkdirSync(join(project, 'events'));
  writeFileSync(join(project, 'events/it.ts'), event('it.happened'));
  writeAssembly(['it.happened']);
  said = '';
  const hear = (text: string | Uint8Array) => {
    said += String(text);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(hear);
  vi.spyOn(process.stderr, 'write').mockImplementation(hear);
});
afterEach(() => vi.restoreAllMocks());

/**
 * An app as the constructs synthesize it, of one topic and one consumer.
 * @param code the consumer's code; without any, it is elsewhere
 */
function writeAssembly(types: readonly string[], code?: string): void {
  const events = types.map((type) => `urn:baton:${type}:1`);
  const consumer = {
    name: 'reader',
    owner: 'readers',
    kind: 'consumer',
    queue: 'reader',
    deadLetterQueue: 'reader-dlq',
    topic: 'things',
    ordered: false,
    events,
    pinned: false,
    produces: [],
  };
  const topic = { name: 'things', owner: 'makers', ordered: false, events };
  mkdirSync(join(project, 'app/bundle'), { recursive: true });
  if (code !== undefined) writeFileSync(join(project, 'app/bundle/handler.mjs'), code);
  const Properties = code === undefined ? {} : { Code: { S3Key: 'bundle.zip' }, Handler: 'handler.handler' };
  writeFileSync(
    join(project, 'app/assets.json'),
    JSON.stringify({
      version: '48.0.0',
      files: {
        bundle: { source: { path: 'bundle', packaging: 'zip' }, destinations: { here: { objectKey: 'bundle.zip' } } },
      },
    }),
  );
  writeFileSync(
    join(project, 'app/Stack.template.json'),
    JSON.stringify({
      Resources: {
        Topic: { Type: 'AWS::SNS::Topic', Properties: {}, Metadata: { [TOPIC_METADATA]: topic } },
        Reader: { Type: 'AWS::Lambda::Function', Properties, Metadata: { [CONSUMER_METADATA]: consumer } },
      },
    }),
  );
  writeFileSync(
    join(project, 'app/manifest.json'),
    JSON.stringify({
      version: '48.0.0',
      artifacts: {
        Stack: { type: 'aws:cloudformation:stack', properties: { templateFile: 'Stack.template.json' } },
        Assets: { type: 'cdk:asset-manifest', properties: { file: 'assets.json' } },
      },
    }),
  );
}

async function docs(...args: string[]): Promise<{ code: number | undefined; said: string }> {
  let code: number | undefined;
  said = '';
  const program = new Command('baton').exitOverride();
  addContractsDocs(program, (ended) => {
    code = ended;
  });
  const where = [
    '--events',
    join(project, 'events'),
    '--out',
    join(project, 'docs'),
    '--assembly',
    join(project, 'app'),
  ];
  await program.parseAsync(['node', 'baton', 'docs', ...where, ...args]);
  return { code, said };
}

const read = (name: string) => readFileSync(join(project, 'docs', name), 'utf8');

describe('baton contracts docs', () => {
  it('writes pages and the AsyncAPI document, and writes nothing again', async () => {
    const first = await docs();
    expect(first).toMatchObject({ code: 0, said: expect.stringContaining('3 files, 3 written, 0 removed.') });
    expect(readdirSync(join(project, 'docs')).toSorted()).toEqual(['README.md', 'asyncapi.json', 'it.happened.md']);
    expect(read('it.happened.md')).toMatch(/\| reader \| readers \|/);
    // what cannot be asked what it reads is told of, and documented by what it subscribes to
    expect(first.said).toContain('reader: its code is no folder of the assembly');
    expect((await docs()).said).toContain('3 files, 0 written, 0 removed.');
  });

  it('takes title and version from package.json, or as given', async () => {
    await docs();
    const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(JSON.parse(read('asyncapi.json')).info).toMatchObject({
      title: 'baton',
      version,
      license: { name: license },
    });
    await docs('--title', 'Things', '--api-version', '9.9.9', '--asyncapi', '3.1.0');
    expect(JSON.parse(read('asyncapi.json'))).toMatchObject({
      asyncapi: '3.1.0',
      info: { title: 'Things', version: '9.9.9' },
    });
    expect(read('README.md')).toContain('# Things');
  });

  it('fails with --check while something differs, names it, and writes nothing', async () => {
    expect(await docs('--check')).toMatchObject({
      code: 1,
      said: expect.stringMatching(/it\.happened\.md is missing\.\n/),
    });
    expect(() => read('README.md')).toThrow();
    await docs();
    expect(await docs('--check')).toMatchObject({ code: 0, said: expect.stringContaining('all up to date') });
    writeFileSync(join(project, 'docs/it.happened.md'), read('it.happened.md').replace('It happened', 'It did'));
    const changed = await docs('--check');
    expect(changed).toMatchObject({
      code: 1,
      said: expect.stringMatching(/it\.happened\.md is not up to date\.\nRun/),
    });
    expect(read('it.happened.md')).toContain('It did');
  });

  it('takes a checkout with other line ends for the same', async () => {
    await docs();
    writeFileSync(join(project, 'docs/it.happened.md'), read('it.happened.md').replaceAll('\n', '\r\n'));
    expect((await docs('--check')).code).toBe(0);
  });

  it('removes pages of types that are gone, and only pages that it wrote', async () => {
    await docs();
    writeFileSync(join(project, 'docs/guide.md'), '# Ours\n');
    writeFileSync(join(project, 'docs/old.type.md'), read('it.happened.md'));
    expect(await docs('--check')).toMatchObject({
      code: 1,
      said: expect.stringContaining('old.type.md is of a type that is gone.'),
    });
    expect((await docs()).said).toMatch(/removed {2}.*old\.type\.md\n.*3 files, 0 written, 1 removed\./);
    expect(readdirSync(join(project, 'docs')).toSorted()).toEqual([
      'README.md',
      'asyncapi.json',
      'guide.md',
      'it.happened.md',
    ]);
  });

  it('does not overwrite what somebody else wrote', async () => {
    mkdirSync(join(project, 'docs'));
    writeFileSync(join(project, 'docs/README.md'), '# Mine\n');
    await expect(docs()).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(/README\.md would be overwritten.*--out/),
    });
    expect(read('README.md')).toBe('# Mine\n');
    expect(readdirSync(join(project, 'docs'))).toEqual(['README.md']);
  });

  it.each([
    ['writes nothing', []],
    ['judges nothing', ['--check']],
  ])('%s when the code of a consumer does not load', async (_, args) => {
    await docs();
    const before = read('it.happened.md');
    writeFileSync(join(project, 'docs/it.happened.md'), before.replace('It happened', 'It did'));
    writeAssembly(['it.happened'], "throw new Error('no way');");
    await expect(docs(...args)).rejects.toMatchObject({
      // the command line ends such errors with 2
      name: 'UsageError',
      message: expect.stringMatching(
        /^reader: its code \(handler\.handler\) could not be loaded: .*no way[\s\S]*Nothing was written/,
      ),
    });
    expect(read('it.happened.md')).toContain('It did');
  });

  it('documents a consumer of another kind by what it subscribes to', async () => {
    writeAssembly(['it.happened'], 'export const handler = async () => {};');
    const { code, said } = await docs();
    expect(code).toBe(0);
    expect(said).toContain('reader: its handler is not what `consume` returned');
    expect(read('it.happened.md')).toContain('| 1 | what its handler declares |');
  });

  it('links the files of the registry from wherever the pages are', async () => {
    const contract = { $id: 'urn:baton:it.happened:1', 'x-baton': { kind: 'event', version: 1, major: 1 } };
    const document = { ...contract, 'x-baton': { ...contract['x-baton'], compatibility: 'FULL' } };
    mkdirSync(join(project, 'events/registry'));
    writeFileSync(join(project, 'events/registry/it.happened.v1.json'), JSON.stringify(document));
    await docs();
    expect(read('it.happened.md')).toContain('[it.happened.v1.json](../events/registry/it.happened.v1.json)');
    await docs('--registry', join(project, 'elsewhere'));
    expect(read('it.happened.md')).not.toContain('it.happened.v1.json');
  });

  it.each([
    ['a folder of events that is not there', ['--events', '/nowhere'], /There is no folder: \/nowhere/],
    ['an assembly that is none', ['--assembly', '/nowhere'], /\/nowhere/],
    [
      'a file instead of a folder to write to',
      ['--out', join(root, 'package.json')],
      /package\.json cannot be read.*--out/,
    ],
  ])('refuses %s in a sentence', async (_, args, message) => {
    await expect(docs(...args)).rejects.toMatchObject({ name: 'UsageError', message: expect.stringMatching(message) });
  });
});

describe('the documents of the reference pipeline', () => {
  it('are up to date: run `npx baton contracts docs` when they are not', async () => {
    let code: number | undefined;
    const program = new Command('baton').exitOverride();
    addContractsDocs(program, (ended) => {
      code = ended;
    });
    await program.parseAsync(['node', 'baton', 'docs', '--check']);
    expect(said).toContain('all up to date');
    expect(code).toBe(0);
  }, 120_000);
});
